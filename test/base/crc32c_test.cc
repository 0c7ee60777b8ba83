#include "base/crc32c.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {
namespace {

uint32_t CrcOf(const std::string& text) {
  return Crc32cExtend(0, text.data(), text.size());
}

// Bit by bit, straight from the definition; shares nothing with the library.
uint32_t BitByBit(uint32_t raw, const uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    raw ^= data[i];
    for (int bit = 0; bit < 8; ++bit) raw = (raw >> 1) ^ ((raw & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return raw;
}

std::vector<uint8_t> RandomBytes(std::mt19937& random, size_t size) {
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

TEST_CASE("The vectors of RFC 3720, section B.4") {
  CHECK(CrcOf("") == 0);
  CHECK(CrcOf("123456789") == 0xe3069283);
  CHECK(CrcOf(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(CrcOf(std::string(32, '\xff')) == 0x62a8ab43);
  std::string rising;
  std::string falling;
  for (char i = 0; i < 32; ++i) {
    rising.push_back(i);
    falling.push_back(static_cast<char>(31 - i));
  }
  CHECK(CrcOf(rising) == 0x46dd794e);
  CHECK(CrcOf(falling) == 0x113fdb5c);
  constexpr uint8_t kIscsiRead[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0,
                                      0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
                                      0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0,    0, 0, 0, 0};
  CHECK(Crc32cExtend(0, kIscsiRead, sizeof kIscsiRead) == 0xd9963a56);
}

TEST_CASE("All implementations agree at every size and alignment") {
  std::mt19937 random(20240611);
  const std::vector<uint8_t> bytes = RandomBytes(random, 16 << 10);
  REQUIRE(!crc32c_internal::Implementations().empty());
  for (size_t round = 0; round < 6000; ++round) {
    const size_t offset = random() % 64;
    const size_t size = round < 4000 ? round : random() % (bytes.size() - offset);
    const uint32_t seed = static_cast<uint32_t>(random());
    const uint32_t want = crc32c_internal::Implementations()[0].extend(seed, bytes.data() + offset, size);
    if (size < 300) REQUIRE(want == BitByBit(seed, bytes.data() + offset, size));
    for (const crc32c_internal::Implementation& implementation : crc32c_internal::Implementations()) {
      INFO(std::string(implementation.name) << " " << size << " bytes at " << offset);
      REQUIRE(implementation.extend(seed, bytes.data() + offset, size) == want);
    }
    REQUIRE(crc32c_internal::ExtendRaw(seed, bytes.data() + offset, size) == want);
  }
}

TEST_CASE("Parts extend and combine to the whole") {
  std::mt19937 random(7);
  const std::vector<uint8_t> bytes = RandomBytes(random, 9000);
  for (int round = 0; round < 500; ++round) {
    const size_t size = random() % bytes.size();
    const size_t cut = random() % (size + 1);
    const uint32_t whole = Crc32cExtend(0, bytes.data(), size);
    const uint32_t first = Crc32cExtend(0, bytes.data(), cut);
    const uint32_t second = Crc32cExtend(0, bytes.data() + cut, size - cut);
    REQUIRE(Crc32cExtend(first, bytes.data() + cut, size - cut) == whole);
    REQUIRE(Crc32cCombine(first, second, size - cut) == whole);
  }
  // A megabyte of zeros, once by doubling and once byte by byte.
  uint32_t zeros = CrcOf(std::string(1, '\0'));
  for (uint64_t size = 1; size < 1 << 20; size *= 2) zeros = Crc32cCombine(zeros, zeros, size);
  CHECK(zeros == CrcOf(std::string(1 << 20, '\0')));
}

#ifdef MILLRACE_CRC32C_X86
MILLRACE_CRC32C_TARGET uint32_t CopyingCrc(uint32_t raw, const uint8_t* data, size_t size, uint8_t* copy) {
  return static_cast<uint32_t>(crc32c_internal::ThreeStreams<true>(raw, data, size, copy));
}

TEST_CASE("The copying form copies exactly its bytes") {
  if (!crc32c_internal::HaveCrcInstructions()) return;
  std::mt19937 random(99);
  const std::vector<uint8_t> bytes = RandomBytes(random, crc32c_internal::kThreeStreamsMax);
  for (size_t size = 24; size <= crc32c_internal::kThreeStreamsMax; ++size) {
    std::vector<uint8_t> copy(size + 9, 0xa5);
    const uint32_t crc = CopyingCrc(5, bytes.data(), size, copy.data());
    REQUIRE(crc == crc32c_internal::ExtendRaw(5, bytes.data(), size));
    REQUIRE(std::memcmp(copy.data(), bytes.data(), size) == 0);
    for (size_t i = size; i < copy.size(); ++i) REQUIRE(copy[i] == 0xa5);
  }
}
#endif

}  // namespace
}  // namespace millrace
