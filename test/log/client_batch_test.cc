// What a client may append: batches whose records make sense, however good their checksums are.

#include "log/client_batch.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"
#include "log/log_fixture.h"
#include "millrace/status.h"

namespace millrace {
namespace {

using log_test::kTime;
using log_test::LogFixture;
using log_test::Numbers;
using log_test::SmallSegments;

using Bytes = std::vector<std::byte>;

Bytes BatchOf(const std::vector<std::pair<std::optional<std::string>, Timestamp>>& records,
              BatchOptions options = {}) {
  BatchBuilder builder(options);
  int number = 0;
  for (const auto& [key, timestamp] : records) {
    const std::string value = std::to_string(number++);
    builder.Append({.key = key, .value = value, .timestamp = timestamp}, timestamp);
  }
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

void Sign(Bytes* batch) {
  StoreBig<uint32_t>(batch->data() + 17, Crc32c(std::span<const std::byte>(*batch).subspan(21)));
}

ErrorCode AppendOne(LogFixture& f, Bytes batch) {
  return ErrorCodeOf(f.log->AppendBatch(batch, AppendOrigin::kClient, /*trusted=*/false).status());
}

TEST_CASE("a batch with a good checksum and records that make no sense is refused", "[log]") {
  LogFixture f;
  const Compression codec = GENERATE(Compression::kNone, Compression::kLz4);
  const Bytes good = BatchOf({{std::nullopt, kTime}, {std::nullopt, kTime}}, {.compression = codec});
  for (size_t at = 61; at < good.size(); ++at) {
    INFO(at);
    Bytes bad = good;
    bad[at] = std::byte{0xff};
    Sign(&bad);
    RecordReader reader(BatchView(bad.data()));
    for (RecordView record; reader.Next(&record);) {
    }
    const bool readable = reader.status().ok();
    const Offset end = f.log->log_end_offset();
    const ErrorCode code = AppendOne(f, bad);
    // A time may be too far off instead.
    if (readable) CHECK((code == ErrorCode::kNone || code == ErrorCode::kInvalidTimestamp));
    if (!readable) CHECK(code == ErrorCode::kInvalidRecord);
    CHECK(f.log->log_end_offset() == (code == ErrorCode::kNone ? end + 2 : end));
  }
  // More records in the header than there are, and fewer.
  for (const int32_t count : {1, 3}) {
    Bytes bad = good;
    StoreBig<int32_t>(bad.data() + 23, count - 1);
    StoreBig<int32_t>(bad.data() + 57, count);
    Sign(&bad);
    const ErrorCode code = AppendOne(f, bad);
    CHECK((code == ErrorCode::kInvalidRecord || code == ErrorCode::kCorruptMessage));
  }
  CHECK(AppendOne(f, good) == ErrorCode::kNone);
}

TEST_CASE("attributes that are not a client's to set, and a producer without a sequence", "[log]") {
  LogFixture f;
  const Bytes good = BatchOf({{std::nullopt, kTime}});
  const auto with = [&](uint16_t attributes) {
    Bytes batch = good;
    StoreBig<uint16_t>(batch.data() + 21, attributes);
    Sign(&batch);
    return batch;
  };
  CHECK(AppendOne(f, with(0x08)) == ErrorCode::kInvalidTimestamp);  // log append time
  CHECK(AppendOne(f, with(0x20)) == ErrorCode::kInvalidRecord);     // control
  CHECK(AppendOne(f, with(0x40)) == ErrorCode::kInvalidRecord);     // delete horizon
  Bytes batch = good;
  StoreBig<int64_t>(batch.data() + 43, 5);
  StoreBig<int16_t>(batch.data() + 51, 0);
  Sign(&batch);
  CHECK(AppendOne(f, batch) == ErrorCode::kInvalidRecord);
  CHECK(f.log->log_end_offset() == Offset(0));
}

TEST_CASE("a compacted log takes no record without a key from a client either", "[log]") {
  TopicConfig config = SmallSegments();
  config.cleanup_policy = {.remove = false, .compact = true};
  LogFixture f(config);
  const Compression codec = GENERATE(Compression::kNone, Compression::kZstd);
  CHECK(AppendOne(f, BatchOf({{"a", kTime}, {std::nullopt, kTime}}, {.compression = codec})) ==
        ErrorCode::kInvalidRecord);
  CHECK(AppendOne(f, BatchOf({{"a", kTime}, {"b", kTime}}, {.compression = codec})) == ErrorCode::kNone);
}

TEST_CASE("times are those of the records, each of them", "[log]") {
  TopicConfig config = SmallSegments();
  config.message_timestamp_before_max_ms = 1000;
  config.message_timestamp_after_max_ms = 1000;
  LogFixture f(config);
  CHECK(AppendOne(f, BatchOf({{std::nullopt, kTime + -2000}, {std::nullopt, kTime}})) ==
        ErrorCode::kInvalidTimestamp);
  CHECK(AppendOne(f, BatchOf({{std::nullopt, kTime + 2000}, {std::nullopt, kTime}})) ==
        ErrorCode::kInvalidTimestamp);
  CHECK(AppendOne(f, BatchOf({{std::nullopt, Timestamp(-5)}})) == ErrorCode::kInvalidTimestamp);
  CHECK(AppendOne(f, BatchOf({{std::nullopt, kTime + -500}, {std::nullopt, kTime + 500}})) ==
        ErrorCode::kNone);
  // A header that lies about the latest of them is set right.
  Bytes lying = BatchOf({{std::nullopt, kTime + 600}, {std::nullopt, kTime}});
  StoreBig<int64_t>(lying.data() + 35, (kTime + 100).value());
  Sign(&lying);
  CHECK(AppendOne(f, lying) == ErrorCode::kNone);
  const auto found = f.log->OffsetForTimestamp(kTime + 550);
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  CHECK((*found)->offset == Offset(2));
  CHECK((*found)->timestamp == kTime + 600);
}

TEST_CASE("a client's batch is stored in the codec of its topic", "[log]") {
  TopicConfig config = SmallSegments();
  config.compression_type = GENERATE(Compression::kNone, Compression::kGzip, Compression::kZstd);
  const Compression from = GENERATE(Compression::kNone, Compression::kLz4, Compression::kZstd);
  LogFixture f(config);
  BatchBuilder builder({.compression = from,
                        .producer_id = ProducerId(9),
                        .producer_epoch = ProducerEpoch(1),
                        .base_sequence = 0});
  const Header headers[] = {{.key = "h", .value = "v"}};
  for (const std::string& value : Numbers(0, 20))
    builder.Append({.key = "k", .value = value, .headers = headers, .timestamp = kTime}, kTime);
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  const auto appended = f.log->AppendBatch(*batch, AppendOrigin::kClient, /*trusted=*/false);
  INFO(appended.status().message());
  REQUIRE(appended.ok());
  CHECK(f.Read(Offset(0)) == Numbers(0, 20));
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  const auto slice = (*cursor)->Next(1 << 20);
  REQUIRE(slice.ok());
  const BatchView stored(slice->bytes.data());
  CHECK(stored.compression() == *config.compression_type);
  CHECK(stored.producer_id() == ProducerId(9));
  CHECK(stored.base_sequence() == 0);
  CHECK(stored.Validate().ok());
  RecordReader reader(stored);
  RecordView record;
  REQUIRE(reader.Next(&record));
  CHECK(record.headers.size() == 1);
  CHECK(record.timestamp == kTime);
}

}  // namespace
}  // namespace millrace
