// The regular expressions of topics that a consumer subscribes to.

#ifndef MILLRACE_BASE_PATTERN_H_
#define MILLRACE_BASE_PATTERN_H_

#include <regex>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// kInvalidRequest: not an ECMAScript regular expression.
inline absl::StatusOr<std::regex> CompilePattern(std::string_view pattern) {
  try {
    return std::regex(pattern.begin(), pattern.end(), std::regex::ECMAScript);
  } catch (const std::regex_error& error) {  // the only way std::regex has to say so
    return Error(
        ErrorCode::kInvalidRequest,
        absl::StrFormat("the pattern \"%s\" is not a regular expression: %s", pattern, error.what()));
  }
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_PATTERN_H_
