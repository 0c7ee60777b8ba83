// CRC-32C (Castagnoli), the checksum of record batches: RFC 3720, section B.4.
//
// A finished CRC is the complement of the "raw" register that the algorithm carries from byte to byte. The
// functions at the top speak of finished CRCs; those in crc32c_internal speak of raw ones and are for hot
// paths that compute a CRC from registers and from several pieces of memory.

#ifndef MILLRACE_BASE_CRC32C_H_
#define MILLRACE_BASE_CRC32C_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define MILLRACE_CRC32C_X86 1
#include <immintrin.h>
#endif

namespace millrace::inline v0 {

// The CRC of `data`; 0 of nothing. Thread-safe, as everything here.
uint32_t Crc32c(std::span<const std::byte> data);
// The CRC of what `crc` is of, followed by `data`.
uint32_t Crc32cExtend(uint32_t crc, const void* data, size_t size);
// The CRC of A followed by B, from the CRC of A, the CRC of B and the bytes of B. O(log size).
uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b);

namespace crc32c_internal {

// One way to compute it, for tests that compare all that this processor can run.
struct Implementation {
  std::string_view name = {};
  // Raw CRC in, raw CRC out.
  uint32_t (*extend)(uint32_t raw, const uint8_t* data, size_t size) = nullptr;
};
std::span<const Implementation> Implementations();

// The fastest of them for `size` bytes here.
uint32_t ExtendRaw(uint32_t raw, const uint8_t* data, size_t size);

#ifdef MILLRACE_CRC32C_X86
#define MILLRACE_CRC32C_TARGET __attribute__((target("sse4.2,pclmul")))

// Whether functions marked MILLRACE_CRC32C_TARGET may run. Reads what the compiler's run time found out at
// start; before that (in the earliest static constructors) the answer is false, which is slow and right.
inline bool HaveCrcInstructions() {
  return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
}

// kShiftByWords[n]: what a raw CRC is multiplied with (carry-less) so that the product, fed to the crc32
// instruction as one word, gives that CRC moved over n words of zeros: x^(64n - 33) mod P, bit-reflected.
inline constexpr size_t kShiftWordsMax = 256;
extern const std::array<uint32_t, kShiftWordsMax + 1> kShiftByWords;

// The most bytes that ThreeStreams() may be given.
inline constexpr size_t kThreeStreamsMax = kShiftWordsMax / 2 * 24;

inline uint64_t LoadWord(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// `raw` times x^(64 * words - 33), not yet reduced: to be xored into the word whose end is `words` words
// further on.
MILLRACE_CRC32C_TARGET inline __attribute__((always_inline)) uint64_t ShiftProduct(uint64_t raw,
                                                                                   size_t words) {
  return static_cast<uint64_t>(
      _mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(raw)),
                                             _mm_cvtsi32_si128(static_cast<int>(kShiftByWords[words])), 0)));
}

// The bytes after the last whole word; size < 8.
MILLRACE_CRC32C_TARGET inline __attribute__((always_inline)) uint64_t ExtendTail(uint64_t raw,
                                                                                 const uint8_t* data,
                                                                                 size_t size) {
  if (size & 4) {
    uint32_t word;
    std::memcpy(&word, data, sizeof word);
    raw = _mm_crc32_u32(static_cast<uint32_t>(raw), word);
    data += 4;
  }
  if (size & 2) {
    uint16_t word;
    std::memcpy(&word, data, sizeof word);
    raw = _mm_crc32_u16(static_cast<uint32_t>(raw), word);
    data += 2;
  }
  if (size & 1) raw = _mm_crc32_u8(static_cast<uint32_t>(raw), *data);
  return raw;
}

// Copies size < 8 bytes.
inline void CopyTail(uint8_t* to, const uint8_t* from, size_t size) {
  if (size & 4) {
    std::memcpy(to, from, 4);
    to += 4;
    from += 4;
  }
  if (size & 2) {
    std::memcpy(to, from, 2);
    to += 2;
    from += 2;
  }
  if (size & 1) *to = *from;
}

MILLRACE_CRC32C_TARGET inline __attribute__((always_inline)) uint64_t ExtendOneStream(uint64_t raw,
                                                                                      const uint8_t* data,
                                                                                      size_t size) {
  for (; size >= 8; size -= 8, data += 8) raw = _mm_crc32_u64(raw, LoadWord(data));
  return ExtendTail(raw, data, size);
}

// Three independent streams hide the three cycles that a crc32 instruction takes; they are joined by two
// carry-less products, which ride in on the last word. 24 <= size <= kThreeStreamsMax. If kCopy, the bytes
// are also stored at `copy`, from the registers that hold them.
template <bool kCopy>
MILLRACE_CRC32C_TARGET inline __attribute__((always_inline)) uint64_t
ThreeStreams(uint64_t raw, const uint8_t* data, size_t size, uint8_t* copy) {
  const size_t words = size / 24;
  const size_t stride = 8 * words;
  uint64_t b = 0;
  uint64_t c = 0;
  uint64_t word_c;
  for (size_t at = 0;; at += 8) {
    const uint64_t word_a = LoadWord(data + at);
    const uint64_t word_b = LoadWord(data + at + stride);
    word_c = LoadWord(data + at + 2 * stride);
    if constexpr (kCopy) {
      std::memcpy(copy + at, &word_a, 8);
      std::memcpy(copy + at + stride, &word_b, 8);
      std::memcpy(copy + at + 2 * stride, &word_c, 8);
    }
    raw = _mm_crc32_u64(raw, word_a);
    b = _mm_crc32_u64(b, word_b);
    if (at == stride - 8) break;
    c = _mm_crc32_u64(c, word_c);
  }
  raw = _mm_crc32_u64(c, word_c ^ ShiftProduct(raw, 2 * words) ^ ShiftProduct(b, words));
  size_t at = 3 * stride;
  for (; size - at >= 8; at += 8) {
    const uint64_t word = LoadWord(data + at);
    if constexpr (kCopy) std::memcpy(copy + at, &word, 8);
    raw = _mm_crc32_u64(raw, word);
  }
  if constexpr (kCopy) CopyTail(copy + at, data + at, size - at);
  return ExtendTail(raw, data + at, size - at);
}
#endif  // MILLRACE_CRC32C_X86

}  // namespace crc32c_internal
}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_CRC32C_H_
