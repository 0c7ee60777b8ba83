#include "log/transaction_index.h"

#include <catch2/catch.hpp>

#include "log/files.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

AbortedTransaction Aborted(int64_t id, int64_t first, int64_t last, int64_t stable) {
  return {.producer_id = ProducerId(id),
          .first_offset = Offset(first),
          .last_offset = Offset(last),
          .last_stable_offset = Offset(stable)};
}

TransactionIndex Three() {
  TransactionIndex index(Offset(0));
  index.Append(Aborted(1, 5, 10, 5));
  index.Append(Aborted(2, 7, 20, 12));
  index.Append(Aborted(1, 30, 40, 41));
  return index;
}

TEST_CASE("A transaction index has Kafka's bytes") {
  TransactionIndex index(Offset(0));
  index.Append(Aborted(0x0102, 3, 4, 0x0506));
  const uint8_t want[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0,
                          3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 5, 6};
  CHECK(ToBytes(index.bytes()) == ToBytes(std::as_bytes(std::span(want))));
  CHECK(index.At(0) == Aborted(0x0102, 3, 4, 0x0506));
}

TEST_CASE("Aborted transactions are collected by overlap") {
  const TransactionIndex index = Three();
  std::vector<AbortedTransaction> found;
  CHECK(!index.Collect(Offset(0), Offset(100), &found));
  CHECK(found.size() == 3);
  found.clear();
  CHECK(index.Collect(Offset(11), Offset(30), &found));
  CHECK(found == std::vector{Aborted(2, 7, 20, 12)});
  found.clear();
  CHECK(index.Collect(Offset(0), Offset(5), &found));
  CHECK(found.empty());
}

TEST_CASE("A transaction index is truncated, loaded, and refused when damaged") {
  TransactionIndex index = Three();
  const Bytes whole = ToBytes(index.bytes());
  CHECK(Must(TransactionIndex::FromBytes(Offset(0), whole)).At(2) == index.At(2));
  index.TruncateTo(Offset(40));
  CHECK(index.size() == 2);
  index.TruncateTo(Offset(0));
  CHECK(index.empty());
  size_t bad = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    if (TransactionIndex::FromBytes(Offset(0), std::span(whole).first(length)).ok() != (length % 34 == 0))
      ++bad;
  }
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    const auto loaded = TransactionIndex::FromBytes(Offset(0), bytes);
    if (!loaded.ok() && !absl::IsDataLoss(loaded.status())) ++bad;
    // The version is always seen.
    if (bit % (34 * 8) < 16 && loaded.ok()) ++bad;
  }
  CHECK(bad == 0);
  CHECK(!TransactionIndex::FromBytes(Offset(11), whole).ok());
}

}  // namespace
}  // namespace millrace
