// The log of one partition: appending, reading, rolling, opening again. Each case runs over both backends.

#include "millrace/log/log.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "millrace/testing/sim_env.h"
#include "temp_dir.h"

namespace millrace {
namespace {

using Strings = std::vector<std::string>;

// A log in a directory of its own, which can be closed and opened again.
struct Fixture {
  test::TempDir directory;
  LogOptions options;
  RecoveryReport report;
  std::unique_ptr<Log> log;

  explicit Fixture(TopicConfig config = {.segment_bytes = 4096, .index_interval_bytes = 256}) {
    options.config = std::move(config);
    options.backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
    Open();
  }
  std::string path() const { return directory.path() + "/log-0"; }
  void Open() {
    auto opened = Log::Open(path(), options, &report);
    INFO(opened.status().message());
    REQUIRE(opened.ok());
    log = *std::move(opened);
  }
  void Reopen() {
    const absl::Status closed = log->Close();
    INFO(closed.message());
    REQUIRE(closed.ok());
    log.reset();
    Open();
  }
  void Append(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string value = std::to_string(i);
      auto appended = log->Append({.key = "key", .value = value}, Timestamp(1000 + i));
      INFO(appended.status().message());
      REQUIRE(appended.ok());
      REQUIRE(appended->first_offset == Offset(i));
    }
  }
  Strings Read(Offset from, size_t bytes_max = 1 << 20) {
    Strings values;
    auto cursor = log->NewCursor(from);
    INFO(cursor.status().message());
    REQUIRE(cursor.ok());
    while (true) {
      auto slice = (*cursor)->Next(bytes_max);
      INFO(slice.status().message());
      REQUIRE(slice.ok());
      if (slice->empty()) return values;
      for (const BatchView batch : *slice) {
        RecordReader reader(batch);
        for (RecordView record; reader.Next(&record);) {
          if (record.offset >= from) values.emplace_back(*record.value);
        }
        REQUIRE(reader.status().ok());
      }
    }
  }
};

Strings Numbers(int from, int to) {
  Strings numbers;
  for (int i = from; i < to; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

TEST_CASE("what is appended is read, over rolls and reopening") {
  Fixture f;
  CHECK(f.Read(Offset(0)).empty());
  f.Append(0, 500);
  CHECK(f.log->log_end_offset() == Offset(500));
  CHECK(f.log->stats().segments > 5);
  CHECK(f.Read(Offset(0)) == Numbers(0, 500));
  CHECK(f.Read(Offset(321)) == Numbers(321, 500));
  CHECK(f.Read(Offset(0), 1) == Numbers(0, 500));
  f.Reopen();
  CHECK(f.report.shutdown == RecoveryReport::Shutdown::kClean);
  CHECK(f.report.scanned_bytes == 0);
  CHECK(f.log->log_end_offset() == Offset(500));
  CHECK(f.Read(Offset(0)) == Numbers(0, 500));
  CHECK(f.Read(Offset(499)) == Numbers(499, 500));
  f.Append(500, 700);
  CHECK(f.Read(Offset(123)) == Numbers(123, 700));
  f.Reopen();
  CHECK(f.Read(Offset(650)) == Numbers(650, 700));
}

TEST_CASE("a cursor follows appends and rolls") {
  Fixture f;
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  for (int i = 0; i < 200; ++i) {
    f.Append(i, i + 1);
    auto slice = (*cursor)->Next(1 << 20);
    REQUIRE(slice.ok());
    REQUIRE_FALSE(slice->empty());
    REQUIRE(slice->next_offset == Offset(i + 1));
    REQUIRE((*cursor)->position() == Offset(i + 1));
    REQUIRE((*cursor)->Next(1 << 20)->empty());
  }
}

TEST_CASE("batches keep their records and get their offsets") {
  Fixture f;
  BatchBuilder builder({.compression = Compression::kLz4});
  for (int i = 0; i < 10; ++i) {
    const std::string value = std::to_string(i);
    builder.Append({.value = value}, Timestamp(5));
  }
  auto batch = builder.Finish();
  REQUIRE(batch.ok());
  f.Append(0, 3);
  auto appended = f.log->AppendBatch(*batch);
  INFO(appended.status().message());
  REQUIRE(appended.ok());
  CHECK(appended->first_offset == Offset(3));
  CHECK(appended->last_offset == Offset(12));
  CHECK(f.Read(Offset(3)) == Numbers(0, 10));
  CHECK(f.Read(Offset(7)) == Numbers(4, 10));
  (*batch)[70] ^= std::byte{1};
  CHECK(ErrorCodeOf(f.log->AppendBatch(*batch).status()) == ErrorCode::kCorruptMessage);
  CHECK(f.log->log_end_offset() == Offset(13));
}

TEST_CASE("offsets outside the log are refused") {
  Fixture f;
  f.Append(0, 10);
  CHECK(ErrorCodeOf(f.log->NewCursor(Offset(11)).status()) == ErrorCode::kOffsetOutOfRange);
  CHECK(ErrorCodeOf(f.log->NewCursor(Offset(-1)).status()) == ErrorCode::kOffsetOutOfRange);
  CHECK(f.log->NewCursor(Offset(10)).ok());
}

TEST_CASE("records are found by timestamp") {
  Fixture f;
  f.Append(0, 300);
  const auto check = [&] {
    for (const int i : {0, 1, 77, 150, 298, 299}) {
      auto found = f.log->OffsetForTimestamp(Timestamp(1000 + i));
      INFO(found.status().message());
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      CHECK((*found)->offset == Offset(i));
    }
    CHECK((*f.log->OffsetForTimestamp(Timestamp(0)))->offset == Offset(0));
    CHECK_FALSE((*f.log->OffsetForTimestamp(Timestamp(1300))).has_value());
    CHECK((*f.log->OffsetOfMaxTimestamp())->offset == Offset(299));
  };
  check();
  f.Reopen();
  check();
}

TEST_CASE("deleting records moves the start and removes whole segments") {
  Fixture f;
  f.Append(0, 500);
  const int segments = f.log->stats().segments;
  REQUIRE(f.log->DeleteRecordsBefore(Offset(250)).ok());
  CHECK(f.log->log_start_offset() == Offset(250));
  CHECK(f.log->stats().segments < segments);
  CHECK(f.Read(Offset(250)) == Numbers(250, 500));
  CHECK_FALSE(f.log->NewCursor(Offset(249)).ok());
  CHECK(ErrorCodeOf(f.log->DeleteRecordsBefore(Offset(501))) == ErrorCode::kOffsetOutOfRange);
  f.Reopen();
  CHECK(f.log->log_start_offset() == Offset(250));
  CHECK(f.Read(Offset(250)) == Numbers(250, 500));
}

TEST_CASE("truncation takes back whole batches; slices keep what they hold") {
  Fixture f;
  f.Append(0, 500);
  auto cursor = f.log->NewCursor(Offset(490));
  REQUIRE(cursor.ok());
  auto kept = (*cursor)->Next(1 << 20);
  REQUIRE(kept.ok());
  const std::vector<std::byte> before(kept->bytes.begin(), kept->bytes.end());
  REQUIRE(f.log->TruncateTo(Offset(321)).ok());
  CHECK(f.log->log_end_offset() == Offset(321));
  for (int i = 321; i < 400; ++i) REQUIRE(f.log->Append({.value = "new"}, Timestamp(5000)).ok());
  CHECK(std::equal(before.begin(), before.end(), kept->bytes.begin()));
  CHECK(f.Read(Offset(0)).size() == 400);
  CHECK(f.Read(Offset(320))[0] == "320");
  CHECK(f.Read(Offset(321))[0] == "new");
  CHECK(ErrorCodeOf((*cursor)->Next(1).status()) == ErrorCode::kOffsetOutOfRange);
  f.Reopen();
  CHECK(f.log->log_end_offset() == Offset(400));
  CHECK(f.Read(Offset(321)).size() == 79);
}

TEST_CASE("a second writer is refused and told who the first is") {
  Fixture f;
  auto second = Log::Open(f.path(), f.options);
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(std::string(second.status().message()).find("process") != std::string::npos);
}

TEST_CASE("another opening follows the live log read-only") {
  Fixture f;
  f.Append(0, 10);
  LogOptions reading = f.options;
  reading.read_only = true;
  auto follower = Log::Open(f.path(), reading);
  INFO(follower.status().message());
  REQUIRE(follower.ok());
  CHECK((*follower)->log_end_offset() == Offset(10));
  CHECK_FALSE((*follower)->Append({.value = "x"}).ok());
  auto cursor = (*follower)->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  int seen = 0;
  int written = 10;
  for (const int upto : {10, 20, 400}) {
    f.Append(written, upto);
    written = upto;
    while (true) {
      auto slice = (*cursor)->Next(1 << 20);
      INFO(slice.status().message());
      REQUIRE(slice.ok());
      if (slice->empty()) break;
      for (const BatchView batch : *slice) seen += batch.record_count();
    }
    CHECK(seen == upto);
  }
  CHECK(seen == 400);
}

TEST_CASE("retention deletes by size and by age") {
  auto sim = std::make_unique<SimEnv>(1);
  TopicConfig config = {
      .segment_bytes = 4096, .retention_ms = -1, .retention_bytes = 10'000, .file_delete_delay_ms = 0};
  auto log = Log::Open("log-0", {.config = config, .env = sim->env()});
  INFO(log.status().message());
  REQUIRE(log.ok());
  const std::string value(100, 'v');
  for (int i = 0; i < 500; ++i) REQUIRE((*log)->Append({.value = value}).ok());
  REQUIRE((*log)->RunMaintenance().ok());
  CHECK((*log)->stats().size_bytes >= 10'000);
  CHECK((*log)->stats().size_bytes <= 10'000 + 4096);
  CHECK((*log)->log_start_offset() > Offset(0));
  config.retention_bytes = -1;
  config.retention_ms = 60'000;
  REQUIRE((*log)->Reconfigure(config).ok());
  sim->clock.Advance(int64_t{120} * 1000000000);
  REQUIRE((*log)->RunMaintenance().ok());
  CHECK((*log)->log_start_offset() == Offset(500));
  CHECK((*log)->log_end_offset() == Offset(500));
  CHECK((*log)->Append({.value = value})->first_offset == Offset(500));
}

TEST_CASE("bad records and configs are refused and change nothing") {
  Fixture f({.segment_bytes = 4096, .max_message_bytes = 300});
  CHECK(ErrorCodeOf(f.log->Append({.value = std::string(1000, 'x')}).status()) ==
        ErrorCode::kMessageTooLarge);
  CHECK(ErrorCodeOf(f.log->Append({.value = "x", .timestamp = Timestamp(int64_t{1} << 60)}).status()) ==
        ErrorCode::kInvalidTimestamp);
  TopicConfig compacted = f.options.config;
  compacted.cleanup_policy = {.remove = false, .compact = true};
  REQUIRE(f.log->Reconfigure(compacted).ok());
  CHECK(ErrorCodeOf(f.log->Append({.value = "x"}).status()) == ErrorCode::kInvalidRecord);
  CHECK(f.log->log_end_offset() == Offset(0));
  compacted.segment_bytes = -5;
  CHECK(ErrorCodeOf(f.log->Reconfigure(compacted)) == ErrorCode::kInvalidConfig);
  REQUIRE(f.log->Close().ok());
  CHECK(f.log->Close().ok());
  CHECK_FALSE(f.log->Append({.key = "k", .value = "x"}).ok());
}

TEST_CASE("idempotent batches are stored once") {
  Fixture f;
  const auto send = [&](int32_t sequence) {
    BatchBuilder builder(
        {.producer_id = ProducerId(7), .producer_epoch = ProducerEpoch(0), .base_sequence = sequence});
    builder.Append({.value = std::to_string(sequence)}, Clock::System()->Wall());
    auto batch = builder.Finish();
    return f.log->AppendBatch(*batch);
  };
  for (int i = 0; i < 20; ++i) REQUIRE(send(i).ok());
  CHECK(send(19)->duplicate);
  CHECK(send(19)->first_offset == Offset(19));
  CHECK(ErrorCodeOf(send(25).status()) == ErrorCode::kOutOfOrderSequenceNumber);
  f.Reopen();
  CHECK(send(19)->duplicate);
  CHECK(send(20)->first_offset == Offset(20));
  CHECK(f.log->Producers().size() == 1);
}

}  // namespace
}  // namespace millrace
