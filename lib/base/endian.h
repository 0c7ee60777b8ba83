// Integers to and from memory in a fixed byte order. Nothing here checks bounds: lib/base/bytes.h does.

#ifndef MILLRACE_BASE_ENDIAN_H_
#define MILLRACE_BASE_ENDIAN_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace millrace::inline v0 {

// The value with its bytes reversed.
template <typename T>
  requires std::is_integral_v<T>
constexpr T ByteSwap(T value) {
  using U = std::make_unsigned_t<T>;
  const U bits = static_cast<U>(value);
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(bits));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(bits));
  } else {
    static_assert(sizeof(T) == 8);
    return static_cast<T>(__builtin_bswap64(bits));
  }
}

// Network order (Kafka's).
template <typename T>
T LoadBig(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return std::endian::native == std::endian::big ? value : ByteSwap(value);
}
template <typename T>
void StoreBig(void* to, std::type_identity_t<T> value) {
  if constexpr (std::endian::native != std::endian::big) value = ByteSwap<T>(value);
  std::memcpy(to, &value, sizeof(T));
}

template <typename T>
T LoadLittle(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return std::endian::native == std::endian::little ? value : ByteSwap(value);
}
template <typename T>
void StoreLittle(void* to, std::type_identity_t<T> value) {
  if constexpr (std::endian::native != std::endian::little) value = ByteSwap<T>(value);
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_ENDIAN_H_
