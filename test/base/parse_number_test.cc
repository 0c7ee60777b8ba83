#include "base/parse_number.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {
namespace {

TEST_CASE("a number fills its text") {
  CHECK(ParseNumber<int32_t>("0") == 0);
  CHECK(ParseNumber<int32_t>("-17") == -17);
  CHECK(ParseNumber<int64_t>("9223372036854775807") == INT64_MAX);
  CHECK(ParseNumber<double>("0.5") == 0.5);
  // Of a text that goes on behind it, only what it was given.
  CHECK(ParseNumber<int32_t>(std::string_view("1234").substr(0, 2)) == 12);
  for (const std::string_view text : {"", " 1", "1 ", "+1", "1x", "0x1", "--1", "1.5"}) {
    INFO(text);
    CHECK(ParseNumber<int32_t>(text) == std::nullopt);
  }
}

TEST_CASE("a number that the type does not hold is none") {
  CHECK(ParseNumber<int16_t>("32767") == 32767);
  CHECK(ParseNumber<int16_t>("32768") == std::nullopt);
  CHECK(ParseNumber<uint16_t>("-1") == std::nullopt);
  CHECK(ParseNumber<int64_t>("9223372036854775808") == std::nullopt);
}

}  // namespace
}  // namespace millrace
