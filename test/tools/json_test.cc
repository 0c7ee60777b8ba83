#include "tools/json.h"

#include <catch2/catch.hpp>

#include "base/json_quote.h"

namespace millrace::inline v0::tools {
namespace {

TEST_CASE("JSON is read as it is written") {
  const auto json = ParseJson(R"( {"a": [1, -2, true, null, "x\"\n\u00e9"], "b": {"c": {}}} )");
  REQUIRE(json.ok());
  const auto* array = std::get_if<Json::Array>(&json->Find("a")->value);
  REQUIRE(array != nullptr);
  REQUIRE(array->size() == 5);
  CHECK(std::get<int64_t>((*array)[1].value) == -2);
  CHECK(std::get<bool>((*array)[2].value));
  CHECK(std::get<std::string>((*array)[4].value) == "x\"\n\xc3\xa9");
  CHECK(json->Find("b")->Find("c") != nullptr);
  CHECK(json->Find("nope") == nullptr);
  CHECK((*array)[0].Find("a") == nullptr);
}

TEST_CASE("What is no JSON is refused") {
  for (const char* text : {"", "{", "[1", "{\"a\"}", "{a:1}", "[1,]", "1 2", "\"x", "\"\\q\"", "\"\\u12\"",
                           "\"\\ud800\"", "tru", "{\"a\":1,}"}) {
    INFO(text);
    CHECK_FALSE(ParseJson(text).ok());
  }
  CHECK_FALSE(ParseJson(std::string(100'000, '[')).ok());
}

TEST_CASE("Quoted text reads back as it was") {
  const std::string text = "a\"b\\c\nd\x01";
  const auto json = ParseJson(JsonQuote(text));
  REQUIRE(json.ok());
  CHECK(std::get<std::string>(json->value) == text);
}

}  // namespace
}  // namespace millrace::inline v0::tools
