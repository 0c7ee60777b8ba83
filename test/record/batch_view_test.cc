// What is refused: cut, flipped, contradictory and malformed batches.

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"
#include "millrace/record.h"
#include "millrace/status.h"
#include "record/batches.h"
#include "record/format.h"

namespace millrace {
namespace {

using record_test::OwnedRecord;
using record_test::ReadAll;

// Stamps length and CRC, so that only what the test has spoiled is wrong.
void Reseal(std::vector<std::byte>& batch) {
  StoreBig<int32_t>(batch.data() + kLengthAt, static_cast<int32_t>(batch.size() - kBatchPrefixBytes));
  StoreBig<uint32_t>(batch.data() + kCrcAt,
                     Crc32cExtend(0, batch.data() + kAttributesAt, batch.size() - kAttributesAt));
}

std::vector<std::byte> SmallBatch(Compression codec = Compression::kNone) {
  BatchBuilder builder({.compression = codec});
  const Header headers[] = {{.key = "h", .value = "1"}, {.key = "n"}};
  builder.Append({.key = "key", .value = "value"}, Timestamp(1000));
  builder.Append({.value = "second", .headers = headers}, Timestamp(1001));
  const auto bytes = builder.Finish(Offset(50));
  REQUIRE(bytes.ok());
  return {bytes->begin(), bytes->end()};
}

// A batch whose record section is `records`.
std::vector<std::byte> BatchOf(std::string_view records, int32_t count, int32_t last_delta) {
  std::vector<std::byte> batch = SmallBatch();
  batch.resize(kBatchHeaderBytes);
  const auto* const data = reinterpret_cast<const std::byte*>(records.data());
  batch.insert(batch.end(), data, data + records.size());
  StoreBig<int32_t>(batch.data() + kRecordCountAt, count);
  StoreBig<int32_t>(batch.data() + kLastOffsetDeltaAt, last_delta);
  Reseal(batch);
  return batch;
}

// Whether the batch, whose CRC is right, is refused, and refused as Kafka would name it.
bool IsRefused(const std::vector<std::byte>& batch) {
  const auto view = BatchView::Parse(batch);
  if (!view.ok()) return ErrorCodeOf(view.status()) == ErrorCode::kCorruptMessage;
  REQUIRE(view->CrcIsValid());
  std::vector<OwnedRecord> records;
  const absl::Status read = ReadAll(*view, &records);
  const absl::Status validated = view->Validate();
  CHECK((read.ok() || read == validated));
  return !validated.ok() && ErrorCodeOf(validated) == ErrorCode::kInvalidRecord &&
         !validated.message().empty();
}

TEST_CASE("Every truncation of a batch is refused") {
  for (const Compression codec : {Compression::kNone, Compression::kZstd}) {
    const std::vector<std::byte> batch = SmallBatch(codec);
    REQUIRE(BatchView::Parse(batch).ok());
    for (size_t size = 0; size < batch.size(); ++size) {
      // In a place of its own, so that a read past the end is seen by the sanitizers.
      const std::vector<std::byte> cut(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size));
      const auto view = BatchView::Parse(cut);
      REQUIRE_FALSE(view.ok());
      CHECK(view.status().code() == absl::StatusCode::kDataLoss);
    }
  }
}

TEST_CASE("Every truncation is refused with length and CRC made to fit, too") {
  for (const Compression codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                  Compression::kLz4, Compression::kZstd}) {
    const std::vector<std::byte> batch = SmallBatch(codec);
    REQUIRE(BatchView(batch.data()).Validate().ok());
    for (size_t size = kBatchHeaderBytes; size < batch.size(); ++size) {
      std::vector<std::byte> cut(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(size));
      Reseal(cut);
      const auto view = BatchView::Parse(cut);
      if (!view.ok()) continue;
      REQUIRE(view->CrcIsValid());
      CHECK_FALSE(view->Validate().ok());
    }
  }
}

TEST_CASE("Every flip of a bit that the CRC covers is found") {
  std::vector<std::byte> batch = SmallBatch();
  const BatchView view(batch.data());
  REQUIRE(view.CrcIsValid());
  for (size_t bit = 8 * kCrcAt; bit < 8 * batch.size(); ++bit) {
    const std::byte mask = static_cast<std::byte>(1 << (bit % 8));
    batch[bit / 8] ^= mask;
    REQUIRE_FALSE(view.CrcIsValid());
    REQUIRE(ErrorCodeOf(view.Validate()) == ErrorCode::kCorruptMessage);
    batch[bit / 8] ^= mask;
  }
  REQUIRE(view.CrcIsValid());
}

TEST_CASE("Flipped bits never bring the reader down, whatever the CRC says") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 4000; ++round) {
    std::vector<std::byte> batch = SmallBatch(static_cast<Compression>(round % 5));
    for (size_t flips = 1 + random() % 3; flips > 0; --flips) {
      const size_t at = kAttributesAt + random() % (batch.size() - kAttributesAt);
      batch[at] ^= static_cast<std::byte>(1 << random() % 8);
    }
    Reseal(batch);
    const auto view = BatchView::Parse(batch);
    if (!view.ok()) continue;
    std::vector<OwnedRecord> records;
    const absl::Status status = ReadAll(*view, &records, 1 << 20);
    // Nothing is given out twice or beyond what the header says.
    REQUIRE(records.size() <= static_cast<size_t>(view->record_count()));
    if (status.ok()) REQUIRE(records.size() == static_cast<size_t>(view->record_count()));
  }
}

TEST_CASE("Header fields that contradict are refused") {
  const auto refused = [](size_t at, auto value) {
    std::vector<std::byte> batch = SmallBatch();
    StoreBig<decltype(value)>(batch.data() + at, value);
    const auto view = BatchView::Parse(batch);
    return !view.ok() && ErrorCodeOf(view.status()) == ErrorCode::kCorruptMessage;
  };
  CHECK_FALSE(refused(kMagicAt, int8_t{2}));
  CHECK(refused(kMagicAt, int8_t{1}));
  CHECK(refused(kMagicAt, int8_t{3}));
  for (const int32_t length : {-1, 0, 48, 1000, std::numeric_limits<int32_t>::max(), -2147483647}) {
    CHECK(refused(kLengthAt, length));
  }
  CHECK(refused(kLastOffsetDeltaAt, int32_t{-1}));
  CHECK(refused(kLastOffsetDeltaAt, int32_t{0}));
  CHECK(refused(kRecordCountAt, int32_t{-1}));
  CHECK(refused(kRecordCountAt, int32_t{3}));
  CHECK(refused(kRecordCountAt, std::numeric_limits<int32_t>::max()));
  CHECK(refused(kBaseOffsetAt, int64_t{-1}));
  CHECK(refused(kBaseOffsetAt, std::numeric_limits<int64_t>::max()));
  CHECK(refused(kBaseOffsetAt, std::numeric_limits<int64_t>::max() - 1));
  CHECK_FALSE(refused(kBaseOffsetAt, std::numeric_limits<int64_t>::max() - 2));
  for (const uint16_t codec : {uint16_t{5}, uint16_t{6}, uint16_t{7}}) CHECK(refused(kAttributesAt, codec));
}

TEST_CASE("A count that no bytes could hold is refused before anything is read") {
  std::vector<std::byte> batch = SmallBatch();
  StoreBig<int32_t>(batch.data() + kRecordCountAt, 1000);
  StoreBig<int32_t>(batch.data() + kLastOffsetDeltaAt, 1000);
  Reseal(batch);
  CHECK_FALSE(BatchView::Parse(batch).ok());
}

TEST_CASE("Malformed records are refused") {
  using std::literals::operator""sv;
  // length 6, attributes, timestamp delta 0, offset delta 0, key -1, value -1, no headers
  constexpr std::string_view kGood = "\x0c\0\0\0\1\1\0"sv;
  REQUIRE_FALSE(IsRefused(BatchOf(kGood, 1, 0)));
  // length 11: a key of one byte and a value of two, a header with an empty key and a null value
  constexpr std::string_view kFull = "\x16\0\0\0\2k\4vv\2\0\1"sv;
  REQUIRE_FALSE(IsRefused(BatchOf(kFull, 1, 0)));

  CHECK(IsRefused(BatchOf("\x0e\0\0\0\1\1\0"sv, 1, 0)));                    // length past the end
  CHECK(IsRefused(BatchOf("\x0a\0\0\0\1\1\0"sv, 1, 0)));                    // shorter than any record
  CHECK(IsRefused(BatchOf("\x0b\0\0\0\1\1\0"sv, 1, 0)));                    // negative length
  CHECK(IsRefused(BatchOf("\xff\xff\xff\xff\xff\xff\0"sv, 1, 0)));          // endless length
  CHECK(IsRefused(BatchOf("\xff\xff\xff\xff\x7f\0\0\0\1\1\0"sv, 1, 0)));    // length beyond 32 bits
  CHECK(IsRefused(BatchOf("\x0e\0\0\0\1\1\0\0"sv, 1, 0)));                  // a byte too many in the record
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\1\1\0\0"sv, 1, 0)));                  // a byte too many in the batch
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\3\1\0"sv, 1, 0)));                    // key length -2
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\1\3\0"sv, 1, 0)));                    // value length -2
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\x04\1\0"sv, 1, 0)));                  // key past the record
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\1\x04\0"sv, 1, 0)));                  // value past the record
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\1\1\1"sv, 1, 0)));                    // header count -1
  CHECK(IsRefused(BatchOf("\x0c\0\0\0\1\1\2"sv, 1, 0)));                    // a header that is not there
  CHECK(IsRefused(BatchOf("\x14\0\0\0\1\1\xfe\xff\xff\xff\x0f"sv, 1, 0)));  // 2^31-1 headers
  CHECK(IsRefused(BatchOf("\x16\0\0\0\2k\4vv\2\1\1"sv, 1, 0)));             // a header without a key
  CHECK(IsRefused(BatchOf("\x16\0\0\0\2k\4vv\2\0\3"sv, 1, 0)));             // header value length -2
  CHECK(IsRefused(BatchOf("\x16\0\0\0\2k\4vv\2\2\1"sv, 1, 0)));             // header key past the record
  CHECK(IsRefused(
      BatchOf("\x1e\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\0\1\1\0"sv, 1, 0)));  // no such timestamp
}

TEST_CASE("Records that do not fit the header are refused") {
  using std::literals::operator""sv;
  const auto at = [](char delta) { return std::string("\x0c\0\0", 3) + delta + std::string("\1\1\0", 3); };
  REQUIRE_FALSE(IsRefused(BatchOf(at(0) + at(2), 2, 1)));
  REQUIRE_FALSE(IsRefused(BatchOf(at(2) + at(8), 2, 7)));  // with gaps, as a cleaner leaves it
  CHECK(IsRefused(BatchOf(at(2) + at(0), 2, 1)));          // falling
  CHECK(IsRefused(BatchOf(at(0) + at(0), 2, 1)));          // twice
  CHECK(IsRefused(BatchOf(at(1) + at(2), 2, 1)));          // -1
  CHECK(IsRefused(BatchOf(at(0) + at(8), 2, 3)));          // past the last offset
  CHECK(IsRefused(BatchOf(at(0) + at(2), 1, 1)));          // one more than the header counts
  CHECK(IsRefused(BatchOf(at(0), 0, 1)));                  // a record where none should be
  std::vector<std::byte> few = BatchOf(at(0) + std::string(7, '\0'), 2, 1);
  CHECK(IsRefused(few));  // one fewer: zeros are no record

  std::vector<std::byte> late = SmallBatch();
  StoreBig<int64_t>(late.data() + kMaxTimestampAt, 1000);  // the second has 1001
  Reseal(late);
  CHECK_FALSE(BatchView(late.data()).Validate().ok());
}

TEST_CASE("What was read before the malformed record is good") {
  using std::literals::operator""sv;
  const std::vector<std::byte> batch = BatchOf("\x0c\0\0\0\1\1\0\x0c\0\0\2\1\1\7"sv, 2, 1);
  const auto view = BatchView::Parse(batch);
  REQUIRE(view.ok());
  RecordReader reader(*view);
  RecordView record;
  REQUIRE(reader.Next(&record));
  CHECK(record.offset == view->base_offset());
  CHECK(reader.status().ok());
  CHECK_FALSE(reader.Next(&record));
  CHECK(ErrorCodeOf(reader.status()) == ErrorCode::kInvalidRecord);
  CHECK_FALSE(reader.Next(&record));
  CHECK(ErrorCodeOf(reader.status()) == ErrorCode::kInvalidRecord);
}

TEST_CASE("Headers are decoded while they are walked") {
  const std::vector<std::byte> batch = SmallBatch();
  RecordReader reader{BatchView(batch.data())};
  RecordView record;
  REQUIRE(reader.Next(&record));
  CHECK(record.headers.empty());
  CHECK(record.headers.begin() == record.headers.end());
  REQUIRE(reader.Next(&record));
  REQUIRE(record.headers.size() == 2);
  const std::vector<Header> headers(record.headers.begin(), record.headers.end());
  CHECK(headers == std::vector<Header>{{.key = "h", .value = "1"}, {.key = "n"}});
  auto first = record.headers.begin();
  CHECK(first->key == "h");
  CHECK((first++)->key == "h");
  CHECK(first->key == "n");
}

}  // namespace
}  // namespace millrace
