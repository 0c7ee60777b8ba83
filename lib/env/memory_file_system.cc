#include "env/memory_file_system.h"

#include <cerrno>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "env/errno_status.h"
#include "env/lock_status.h"
#include "env/memory_file.h"

namespace millrace::inline v0 {
namespace {

absl::Status Failed(int error, FileOperation operation, std::string_view path) {
  return ErrnoStatus(error, FileOperationName(operation), path);
}

// The parts of a path, with "." and ".." worked in.
std::vector<std::string_view> PartsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return parts;
}

class MemoryFileLock final : public FileLock {
 public:
  MemoryFileLock(std::shared_ptr<MemoryFileSystem::Shared> shared, MemoryNodePtr node)
      : shared_(std::move(shared)), node_(std::move(node)) {}
  ~MemoryFileLock() override {
    MutexLock lock(&shared_->mutex);
    node_->locked = false;
  }

 private:
  const std::shared_ptr<MemoryFileSystem::Shared> shared_;
  const MemoryNodePtr node_;
};

// Whether `directory` is `node` or lies below it.
bool Holds(const MemoryNodePtr& node, const MemoryNodePtr& directory) {
  if (node == directory) return true;
  for (const auto& [name, below] : node->entries) {
    if (below->is_directory() && Holds(below, directory)) return true;
  }
  return false;
}

}  // namespace

MemoryHooks::Verdict MemoryFileSystem::Shared::Before(FileOperation operation, std::string_view path,
                                                      MemoryNode* node) {
  if (hooks == nullptr) return {};
  return hooks->Before(operation, path, node);
}

MemoryFileSystem::MemoryFileSystem(Clock* clock, std::shared_ptr<MemoryBudget> budget, MemoryHooks* hooks)
    : shared_(std::make_shared<Shared>()), root_(std::make_shared<MemoryNode>()) {
  shared_->clock = clock;
  shared_->hooks = hooks;
  shared_->budget = std::move(budget);
}

void MemoryFileSystem::Rebuild(absl::FunctionRef<MemoryNodePtr(const MemoryNodePtr&)> build) {
  MutexLock lock(&shared_->mutex);
  // The old content goes uncharged; the new one is there, whatever the limit.
  const uint64_t capacity = shared_->budget->capacity();
  shared_->budget = std::make_shared<MemoryBudget>(INT64_MAX);
  root_ = build(root_);
  shared_->budget->SetCapacity(capacity);
  shared_->generation.fetch_add(1);
}

void MemoryFileSystem::SetCapacity(uint64_t bytes) {
  MutexLock lock(&shared_->mutex);
  shared_->budget->SetCapacity(bytes);
}

MemoryNodePtr MemoryFileSystem::NewFile() const {
  auto node = std::make_shared<MemoryNode>();
  node->bytes = std::make_unique<MemoryBytes>(shared_->budget);
  node->modified_ms.store(shared_->clock->Wall().value());
  return node;
}

absl::StatusOr<MemoryFileSystem::Place> MemoryFileSystem::Find(FileOperation operation,
                                                               std::string_view path) const {
  Place place{.directory = nullptr, .name = "", .node = root_};
  for (const std::string_view part : PartsOf(path)) {
    if (place.node == nullptr) return Failed(ENOENT, operation, path);
    if (!place.node->is_directory()) return Failed(ENOTDIR, operation, path);
    if (part.size() > 255) return Failed(ENAMETOOLONG, operation, path);
    const auto found = place.node->entries.find(part);
    MemoryNodePtr below = found != place.node->entries.end() ? found->second : nullptr;
    place = Place{.directory = std::move(place.node), .name = std::string(part), .node = std::move(below)};
  }
  return place;
}

absl::StatusOr<MemoryFileSystem::Place> MemoryFileSystem::FindExisting(FileOperation operation,
                                                                       std::string_view path) const {
  MILLRACE_ASSIGN_OR_RETURN(Place place, Find(operation, path));
  if (place.node == nullptr) return Failed(ENOENT, operation, path);
  return place;
}

void MemoryFileSystem::Apply(std::vector<MemoryChange> changes) {
  for (const MemoryChange& change : changes) {
    if (change.node == nullptr) {
      change.directory->entries.erase(change.name);
    } else {
      change.directory->entries.insert_or_assign(change.name, change.node);
    }
    change.directory->modified_ms.store(shared_->clock->Wall().value());
  }
  if (shared_->hooks != nullptr) shared_->hooks->Changed(std::move(changes));
}

absl::StatusOr<MemoryNodePtr> MemoryFileSystem::OpenNode(std::string_view path, OpenMode mode) {
  MILLRACE_ASSIGN_OR_RETURN(Place place, Find(FileOperation::kOpen, path));
  if (place.node != nullptr) {
    if (mode == OpenMode::kCreateNew) return Failed(EEXIST, FileOperation::kOpen, path);
    if (place.node->is_directory()) return Failed(EISDIR, FileOperation::kOpen, path);
    return place.node;
  }
  if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite)
    return Failed(ENOENT, FileOperation::kOpen, path);
  MemoryNodePtr node = NewFile();
  Apply({{.directory = place.directory, .name = place.name, .node = node}});
  return node;
}

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::Open(std::string_view path, OpenMode mode) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kOpen, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(MemoryNodePtr node, OpenNode(path, mode));
  return NewMemoryFile(shared_, std::move(node), std::string(path), mode != OpenMode::kRead);
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(directory));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kList, directory).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(const Place place, FindExisting(FileOperation::kList, directory));
  if (!place.node->is_directory()) return Failed(ENOTDIR, FileOperation::kList, directory);
  std::vector<std::string> names;
  for (const auto& [name, node] : place.node->entries) names.push_back(name);
  return names;
}

absl::StatusOr<FileInfo> MemoryFileSystem::Stat(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kStat, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(const Place place, FindExisting(FileOperation::kStat, path));
  const bool is_directory = place.node->is_directory();
  return FileInfo{.size_bytes = is_directory ? 0 : place.node->bytes->size(),
                  .is_directory = is_directory,
                  .modified_ms = place.node->modified_ms.load()};
}

absl::Status MemoryFileSystem::CreateDirectory(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kCreateDirectory, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(Place place, Find(FileOperation::kCreateDirectory, path));
  if (place.node != nullptr) return Failed(EEXIST, FileOperation::kCreateDirectory, path);
  auto node = std::make_shared<MemoryNode>();
  node->modified_ms.store(shared_->clock->Wall().value());
  Apply({{.directory = place.directory, .name = place.name, .node = std::move(node)}});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Remove(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kRemove, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(Place place, FindExisting(FileOperation::kRemove, path));
  if (place.node->is_directory()) return Failed(EISDIR, FileOperation::kRemove, path);
  Apply({{.directory = place.directory, .name = place.name, .node = nullptr}});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::RemoveDirectory(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kRemoveDirectory, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(Place place, FindExisting(FileOperation::kRemoveDirectory, path));
  if (!place.node->is_directory()) return Failed(ENOTDIR, FileOperation::kRemoveDirectory, path);
  if (place.directory == nullptr) return Failed(EBUSY, FileOperation::kRemoveDirectory, path);
  if (!place.node->entries.empty()) return Failed(ENOTEMPTY, FileOperation::kRemoveDirectory, path);
  Apply({{.directory = place.directory, .name = place.name, .node = nullptr}});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Rename(std::string_view from, std::string_view to) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(from));
  MILLRACE_RETURN_IF_ERROR(CheckPath(to));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kRename, from).status);
  MutexLock lock(&shared_->mutex);
  constexpr FileOperation kRename = FileOperation::kRename;
  MILLRACE_ASSIGN_OR_RETURN(Place source, FindExisting(kRename, from));
  MILLRACE_ASSIGN_OR_RETURN(Place target, Find(kRename, to));
  if (source.directory == nullptr || target.directory == nullptr) return Failed(EBUSY, kRename, from);
  if (source.node == target.node) return absl::OkStatus();
  const bool is_directory = source.node->is_directory();
  if (target.node != nullptr) {
    if (!is_directory && target.node->is_directory()) return Failed(EISDIR, kRename, to);
    if (is_directory && !target.node->is_directory()) return Failed(ENOTDIR, kRename, to);
    if (!target.node->entries.empty()) return Failed(ENOTEMPTY, kRename, to);
  }
  if (is_directory && Holds(source.node, target.directory)) return Failed(EINVAL, kRename, from);
  Apply({{.directory = target.directory, .name = target.name, .node = source.node},
         {.directory = source.directory, .name = source.name, .node = nullptr}});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Link(std::string_view existing, std::string_view added) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(existing));
  MILLRACE_RETURN_IF_ERROR(CheckPath(added));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kLink, existing).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(Place source, FindExisting(FileOperation::kLink, existing));
  MILLRACE_ASSIGN_OR_RETURN(Place target, Find(FileOperation::kLink, added));
  if (source.node->is_directory()) return Failed(EISDIR, FileOperation::kLink, existing);
  if (target.node != nullptr) return Failed(EEXIST, FileOperation::kLink, added);
  Apply({{.directory = target.directory, .name = target.name, .node = source.node}});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncDirectory(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(directory));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kSyncDirectory, directory).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(const Place place, FindExisting(FileOperation::kSyncDirectory, directory));
  if (!place.node->is_directory()) return Failed(ENOTDIR, FileOperation::kSyncDirectory, directory);
  if (shared_->hooks != nullptr) shared_->hooks->DirectorySynced(place.node);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncAll(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kSyncAll, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_RETURN_IF_ERROR(FindExisting(FileOperation::kSyncAll, path).status());
  if (shared_->hooks != nullptr) shared_->hooks->AllSynced(root_);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileLock>> MemoryFileSystem::Lock(std::string_view path,
                                                                 std::string_view owner) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kLock, path).status);
  MutexLock lock(&shared_->mutex);
  MILLRACE_ASSIGN_OR_RETURN(MemoryNodePtr node, OpenNode(path, OpenMode::kCreate));
  if (node->locked) return LockedStatus(path, node->lock_owner, owner);
  node->locked = true;
  node->lock_owner = std::string(owner);
  // The text in the file is for people: the lock stands without it, where space is out.
  if (node->bytes->Resize(0).ok()) node->bytes->Write(0, std::as_bytes(std::span(owner))).IgnoreError();
  return std::make_unique<MemoryFileLock>(shared_, std::move(node));
}

absl::StatusOr<VolumeIdentity> MemoryFileSystem::Volume(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckMappable(path));
  if (shared_->hooks != nullptr) return shared_->hooks->Volume();
  // Its address tells it from every other one that is alive in this process.
  return VolumeIdentity{.boot_id = "memory",
                        .mount_id = reinterpret_cast<uintptr_t>(shared_.get()),
                        .device = 0,
                        .certain = true};
}

absl::StatusOr<uint64_t> MemoryFileSystem::FreeSpace(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckMappable(path));
  MutexLock lock(&shared_->mutex);
  return shared_->budget->Free();
}

absl::Status MemoryFileSystem::CheckMappable(std::string_view path) {
  MILLRACE_RETURN_IF_ERROR(CheckPath(path));
  MILLRACE_RETURN_IF_ERROR(shared_->Before(FileOperation::kVolume, path).status);
  MutexLock lock(&shared_->mutex);
  return FindExisting(FileOperation::kVolume, path).status();
}

std::unique_ptr<FileSystem> NewMemoryFileSystem(MemoryFileSystemOptions options) {
  Clock* const clock = options.clock != nullptr ? options.clock : Clock::System();
  return std::make_unique<MemoryFileSystem>(clock, std::make_shared<MemoryBudget>(options.capacity_bytes),
                                            nullptr);
}

}  // namespace millrace::inline v0
