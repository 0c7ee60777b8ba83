#include "coordinator/topic_pattern.h"

#include <catch2/catch.hpp>
#include <random>
#include <regex>
#include <string>

#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

bool Matches(std::string_view pattern, std::string_view name) {
  const auto compiled = TopicPattern::Compile(pattern);
  REQUIRE(compiled.ok());
  return compiled->Matches(name);
}

TEST_CASE("whole names match") {
  CHECK(Matches("orders", "orders"));
  CHECK_FALSE(Matches("orders", "orders-2"));
  CHECK_FALSE(Matches("rders", "orders"));
  CHECK(Matches("orders.*", "orders-2"));
  CHECK(Matches("^orders$", "orders"));
  CHECK(Matches("\\Aorders\\z", "orders"));
  CHECK_FALSE(Matches("a^b", "ab"));
  CHECK(Matches("", ""));
  CHECK_FALSE(Matches("", "a"));
  CHECK(Matches("a|b|cd", "cd"));
  CHECK(Matches("(a|b)+?c", "abac"));
  CHECK(Matches("(?:x)(?P<name>y)(?<n2>z)", "xyz"));
  CHECK(Matches("\\w+-\\d{2,3}", "log-123"));
  CHECK_FALSE(Matches("\\w+-\\d{2,3}", "log-1"));
  CHECK_FALSE(Matches("\\w+-\\d{2,3}", "log-1234"));
  CHECK(Matches("[^a-c_]\\.[x\\-y]", "d.-"));
  CHECK_FALSE(Matches("[^a-c_]\\.[x\\-y]", "b.x"));
  CHECK(Matches("[]a]+", "]a"));
  CHECK(Matches("[a-]", "-"));
  CHECK(Matches("(?i)Orders-[a-z]", "oRDERS-Q"));
  CHECK(Matches("a{2}", "aa"));
  CHECK(Matches("a{,2}", "a{,2}"));  // no repetition: text
  CHECK(Matches("(a*)*", "aaa"));
  CHECK(Matches("()*x", "x"));
}

TEST_CASE("what is not understood is refused, with the place") {
  for (const char* const pattern :
       {"(",      ")",     "[a",          "[",   "*a",      "a**",   "a{3,2}", "a{1001}",
        "\\",     "\\1",   "(a)\\1",      "\\b", "\\pL",    "(?=a)", "(?!a)",  "(?<=a)",
        "(?<!a)", "[z-a]", "[[:alpha:]]", "a|*", "(?P<>a)", "[\\"}) {
    const auto compiled = TopicPattern::Compile(pattern);
    INFO(pattern);
    REQUIRE_FALSE(compiled.ok());
    CHECK(ErrorCodeOf(compiled.status()) == ErrorCode::kInvalidRegularExpression);
  }
}

TEST_CASE("what a stranger sends costs no more than its length") {
  // Exponential where matching goes back: 2^200 ways.
  CHECK_FALSE(Matches("(a*)*b", std::string(249, 'a')));
  CHECK_FALSE(Matches("(a|a|a)*(a|aa)+c", std::string(249, 'a')));
  CHECK_FALSE(Matches("(x+x+)+y", std::string(249, 'x')));
  // Too large when written out; too deep; too long.
  CHECK_FALSE(TopicPattern::Compile("(((a{100}){100}){100}){100}").ok());
  CHECK_FALSE(TopicPattern::Compile("(((){1000}){1000}){1000}").ok());
  CHECK_FALSE(TopicPattern::Compile(std::string(1000, '(')).ok());
  CHECK_FALSE(TopicPattern::Compile(std::string(5000, 'a')).ok());
}

TEST_CASE("random patterns match as std::regex says") {
  std::mt19937 random(5);
  const std::string parts[] = {"a",    "b",  "-",  ".",     "[ab]",   "[^a]", "(a|b)",
                               "(a|)", "a*", "b+", "[ab]?", "a{1,2}", "|"};
  int agreed = 0;
  for (int i = 0; i < 400; ++i) {
    std::string pattern;
    for (size_t n = random() % 5; n > 0; --n) pattern += parts[random() % std::size(parts)];
    std::string name;
    for (size_t n = random() % 5; n > 0; --n) name += "ab-"[random() % 3];
    const auto ours = TopicPattern::Compile(pattern);
    INFO(pattern << " on " << name);
    REQUIRE(ours.ok());
    const bool theirs = std::regex_match(name, std::regex(pattern));
    CHECK(ours->Matches(name) == theirs);
    agreed += theirs ? 1 : 0;
  }
  CHECK(agreed > 20);
}

TEST_CASE("random bytes never do harm") {
  std::mt19937 random(6);
  for (int i = 0; i < 3000; ++i) {
    std::string pattern;
    for (size_t n = random() % 12; n > 0; --n) pattern += "(){}[]*+?|\\^$.-,:<P>!=019az"[random() % 27];
    const auto compiled = TopicPattern::Compile(pattern);
    if (compiled.ok()) (void)compiled->Matches("az09-(");
  }
}

}  // namespace
}  // namespace millrace::inline v0
