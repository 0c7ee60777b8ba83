#include "base/endian.h"

#include <array>
#include <catch2/catch.hpp>

namespace millrace {
namespace {

template <typename T>
void CheckRoundTrip(T value) {
  std::array<std::byte, sizeof(T) + 1> bytes{};
  StoreBig<T>(bytes.data() + 1, value);  // unaligned
  CHECK(LoadBig<T>(bytes.data() + 1) == value);
  CHECK(bytes[sizeof(T)] == static_cast<std::byte>(value & 0xff));
  StoreLittle<T>(bytes.data() + 1, value);
  CHECK(LoadLittle<T>(bytes.data() + 1) == value);
  CHECK(bytes[1] == static_cast<std::byte>(value & 0xff));
}

TEST_CASE("Loads give back what stores wrote, in the order asked for") {
  CheckRoundTrip<uint8_t>(0xfe);
  CheckRoundTrip<int16_t>(-12345);
  CheckRoundTrip<uint32_t>(0xdeadbeef);
  CheckRoundTrip<int32_t>(INT32_MIN);
  CheckRoundTrip<int64_t>(-2);
  CheckRoundTrip<uint64_t>(0x0123456789abcdef);
  const std::array<uint8_t, 4> bytes = {1, 2, 3, 4};
  CHECK(LoadBig<uint32_t>(bytes.data()) == 0x01020304);
  CHECK(LoadLittle<uint32_t>(bytes.data()) == 0x04030201);
  STATIC_REQUIRE(ByteSwap<uint16_t>(0x1234) == 0x3412);
}

}  // namespace
}  // namespace millrace
