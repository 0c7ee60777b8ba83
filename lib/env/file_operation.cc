#include <iterator>

#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

std::string_view FileOperationName(FileOperation operation) {
  static constexpr std::string_view kNames[] = {
      "open",   "pread",    "pwrite",  "fdatasync", "ftruncate", "fallocate", "mmap",
      "msync",  "populate", "readdir", "stat",      "mkdir",     "unlink",    "rmdir",
      "rename", "link",     "fsync",   "syncfs",    "lock",      "statfs",
  };
  static_assert(std::size(kNames) == kFileOperations);
  const auto index = static_cast<size_t>(operation);
  return index < kFileOperations ? kNames[index] : "unknown operation";
}

}  // namespace millrace::inline v0
