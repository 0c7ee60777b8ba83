#include "tools/line_reader.h"

#include <catch2/catch.hpp>

#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

LineReaderOptions Options(const Properties& properties) {
  const auto options = LineReaderOptions::From(properties);
  REQUIRE(options.ok());
  return *options;
}

TEST_CASE("A line is a value") {
  const auto line = ParseLine("a\tb", 1, Options({}));
  REQUIRE(line.ok());
  CHECK(line->value == "a\tb");
  CHECK_FALSE(line->key.has_value());
  CHECK(ParseLine("", 1, Options({}))->value == "");
}

TEST_CASE("Keys and headers are cut off the front") {
  const auto options = Options({{"parse.key", "true"}, {"key.separator", "::"}, {"parse.headers", "true"}});
  const auto line = ParseLine("h1:v1,h2:v:2\tk::v::w", 1, options);
  REQUIRE(line.ok());
  CHECK(line->key == "k");
  CHECK(line->value == "v::w");
  REQUIRE(line->headers.size() == 2);
  CHECK(line->headers[0] == std::pair<std::string, std::optional<std::string>>("h1", "v1"));
  CHECK(line->headers[1] == std::pair<std::string, std::optional<std::string>>("h2", "v:2"));
  CHECK(ParseLine("\tk::v", 1, options)->headers.empty());
}

TEST_CASE("A missing separator is an error with its line, or is ignored") {
  const auto line = ParseLine("no", 7, Options({{"parse.key", "true"}}));
  CHECK(ToStd(line.status().message()) == "No key separator found on line number 7: 'no'");
  const auto header = ParseLine("h\tv", 3, Options({{"parse.headers", "true"}}));
  CHECK(ToStd(header.status().message()) == "No header key separator found on line number 3: 'h'");
  const auto ignored = ParseLine("no", 7, Options({{"parse.key", "true"}, {"ignore.error", "true"}}));
  REQUIRE(ignored.ok());
  CHECK(ignored->value == "no");
  CHECK_FALSE(ignored->key.has_value());
}

TEST_CASE("The null marker makes nulls") {
  const auto options = Options({{"parse.key", "true"}, {"parse.headers", "true"}, {"null.marker", "NULL"}});
  const auto line = ParseLine("h:NULL\tNULL\tNULL", 1, options);
  REQUIRE(line.ok());
  CHECK_FALSE(line->key.has_value());
  CHECK_FALSE(line->value.has_value());
  REQUIRE(line->headers.size() == 1);
  CHECK_FALSE(line->headers[0].second.has_value());
  CHECK(ParseLine("NULL\tk\tv", 1, options)->headers.empty());
}

TEST_CASE("Separators that contradict one another are refused") {
  CHECK_FALSE(LineReaderOptions::From({{"key.separator", ""}}).ok());
  CHECK_FALSE(LineReaderOptions::From({{"parse.headers", "true"}, {"headers.separator", ":"}}).ok());
  CHECK_FALSE(LineReaderOptions::From({{"null.marker", "\t"}}).ok());
}

}  // namespace
}  // namespace millrace::inline v0::tools
