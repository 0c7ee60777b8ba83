// MemoryBytes: the content of one file that lives in memory, mappable like a real one.

#ifndef MILLRACE_ENV_MEMORY_BYTES_H_
#define MILLRACE_ENV_MEMORY_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

// How many bytes the files of one file system may have together. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  // Changes what one file is charged for; false, with nothing changed, where that would be too much.
  bool Recharge(uint64_t before, uint64_t after);
  void SetCapacity(uint64_t bytes);
  uint64_t capacity() const;
  uint64_t Free() const;

 private:
  mutable Mutex mutex_;
  uint64_t capacity_bytes_ ABSL_GUARDED_BY(mutex_);
  uint64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// An anonymous piece of shared memory of which only what is used takes address space: mappings are made by
// duplicating the first one (mremap with an old size of 0), so all show the same pages, may reach past the
// end of the file, and stay where they are as the file grows. No descriptor is used.
class MemoryRegion {
 public:
  // The largest size a file may have.
  static constexpr uint64_t kSizeMax = uint64_t{16} << 30;

  static absl::StatusOr<std::shared_ptr<MemoryRegion>> Create(size_t capacity);
  ~MemoryRegion();
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;

  std::byte* base() const { return base_; }
  // Makes [0, size) usable through base(), which may move.
  absl::Status Reserve(size_t size);
  // A second mapping of [0, length): to be given to munmap.
  absl::StatusOr<std::span<std::byte>> Duplicate(size_t length, MapAccess access) const;
  // Gives the pages of [from, capacity) back; they read as zero.
  void Discard(size_t from);

 private:
  MemoryRegion(std::byte* base, size_t capacity) : base_(base), capacity_(capacity) {}

  std::byte* base_;
  size_t capacity_;
};

// Small files that are never mapped stay on the heap. Thread-safe, but for bytes that are stored through
// mappings.
class MemoryBytes {
 public:
  explicit MemoryBytes(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}
  ~MemoryBytes();

  uint64_t size() const;
  size_t Read(uint64_t offset, std::span<std::byte> into) const;
  // kResourceExhausted changes nothing.
  absl::Status Write(uint64_t offset, std::span<const std::byte> from);
  // New bytes read as zero.
  absl::Status Resize(uint64_t size);
  // Resize to `size` if that is more.
  absl::Status Grow(uint64_t size);
  absl::StatusOr<std::span<std::byte>> Map(uint64_t length, MapAccess access);

 private:
  absl::Status ResizeLocked(uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MoveToRegion(size_t capacity) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::byte* data() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return region_ != nullptr ? region_->base() : const_cast<std::byte*>(heap_.data());
  }

  const std::shared_ptr<MemoryBudget> budget_;
  mutable Mutex mutex_;
  uint64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::byte> heap_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<MemoryRegion> region_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_MEMORY_BYTES_H_
