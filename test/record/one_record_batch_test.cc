#include <catch2/catch.hpp>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "millrace/record.h"
#include "record/batches.h"
#include "record/format.h"

namespace millrace {
namespace {

using record_test::BorrowedRecord;
using record_test::OwnedRecord;
using record_test::RandomRecord;
using record_test::RandomText;

std::vector<std::byte> WithBuilder(const Record& record, Timestamp timestamp, Offset base_offset,
                                   LeaderEpoch leader_epoch) {
  BatchBuilder builder({.leader_epoch = leader_epoch});
  builder.Append(record, timestamp);
  const auto bytes = builder.Finish(base_offset);
  REQUIRE(bytes.ok());
  return {bytes->begin(), bytes->end()};
}

// Encodes it both ways, compares with the builder's batch, and sees that nothing past the end was touched.
void CheckOne(const Record& record, Timestamp timestamp) {
  const std::vector<std::byte> want = WithBuilder(record, timestamp, Offset(1234567890123), LeaderEpoch(17));
  const size_t bound = OneRecordBatchBound(record);
  REQUIRE(want.size() <= bound);
  for (const auto encode : {&EncodeOneRecordBatch, &EncodeOneRecordBatchPortable}) {
    std::vector<std::byte> into(bound, std::byte{0xa5});
    const size_t size = encode(into.data(), record, timestamp, Offset(1234567890123), LeaderEpoch(17));
    REQUIRE(size == want.size());
    for (size_t i = size; i < into.size(); ++i) REQUIRE(into[i] == std::byte{0xa5});
    into.resize(size);
    REQUIRE(into == want);
  }
}

TEST_CASE("A record alone is encoded as the builder encodes it, at every size") {
  std::mt19937_64 random(3);
  const std::string text = RandomText(random, 70000);
  for (size_t size = 0; size < 700; ++size) {
    CheckOne({.value = std::string_view(text).substr(size % 16, size)}, Timestamp(1700000000123));
    CheckOne({.key = std::string_view(text).substr(0, size), .value = "v"}, Timestamp(5));
  }
  for (const size_t size : std::initializer_list<size_t>{3000, 3071, 3072, 3073, 4000, 8180, 8183, 8184, 8191,
                                                         8192, 8200, 65536}) {
    CheckOne({.value = std::string_view(text).substr(0, size)}, Timestamp(1));
  }
}

TEST_CASE("Keys, nulls, headers and timestamps of a record alone") {
  std::mt19937_64 random(4);
  for (int round = 0; round < 3000; ++round) {
    const OwnedRecord owned = RandomRecord(random, 0);
    const BorrowedRecord borrowed(owned);
    CheckOne(borrowed.get(), Timestamp(-1));
  }
  CheckOne({}, Timestamp(-1));
  CheckOne({.key = "", .value = ""}, Timestamp(0));
  CheckOne({.value = "own time", .timestamp = Timestamp(77)}, Timestamp(88));
}

}  // namespace
}  // namespace millrace
