#include "reliability/flat_files.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_format.h"

namespace millrace::testing {
namespace {

constexpr size_t kReserved = size_t{256} << 20;  // the largest mapping of the tests is the control file's

absl::Status NotFound(std::string_view path) {
  return absl::NotFoundError(absl::StrFormat("no such file or directory: %s", path));
}

}  // namespace

// --- Nodes

struct FlatFiles::Node {
  std::byte* bytes = nullptr;
  uint64_t size = 0;
  bool locked = false;
  std::string owner = {};
  // Nobody has written to it since it was restored.
  bool unchanged = false;

  void Resize(uint64_t to) {
    if (to > kReserved) throw std::runtime_error("a file of a flat file system is too large");
    if (to < size) std::memset(bytes + to, 0, size - to);
    size = to;
    unchanged = false;
  }
};

class FlatFiles::Pool : public std::enable_shared_from_this<Pool> {
 public:
  ~Pool() {
    for (std::byte* bytes : free_) munmap(bytes, kReserved);
  }
  NodePtr Make() {
    auto node = std::make_unique<Node>();
    if (free_.empty()) {
      void* const at = mmap(nullptr, kReserved, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (at == MAP_FAILED) throw std::bad_alloc();
      free_.push_back(static_cast<std::byte*>(at));
    }
    node->bytes = free_.back();
    free_.pop_back();
    return {node.release(), [pool = shared_from_this()](Node* gone) {
              gone->Resize(0);
              pool->free_.push_back(gone->bytes);
              delete gone;
            }};
  }

 private:
  std::vector<std::byte*> free_;
};

namespace {

class FlatMap final : public MappedFile {
 public:
  FlatMap(FlatFiles::NodePtr node, std::span<std::byte> bytes) : node_(std::move(node)), bytes_(bytes) {}
  std::span<std::byte> bytes() const override { return bytes_; }
  absl::Status Sync(size_t, size_t) override { return absl::OkStatus(); }
  absl::Status Populate(size_t, size_t) override { return absl::OkStatus(); }
  void Advise(size_t, size_t, MapAdvice) override {}

 private:
  const FlatFiles::NodePtr node_;
  const std::span<std::byte> bytes_;
};

class FlatFile final : public File {
 public:
  FlatFile(FlatFiles::NodePtr node, std::string path) : node_(std::move(node)), path_(std::move(path)) {}
  const std::string& path() const override { return path_; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    if (offset >= node_->size || into.empty()) return 0;
    const size_t count = std::min<uint64_t>(into.size(), node_->size - offset);
    std::memcpy(into.data(), node_->bytes + offset, count);
    return count;
  }
  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> from) override {
    if (from.empty()) return absl::OkStatus();
    node_->Resize(std::max<uint64_t>(node_->size, offset + from.size()));
    std::memcpy(node_->bytes + offset, from.data(), from.size());
    return absl::OkStatus();
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> Size() override { return node_->size; }
  absl::Status Truncate(uint64_t size) override {
    if (size != node_->size) node_->Resize(size);
    return absl::OkStatus();
  }
  absl::Status Allocate(uint64_t offset, uint64_t length) override {
    node_->Resize(std::max(node_->size, offset + length));
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<MappedFile>> Map(uint64_t length, MapAccess access) override {
    if (length > kReserved) return absl::ResourceExhaustedError("too large a mapping: " + path_);
    if (access == MapAccess::kReadWrite) node_->unchanged = false;
    return std::make_unique<FlatMap>(node_, std::span<std::byte>(node_->bytes, length));
  }

 private:
  const FlatFiles::NodePtr node_;
  const std::string path_;
};

class FlatLock final : public FileLock {
 public:
  explicit FlatLock(FlatFiles::NodePtr node) : node_(std::move(node)) { node_->locked = true; }
  ~FlatLock() override { node_->locked = false; }

 private:
  const FlatFiles::NodePtr node_;
};

}  // namespace

// --- Names

FlatFiles::FlatFiles() : pool_(std::make_shared<Pool>()) {}
FlatFiles::~FlatFiles() = default;

void FlatFiles::Restore(const std::string& directory, const Image& image) {
  const std::string prefix = directory + "/";
  const auto below = [&](const std::string& path) { return path.starts_with(prefix); };
  std::erase_if(directories_, below);
  std::erase_if(files_, [&](const auto& file) {
    return below(file.first) && !image.contains(std::string_view(file.first).substr(prefix.size()));
  });
  directories_.insert(directory);
  for (const auto& [name, bytes] : image) {
    if (name.ends_with('/')) {
      directories_.insert(prefix + name.substr(0, name.size() - 1));
      continue;
    }
    NodePtr& node = files_[prefix + name];
    const bool same = node != nullptr && node->unchanged && node->size == bytes.size() &&
                      (bytes.empty() || std::memcmp(node->bytes, bytes.data(), bytes.size()) == 0);
    if (same) continue;
    if (node == nullptr || node.use_count() > 1) node = pool_->Make();
    node->Resize(bytes.size());
    if (!bytes.empty()) std::memcpy(node->bytes, bytes.data(), bytes.size());
    node->unchanged = true;
  }
}

std::span<std::byte> FlatFiles::BytesOf(const std::string& path) {
  Node& node = *files_.at(path);
  node.unchanged = false;
  return {node.bytes, node.size};
}

absl::StatusOr<std::unique_ptr<File>> FlatFiles::Open(std::string_view path, OpenMode mode) {
  const std::string name(path);
  if (name == forbidden_) return absl::PermissionDeniedError("open " + name + ": Permission denied");
  if (directories_.contains(name)) return absl::FailedPreconditionError("open " + name + ": Is a directory");
  const auto found = files_.find(name);
  NodePtr node = found == files_.end() ? nullptr : found->second;
  if (node != nullptr && mode == OpenMode::kCreateNew) return absl::AlreadyExistsError("exists: " + name);
  if (node == nullptr) {
    if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite) return NotFound(path);
    if (!directories_.contains(name.substr(0, name.rfind('/')))) return NotFound(path);
    node = pool_->Make();
    files_[name] = node;
  }
  return std::make_unique<FlatFile>(std::move(node), name);
}

absl::StatusOr<std::vector<std::string>> FlatFiles::List(std::string_view directory) {
  if (!directories_.contains(directory)) return NotFound(directory);
  const std::string prefix = std::string(directory) + "/";
  std::set<std::string> names;
  const auto add = [&](const std::string& path) {
    if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos)
      names.insert(path.substr(prefix.size()));
  };
  for (const auto& file : files_) add(file.first);
  for (const std::string& path : directories_) add(path);
  return std::vector<std::string>(names.begin(), names.end());
}

absl::StatusOr<FileInfo> FlatFiles::Stat(std::string_view path) {
  if (directories_.contains(path)) return FileInfo{.is_directory = true};
  const auto found = files_.find(path);
  if (found == files_.end()) return NotFound(path);
  return FileInfo{.size_bytes = found->second->size};
}

absl::Status FlatFiles::CreateDirectory(std::string_view path) {
  if (directories_.contains(path) || files_.contains(path))
    return absl::AlreadyExistsError(absl::StrFormat("exists: %s", path));
  directories_.insert(std::string(path));
  return absl::OkStatus();
}

absl::Status FlatFiles::Remove(std::string_view path) {
  const auto found = files_.find(path);
  if (found == files_.end()) {
    return directories_.contains(path)
               ? absl::FailedPreconditionError(absl::StrFormat("remove %s: Is a directory", path))
               : NotFound(path);
  }
  files_.erase(found);
  return absl::OkStatus();
}

absl::Status FlatFiles::RemoveDirectory(std::string_view path) {
  const auto names = List(path);
  if (!names.ok()) return names.status();
  if (!names->empty()) return absl::FailedPreconditionError("the directory is not empty");
  directories_.erase(std::string(path));
  return absl::OkStatus();
}

absl::Status FlatFiles::Rename(std::string_view from, std::string_view to) {
  if (directories_.contains(from)) {
    const std::string prefix = std::string(from) + "/";
    std::vector<std::pair<std::string, NodePtr>> moved;
    for (const auto& [path, node] : files_) {
      if (path.starts_with(prefix)) moved.emplace_back(path, node);
    }
    directories_.erase(std::string(from));
    directories_.insert(std::string(to));
    for (auto& [path, node] : moved) {
      files_.erase(path);
      files_[std::string(to) + "/" + path.substr(prefix.size())] = std::move(node);
    }
    return absl::OkStatus();
  }
  const auto found = files_.find(from);
  if (found == files_.end()) return NotFound(from);
  if (directories_.contains(to))
    return absl::FailedPreconditionError(absl::StrFormat("rename to %s: Is a directory", to));
  NodePtr node = std::move(found->second);
  files_.erase(found);
  node->unchanged = false;
  files_[std::string(to)] = std::move(node);
  return absl::OkStatus();
}

absl::Status FlatFiles::Link(std::string_view existing, std::string_view added) {
  const auto found = files_.find(existing);
  if (found == files_.end()) return NotFound(existing);
  if (files_.contains(added)) return absl::AlreadyExistsError(absl::StrFormat("exists: %s", added));
  const NodePtr node = found->second;
  files_[std::string(added)] = node;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileLock>> FlatFiles::Lock(std::string_view path, std::string_view owner) {
  const auto opened = Open(path, OpenMode::kCreate);
  if (!opened.ok()) return opened.status();
  const NodePtr node = files_.find(path)->second;
  if (node->locked) return absl::FailedPreconditionError("locked by " + node->owner);
  node->owner = std::string(owner);
  return std::make_unique<FlatLock>(node);
}

absl::StatusOr<VolumeIdentity> FlatFiles::Volume(std::string_view) {
  return VolumeIdentity{.boot_id = "boot", .mount_id = mount_id_, .device = 1, .certain = true};
}

}  // namespace millrace::testing
