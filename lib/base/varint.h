// Kafka's variable-length integers: base-128 groups, the low one first; signed ones in zigzag form
// (org.apache.kafka.common.utils.ByteUtils). Writing is unchecked, into a place of at least the maximum or
// the computed size; reading checks its bounds.

#ifndef MILLRACE_BASE_VARINT_H_
#define MILLRACE_BASE_VARINT_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::inline v0 {

// The most bytes an encoded number takes.
inline constexpr size_t kVarintSizeMax = 5;    // 32 bits
inline constexpr size_t kVarlongSizeMax = 10;  // 64 bits

constexpr uint32_t ZigZag(int32_t value) {
  return (static_cast<uint32_t>(value) << 1) ^ static_cast<uint32_t>(value >> 31);
}
constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int32_t UnZigZag(uint32_t bits) {
  return static_cast<int32_t>((bits >> 1) ^ (0 - (bits & 1)));
}
constexpr int64_t UnZigZag(uint64_t bits) {
  return static_cast<int64_t>((bits >> 1) ^ (0 - (bits & 1)));
}

// Bytes that the encoding of a number takes.
constexpr size_t UnsignedVarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr size_t VarintSize(int32_t value) {
  return UnsignedVarintSize(ZigZag(value));
}
constexpr size_t VarlongSize(int64_t value) {
  return UnsignedVarintSize(ZigZag(value));
}

// Writes at `to` and returns the place after the number.
constexpr std::byte* EncodeUnsignedVarlong(std::byte* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<std::byte>(value);
  return to;
}
constexpr std::byte* EncodeUnsignedVarint(std::byte* to, uint32_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<std::byte>(value);
  return to;
}
constexpr std::byte* EncodeVarint(std::byte* to, int32_t value) {
  return EncodeUnsignedVarint(to, ZigZag(value));
}
constexpr std::byte* EncodeVarlong(std::byte* to, int64_t value) {
  return EncodeUnsignedVarlong(to, ZigZag(value));
}

namespace varint_internal {

template <typename U>
constexpr const std::byte* Decode(const std::byte* at, const std::byte* end, U* value) {
  constexpr int kBits = sizeof(U) * 8;
  U bits = 0;
  for (int shift = 0; at != end && shift < kBits; shift += 7) {
    const U group = static_cast<U>(*at++);
    bits |= (group & 0x7f) << shift;
    // The last group has room for the bits that are left alone.
    if (shift + 7 > kBits && (group >> (kBits - shift)) != 0) return nullptr;
    if (group < 0x80) {
      *value = bits;
      return at;
    }
  }
  return nullptr;
}

}  // namespace varint_internal

// Reads a number from [at, end) and returns the place after it. nullptr, with `value` untouched, where the
// bytes end too early or the number does not fit its type.
constexpr const std::byte* DecodeUnsignedVarint(const std::byte* at, const std::byte* end, uint32_t* value) {
  if (at != end && static_cast<uint8_t>(*at) < 0x80) {
    *value = static_cast<uint8_t>(*at);
    return at + 1;
  }
  return varint_internal::Decode(at, end, value);
}
constexpr const std::byte* DecodeUnsignedVarlong(const std::byte* at, const std::byte* end, uint64_t* value) {
  if (at != end && static_cast<uint8_t>(*at) < 0x80) {
    *value = static_cast<uint8_t>(*at);
    return at + 1;
  }
  return varint_internal::Decode(at, end, value);
}
constexpr const std::byte* DecodeVarint(const std::byte* at, const std::byte* end, int32_t* value) {
  uint32_t bits = 0;
  at = DecodeUnsignedVarint(at, end, &bits);
  if (at != nullptr) *value = UnZigZag(bits);
  return at;
}
constexpr const std::byte* DecodeVarlong(const std::byte* at, const std::byte* end, int64_t* value) {
  uint64_t bits = 0;
  at = DecodeUnsignedVarlong(at, end, &bits);
  if (at != nullptr) *value = UnZigZag(bits);
  return at;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_VARINT_H_
