// What a refused lock says, the same from every file system.

#ifndef MILLRACE_ENV_LOCK_STATUS_H_
#define MILLRACE_ENV_LOCK_STATUS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/strings.h"

namespace millrace::inline v0 {

// kFailedPrecondition that quotes the printable characters of `owner`, which the holder wrote; `asking` is
// what this process would have written.
inline absl::Status LockedStatus(std::string_view path, std::string_view owner, std::string_view asking) {
  std::string quoted;
  for (const char c : owner) quoted.push_back(c >= ' ' && c <= '~' ? c : ' ');
  while (!quoted.empty() && quoted.back() == ' ') quoted.pop_back();
  if (quoted.empty()) quoted = "an unknown owner";
  if (owner == asking) quoted += " (this one)";
  return absl::FailedPreconditionError(
      ToAbsl(StrCat("lock ", path, ": held by ", quoted, "; close that one first")));
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_LOCK_STATUS_H_
