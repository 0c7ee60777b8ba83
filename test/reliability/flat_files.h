// FlatFiles: a file system for suites that open a directory hundreds of thousands of times: files are
// stretches of memory that are used again and again, a mapping is a pointer to one, and no call of the system
// is made. One thread.

#ifndef MILLRACE_TEST_RELIABILITY_FLAT_FILES_H_
#define MILLRACE_TEST_RELIABILITY_FLAT_FILES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/env/file_system.h"
#include "reliability/image.h"

namespace millrace::testing {

class FlatFiles final : public FileSystem {
 public:
  // Stretches are kept for the next file.
  class Pool;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  FlatFiles();
  ~FlatFiles() override;

  // Below `directory` there is now this image and nothing else.
  void Restore(const std::string& directory, const Image& image);
  // The file system was shut down and mounted again: what a process left in memory is not believed.
  void Remount() { ++mount_id_; }
  // The bytes of a file, to be damaged. Counts as a change of the file.
  std::span<std::byte> BytesOf(const std::string& path);

  // Nobody may open `path`; "": all may again.
  void Forbid(std::string path) { forbidden_ = std::move(path); }

  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view path, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List(std::string_view directory) override;
  absl::StatusOr<FileInfo> Stat(std::string_view path) override;
  absl::Status CreateDirectory(std::string_view path) override;
  absl::Status Remove(std::string_view path) override;
  absl::Status RemoveDirectory(std::string_view path) override;
  absl::Status Rename(std::string_view from, std::string_view to) override;
  absl::Status Link(std::string_view existing, std::string_view added) override;
  absl::Status SyncDirectory(std::string_view) override { return absl::OkStatus(); }
  absl::Status SyncAll(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) override;
  absl::StatusOr<VolumeIdentity> Volume(std::string_view) override;
  absl::StatusOr<uint64_t> FreeSpace(std::string_view) override { return uint64_t{1} << 40; }
  absl::Status CheckMappable(std::string_view) override { return absl::OkStatus(); }

 private:
  std::shared_ptr<Pool> pool_;
  std::map<std::string, NodePtr, std::less<>> files_;
  std::set<std::string, std::less<>> directories_ = {"/"};
  std::string forbidden_;
  uint64_t mount_id_ = 1;
};

}  // namespace millrace::testing

#endif  // MILLRACE_TEST_RELIABILITY_FLAT_FILES_H_
