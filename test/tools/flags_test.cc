#include "tools/flags.h"

#include <catch2/catch.hpp>

#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kSpecs[] = {
    {.name = "topic", .takes = Takes::kValue, .value = "TOPIC", .help = "A topic.", .required = true},
    {.name = "topic-id", .takes = Takes::kValue, .value = "ID", .help = "Its id.", .letter = 't'},
    {.name = "config",
     .takes = Takes::kValue,
     .value = "K=V",
     .help = "A setting.",
     .repeated = true,
     .alias = "property"},
    {.name = "codec", .takes = Takes::kMaybeValue, .value = "CODEC", .help = "A codec."},
    {.name = "props", .takes = Takes::kValues, .value = "K=V", .help = "Settings."},
    {.name = "list", .help = "List."},
};

absl::StatusOr<Flags> Parse(std::vector<std::string> args, size_t positional_max = 0) {
  return Flags::Parse(kSpecs, args, positional_max);
}
std::string Why(std::vector<std::string> args) {
  return std::string(ToStd(Parse(std::move(args)).status().message()));
}

TEST_CASE("Flags are given with a blank or with '='") {
  for (const auto& args : {std::vector<std::string>{"--topic", "a"}, std::vector<std::string>{"--topic=a"}}) {
    const auto flags = Parse(args);
    REQUIRE(flags.ok());
    CHECK(flags->Get("topic") == "a");
    CHECK_FALSE(flags->has("list"));
  }
  const auto empty = Parse({"--topic="});
  REQUIRE(empty.ok());
  CHECK(empty->has("topic"));
  CHECK(empty->Get("topic", "other").empty());
}

TEST_CASE("Flags are repeated, aliased, lettered and shortened") {
  const auto flags =
      Parse({"--topic", "a", "--config", "x=1", "--property", "y==2", "--conf", "z=", "-t", "id", "--li"});
  REQUIRE(flags.ok());
  CHECK(flags->All("config") == std::vector<std::string>{"x=1", "y==2", "z="});
  CHECK(*flags->KeyValues("config") == Properties{{"x", "1"}, {"y", "=2"}, {"z", ""}});
  CHECK(flags->Get("topic-id") == "id");
  CHECK(flags->has("list"));
}

TEST_CASE("A value may be left out, or be many") {
  const auto flags = Parse({"--topic", "a", "--codec", "--props", "x=1", "y=2", "--list"});
  REQUIRE(flags.ok());
  CHECK(flags->has("codec"));
  CHECK(flags->Get("codec", "gzip") == "gzip");
  CHECK(flags->All("props") == std::vector<std::string>{"x=1", "y=2"});
  CHECK(Parse({"--topic", "a", "--codec", "lz4"})->Get("codec", "gzip") == "lz4");
}

TEST_CASE("Wrong use is told in a sentence") {
  CHECK(Why({}) == "Missing required argument \"[topic]\"");
  CHECK(Why({"--topic"}) == "Option topic requires an argument");
  CHECK(Why({"--topic", "--list"}) == "Option topic requires an argument");
  CHECK(Why({"--nope"}) == "nope is not a recognized option");
  CHECK(Why({"-x"}) == "-x is not a recognized option");
  CHECK(Why({"--topic", "a", "--topic", "b"}) ==
        "Found multiple arguments for option topic, but you asked for only one");
  CHECK(Why({"--topic", "a", "--list=x"}) == "Option list takes no argument");
  CHECK(Why({"--topic", "a", "word"}) == "Found unexpected argument: word");
  CHECK(Why({"--topi=a", "--list"}).find("several") != std::string::npos);
  CHECK(Parse({"--topic", "a", "word"}, 1)->positional() == std::vector<std::string>{"word"});
  // Who asks for help need give nothing else.
  CHECK(Parse({"--help"}).ok());
}

TEST_CASE("Numbers are whole and in their range") {
  const auto flags = Parse({"--topic", "-5", "--config", "x"});
  REQUIRE(flags.ok());
  CHECK(**flags->Int("topic") == -5);
  CHECK_FALSE(flags->Int("topic", 0).ok());
  CHECK_FALSE(flags->Int("topic", INT64_MIN, -6).ok());
  CHECK(*flags->IntOr("topic-id", 7) == 7);
  CHECK_FALSE(flags->KeyValues("config").ok());
  CHECK_FALSE(ParseInt("x", "1.5").ok());
  CHECK_FALSE(ParseInt("x", "").ok());
  CHECK_FALSE(ParseInt("x", "99999999999999999999").ok());
}

TEST_CASE("The help has a line for each flag") {
  const std::string help = DescribeFlags(kSpecs);
  CHECK(help.find("--topic <TOPIC>") != std::string::npos);
  CHECK(help.find("REQUIRED: A topic.") != std::string::npos);
  CHECK(help.find("-t, --topic-id <ID>") != std::string::npos);
  CHECK(help.find("--codec [CODEC]") != std::string::npos);
  CHECK(help.find("--help") != std::string::npos);
}

TEST_CASE("Property files have comments, blanks and continued lines") {
  const Properties read = ParseProperties("# no\n! no\n a = 1 \r\nb:2\n\nc=x\\\n   y\nd\n");
  CHECK(read == Properties{{"a", "1"}, {"b", "2"}, {"c", "xy"}, {"d", ""}});
}

}  // namespace
}  // namespace millrace::inline v0::tools
