// The log of one partition: appending, reading, rolling, opening again; on every file system and backend.

#include "millrace/log/log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/log_fixture.h"

namespace millrace {
namespace {

using log_test::kAllPlaces;
using log_test::kTime;
using log_test::LogFixture;
using log_test::Numbers;
using log_test::SmallSegments;
using log_test::Strings;

TEST_CASE("what is appended is read, over rolls and reopening", "[log]") {
  LogFixture f(SmallSegments(), kAllPlaces);
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

TEST_CASE("a log that is empty, or that was never appended to, opens again", "[log]") {
  LogFixture f;
  f.Reopen();
  CHECK(f.log->log_end_offset() == Offset(0));
  CHECK_FALSE((*f.log->OffsetForTimestamp(Timestamp(0))).has_value());
  CHECK_FALSE((*f.log->OffsetOfMaxTimestamp()).has_value());
  CHECK(f.log->Flush().ok());
  CHECK(f.log->Roll().ok());
  CHECK(f.log->TruncateTo(Offset(0)).ok());
  CHECK(f.log->RunMaintenance().ok());
  CHECK(f.log->Verify()->empty());
  f.Reopen();
  f.Append(0, 3);
  CHECK(f.Read(Offset(0)) == Numbers(0, 3));
}

TEST_CASE("slices hold whole batches within the bytes asked for, and at least one", "[log]") {
  LogFixture f;
  f.Append(0, 300);
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  size_t batch = 0;
  for (const size_t bytes_max : {size_t{1}, size_t{100}, size_t{200}, size_t{1000}, size_t{1} << 30}) {
    const auto slice = (*cursor)->Next(bytes_max);
    REQUIRE(slice.ok());
    REQUIRE_FALSE(slice->empty());
    batch = std::max(batch, (*slice->begin()).size_bytes());
    CHECK(slice->bytes.size() <= std::max(bytes_max, batch));
    size_t sum = 0;
    for (const BatchView view : *slice) sum += view.size_bytes();
    CHECK(sum == slice->bytes.size());
    CHECK(slice->next_offset == (*cursor)->position());
  }
}

TEST_CASE("a cursor follows appends and rolls", "[log]") {
  LogFixture f;
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  for (int i = 0; i < 200; ++i) {
    f.Append(i, i + 1);
    const auto slice = (*cursor)->Next(1 << 20);
    REQUIRE(slice.ok());
    REQUIRE_FALSE(slice->empty());
    REQUIRE(slice->next_offset == Offset(i + 1));
    REQUIRE((*cursor)->position() == Offset(i + 1));
    REQUIRE((*cursor)->Next(1 << 20)->empty());
  }
}

TEST_CASE("batches keep their records and get their offsets", "[log]") {
  LogFixture f;
  BatchBuilder builder({.compression = Compression::kLz4});
  for (int i = 0; i < 10; ++i) {
    const std::string value = std::to_string(i);
    builder.Append({.value = value}, kTime);
  }
  auto batch = builder.Finish();
  REQUIRE(batch.ok());
  f.Append(0, 3);
  const auto appended = f.log->AppendBatch(*batch);
  INFO(appended.status().message());
  REQUIRE(appended.ok());
  CHECK(appended->first_offset == Offset(3));
  CHECK(appended->last_offset == Offset(12));
  CHECK(f.Read(Offset(3)) == Numbers(0, 10));
  CHECK(f.Read(Offset(7)) == Numbers(4, 10));
  (*batch)[70] ^= std::byte{1};
  CHECK(ErrorCodeOf(f.log->AppendBatch(*batch).status()) == ErrorCode::kCorruptMessage);
  CHECK(ErrorCodeOf(f.log->AppendBatch(batch->first(60)).status()) == ErrorCode::kCorruptMessage);
  CHECK(ErrorCodeOf(f.log->AppendBatch(batch->first(batch->size() - 1)).status()) ==
        ErrorCode::kCorruptMessage);
  CHECK(f.log->log_end_offset() == Offset(13));
}

TEST_CASE("batches so long that they are written through the file lie among short ones", "[log]") {
  LogFixture f({.segment_bytes = 4 << 20}, kAllPlaces);
  Strings wanted;
  for (int i = 0; i < 30; ++i) {
    const std::string value = std::to_string(i) + std::string(i % 3 == 0 ? 70 : 100'000, 'x');
    wanted.push_back(value);
    BatchBuilder builder;
    builder.Append({.value = value}, kTime);
    const auto appended =
        i % 3 == 0 ? f.log->Append({.value = value}, kTime) : f.log->AppendBatch(*builder.Finish());
    REQUIRE(appended.ok());
  }
  CHECK(f.Read(Offset(0)) == wanted);
  f.Reopen();
  CHECK(f.Read(Offset(0)) == wanted);
  CHECK(f.log->Verify()->empty());
}

TEST_CASE("a replica keeps offsets and epochs, and takes only what follows on", "[log]") {
  LogFixture f;
  const auto replicate = [&](int64_t at, int32_t epoch) {
    BatchBuilder builder({.leader_epoch = LeaderEpoch(epoch)});
    builder.Append({.value = std::to_string(at)}, kTime);
    auto batch = builder.Finish(Offset(at));
    return f.log->AppendBatch(*batch, AppendOrigin::kReplication);
  };
  REQUIRE(replicate(0, 1).ok());
  REQUIRE(replicate(1, 1).ok());
  CHECK(ErrorCodeOf(replicate(1, 1).status()) == ErrorCode::kOffsetOutOfRange);
  const auto after_gap = replicate(10, 3);  // the leader compacted what lay between
  REQUIRE(after_gap.ok());
  CHECK(after_gap->first_offset == Offset(10));
  CHECK(f.log->log_end_offset() == Offset(11));
  CHECK(f.Read(Offset(0)) == Strings{"0", "1", "10"});
  CHECK(f.Read(Offset(5)) == Strings{"10"});
  CHECK(f.log->EpochEndOffset(LeaderEpoch(1)) == std::pair(LeaderEpoch(1), Offset(10)));
  CHECK(f.log->EpochEndOffset(LeaderEpoch(3)) == std::pair(LeaderEpoch(3), Offset(11)));
}

TEST_CASE("offsets outside the log are refused", "[log]") {
  LogFixture f;
  f.Append(0, 10);
  CHECK(ErrorCodeOf(f.log->NewCursor(Offset(11)).status()) == ErrorCode::kOffsetOutOfRange);
  CHECK(ErrorCodeOf(f.log->NewCursor(Offset(-1)).status()) == ErrorCode::kOffsetOutOfRange);
  auto cursor = f.log->NewCursor(Offset(10));
  REQUIRE(cursor.ok());
  CHECK(ErrorCodeOf((*cursor)->Seek(Offset(12))) == ErrorCode::kOffsetOutOfRange);
  CHECK((*cursor)->position() == Offset(10));
  CHECK((*cursor)->Seek(Offset(3)).ok());
  CHECK((*cursor)->position() == Offset(3));
}

TEST_CASE("records are found by timestamp", "[log]") {
  LogFixture f;
  f.Append(0, 300);
  const auto check = [&] {
    for (const int i : {0, 1, 77, 150, 298, 299}) {
      const auto found = f.log->OffsetForTimestamp(kTime + i);
      INFO(found.status().message());
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      CHECK((*found)->offset == Offset(i));
      CHECK((*found)->timestamp == kTime + i);
    }
    CHECK((*f.log->OffsetForTimestamp(Timestamp(0)))->offset == Offset(0));
    CHECK_FALSE((*f.log->OffsetForTimestamp(kTime + 300)).has_value());
    CHECK((*f.log->OffsetOfMaxTimestamp())->offset == Offset(299));
  };
  check();
  f.Reopen();
  check();
}

TEST_CASE("timestamps need not rise", "[log]") {
  LogFixture f;
  // The latest is at offset 100, in an old segment; from there on they fall.
  for (int i = 0; i < 200; ++i) {
    const int64_t at = i <= 100 ? i * 10 : 1000 - (i - 100);
    REQUIRE(f.log->Append({.value = "v", .timestamp = kTime + at}).ok());
  }
  const auto check = [&] {
    CHECK((*f.log->OffsetOfMaxTimestamp())->offset == Offset(100));
    CHECK((*f.log->OffsetForTimestamp(kTime + 1000))->offset == Offset(100));
    CHECK((*f.log->OffsetForTimestamp(kTime + 995))->offset == Offset(100));
    CHECK((*f.log->OffsetForTimestamp(kTime + 15))->offset == Offset(2));
    CHECK_FALSE((*f.log->OffsetForTimestamp(kTime + 1001)).has_value());
  };
  check();
  f.Reopen();
  check();
}

TEST_CASE("log-append-time topics have the time of the append", "[log]") {
  LogFixture f({.segment_bytes = 4096, .message_timestamp_type = TimestampType::kLogAppendTime});
  f.sim.clock.Advance(5'000'000'000);
  BatchBuilder builder;
  builder.Append({.value = "a"}, Timestamp(77));
  builder.Append({.value = "b"}, Timestamp(78));
  const auto appended = f.log->AppendBatch(*builder.Finish());
  REQUIRE(appended.ok());
  CHECK(appended->append_time == f.sim.clock.Wall());
  auto cursor = f.log->NewCursor(Offset(0));
  const auto slice = (*cursor)->Next(1 << 20);
  REQUIRE(slice.ok());
  const BatchView batch = *slice->begin();
  CHECK(batch.timestamp_type() == TimestampType::kLogAppendTime);
  CHECK(batch.Validate().ok());
  RecordReader reader(batch);
  for (RecordView record; reader.Next(&record);) CHECK(record.timestamp == f.sim.clock.Wall());
}

TEST_CASE("leader epochs are stamped, remembered, and never fall", "[log]") {
  LogFixture f;
  f.Append(0, 5);
  CHECK(f.log->EpochEndOffset(LeaderEpoch(0)) == std::pair(LeaderEpoch(0), Offset(5)));
  REQUIRE(f.log->SetLeaderEpoch(LeaderEpoch(2)).ok());
  f.Append(5, 10);
  REQUIRE(f.log->SetLeaderEpoch(LeaderEpoch(4)).ok());
  f.Append(10, 12);
  CHECK(ErrorCodeOf(f.log->SetLeaderEpoch(LeaderEpoch(3))) == ErrorCode::kFencedLeaderEpoch);
  const auto check = [&] {
    CHECK(f.log->stats().leader_epoch == LeaderEpoch(4));
    CHECK(f.log->EpochEndOffset(LeaderEpoch(0)) == std::pair(LeaderEpoch(0), Offset(5)));
    CHECK(f.log->EpochEndOffset(LeaderEpoch(2)) == std::pair(LeaderEpoch(2), Offset(10)));
    CHECK(f.log->EpochEndOffset(LeaderEpoch(3)) == std::pair(LeaderEpoch(2), Offset(10)));
    CHECK(f.log->EpochEndOffset(LeaderEpoch(4)) == std::pair(LeaderEpoch(4), Offset(12)));
  };
  check();
  f.Reopen();
  check();
  CHECK(ErrorCodeOf(f.log->SetLeaderEpoch(LeaderEpoch(3))) == ErrorCode::kFencedLeaderEpoch);
  const auto stamped = [&](int64_t offset) {
    auto cursor = f.log->NewCursor(Offset(offset));
    const auto slice = (*cursor)->Next(1);
    REQUIRE(slice.ok());
    return (*slice->begin()).leader_epoch();
  };
  CHECK(stamped(2) == LeaderEpoch(0));
  CHECK(stamped(7) == LeaderEpoch(2));
  REQUIRE(f.log->TruncateTo(Offset(8)).ok());
  CHECK(f.log->EpochEndOffset(LeaderEpoch(2)) == std::pair(LeaderEpoch(2), Offset(8)));
  CHECK(f.log->EpochEndOffset(LeaderEpoch(4)) == std::pair(kNoLeaderEpoch, kNoOffset));
}

TEST_CASE("deleting records moves the start and removes whole segments", "[log]") {
  LogFixture f(SmallSegments(), kAllPlaces);
  f.Append(0, 500);
  const int segments = f.log->stats().segments;
  REQUIRE(f.log->DeleteRecordsBefore(Offset(250)).ok());
  CHECK(f.log->log_start_offset() == Offset(250));
  CHECK(f.log->stats().segments < segments);
  CHECK(f.Read(Offset(250)) == Numbers(250, 500));
  CHECK_FALSE(f.log->NewCursor(Offset(249)).ok());
  CHECK(ErrorCodeOf(f.log->DeleteRecordsBefore(Offset(501))) == ErrorCode::kOffsetOutOfRange);
  CHECK(f.log->DeleteRecordsBefore(Offset(10)).ok());
  CHECK(f.log->log_start_offset() == Offset(250));
  f.Reopen();
  CHECK(f.log->log_start_offset() == Offset(250));
  CHECK(f.Read(Offset(250)) == Numbers(250, 500));
  REQUIRE(f.log->DeleteRecordsBefore(Offset(500)).ok());
  CHECK(f.Read(Offset(500)).empty());
  f.Reopen();
  CHECK(f.log->log_start_offset() == Offset(500));
  f.Append(500, 510);
  CHECK(f.Read(Offset(500)) == Numbers(500, 510));
}

TEST_CASE("truncation takes back whole batches; slices keep what they hold", "[log]") {
  LogFixture f(SmallSegments(), kAllPlaces);
  f.Append(0, 500);
  auto cursor = f.log->NewCursor(Offset(490));
  REQUIRE(cursor.ok());
  const auto kept = (*cursor)->Next(1 << 20);
  REQUIRE(kept.ok());
  const std::vector<std::byte> before(kept->bytes.begin(), kept->bytes.end());
  REQUIRE(f.log->TruncateTo(Offset(321)).ok());
  CHECK(f.log->log_end_offset() == Offset(321));
  for (int i = 321; i < 400; ++i) REQUIRE(f.log->Append({.value = "new"}, kTime + 5000).ok());
  CHECK(std::equal(before.begin(), before.end(), kept->bytes.begin()));
  CHECK(f.Read(Offset(0)).size() == 400);
  CHECK(f.Read(Offset(320))[0] == "320");
  CHECK(f.Read(Offset(321))[0] == "new");
  CHECK(ErrorCodeOf((*cursor)->Next(1).status()) == ErrorCode::kOffsetOutOfRange);
  f.Reopen();
  CHECK(f.log->log_end_offset() == Offset(400));
  CHECK(f.Read(Offset(321)).size() == 79);
  REQUIRE(f.log->TruncateTo(Offset(0)).ok());
  CHECK(f.log->log_end_offset() == Offset(0));
  f.Append(0, 20);
  f.Reopen();
  CHECK(f.Read(Offset(0)) == Numbers(0, 20));
}

TEST_CASE("slices outlive the deletion of their segment and the log itself", "[log]") {
  LogFixture f(SmallSegments(), kAllPlaces);
  f.Append(0, 400);
  std::vector<LogSlice> held;
  Strings values;
  {
    auto cursor = f.log->NewCursor(Offset(0));
    REQUIRE(cursor.ok());
    while (true) {
      auto slice = (*cursor)->Next(512);
      REQUIRE(slice.ok());
      if (slice->empty()) break;
      held.push_back(*std::move(slice));
    }
  }
  REQUIRE(held.size() > 50);
  REQUIRE(f.log->DeleteRecordsBefore(Offset(300)).ok());
  REQUIRE(f.log->RunMaintenance().ok());
  REQUIRE(f.log->TruncateTo(Offset(350)).ok());
  f.log.reset();
  for (const LogSlice& slice : held) LogFixture::Take(slice, Offset(0), &values);
  CHECK(values == Numbers(0, 400));
}

TEST_CASE("views of deleted segments are counted, and bounded", "[log]") {
  LogFixture f(SmallSegments(), {{log_test::Files::kMemory, FileBackend::kMapped}});
  f.Close();
  f.options.pinned_bytes_max = 6000;
  f.Open();
  f.Append(0, 400);
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  std::vector<LogSlice> held;
  while ((*cursor)->position() < Offset(200)) held.push_back(*(*cursor)->Next(1));
  CHECK(f.log->stats().pinned_views == 200);
  CHECK(f.log->stats().pinned_deleted_bytes == 0);
  REQUIRE(f.log->DeleteRecordsBefore(Offset(200)).ok());
  CHECK(f.log->stats().pinned_deleted_bytes > 6000);
  const auto refused = (*cursor)->Next(1);
  CHECK(refused.status().code() == absl::StatusCode::kResourceExhausted);
  held.clear();
  CHECK(f.log->stats().pinned_deleted_bytes == 0);
  CHECK((*cursor)->Next(1).ok());
}

TEST_CASE("retention deletes by size and by age; files linger", "[log]") {
  TopicConfig config = {
      .segment_bytes = 4096, .retention_ms = -1, .retention_bytes = 10'000, .file_delete_delay_ms = 30'000};
  LogFixture f(config);
  const std::string value(100, 'v');
  for (int i = 0; i < 500; ++i) REQUIRE(f.log->Append({.value = value}).ok());
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.log->stats().size_bytes >= 10'000);
  CHECK(f.log->stats().size_bytes <= 10'000 + 4096);
  CHECK(f.log->log_start_offset() > Offset(0));
  CHECK_FALSE(f.NamesWith(".log.deleted").empty());
  f.sim.clock.Advance(int64_t{31} * 1'000'000'000);
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.NamesWith(".deleted").empty());
  config.retention_bytes = -1;
  config.retention_ms = 60'000;
  REQUIRE(f.log->Reconfigure(config).ok());
  const Offset start = f.log->log_start_offset();
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.log->log_start_offset() == start);
  f.sim.clock.Advance(int64_t{120} * 1'000'000'000);
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.log->log_start_offset() == Offset(500));
  CHECK(f.log->log_end_offset() == Offset(500));
  CHECK(f.log->Append({.value = value})->first_offset == Offset(500));
}

TEST_CASE("a segment is closed when it is old, full, or its index is", "[log]") {
  LogFixture f({.segment_bytes = 1 << 20, .segment_ms = 60'000});
  f.Append(0, 10);
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.log->stats().segments == 1);
  f.sim.clock.Advance(int64_t{61} * 1'000'000'000);
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.log->stats().segments == 2);
  f.Append(10, 11);
  REQUIRE(f.log->Roll().ok());
  REQUIRE(f.log->Roll().ok());  // empty: nothing to close
  CHECK(f.log->stats().segments == 3);
  TopicConfig config = f.options.config;
  config.segment_ms = 3'600'000;
  config.segment_index_bytes = 32;
  config.index_interval_bytes = 100;
  REQUIRE(f.log->Reconfigure(config).ok());
  f.Append(11, 200);
  CHECK(f.log->stats().segments > 10);
  CHECK(f.Read(Offset(0)) == Numbers(0, 200));
}

TEST_CASE("records of long ago do not make a segment old, but those much newer than its first do", "[log]") {
  LogFixture f({.segment_bytes = 1 << 20, .segment_ms = 60'000, .retention_ms = -1});
  const auto append = [&](int i, int64_t ms) {
    const std::string value = std::to_string(i);
    REQUIRE(f.log->Append({.value = value, .timestamp = Timestamp(ms)}, kNoTimestamp).ok());
  };
  for (int i = 0; i < 10; ++i) append(i, 1'000 + i);
  CHECK(f.log->stats().segments == 1);
  append(10, 61'000);
  CHECK(f.log->stats().segments == 2);
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(f.log->stats().segments == 2);
  f.sim.clock.Advance(int64_t{61} * 1'000'000'000);
  append(11, 61'001);
  CHECK(f.log->stats().segments == 3);
  CHECK(f.Read(Offset(0)) == Numbers(0, 12));
}

TEST_CASE("an append at the middle of a segment has the next one made ahead", "[log]") {
  LogFixture f({.segment_bytes = 4 << 20}, {{log_test::Files::kSimulated, FileBackend::kMapped}});
  f.Close();
  f.options.env.executor = f.sim.executor.get();
  f.Open();
  const std::string value(60'000, 'x');
  int appended = 0;
  const auto has_spare = [&] {
    const Strings names = f.Names();
    return std::any_of(names.begin(), names.end(),
                       [](const auto& name) { return name.starts_with("spare-"); });
  };
  for (; !has_spare() && appended < 100; ++appended) {
    REQUIRE(f.log->Append({.value = value}, kTime).ok());
    f.sim.executor->RunReady();
  }
  CHECK(appended * 60'000 >= (4 << 20) / 2);
  CHECK(appended < 60);
  uint64_t allocations = 0;
  while (f.log->stats().segments == 1) {
    f.sim.executor->RunReady();
    const uint64_t before = f.sim.files->calls(FileOperation::kAllocate);
    REQUIRE(f.log->Append({.value = value}, kTime).ok());
    allocations = f.sim.files->calls(FileOperation::kAllocate) - before;
  }
  CHECK(allocations == 0);  // by the append that rolled
  f.sim.executor->RunReady();
  CHECK(f.log->Verify()->empty());
}

TEST_CASE("bad records and configs are refused and change nothing", "[log]") {
  LogFixture f({.segment_bytes = 4096, .max_message_bytes = 300});
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
  LogOptions invalid = f.options;
  invalid.config.segment_bytes = -1;
  CHECK(ErrorCodeOf(Log::Open("/other", invalid).status()) == ErrorCode::kInvalidConfig);
  CHECK(f.files()->Stat("/other").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a closed log refuses everything but to be asked and closed", "[log]") {
  LogFixture f;
  f.Append(0, 10);
  auto cursor = f.log->NewCursor(Offset(0));
  const auto slice = (*cursor)->Next(1 << 20);
  REQUIRE(slice.ok());
  REQUIRE(f.log->Close().ok());
  CHECK(f.log->Close().ok());
  CHECK_FALSE(f.log->Append({.key = "k", .value = "x"}).ok());
  CHECK_FALSE(f.log->Flush().ok());
  CHECK_FALSE(f.log->Roll().ok());
  CHECK_FALSE(f.log->TruncateTo(Offset(1)).ok());
  CHECK_FALSE(f.log->DeleteRecordsBefore(Offset(1)).ok());
  CHECK_FALSE(f.log->RunMaintenance().ok());
  CHECK_FALSE(f.log->Compact(true).ok());
  CHECK_FALSE(f.log->SetLeaderEpoch(LeaderEpoch(9)).ok());
  CHECK_FALSE(f.log->Checkpoint("/copy").ok());
  CHECK_FALSE(f.log->NewCursor(Offset(0)).ok());
  CHECK_FALSE(f.log->Verify().ok());
  CHECK_FALSE(f.log->OffsetForTimestamp(Timestamp(0)).ok());
  CHECK_FALSE((*cursor)->Next(1).ok());
  CHECK(f.log->stats().log_end_offset == Offset(10));
  Strings values;
  LogFixture::Take(*slice, Offset(0), &values);
  CHECK(values == Numbers(0, 10));
}

TEST_CASE("a copy made while the log is in use opens as cleanly closed", "[log]") {
  LogFixture f(SmallSegments(), kAllPlaces);
  f.Append(0, 300);
  REQUIRE(f.log->SetLeaderEpoch(LeaderEpoch(3)).ok());
  f.Append(300, 400);
  const std::string copy = f.path + "-copy";
  const absl::Status copied = f.log->Checkpoint(copy);
  INFO(copied.message());
  REQUIRE(copied.ok());
  CHECK_FALSE(f.log->Checkpoint(copy).ok());
  f.Append(400, 450);
  RecoveryReport report;
  auto opened = Log::Open(copy, f.options, &report);
  INFO(opened.status().message());
  REQUIRE(opened.ok());
  CHECK(report.shutdown == RecoveryReport::Shutdown::kClean);
  CHECK((*opened)->log_end_offset() == Offset(400));
  CHECK((*opened)->EpochEndOffset(LeaderEpoch(3)) == std::pair(LeaderEpoch(3), Offset(400)));
  CHECK((*opened)->Verify()->empty());
  REQUIRE((*opened)->Append({.value = "copy"}, kTime).ok());
  std::swap(f.log, *opened);
  CHECK(f.Read(Offset(0)).size() == 401);
  std::swap(f.log, *opened);
  CHECK(f.Read(Offset(0)) == Numbers(0, 450));
}

TEST_CASE("idempotent batches are stored once", "[log]") {
  LogFixture f;
  const auto send = [&](int32_t sequence) {
    BatchBuilder builder(
        {.producer_id = ProducerId(7), .producer_epoch = ProducerEpoch(0), .base_sequence = sequence});
    builder.Append({.value = std::to_string(sequence)}, f.sim.clock.Wall());
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
  // Taken back: may be sent again.
  REQUIRE(f.log->TruncateTo(Offset(18)).ok());
  CHECK_FALSE(send(18)->duplicate);
  CHECK(f.log->log_end_offset() == Offset(19));
}

}  // namespace
}  // namespace millrace
