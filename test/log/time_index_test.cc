#include "log/time_index.h"

#include <catch2/catch.hpp>
#include <random>

#include "log/files.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

TimeIndex RandomIndex(std::mt19937_64& random, Offset base, size_t entries) {
  TimeIndex index(base);
  Offset offset = base;
  Timestamp time(1'700'000'000'000);
  for (size_t i = 0; i < entries; ++i) {
    offset = offset + static_cast<int64_t>(random() % 50);
    time = time + static_cast<int64_t>(1 + random() % 20);
    index.MaybeAppend(time, offset);
  }
  return index;
}

TEST_CASE("A time index has Kafka's bytes and takes rising timestamps alone") {
  TimeIndex index(Offset(100));
  CHECK(index.Floor(Timestamp(5)) == TimestampPosition{kNoTimestamp, Offset(100)});
  CHECK(!index.MaybeAppend(kNoTimestamp, Offset(100)));
  CHECK(index.MaybeAppend(Timestamp(0x0102030405060708), Offset(107)));
  CHECK(!index.MaybeAppend(Timestamp(0x0102030405060708), Offset(120)));
  CHECK(!index.MaybeAppend(Timestamp(5), Offset(120)));
  const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 7};
  CHECK(ToBytes(index.bytes()) == ToBytes(std::as_bytes(std::span(want))));
  CHECK(index.MaybeAppend(Timestamp(0x0102030405060709), Offset(120)));
  CHECK(index.Floor(Timestamp(0x0102030405060708)).offset == Offset(107));
  CHECK(index.Floor(Timestamp(INT64_MAX)).offset == Offset(120));
  index.TruncateTo(Offset(120));
  CHECK(index.size() == 1);
  index.TruncateTo(Offset(0));
  CHECK(index.empty());
}

TEST_CASE("Look-ups by time in memory and in the file agree with a walk") {
  const auto files = MemoryFiles();
  for (const uint64_t seed : {1u, 2u, 3u, 4u}) {
    std::mt19937_64 random(seed);
    CAPTURE(seed);
    const size_t entries = seed == 1 ? 0 : seed == 2 ? 1 : 100 + random() % 2000;
    const TimeIndex index = RandomIndex(random, Offset(9), entries);
    Bytes bytes = ToBytes(index.bytes());
    if (seed % 2 == 0) bytes.resize(bytes.size() + 12 * 500);
    Put(files.get(), "/d/t", bytes);
    const auto file = OpenFile(files.get(), "/d/t");
    const TimeIndexFile reader = Must(TimeIndexFile::Open(file.get(), Offset(9)));
    CHECK(reader.size() == entries);
    CHECK(Must(reader.Last()) == index.Last());
    CHECK(Must(TimeIndex::FromBytes(Offset(9), bytes)).size() == entries);
    size_t wrong = 0;
    for (int i = 0; i < 1000; ++i) {
      const Timestamp target(1'700'000'000'000 - 50 + static_cast<int64_t>(random() % (entries * 12 + 100)));
      TimestampPosition want{kNoTimestamp, Offset(9)};
      for (size_t at = 0; at < index.size() && index.At(at).timestamp <= target; ++at) want = index.At(at);
      if (index.Floor(target) != want || Must(reader.Floor(target)) != want) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("A damaged time index is refused or read, and never fails otherwise") {
  const auto files = MemoryFiles();
  std::mt19937_64 random(3);
  const TimeIndex index = RandomIndex(random, Offset(40), 20);
  const Bytes whole = ToBytes(index.bytes());
  size_t bad = 0;
  size_t refused = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    const auto loaded = TimeIndex::FromBytes(Offset(40), bytes);
    if (!loaded.ok()) ++refused;
    if (!loaded.ok() && !absl::IsDataLoss(loaded.status())) ++bad;
    Put(files.get(), "/d/t", bytes);
    const auto file = OpenFile(files.get(), "/d/t");
    const auto reader = TimeIndexFile::Open(file.get(), Offset(40));
    for (int64_t after = -5; reader.ok() && after < 300; after += 3) {
      const auto found = reader->Floor(Timestamp(1'700'000'000'000 + after));
      if (!found.ok() && !absl::IsDataLoss(found.status())) ++bad;
    }
  }
  CHECK(bad == 0);
  CHECK(refused > whole.size());
  for (size_t length = 0; length < whole.size(); ++length) {
    if (TimeIndex::FromBytes(Offset(40), std::span(whole).first(length)).ok() != (length % 12 == 0)) ++bad;
  }
  CHECK(bad == 0);
}

}  // namespace
}  // namespace millrace
