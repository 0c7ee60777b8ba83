// The one place where an errno becomes a status.

#ifndef MILLRACE_ENV_ERRNO_STATUS_H_
#define MILLRACE_ENV_ERRNO_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace millrace::inline v0 {

// The status for `error` (an errno, not 0) of `operation` on `path`, in the canonical codes that
// millrace/env/file_system.h lists. The message names operation, path, the error's text, and a remedy where
// there is one.
absl::Status ErrnoStatus(int error, std::string_view operation, std::string_view path);

// kInvalidArgument where `path` is empty or holds a NUL, which the system would take for its end.
absl::Status CheckPath(std::string_view path);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_ERRNO_STATUS_H_
