#include "tools/times.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

std::string Padded(int64_t number, size_t width) {
  return absl::StrFormat("%0*d", static_cast<int>(width), number);
}

// One run of the same letter. Nullopt for a letter without a meaning.
std::optional<std::string> FormatRun(char letter, size_t count, absl::Time time, absl::TimeZone zone) {
  const absl::TimeZone::CivilInfo civil = zone.At(time);
  const auto text = [&](std::string_view format) { return absl::FormatTime(ToAbsl(format), time, zone); };
  switch (letter) {
    case 'y':
      return count == 2 ? Padded(civil.cs.year() % 100, 2) : Padded(civil.cs.year(), count);
    case 'M':
      if (count > 2) return text(count == 3 ? "%b" : "%B");
      return Padded(civil.cs.month(), count);
    case 'd':
      return Padded(civil.cs.day(), count);
    case 'H':
      return Padded(civil.cs.hour(), count);
    case 'h':
      return Padded((civil.cs.hour() + 11) % 12 + 1, count);
    case 'm':
      return Padded(civil.cs.minute(), count);
    case 's':
      return Padded(civil.cs.second(), count);
    case 'S':
      return Padded(civil.subsecond / absl::Milliseconds(1), count);
    case 'E':
      return text(count < 4 ? "%a" : "%A");
    case 'a':
      return text("%p");
    case 'z':
      return text("%Z");
    case 'Z':
      return text("%z");
    default:
      return std::nullopt;
  }
}

// Appends the text that the quote at `begin` opens; two quotes are one, in a text and without. What is behind
// its end, nullopt without one.
std::optional<size_t> TakeQuoted(std::string_view pattern, size_t begin, std::string* to) {
  if (pattern.substr(begin).starts_with("''")) {
    *to += '\'';
    return begin + 2;
  }
  for (size_t i = begin + 1; i < pattern.size(); ++i) {
    if (pattern[i] != '\'') {
      *to += pattern[i];
    } else if (!pattern.substr(i).starts_with("''")) {
      return i + 1;
    } else {
      *to += pattern[i++];
    }
  }
  return std::nullopt;
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

absl::StatusOr<int64_t> ParseDateTime(std::string_view text) {
  // Without a zone it is UTC.
  constexpr std::string_view kFormats[] = {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M:%E*S%z",
                                           "%Y-%m-%dT%H:%M:%E*S"};
  for (const std::string_view format : kFormats) {
    absl::Time time;
    std::string why;
    if (absl::ParseTime(ToAbsl(format), ToAbsl(text), &time, &why)) return absl::ToUnixMillis(time);
  }
  return absl::InvalidArgumentError(ToAbsl(
      StrCat("'", text, "' is no time: YYYY-MM-DDTHH:mm:SS.sss, with a zone or without (UTC), is wanted")));
}

absl::StatusOr<int64_t> ParseIsoDuration(std::string_view text) {
  const auto malformed = [&] {
    return absl::InvalidArgumentError(ToAbsl(StrCat("'", text, "' is no duration: PnDTnHnMnS is wanted")));
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  if (!rest.starts_with('P') || rest.size() < 3) return malformed();
  rest.remove_prefix(1);
  bool in_time = false;
  double milliseconds = 0;
  while (!rest.empty()) {
    if (rest[0] == 'T') {
      if (in_time || rest.size() == 1) return malformed();
      in_time = true;
      rest.remove_prefix(1);
      continue;
    }
    double amount = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), amount);
    const auto used = static_cast<size_t>(end - rest.data());
    if (error != std::errc() || used == rest.size()) return malformed();
    const char unit = rest[used];
    rest.remove_prefix(used + 1);
    double each = 0;
    if (!in_time && unit == 'D') each = 86'400'000;
    if (in_time && unit == 'H') each = 3'600'000;
    if (in_time && unit == 'M') each = 60'000;
    if (in_time && unit == 'S') each = 1'000;
    if (each == 0) return malformed();
    milliseconds += amount * each;
  }
  if (milliseconds > 9e15 || milliseconds < -9e15) return malformed();
  return static_cast<int64_t>(negative ? -milliseconds : milliseconds);
}

absl::StatusOr<std::string> FormatJavaTime(std::string_view pattern, Timestamp time, absl::TimeZone zone) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(ToAbsl(StrCat("'", pattern, "' is no format of times: ", why)));
  };
  const absl::Time at = absl::FromUnixMillis(time.value());
  std::string formatted;
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '\'') {
      const std::optional<size_t> end = TakeQuoted(pattern, i, &formatted);
      if (!end.has_value()) return wrong("a quote without its end");
      i = *end;
      continue;
    }
    const size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
    if (IsLetter(c)) {
      const std::optional<std::string> run = FormatRun(c, end - i, at, zone);
      if (!run.has_value()) return wrong(StrCat("letter '", std::string_view(&c, 1), "' has no meaning"));
      formatted += *run;
    } else {
      formatted += pattern.substr(i, end - i);
    }
    i = end;
  }
  return formatted;
}

}  // namespace millrace::inline v0::tools
