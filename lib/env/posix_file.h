// The POSIX File.

#ifndef MILLRACE_ENV_POSIX_FILE_H_
#define MILLRACE_ENV_POSIX_FILE_H_

#include <memory>
#include <string>

#include "env/posix_fd.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

// Takes over an open descriptor of a regular file.
std::unique_ptr<File> NewPosixFile(Fd fd, std::string path);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_POSIX_FILE_H_
