#include "base/varint.h"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

namespace millrace {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

template <typename T, typename Encode, typename Decode>
void CheckRoundTrip(T value, size_t size, Encode encode, Decode decode) {
  std::array<std::byte, kVarlongSizeMax> place{};
  const std::byte* const end = encode(place.data(), value);
  REQUIRE(static_cast<size_t>(end - place.data()) == size);
  T read{};
  CHECK(decode(place.data(), end, &read) == end);
  CHECK(read == value);
  // Every shorter run of the same bytes is refused and leaves the value alone.
  for (const std::byte* cut = place.data(); cut != end; ++cut) {
    T untouched{77};
    CHECK(decode(place.data(), cut, &untouched) == nullptr);
    CHECK(untouched == T{77});
  }
}

TEST_CASE("Varints round-trip at each length, and their sizes are known beforehand") {
  for (int bit = 0; bit < 64; ++bit) {
    for (const int64_t delta : {-1, 0, 1}) {
      const uint64_t bits = (uint64_t{1} << bit) + static_cast<uint64_t>(delta);
      const auto value = static_cast<int64_t>(bits);
      CheckRoundTrip<uint64_t>(bits, UnsignedVarintSize(bits), EncodeUnsignedVarlong, DecodeUnsignedVarlong);
      CheckRoundTrip<int64_t>(value, VarlongSize(value), EncodeVarlong, DecodeVarlong);
      CheckRoundTrip<int64_t>(~value, VarlongSize(~value), EncodeVarlong, DecodeVarlong);
      if (bit >= 32) continue;
      const auto small = static_cast<uint32_t>(bits);
      const auto signed_small = static_cast<int32_t>(small);
      CheckRoundTrip<uint32_t>(small, UnsignedVarintSize(small), EncodeUnsignedVarint, DecodeUnsignedVarint);
      CheckRoundTrip<int32_t>(signed_small, VarintSize(signed_small), EncodeVarint, DecodeVarint);
    }
  }
  CHECK(VarintSize(INT32_MIN) == kVarintSizeMax);
  CHECK(VarlongSize(INT64_MIN) == kVarlongSizeMax);
}

TEST_CASE("Varints have Kafka's bytes") {
  // Of ByteUtilsTest: zigzag, the low group first.
  std::array<std::byte, kVarlongSizeMax> place{};
  const auto written = [&](std::byte* end) { return std::vector<std::byte>(place.data(), end); };
  CHECK(written(EncodeVarint(place.data(), 0)) == Bytes({0x00}));
  CHECK(written(EncodeVarint(place.data(), -1)) == Bytes({0x01}));
  CHECK(written(EncodeVarint(place.data(), 63)) == Bytes({0x7e}));
  CHECK(written(EncodeVarint(place.data(), -64)) == Bytes({0x7f}));
  CHECK(written(EncodeVarint(place.data(), 64)) == Bytes({0x80, 0x01}));
  CHECK(written(EncodeVarint(place.data(), INT32_MAX)) == Bytes({0xfe, 0xff, 0xff, 0xff, 0x0f}));
  CHECK(written(EncodeVarint(place.data(), INT32_MIN)) == Bytes({0xff, 0xff, 0xff, 0xff, 0x0f}));
  CHECK(written(EncodeVarlong(place.data(), INT64_MIN)) ==
        Bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}));
}

TEST_CASE("Numbers that do not fit their type are refused") {
  uint32_t small = 5;
  for (const auto& bytes :
       {Bytes({0xff, 0xff, 0xff, 0xff, 0x1f}), Bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x00}),
        Bytes({0xff, 0xff, 0xff, 0xff, 0xff})}) {
    CHECK(DecodeUnsignedVarint(bytes.data(), bytes.data() + bytes.size(), &small) == nullptr);
  }
  CHECK(small == 5);
  uint64_t big = 5;
  std::vector<std::byte> bytes(9, std::byte{0xff});
  bytes.push_back(std::byte{0x02});
  CHECK(DecodeUnsignedVarlong(bytes.data(), bytes.data() + bytes.size(), &big) == nullptr);
  bytes.back() = std::byte{0x01};
  CHECK(DecodeUnsignedVarlong(bytes.data(), bytes.data() + bytes.size(), &big) == bytes.data() + 10);
  CHECK(big == UINT64_MAX);
  // Overlong forms of small numbers are numbers all the same, as in Kafka.
  const auto overlong = Bytes({0x85, 0x00});
  CHECK(DecodeUnsignedVarint(overlong.data(), overlong.data() + 2, &small) == overlong.data() + 2);
  CHECK(small == 5);
}

}  // namespace
}  // namespace millrace
