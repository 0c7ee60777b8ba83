// The file system in memory, with the hooks through which the simulated one (testing/sim_file_system.cc)
// watches it, makes it fail and replaces its content.

#ifndef MILLRACE_ENV_MEMORY_FILE_SYSTEM_H_
#define MILLRACE_ENV_MEMORY_FILE_SYSTEM_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "env/memory_bytes.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

// What a hook keeps beside a node.
class MemoryNodeNote {
 public:
  virtual ~MemoryNodeNote() = default;
};

// A file or a directory. `entries` is guarded by the file system's mutex, as are the members about the lock;
// `note` by whoever set it.
struct MemoryNode : std::enable_shared_from_this<MemoryNode> {
  using Entries = std::map<std::string, std::shared_ptr<MemoryNode>, std::less<>>;

  // Null: a directory.
  std::unique_ptr<MemoryBytes> bytes = nullptr;
  Entries entries = {};
  std::atomic<int64_t> modified_ms = 0;
  bool locked = false;
  std::string lock_owner = {};
  std::unique_ptr<MemoryNodeNote> note = nullptr;

  bool is_directory() const { return bytes == nullptr; }
};
using MemoryNodePtr = std::shared_ptr<MemoryNode>;

// `directory` has `name` for `node` from now on, or no such name (null).
struct MemoryChange {
  MemoryNodePtr directory;
  std::string name;
  MemoryNodePtr node;
};

// Thread-safe.
class MemoryHooks {
 public:
  virtual ~MemoryHooks() = default;

  // An error stops the call before it does anything; with `half`, a write writes the first half of its bytes
  // first.
  struct Verdict {
    absl::Status status = {};
    bool half = false;
  };
  // Before each call, with no lock held.
  virtual Verdict Before(FileOperation operation, std::string_view path, MemoryNode* node) = 0;
  // Names that change in one step. Called with the file system's mutex held.
  virtual void Changed(std::vector<MemoryChange> changes) = 0;
  // [offset, offset + length) of the file, or everything and its length.
  virtual void FileSynced(MemoryNode& node) = 0;
  virtual void RangeSynced(MemoryNode& node, uint64_t offset, uint64_t length) = 0;
  // Called with the file system's mutex held.
  virtual void DirectorySynced(const MemoryNodePtr& directory) = 0;
  // Called with the file system's mutex held.
  virtual void AllSynced(const MemoryNodePtr& root) = 0;
  virtual VolumeIdentity Volume() = 0;
};

// Thread-safe. Lock order: mutex_, then a hook's own, then that of a node's bytes.
class MemoryFileSystem final : public FileSystem {
 public:
  // `clock` and `hooks` (which may be null) are borrowed.
  MemoryFileSystem(Clock* clock, std::shared_ptr<MemoryBudget> budget, MemoryHooks* hooks);

  // Replaces everything by what `build` makes of the old root. Open files, mappings and locks of before go on
  // with the old content, which nothing else sees; calls on them fail.
  void Rebuild(absl::FunctionRef<MemoryNodePtr(const MemoryNodePtr& root)> build);
  // For `build`, or while nothing else uses the file system.
  MemoryNodePtr NewFile() const;
  // The limit for all files together.
  void SetCapacity(uint64_t bytes);

  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view path, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List(std::string_view directory) override;
  absl::StatusOr<FileInfo> Stat(std::string_view path) override;
  absl::Status CreateDirectory(std::string_view path) override;
  absl::Status Remove(std::string_view path) override;
  absl::Status RemoveDirectory(std::string_view path) override;
  absl::Status Rename(std::string_view from, std::string_view to) override;
  absl::Status Link(std::string_view existing, std::string_view added) override;
  absl::Status SyncDirectory(std::string_view directory) override;
  absl::Status SyncAll(std::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) override;
  absl::StatusOr<VolumeIdentity> Volume(std::string_view path) override;
  absl::StatusOr<uint64_t> FreeSpace(std::string_view path) override;
  absl::Status CheckMappable(std::string_view path) override;

  // What open files and locks keep of the file system after its end.
  struct Shared {
    Clock* clock = nullptr;
    MemoryHooks* hooks = nullptr;
    // Guarded by `mutex`.
    std::shared_ptr<MemoryBudget> budget = nullptr;
    // Counts the calls of Rebuild.
    std::atomic<uint64_t> generation = 0;
    Mutex mutex = {};

    MemoryHooks::Verdict Before(FileOperation operation, std::string_view path, MemoryNode* node = nullptr);
  };

 private:
  // Where a path leads: the directory that holds its last part, that part, and what is there (null: nothing).
  // The root has neither directory nor name.
  struct Place {
    MemoryNodePtr directory = nullptr;
    std::string name = {};
    MemoryNodePtr node = nullptr;
  };
  absl::StatusOr<Place> Find(FileOperation operation, std::string_view path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex);
  // As Find, but kNotFound where nothing is there.
  absl::StatusOr<Place> FindExisting(FileOperation operation, std::string_view path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex);
  absl::StatusOr<MemoryNodePtr> OpenNode(std::string_view path, OpenMode mode)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex);
  void Apply(std::vector<MemoryChange> changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex);

  const std::shared_ptr<Shared> shared_;
  MemoryNodePtr root_ ABSL_GUARDED_BY(shared_->mutex);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_MEMORY_FILE_SYSTEM_H_
