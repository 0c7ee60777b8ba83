#include "base/bytes.h"

#include <array>
#include <catch2/catch.hpp>

namespace millrace {
namespace {

TEST_CASE("ByteWriter and ByteReader agree, in network order") {
  std::vector<std::byte> bytes;
  ByteWriter writer(&bytes);
  writer.Write<int16_t>(-2);
  writer.Write<uint32_t>(0x01020304);
  writer.Write<int64_t>(INT64_MIN);
  writer.WriteText("abc");
  writer.WriteVarint(-300);
  writer.WriteVarlong(INT64_MAX);
  writer.WriteUnsignedVarint(UINT32_MAX);
  CHECK(bytes[0] == std::byte{0xff});
  CHECK(bytes[1] == std::byte{0xfe});
  CHECK(bytes[2] == std::byte{1});
  CHECK(bytes[5] == std::byte{4});

  ByteReader reader(bytes);
  CHECK(reader.Read<int16_t>() == -2);
  CHECK(reader.Read<uint32_t>() == 0x01020304);
  CHECK(reader.Read<int64_t>() == INT64_MIN);
  CHECK(reader.ReadText(3) == "abc");
  CHECK(reader.ReadVarint() == -300);
  CHECK(reader.ReadVarlong() == INT64_MAX);
  CHECK_FALSE(reader.AtEnd());
  CHECK(reader.ReadUnsignedVarint() == UINT32_MAX);
  CHECK(reader.AtEnd());
}

TEST_CASE("ByteReader never reads past its bytes, and stays failed") {
  const std::array<std::byte, 3> bytes = {std::byte{1}, std::byte{2}, std::byte{3}};
  ByteReader reader(bytes);
  CHECK(reader.Read<int32_t>() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.position() == 0);
  CHECK(reader.Read<int8_t>() == 0);
  CHECK(reader.ReadVarint() == 0);
  CHECK(reader.ReadBytes(1).empty());

  ByteReader huge(bytes);
  CHECK(huge.ReadBytes(SIZE_MAX).empty());
  CHECK_FALSE(huge.ok());

  const std::array<std::byte, 2> unfinished = {std::byte{0x80}, std::byte{0x80}};
  ByteReader numbers(unfinished);
  CHECK(numbers.ReadVarint() == 0);
  CHECK_FALSE(numbers.ok());

  ByteReader empty({});
  CHECK(empty.AtEnd());
  CHECK(empty.ReadBytes(0).empty());
  CHECK(empty.ok());
}

TEST_CASE("SpanWriter never writes past its place") {
  std::array<std::byte, 7> place{};
  SpanWriter writer{std::span(place).first(6)};
  writer.Write<uint32_t>(0xa1a2a3a4);
  CHECK(writer.remaining() == 2);
  writer.WriteText("xyz");
  CHECK_FALSE(writer.ok());
  CHECK(writer.position() == 4);
  writer.Write<uint8_t>(9);
  CHECK(writer.written().size() == 4);
  CHECK(place[3] == std::byte{0xa4});
  CHECK(place[4] == std::byte{0});
  CHECK(place[6] == std::byte{0});
}

}  // namespace
}  // namespace millrace
