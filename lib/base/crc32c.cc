#include "base/crc32c.h"

#include <algorithm>
#include <bit>

#ifdef MILLRACE_WITH_ISAL
#include <isa-l/crc.h>
#endif
#if defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define MILLRACE_CRC32C_ARM 1
#endif

namespace millrace::inline v0 {
namespace crc32c_internal {
namespace {

// Castagnoli's polynomial, bit-reflected: bit 31 is the coefficient of x^0.
constexpr uint32_t kPolynomial = 0x82f63b78;
constexpr uint32_t kOne = 0x80000000;

constexpr uint32_t TimesX(uint32_t a) {
  return (a & 1) != 0 ? (a >> 1) ^ kPolynomial : a >> 1;
}

// Divided by x: the polynomial has a constant term, so this always works.
constexpr uint32_t OverX(uint32_t a) {
  return (a & kOne) != 0 ? ((a ^ kPolynomial) << 1) | 1 : a << 1;
}

constexpr uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = TimesX(b);
  }
  return product;
}

// x^(8 * bytes) mod P.
constexpr uint32_t PowerOfBytes(uint64_t bytes) {
  uint32_t result = kOne;
  uint32_t square = kOne >> 8;
  for (; bytes != 0; bytes >>= 1) {
    if ((bytes & 1) != 0) result = Multiply(result, square);
    square = Multiply(square, square);
  }
  return result;
}

constexpr auto MakeTables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = TimesX(crc);
    tables[0][i] = crc;
  }
  for (size_t t = 1; t < 8; ++t) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t crc = tables[t - 1][i];
      tables[t][i] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr auto kTables = MakeTables();

uint64_t LoadLittle(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Eight table look-ups a word, one for each of its bytes.
uint32_t ExtendPortable(uint32_t raw, const uint8_t* data, size_t size) {
  for (; size >= 8; size -= 8, data += 8) {
    const uint64_t word = LoadLittle(data) ^ raw;
    raw = 0;
    for (size_t i = 0; i < 8; ++i) raw ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; size != 0; --size, ++data) raw = (raw >> 8) ^ kTables[0][(raw ^ *data) & 0xff];
  return raw;
}

#ifdef MILLRACE_CRC32C_X86

constexpr auto MakeShiftByWords() {
  std::array<uint32_t, kShiftWordsMax + 1> shifts{};
  uint32_t power = kOne;
  for (int i = 0; i < 33; ++i) power = OverX(power);
  for (uint32_t& shift : shifts) {
    shift = power;
    power = Multiply(power, PowerOfBytes(8));
  }
  return shifts;
}

MILLRACE_CRC32C_TARGET uint32_t ExtendSse42(uint32_t raw, const uint8_t* data, size_t size) {
  return static_cast<uint32_t>(ExtendOneStream(raw, data, size));
}

// Below this one stream is done sooner than three and their join.
constexpr size_t kThreeStreamsMin = 160;

MILLRACE_CRC32C_TARGET uint32_t ExtendThreeStreams(uint32_t raw, const uint8_t* data, size_t size) {
  uint64_t crc = raw;
  for (; size > kThreeStreamsMax; size -= kThreeStreamsMax, data += kThreeStreamsMax) {
    crc = ThreeStreams<false>(crc, data, kThreeStreamsMax, nullptr);
  }
  if (size >= kThreeStreamsMin) return static_cast<uint32_t>(ThreeStreams<false>(crc, data, size, nullptr));
  return static_cast<uint32_t>(ExtendOneStream(crc, data, size));
}

#endif  // MILLRACE_CRC32C_X86

#ifdef MILLRACE_CRC32C_ARM
uint32_t ExtendArm(uint32_t raw, const uint8_t* data, size_t size) {
  for (; size >= 8; size -= 8, data += 8) raw = __crc32cd(raw, LoadLittle(data));
  for (; size != 0; --size, ++data) raw = __crc32cb(raw, *data);
  return raw;
}
#endif

#ifdef MILLRACE_WITH_ISAL
// It chooses among its own variants at run time. Its length is an int.
uint32_t ExtendIsal(uint32_t raw, const uint8_t* data, size_t size) {
  constexpr size_t kChunk = size_t{1} << 30;
  for (; size != 0;) {
    const size_t now = std::min(size, kChunk);
    raw = crc32_iscsi(const_cast<uint8_t*>(data), static_cast<int>(now), raw);
    data += now;
    size -= now;
  }
  return raw;
}
// From here on it is faster than three streams.
constexpr size_t kIsalMin = 256;
#endif

}  // namespace

#ifdef MILLRACE_CRC32C_X86
constexpr std::array<uint32_t, kShiftWordsMax + 1> kShiftByWords = MakeShiftByWords();
#endif

std::span<const Implementation> Implementations() {
  static constexpr Implementation kAll[] = {
      {"portable", ExtendPortable},
#ifdef MILLRACE_CRC32C_ARM
      {"armv8", ExtendArm},
#endif
#ifdef MILLRACE_WITH_ISAL
      {"isa-l", ExtendIsal},
#endif
#ifdef MILLRACE_CRC32C_X86
      {"sse4.2", ExtendSse42},      {"three streams", ExtendThreeStreams},
#endif
  };
  std::span<const Implementation> all(kAll);
#ifdef MILLRACE_CRC32C_X86
  if (!HaveCrcInstructions()) all = all.first(all.size() - 2);
#endif
  return all;
}

uint32_t ExtendRaw(uint32_t raw, const uint8_t* data, size_t size) {
#ifdef MILLRACE_WITH_ISAL
  if (size >= kIsalMin) return ExtendIsal(raw, data, size);
#endif
#if defined(MILLRACE_CRC32C_X86)
  if (HaveCrcInstructions()) [[likely]]
    return ExtendThreeStreams(raw, data, size);
  return ExtendPortable(raw, data, size);
#elif defined(MILLRACE_CRC32C_ARM)
  return ExtendArm(raw, data, size);
#else
  return ExtendPortable(raw, data, size);
#endif
}

}  // namespace crc32c_internal

uint32_t Crc32c(std::span<const std::byte> data) {
  return Crc32cExtend(0, data.data(), data.size());
}

uint32_t Crc32cExtend(uint32_t crc, const void* data, size_t size) {
  return ~crc32c_internal::ExtendRaw(~crc, static_cast<const uint8_t*>(data), size);
}

uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b) {
  // The complements at both ends cancel out of the sum.
  return crc32c_internal::Multiply(crc_a, crc32c_internal::PowerOfBytes(size_b)) ^ crc_b;
}

}  // namespace millrace::inline v0
