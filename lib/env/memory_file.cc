#include "env/memory_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "env/errno_status.h"

namespace millrace::inline v0 {
namespace {

using SharedPtr = std::shared_ptr<MemoryFileSystem::Shared>;

// What an open file or a mapping is of.
struct Handle {
  SharedPtr shared;
  MemoryNodePtr node;
  std::string path;
  uint64_t generation;

  MemoryHooks::Verdict Before(FileOperation operation) const {
    if (shared->generation.load() != generation) {
      return {.status = absl::AbortedError(ToAbsl(
                  StrCat(FileOperationName(operation), " ", path, ": the process that opened it is gone")))};
    }
    return shared->Before(operation, path, node.get());
  }
  // Names the file in an error of the bytes.
  absl::Status Named(FileOperation operation, absl::Status status) const {
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        ToAbsl(StrCat(FileOperationName(operation), " ", path, ": ", status.message())));
  }
};

class MemoryMappedFile final : public MappedFile {
 public:
  MemoryMappedFile(Handle handle, std::span<std::byte> bytes) : handle_(std::move(handle)), bytes_(bytes) {}
  ~MemoryMappedFile() override { ::munmap(bytes_.data(), bytes_.size()); }

  std::span<std::byte> bytes() const override { return bytes_; }

  absl::Status Sync(size_t offset, size_t length) override {
    MILLRACE_RETURN_IF_ERROR(CheckRange(FileOperation::kMapSync, offset, length));
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kMapSync).status);
    if (handle_.shared->hooks != nullptr) handle_.shared->hooks->RangeSynced(*handle_.node, offset, length);
    return absl::OkStatus();
  }
  absl::Status Populate(size_t offset, size_t length) override {
    MILLRACE_RETURN_IF_ERROR(CheckRange(FileOperation::kPopulate, offset, length));
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kPopulate).status);
    const uint64_t size = handle_.node->bytes->size();
    if (length == 0 || offset + length <= ((size + 4095) & ~uint64_t{4095})) return absl::OkStatus();
    return absl::ResourceExhaustedError(ToAbsl(StrCat("populate ", handle_.path, ": ", offset, " + ", length,
                                                      " is past the end of the file; allocate first")));
  }
  void Advise(size_t, size_t, MapAdvice) override {}

 private:
  absl::Status CheckRange(FileOperation operation, size_t offset, size_t length) const {
    if (offset <= bytes_.size() && length <= bytes_.size() - offset) return absl::OkStatus();
    return absl::InvalidArgumentError(
        ToAbsl(StrCat(FileOperationName(operation), " ", handle_.path, ": the range ", offset, " + ", length,
                      " leaves the mapping of ", bytes_.size(), " bytes")));
  }

  const Handle handle_;
  const std::span<std::byte> bytes_;
};

class MemoryFile final : public File {
 public:
  MemoryFile(Handle handle, bool writable) : handle_(std::move(handle)), writable_(writable) {}

  const std::string& path() const override { return handle_.path; }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kRead).status);
    return bytes().Read(offset, into);
  }

  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> from) override {
    MILLRACE_RETURN_IF_ERROR(CheckWritable(FileOperation::kWrite));
    const MemoryHooks::Verdict verdict = handle_.Before(FileOperation::kWrite);
    if (!verdict.status.ok() && !verdict.half) return verdict.status;
    const size_t count = verdict.half ? from.size() / 2 : from.size();
    MILLRACE_RETURN_IF_ERROR(handle_.Named(FileOperation::kWrite, bytes().Write(offset, from.first(count))));
    Touch();
    return verdict.status;
  }

  absl::Status Sync() override {
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kSync).status);
    if (handle_.shared->hooks != nullptr) handle_.shared->hooks->FileSynced(*handle_.node);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kStat).status);
    return bytes().size();
  }

  absl::Status Truncate(uint64_t size) override {
    MILLRACE_RETURN_IF_ERROR(CheckWritable(FileOperation::kTruncate));
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kTruncate).status);
    Touch();
    return handle_.Named(FileOperation::kTruncate, bytes().Resize(size));
  }

  absl::Status Allocate(uint64_t offset, uint64_t length) override {
    MILLRACE_RETURN_IF_ERROR(CheckWritable(FileOperation::kAllocate));
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kAllocate).status);
    if (length == 0) return absl::OkStatus();
    if (offset > MemoryRegion::kSizeMax || length > MemoryRegion::kSizeMax - offset) {
      return ErrnoStatus(EFBIG, "fallocate", handle_.path);
    }
    Touch();
    return handle_.Named(FileOperation::kAllocate, bytes().Grow(offset + length));
  }

  absl::StatusOr<std::unique_ptr<MappedFile>> Map(uint64_t length, MapAccess access) override {
    if (access == MapAccess::kReadWrite) MILLRACE_RETURN_IF_ERROR(CheckWritable(FileOperation::kMap));
    MILLRACE_RETURN_IF_ERROR(handle_.Before(FileOperation::kMap).status);
    const absl::StatusOr<std::span<std::byte>> mapped = bytes().Map(length, access);
    if (!mapped.ok()) return handle_.Named(FileOperation::kMap, mapped.status());
    return std::make_unique<MemoryMappedFile>(handle_, *mapped);
  }

 private:
  MemoryBytes& bytes() const { return *handle_.node->bytes; }
  void Touch() { handle_.node->modified_ms.store(handle_.shared->clock->Wall().value()); }
  absl::Status CheckWritable(FileOperation operation) const {
    if (writable_) return absl::OkStatus();
    return absl::PermissionDeniedError(
        ToAbsl(StrCat(FileOperationName(operation), " ", handle_.path, ": opened for reading only")));
  }

  const Handle handle_;
  const bool writable_;
};

}  // namespace

std::unique_ptr<File> NewMemoryFile(SharedPtr shared, MemoryNodePtr node, std::string path, bool writable) {
  const uint64_t generation = shared->generation.load();
  return std::make_unique<MemoryFile>(Handle{.shared = std::move(shared),
                                             .node = std::move(node),
                                             .path = std::move(path),
                                             .generation = generation},
                                      writable);
}

}  // namespace millrace::inline v0
