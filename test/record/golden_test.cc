// Batches that test/golden/make_batches.py made with python3-kafka and other programs: decoded here, and
// where nothing is compressed, encoded here to the same bytes.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <fstream>
#include <string>
#include <vector>

#include "millrace/record.h"
#include "record/batches.h"

namespace millrace {
namespace {

using record_test::BorrowedRecord;
using record_test::OwnedRecord;
using record_test::ReadAll;

std::vector<std::byte> Golden(const std::string& name) {
  std::ifstream file(std::string(MILLRACE_GOLDEN_DIR) + "/" + name + ".hex");
  REQUIRE(file.good());
  std::vector<std::byte> bytes;
  int high = -1;
  for (char c; file.get(c);) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    REQUIRE((digit >= 0 && digit < 16));
    if (high >= 0) bytes.push_back(static_cast<std::byte>(high * 16 + digit));
    high = high >= 0 ? -1 : digit;
  }
  REQUIRE(high == -1);
  return bytes;
}

// RECORDS of the script.
std::vector<OwnedRecord> GoldenRecords() {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  return {
      {.offset = 0, .timestamp = 1700000000000, .key = "key", .value = "value"},
      {.offset = 1, .timestamp = 1700000000005, .value = "no key"},
      {.offset = 2, .timestamp = 1699999999990, .key = "tombstone"},
      {.offset = 3, .timestamp = 1700000000005},
      {.offset = 4,
       .timestamp = 1700000001000,
       .key = "",
       .value = "",
       .headers = {{"empty", ""}, {"null", std::nullopt}, {"", "no name"}}},
      {.offset = 5,
       .timestamp = 1700000000000,
       .key = std::string(64, 'k'),
       .value = std::string(9000, 'v'),
       .headers = {{"trace", every_byte}}},
  };
}

std::vector<std::byte> Encode(const std::vector<OwnedRecord>& records, const BatchOptions& options) {
  BatchBuilder builder(options);
  for (const OwnedRecord& record : records) builder.Append(BorrowedRecord(record).get(), Timestamp(0));
  const auto bytes = builder.Finish();
  REQUIRE(bytes.ok());
  return {bytes->begin(), bytes->end()};
}

TEST_CASE("Batches made elsewhere, with every codec, hold what they should") {
  const std::pair<const char*, Compression> all[] = {{"none", Compression::kNone},
                                                     {"gzip", Compression::kGzip},
                                                     {"snappy_xerial", Compression::kSnappy},
                                                     {"snappy_raw", Compression::kSnappy},
                                                     {"lz4", Compression::kLz4},
                                                     {"zstd", Compression::kZstd}};
  for (const auto& [name, codec] : all) {
    INFO(name);
    const std::vector<std::byte> bytes = Golden(name);
    const auto batch = BatchView::Parse(bytes);
    REQUIRE(batch.ok());
    CHECK(batch->size_bytes() == bytes.size());
    REQUIRE(batch->Validate() == absl::OkStatus());
    CHECK(batch->compression() == codec);
    CHECK(batch->max_timestamp() == Timestamp(1700000001000));
    CHECK(batch->base_timestamp() == Timestamp(1700000000000));
    std::vector<OwnedRecord> records;
    REQUIRE(ReadAll(*batch, &records).ok());
    CHECK(records == GoldenRecords());
  }
}

TEST_CASE("Ours are byte for byte those made elsewhere") {
  // That builder writes 0 where a broker stamps the leader epoch.
  CHECK(Encode(GoldenRecords(), {.leader_epoch = LeaderEpoch(0)}) == Golden("none"));
  const std::vector<OwnedRecord> all = GoldenRecords();
  CHECK(Encode({all[0], all[1]}, {.producer_id = ProducerId(123456789012),
                                  .producer_epoch = ProducerEpoch(7),
                                  .base_sequence = 2147483647,
                                  .leader_epoch = LeaderEpoch(0),
                                  .transactional = true}) == Golden("idempotent"));
  const std::string value(100, 'x');
  std::vector<std::byte> one(OneRecordBatchBound({.value = value}));
  one.resize(EncodeOneRecordBatch(one.data(), {.value = value}, Timestamp(1700000000123), Offset(0),
                                  LeaderEpoch(0)));
  CHECK(one == Golden("one"));
  CHECK(EncodeControlBatch({.type = ControlType::kAbort, .coordinator_epoch = 3}, ProducerId(42),
                           ProducerEpoch(1), Timestamp(1700000000000), Offset(77),
                           LeaderEpoch(0)) == Golden("abort_marker"));
}

TEST_CASE("Header fields of batches made elsewhere") {
  const std::vector<std::byte> idempotent = Golden("idempotent");
  const BatchView batch(idempotent.data());
  CHECK(batch.producer_id() == ProducerId(123456789012));
  CHECK(batch.producer_epoch() == ProducerEpoch(7));
  CHECK(batch.base_sequence() == 2147483647);
  CHECK(batch.last_sequence() == 0);
  CHECK(batch.is_transactional());

  const std::vector<std::byte> append_time = Golden("append_time");
  const BatchView stamped(append_time.data());
  REQUIRE(stamped.Validate().ok());
  CHECK(stamped.timestamp_type() == TimestampType::kLogAppendTime);
  CHECK(stamped.leader_epoch() == LeaderEpoch(5));
  std::vector<OwnedRecord> records;
  REQUIRE(ReadAll(stamped, &records).ok());
  REQUIRE(records.size() == 6);
  for (const OwnedRecord& record : records) CHECK(record.timestamp == 1800000000000);
  CHECK(records.back().offset == 4000000005);
}

TEST_CASE("Control markers are told from other records") {
  const std::vector<std::byte> abort = Golden("abort_marker");
  const BatchView batch(abort.data());
  CHECK(batch.is_control());
  CHECK(batch.is_transactional());
  RecordReader reader(batch);
  RecordView record;
  REQUIRE(reader.Next(&record));
  const auto marker = ParseControlMarker(record);
  REQUIRE(marker.has_value());
  CHECK(marker->type == ControlType::kAbort);
  CHECK(marker->coordinator_epoch == 3);

  const auto parse = [](std::string_view key, std::string_view value) {
    RecordView view;
    view.key = key;
    view.value = value;
    return ParseControlMarker(view).has_value();
  };
  using std::literals::operator""sv;
  CHECK(parse("\0\0\0\1"sv, "\0\0\0\0\0\3"sv));
  CHECK(parse("\0\1\0\1more"sv, "\0\1\0\0\0\3more"sv));
  CHECK_FALSE(parse("\0\0\0\2"sv, "\0\0\0\0\0\3"sv));  // leader change: of another kind
  CHECK_FALSE(parse("\0\0\0"sv, "\0\0\0\0\0\3"sv));
  CHECK_FALSE(parse("\0\0\0\1"sv, "\0\0\0\0\0"sv));
  CHECK_FALSE(parse("\xff\xff\0\1"sv, "\0\0\0\0\0\3"sv));
  CHECK_FALSE(ParseControlMarker(RecordView()).has_value());
}

}  // namespace
}  // namespace millrace
