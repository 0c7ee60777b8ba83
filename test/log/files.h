// Helpers of the tests of files: contents in and out of a file system in memory, and damage to them.

#ifndef MILLRACE_TEST_LOG_FILES_H_
#define MILLRACE_TEST_LOG_FILES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "log/log_files.h"
#include "millrace/env/file_system.h"

namespace millrace::log_test {

using Bytes = std::vector<std::byte>;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(value.status().message()));
  return *std::move(value);
}
inline void Must(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

inline Bytes ToBytes(std::span<const std::byte> bytes) {
  return Bytes(bytes.begin(), bytes.end());
}
inline Bytes ReadAll(FileSystem* files, std::string_view path) {
  return Must(ReadWholeFile(files, path, uint64_t{1} << 30));
}
// Makes `path` hold just these bytes.
inline void Put(FileSystem* files, std::string_view path, std::span<const std::byte> bytes) {
  const std::unique_ptr<File> file = Must(files->Open(path, OpenMode::kCreate));
  Must(file->Truncate(0));
  if (!bytes.empty()) Must(file->WriteAt(0, bytes));
}
inline std::unique_ptr<File> OpenFile(FileSystem* files, std::string_view path) {
  return Must(files->Open(path, OpenMode::kCreate));
}
inline void FlipBit(Bytes* bytes, size_t bit) {
  (*bytes)[bit / 8] ^= std::byte{1} << (bit % 8);
}

// A file system in memory with the directory "/d" in it.
inline std::unique_ptr<FileSystem> MemoryFiles() {
  std::unique_ptr<FileSystem> files = NewMemoryFileSystem();
  Must(files->CreateDirectory("/d"));
  return files;
}

}  // namespace millrace::log_test

#endif  // MILLRACE_TEST_LOG_FILES_H_
