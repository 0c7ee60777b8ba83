#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "env/errno_status.h"
#include "env/memory_file_system.h"
#include "millrace/testing/sim_env.h"
#include "testing/sim_disk.h"

namespace millrace::inline v0 {
namespace {

int ErrnoOf(SimFaultKind kind) {
  switch (kind) {
    case SimFaultKind::kIoError:
      return EIO;
    case SimFaultKind::kTooManyFiles:
      return EMFILE;
    case SimFaultKind::kNoMemory:
      return ENOMEM;
    case SimFaultKind::kQuota:
      return EDQUOT;
    case SimFaultKind::kReadOnly:
      return EROFS;
    case SimFaultKind::kNoSpace:
    case SimFaultKind::kShortWrite:
      return ENOSPC;
  }
  return EIO;
}

bool IsSync(FileOperation operation) {
  return operation == FileOperation::kSync || operation == FileOperation::kMapSync ||
         operation == FileOperation::kSyncAll;
}

// Lock order: the mutex of the files in memory, then mutex_, then that of a file's bytes.
class SimFileSystemImpl final : public SimFileSystem, private MemoryHooks {
 public:
  explicit SimFileSystemImpl(SimClock* clock)
      : files_(clock, std::make_shared<MemoryBudget>(uint64_t{1} << 40), this) {
    files_.Rebuild([this](const MemoryNodePtr& root) {
      MutexLock lock(&mutex_);
      disk_.Adopt(*root);
      return root;
    });
  }

  void Fail(SimFault fault) override {
    MutexLock lock(&mutex_);
    faults_.push_back({.fault = std::move(fault)});
  }
  void ClearFaults() override {
    MutexLock lock(&mutex_);
    faults_.clear();
  }
  uint64_t faults_fired() const override {
    MutexLock lock(&mutex_);
    return faults_fired_;
  }
  uint64_t calls() const override {
    MutexLock lock(&mutex_);
    uint64_t sum = 0;
    for (const uint64_t count : calls_) sum += count;
    return sum;
  }
  uint64_t calls(FileOperation operation) const override {
    MutexLock lock(&mutex_);
    return calls_[static_cast<size_t>(operation)];
  }
  void SetCapacity(uint64_t bytes) override { files_.SetCapacity(bytes); }

  void StopAtCall(uint64_t nth, bool half) override {
    MutexLock lock(&mutex_);
    stop_in_ = nth;
    stop_half_ = half;
  }
  bool stopped() const override {
    MutexLock lock(&mutex_);
    return life_ != Life::kAlive;
  }
  void Stop() override {
    {
      MutexLock lock(&mutex_);
      if (life_ == Life::kDead) return;
      life_ = Life::kDead;
    }
    // What the process still has of the files is its own from now on.
    files_.Rebuild([this](const MemoryNodePtr& root) {
      MutexLock lock(&mutex_);
      return disk_.CopyLive(files_, root);
    });
  }
  void KillProcess() override {
    Stop();
    Revive();
  }
  void Crash(SimCrashOptions options) override {
    Stop();
    files_.Rebuild([&](const MemoryNodePtr&) {
      MutexLock lock(&mutex_);
      return disk_.Crash(files_, options);
    });
    {
      MutexLock lock(&mutex_);
      ++mounts_;
      if (!options.same_boot) ++boots_;
    }
    Revive();
  }

  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view path, OpenMode mode) override {
    return files_.Open(path, mode);
  }
  absl::StatusOr<std::vector<std::string>> List(std::string_view directory) override {
    return files_.List(directory);
  }
  absl::StatusOr<FileInfo> Stat(std::string_view path) override { return files_.Stat(path); }
  absl::Status CreateDirectory(std::string_view path) override { return files_.CreateDirectory(path); }
  absl::Status Remove(std::string_view path) override { return files_.Remove(path); }
  absl::Status RemoveDirectory(std::string_view path) override { return files_.RemoveDirectory(path); }
  absl::Status Rename(std::string_view from, std::string_view to) override { return files_.Rename(from, to); }
  absl::Status Link(std::string_view existing, std::string_view added) override {
    return files_.Link(existing, added);
  }
  absl::Status SyncDirectory(std::string_view directory) override { return files_.SyncDirectory(directory); }
  absl::Status SyncAll(std::string_view path) override { return files_.SyncAll(path); }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) override {
    return files_.Lock(path, owner);
  }
  absl::StatusOr<VolumeIdentity> Volume(std::string_view path) override { return files_.Volume(path); }
  absl::StatusOr<uint64_t> FreeSpace(std::string_view path) override { return files_.FreeSpace(path); }
  absl::Status CheckMappable(std::string_view path) override { return files_.CheckMappable(path); }

 private:
  // kDying: in the middle of its last write.
  enum class Life : uint8_t { kAlive, kDying, kDead };
  struct ActiveFault {
    SimFault fault = {};
    // Calls that fitted so far.
    uint64_t seen = 0;
  };

  void Revive() {
    MutexLock lock(&mutex_);
    life_ = Life::kAlive;
    stop_in_ = 0;
  }

  static absl::Status Dead(FileOperation operation, std::string_view path) {
    return absl::AbortedError(
        ToAbsl(StrCat(FileOperationName(operation), " ", path, ": the simulated process is dead")));
  }

  Verdict Before(FileOperation operation, std::string_view path, MemoryNode* node) override {
    bool stop = false;
    {
      MutexLock lock(&mutex_);
      stop = life_ == Life::kDying;
      if (life_ == Life::kAlive) {
        ++calls_[static_cast<size_t>(operation)];
        if (stop_in_ == 0) return Judge(operation, path, node);
        --stop_in_;
        if (stop_in_ > 0) return Judge(operation, path, node);
        if (stop_half_ && operation == FileOperation::kWrite) {
          life_ = Life::kDying;
          return {.status = Dead(operation, path), .half = true};
        }
        stop = true;
      }
    }
    if (stop) Stop();
    return {.status = Dead(operation, path)};
  }

  Verdict Judge(FileOperation operation, std::string_view path, MemoryNode* node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const ActiveFault* hit = nullptr;
    for (ActiveFault& active : faults_) {
      const SimFault& fault = active.fault;
      if (fault.operation.has_value() && *fault.operation != operation) continue;
      if (path.find(fault.path_contains) == std::string_view::npos) continue;
      ++active.seen;
      if (hit == nullptr && active.seen >= fault.nth && active.seen - fault.nth < fault.times) hit = &active;
    }
    if (hit == nullptr) return {};
    ++faults_fired_;
    const SimFaultKind kind = hit->fault.kind;
    if (kind == SimFaultKind::kIoError && IsSync(operation)) {
      if (node != nullptr) {
        disk_.LoseFile(*node);
      } else {
        disk_.LoseAll();
      }
    }
    return {.status = ErrnoStatus(ErrnoOf(kind), FileOperationName(operation), path),
            .half = kind == SimFaultKind::kShortWrite && operation == FileOperation::kWrite};
  }

  void Changed(std::vector<MemoryChange> changes) override {
    MutexLock lock(&mutex_);
    disk_.Changed(changes);
  }
  void FileSynced(MemoryNode& node) override {
    MutexLock lock(&mutex_);
    disk_.SyncFile(node);
  }
  void RangeSynced(MemoryNode& node, uint64_t offset, uint64_t length) override {
    MutexLock lock(&mutex_);
    disk_.SyncRange(node, offset, length);
  }
  void DirectorySynced(const MemoryNodePtr& directory) override {
    MutexLock lock(&mutex_);
    disk_.SyncDirectory(directory);
  }
  void AllSynced(const MemoryNodePtr& root) override {
    MutexLock lock(&mutex_);
    disk_.SyncAll(root);
  }
  VolumeIdentity Volume() override {
    MutexLock lock(&mutex_);
    return VolumeIdentity{
        .boot_id = StrCat("simulated-boot-", boots_), .mount_id = mounts_, .device = 1, .certain = true};
  }

  mutable Mutex mutex_;
  SimDisk disk_ ABSL_GUARDED_BY(mutex_);
  std::vector<ActiveFault> faults_ ABSL_GUARDED_BY(mutex_);
  std::array<uint64_t, kFileOperations> calls_ ABSL_GUARDED_BY(mutex_) = {};
  uint64_t faults_fired_ ABSL_GUARDED_BY(mutex_) = 0;
  // Calls until the process stops; 0: it does not.
  uint64_t stop_in_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_half_ ABSL_GUARDED_BY(mutex_) = false;
  Life life_ ABSL_GUARDED_BY(mutex_) = Life::kAlive;
  uint64_t boots_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t mounts_ ABSL_GUARDED_BY(mutex_) = 1;
  MemoryFileSystem files_;
};

}  // namespace

std::unique_ptr<SimFileSystem> NewSimFileSystem(SimClock* clock) {
  return std::make_unique<SimFileSystemImpl>(clock);
}

}  // namespace millrace::inline v0
