// Points in time and durations, as Kafka's tools are given them.

#include <charconv>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/strings.h"
#include "tools/consumer_groups.h"

namespace millrace::inline v0::tools {

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

}  // namespace millrace::inline v0::tools
