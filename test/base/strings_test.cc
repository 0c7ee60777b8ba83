#include "base/strings.h"

#include <catch2/catch.hpp>

#include "absl/status/status.h"
#include "millrace/types.h"

namespace millrace {
namespace {

TEST_CASE("StrCat joins both kinds of view, numbers, bools and ids") {
  const std::string_view view = "view";
  const absl::string_view other = "other";
  CHECK(StrCat(view, " ", other, " ", std::string("s"), 1, " ", int8_t{-65}, " ", uint64_t{1} << 63, true,
               Offset(-1)) == "view other s1 -65 9223372036854775808true-1");
  CHECK(StrCat() == "");
  CHECK(StrCat(absl::InternalError("boom").message()) == "boom");
  std::string text = "a";
  StrAppend(&text, view, 2);
  CHECK(text == "aview2");
}

TEST_CASE("Views convert without a copy") {
  const std::string text("with\0zero", 9);
  CHECK(ToAbsl(text).data() == text.data());
  CHECK(ToAbsl(text).size() == 9);
  CHECK(ToStd(ToAbsl(text)) == text);
}

TEST_CASE("StringMap and StringSet are searched by view") {
  StringMap<int> map;
  map["one"] = 1;
  map[std::string("two")] = 2;
  const std::string_view key = "one";
  CHECK(map.find(key) != map.end());
  CHECK(map.find(absl::string_view("two"))->second == 2);
  CHECK_FALSE(map.contains(std::string_view("three")));
  CHECK(map.contains("two"));
  StringSet set = {"x"};
  CHECK(set.contains(std::string_view("xy").substr(0, 1)));
}

}  // namespace
}  // namespace millrace
