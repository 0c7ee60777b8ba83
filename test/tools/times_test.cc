#include "tools/times.h"

#include <catch2/catch.hpp>

namespace millrace::inline v0::tools {
namespace {

TEST_CASE("Durations and times") {
  CHECK(*ParseIsoDuration("P1DT2H3M4.5S") == 86'400'000 + 2 * 3'600'000 + 3 * 60'000 + 4500);
  CHECK(*ParseIsoDuration("-PT1S") == -1000);
  for (const char* text : {"", "P", "PT", "1D", "P1H", "PT1D", "P1", "PTS", "P1DT", "PT1ST1S"})
    CHECK_FALSE(ParseIsoDuration(text).ok());
  CHECK(*ParseDateTime("1970-01-02T00:00:00.001") == 86'400'001);
  CHECK(*ParseDateTime("1970-01-02T00:00:00") == 86'400'000);
  CHECK(*ParseDateTime("1970-01-02T00:00:00Z") == 86'400'000);
  CHECK_FALSE(ParseDateTime("1970-01-02").ok());
}

TEST_CASE("Times are printed by Java's patterns") {
  // 2009-02-13T23:31:30.042Z, a Friday.
  const Timestamp time(1'234'567'890'042);
  const auto formatted = [&](std::string_view pattern) {
    auto text = FormatJavaTime(pattern, time, absl::UTCTimeZone());
    return text.ok() ? *text : "error: " + std::string(text.status().message());
  };
  CHECK(formatted("yyyy-MM-dd HH:mm:ss:SSS") == "2009-02-13 23:31:30:042");
  CHECK(formatted("d.M.yy, h 'o''clock' a") == "13.2.09, 11 o'clock PM");
  CHECK(formatted("EEE dd MMM, EEEE MMMM yyyyy Z") == "Fri 13 Feb, Friday February 02009 +0000");
  CHECK(formatted("") == "");
  CHECK(formatted("''") == "'");
  CHECK(formatted("HH:QQ") == "error: 'HH:QQ' is no format of times: letter 'Q' has no meaning");
  CHECK(formatted("'HH") == "error: ''HH' is no format of times: a quote without its end");
}

}  // namespace
}  // namespace millrace::inline v0::tools
