// Points in time and durations, as Kafka's tools are given and print them.

#ifndef MILLRACE_TOOLS_TIMES_H_
#define MILLRACE_TOOLS_TIMES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/types.h"

namespace millrace::inline v0::tools {

// "2024-05-01T12:30:00.000+02:00", with or without milliseconds and zone (then UTC), as milliseconds since
// 1970.
absl::StatusOr<int64_t> ParseDateTime(std::string_view text);
// ISO 8601 ("P1DT2H3M4.5S"), in milliseconds.
absl::StatusOr<int64_t> ParseIsoDuration(std::string_view text);

// `time` by a pattern of java.text.SimpleDateFormat: y M d H h m s S E a z Z, text in single quotes, other
// signs as they are. kInvalidArgument names a letter that has no meaning here, or a quote without its end.
absl::StatusOr<std::string> FormatJavaTime(std::string_view pattern, Timestamp time, absl::TimeZone zone);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_TIMES_H_
