#include "log/offset_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "log/files.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

OffsetIndex RandomIndex(std::mt19937_64& random, Offset base, size_t entries) {
  OffsetIndex index(base);
  Offset offset = base;
  uint32_t position = 0;
  for (size_t i = 0; i < entries; ++i) {
    offset = offset + static_cast<int64_t>(1 + random() % 50);
    position += static_cast<uint32_t>(61 + random() % 5000);
    index.Append(offset, position);
  }
  return index;
}

// From the definition, by walking.
OffsetPosition FloorByWalking(const OffsetIndex& index, Offset target) {
  OffsetPosition found{index.base(), 0};
  for (size_t i = 0; i < index.size() && index.At(i).offset <= target; ++i) found = index.At(i);
  return found;
}

TEST_CASE("An offset index has Kafka's bytes") {
  OffsetIndex index(Offset(1000));
  CHECK(index.empty());
  CHECK(index.Floor(Offset(5000)) == OffsetPosition{Offset(1000), 0});
  index.Append(Offset(1041), 4100);
  index.Append(Offset(1300), 0x01020304);
  const uint8_t want[] = {0, 0, 0, 41, 0, 0, 0x10, 0x04, 0, 0, 1, 0x2c, 1, 2, 3, 4};
  CHECK(ToBytes(index.bytes()) == ToBytes(std::as_bytes(std::span(want))));
  CHECK(index.Floor(Offset(1040)) == OffsetPosition{Offset(1000), 0});
  CHECK(index.Floor(Offset(1041)) == OffsetPosition{Offset(1041), 4100});
  CHECK(index.Floor(Offset(1299)) == OffsetPosition{Offset(1041), 4100});
  CHECK(index.CeilingPosition(4101).position == 0x01020304);
  CHECK(index.CeilingPosition(0x01020305).offset == kNoOffset);
  CHECK(index.Fits(Offset(1000 + int64_t{INT32_MAX})));
  CHECK(!index.Fits(Offset(1001 + int64_t{INT32_MAX})));
  CHECK(!index.Fits(Offset(999)));
}

TEST_CASE("Look-ups in memory and in the file agree with a walk") {
  const auto files = MemoryFiles();
  for (const uint64_t seed : {1u, 2u, 3u, 4u, 5u}) {
    std::mt19937_64 random(seed);
    CAPTURE(seed);
    const size_t entries = seed == 1 ? 0 : seed == 2 ? 1 : random() % 3000;
    const OffsetIndex index = RandomIndex(random, Offset(77), entries);
    Put(files.get(), "/d/i", index.bytes());
    const auto file = OpenFile(files.get(), "/d/i");
    const OffsetIndexFile reader = Must(OffsetIndexFile::Open(file.get(), Offset(77), UINT32_MAX));
    CHECK(reader.size() == index.size());
    size_t wrong = 0;
    for (int i = 0; i < 2000; ++i) {
      const Offset target(static_cast<int64_t>(random() % (entries * 30 + 200)));
      const OffsetPosition want = FloorByWalking(index, target);
      if (index.Floor(target) != want || Must(reader.Floor(target)) != want) ++wrong;
    }
    CHECK(wrong == 0);
    const OffsetIndex loaded = Must(OffsetIndex::FromBytes(Offset(77), index.bytes(), UINT32_MAX));
    CHECK(ToBytes(loaded.bytes()) == ToBytes(index.bytes()));
  }
}

TEST_CASE("A zero tail, as Kafka allocates it, is passed over") {
  const auto files = MemoryFiles();
  std::mt19937_64 random(7);
  for (const size_t entries : {0u, 1u, 2u, 511u, 512u, 513u, 2000u}) {
    const OffsetIndex index = RandomIndex(random, Offset(0), entries);
    Bytes bytes = ToBytes(index.bytes());
    bytes.resize(bytes.size() + 8 * 700);
    Put(files.get(), "/d/i", bytes);
    const auto file = OpenFile(files.get(), "/d/i");
    CAPTURE(entries);
    CHECK(Must(OffsetIndex::FromBytes(Offset(0), bytes, UINT32_MAX)).size() == entries);
    CHECK(Must(OffsetIndexFile::Open(file.get(), Offset(0), UINT32_MAX)).size() == entries);
  }
}

TEST_CASE("An offset index is truncated to what lies below") {
  std::mt19937_64 random(8);
  OffsetIndex index = RandomIndex(random, Offset(10), 500);
  const OffsetPosition kept = index.At(199);
  index.TruncateTo(index.At(200).offset);
  CHECK(index.size() == 200);
  CHECK(index.Last() == kept);
  index.TruncateTo(Offset(0));
  CHECK(index.empty());
  CHECK(index.Last() == OffsetPosition{Offset(10), 0});
}

TEST_CASE("A damaged offset index is refused or gives what is in it, and never fails otherwise") {
  const auto files = MemoryFiles();
  std::mt19937_64 random(9);
  const OffsetIndex index = RandomIndex(random, Offset(500), 24);
  const uint64_t log_bytes = index.Last().position + 100;
  const Bytes whole = ToBytes(index.bytes());
  CHECK(OffsetIndex::FromBytes(Offset(500), whole, log_bytes).ok());
  size_t refused = 0;
  size_t bad = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    const auto loaded = OffsetIndex::FromBytes(Offset(500), bytes, log_bytes);
    if (!loaded.ok()) {
      ++refused;
      if (!absl::IsDataLoss(loaded.status())) ++bad;
    }
    Put(files.get(), "/d/i", bytes);
    const auto file = OpenFile(files.get(), "/d/i");
    const auto reader = OffsetIndexFile::Open(file.get(), Offset(500), log_bytes);
    for (int64_t target = 450; reader.ok() && target < 2000; target += 7) {
      const auto found = reader->Floor(Offset(target));
      if (found.ok() ? found->position >= log_bytes || found->offset < Offset(500)
                     : !absl::IsDataLoss(found.status())) {
        ++bad;
      }
    }
  }
  CHECK(bad == 0);
  CHECK(refused > whole.size());
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto loaded = OffsetIndex::FromBytes(Offset(500), std::span(whole).first(length), log_bytes);
    if (loaded.ok() != (length % 8 == 0)) ++bad;
  }
  CHECK(bad == 0);
  CHECK(!OffsetIndex::FromBytes(Offset(500), whole, index.Last().position).ok());
}

}  // namespace
}  // namespace millrace
