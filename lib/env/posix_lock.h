// The lock of a path between processes.

#ifndef MILLRACE_ENV_POSIX_LOCK_H_
#define MILLRACE_ENV_POSIX_LOCK_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

absl::StatusOr<std::unique_ptr<FileLock>> PosixLock(const std::string& path, std::string_view owner);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_POSIX_LOCK_H_
