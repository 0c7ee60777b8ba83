#include "log/offset_map.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "base/bytes.h"

namespace millrace {
namespace {

// The first vectors that the authors of SipHash published for 128 bits: key 00..0f, input 00, 01, ...
TEST_CASE("SipHash128 gives its authors' values", "[log][offset_map]") {
  const std::array<uint64_t, 2> key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
  std::string input;
  CHECK(SipHash128(key, AsBytes(input)) == Hash128{0xe6a825ba047f81a3ull, 0x930255c71472f66dull});
  input.push_back('\0');
  CHECK(SipHash128(key, AsBytes(input)) == Hash128{0x44af996bd8c187daull, 0x45fc229b11597634ull});
}

TEST_CASE("OffsetMap agrees with a std::map", "[log][offset_map]") {
  std::mt19937_64 random(7);
  OffsetMap map(1 << 20, 5000, 0.9, {1, 2});
  std::map<std::string, int64_t> model;
  for (int64_t i = 0; i < 20000; ++i) {
    const std::string key = std::to_string(random() % 5000);
    REQUIRE(map.Put(key, Offset(i)));
    model[key] = i;
  }
  CHECK(map.size() == model.size());
  for (int i = 0; i < 6000; ++i) {
    const std::string key = std::to_string(i);
    const auto found = model.find(key);
    REQUIRE(map.Get(key) == (found == model.end() ? kNoOffset : Offset(found->second)));
  }
  map.Clear();
  CHECK(map.Get("1") == kNoOffset);
}

TEST_CASE("OffsetMap keeps to its memory and takes known keys when full", "[log][offset_map]") {
  OffsetMap map(24 * 100, 1 << 20, 0.9, {1, 2});
  CHECK(map.memory_bytes() <= 24 * 100);
  REQUIRE(map.capacity() == 90);
  for (int64_t i = 0; i < 90; ++i) REQUIRE(map.Put(std::to_string(i), Offset(i)));
  CHECK_FALSE(map.Put("new", Offset(90)));
  CHECK(map.Put("7", Offset(91)));
  CHECK(map.Get("7") == Offset(91));
  CHECK(map.Get("new") == kNoOffset);
  // A small need takes little memory; the least budget takes one key.
  CHECK(OffsetMap(1 << 20, 10, 0.9, {1, 2}).memory_bytes() < 24 * 20);
  CHECK(OffsetMap(0, 10, 0.9, {1, 2}).capacity() == 1);
}

}  // namespace
}  // namespace millrace
