#include "env/memory_bytes.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "env/errno_status.h"

namespace millrace::inline v0 {
namespace {

// Beyond this a file moves from the heap to a region.
constexpr uint64_t kHeapSizeMax = 64 << 10;
constexpr std::string_view kWhat = "(memory file)";

size_t RoundToPage(size_t size) {
  static const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) & ~(page - 1);
}

uint64_t ChargeFor(uint64_t size) {
  return (size + 4095) & ~uint64_t{4095};
}

}  // namespace

bool MemoryBudget::Recharge(uint64_t before, uint64_t after) {
  MutexLock lock(&mutex_);
  const uint64_t used = used_bytes_ - before + after;
  if (after > before && used > capacity_bytes_) return false;
  used_bytes_ = used;
  return true;
}

void MemoryBudget::SetCapacity(uint64_t bytes) {
  MutexLock lock(&mutex_);
  capacity_bytes_ = bytes;
}

uint64_t MemoryBudget::capacity() const {
  MutexLock lock(&mutex_);
  return capacity_bytes_;
}

uint64_t MemoryBudget::Free() const {
  MutexLock lock(&mutex_);
  return capacity_bytes_ > used_bytes_ ? capacity_bytes_ - used_bytes_ : 0;
}

absl::StatusOr<std::shared_ptr<MemoryRegion>> MemoryRegion::Create(size_t capacity) {
  capacity = RoundToPage(capacity);
  void* const at =
      ::mmap(nullptr, kSizeMax, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return ErrnoStatus(errno, "mmap", kWhat);
  // The object keeps its size; only the address space is given back.
  ::munmap(static_cast<std::byte*>(at) + capacity, kSizeMax - capacity);
  ::madvise(at, capacity, MADV_DONTFORK);
  return std::shared_ptr<MemoryRegion>(new MemoryRegion(static_cast<std::byte*>(at), capacity));
}

MemoryRegion::~MemoryRegion() {
  ::munmap(base_, capacity_);
}

absl::Status MemoryRegion::Reserve(size_t size) {
  if (size <= capacity_) return absl::OkStatus();
  size = std::min<size_t>(RoundToPage(std::bit_ceil(size)), kSizeMax);
  void* const at = ::mremap(base_, capacity_, size, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return ErrnoStatus(errno, "mremap", kWhat);
  base_ = static_cast<std::byte*>(at);
  capacity_ = size;
  return absl::OkStatus();
}

absl::StatusOr<std::span<std::byte>> MemoryRegion::Duplicate(size_t length, MapAccess access) const {
  void* const at = ::mremap(base_, 0, RoundToPage(length), MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return ErrnoStatus(errno, "mremap", kWhat);
  const std::span<std::byte> bytes(static_cast<std::byte*>(at), length);
  ::madvise(at, length, MADV_DONTFORK);
  if (access == MapAccess::kRead && ::mprotect(at, length, PROT_READ) != 0) {
    const int error = errno;
    ::munmap(at, length);
    return ErrnoStatus(error, "mprotect", kWhat);
  }
  return bytes;
}

void MemoryRegion::Discard(size_t from) {
  if (from >= capacity_) return;
  const size_t page = std::min(RoundToPage(from), capacity_);
  std::memset(base_ + from, 0, page - from);
  if (page < capacity_ && ::madvise(base_ + page, capacity_ - page, MADV_REMOVE) != 0) {
    std::memset(base_ + page, 0, capacity_ - page);
  }
}

MemoryBytes::~MemoryBytes() {
  budget_->Recharge(ChargeFor(size_), 0);
}

uint64_t MemoryBytes::size() const {
  MutexLock lock(&mutex_);
  return size_;
}

size_t MemoryBytes::Read(uint64_t offset, std::span<std::byte> into) const {
  MutexLock lock(&mutex_);
  if (offset >= size_ || into.empty()) return 0;
  const size_t count = static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset));
  std::memcpy(into.data(), data() + offset, count);
  return count;
}

absl::Status MemoryBytes::Write(uint64_t offset, std::span<const std::byte> from) {
  MutexLock lock(&mutex_);
  if (from.empty()) return absl::OkStatus();
  if (offset > MemoryRegion::kSizeMax || from.size() > MemoryRegion::kSizeMax - offset) {
    return ErrnoStatus(EFBIG, "pwrite", kWhat);
  }
  if (offset + from.size() > size_) MILLRACE_RETURN_IF_ERROR(ResizeLocked(offset + from.size()));
  std::memcpy(data() + offset, from.data(), from.size());
  return absl::OkStatus();
}

absl::Status MemoryBytes::Resize(uint64_t size) {
  MutexLock lock(&mutex_);
  return ResizeLocked(size);
}

absl::Status MemoryBytes::Grow(uint64_t size) {
  MutexLock lock(&mutex_);
  return size > size_ ? ResizeLocked(size) : absl::OkStatus();
}

absl::Status MemoryBytes::ResizeLocked(uint64_t size) {
  if (size > MemoryRegion::kSizeMax) return ErrnoStatus(EFBIG, "ftruncate", kWhat);
  if (!budget_->Recharge(ChargeFor(size_), ChargeFor(size))) return ErrnoStatus(ENOSPC, "allocate", kWhat);
  absl::Status status;
  if (region_ == nullptr && size > kHeapSizeMax) status = MoveToRegion(static_cast<size_t>(size));
  if (status.ok() && region_ != nullptr) status = region_->Reserve(static_cast<size_t>(size));
  if (!status.ok()) {
    budget_->Recharge(ChargeFor(size), ChargeFor(size_));
    return status;
  }
  if (region_ == nullptr) {
    heap_.resize(static_cast<size_t>(size));
  } else if (size < size_) {
    region_->Discard(static_cast<size_t>(size));
  } else {
    // What mappings stored behind the end, in its last page, does not become content.
    const uint64_t page_end = std::min<uint64_t>(RoundToPage(static_cast<size_t>(size_)), size);
    std::memset(region_->base() + size_, 0, static_cast<size_t>(page_end - size_));
  }
  size_ = size;
  return absl::OkStatus();
}

absl::Status MemoryBytes::MoveToRegion(size_t capacity) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<MemoryRegion> region,
                            MemoryRegion::Create(std::max<size_t>(capacity, 1)));
  if (size_ > 0) std::memcpy(region->base(), heap_.data(), static_cast<size_t>(size_));
  heap_ = {};
  region_ = std::move(region);
  return absl::OkStatus();
}

absl::StatusOr<std::span<std::byte>> MemoryBytes::Map(uint64_t length, MapAccess access) {
  MutexLock lock(&mutex_);
  if (length == 0) return absl::InvalidArgumentError("mmap: cannot map 0 bytes");
  if (length > MemoryRegion::kSizeMax) return ErrnoStatus(ENOMEM, "mmap", kWhat);
  if (region_ == nullptr) MILLRACE_RETURN_IF_ERROR(MoveToRegion(static_cast<size_t>(size_)));
  return region_->Duplicate(static_cast<size_t>(length), access);
}

}  // namespace millrace::inline v0
