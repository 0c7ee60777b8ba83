#include "allocations.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MILLRACE_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MILLRACE_COUNTS_ALLOCATIONS 0
#endif
#endif
#if !defined(MILLRACE_COUNTS_ALLOCATIONS)
#if defined(__GLIBC__)
#define MILLRACE_COUNTS_ALLOCATIONS 1
#else
#define MILLRACE_COUNTS_ALLOCATIONS 0
#endif
#endif

namespace millrace::test {
namespace {

std::atomic<size_t> current{0};
std::atomic<size_t> peak{0};
std::atomic<size_t> largest{SIZE_MAX};
std::atomic<size_t> refusals{0};

}  // namespace

bool CountsAllocations() {
  return MILLRACE_COUNTS_ALLOCATIONS != 0;
}

PeakMemory::PeakMemory() : before_(current.load()) {
  peak.store(before_);
}

size_t PeakMemory::bytes() const {
  return peak.load() - before_;
}

LargestAllocation::LargestAllocation(size_t bytes_max) {
  refusals.store(0);
  largest.store(bytes_max);
}

LargestAllocation::~LargestAllocation() {
  largest.store(SIZE_MAX);
}

size_t LargestAllocation::refused() const {
  return refusals.load();
}

}  // namespace millrace::test

#if MILLRACE_COUNTS_ALLOCATIONS

// In place of the C library's, for every library of the process. What these give out, its own functions made.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);
}

namespace millrace::test {
namespace {

bool TooLarge(size_t size) {
  if (size <= largest.load(std::memory_order_relaxed)) return false;
  refusals.fetch_add(1);
  errno = ENOMEM;
  return true;
}

void* Took(void* block) {
  if (block == nullptr) return nullptr;
  const size_t size = malloc_usable_size(block);
  const size_t now = current.fetch_add(size, std::memory_order_relaxed) + size;
  size_t before = peak.load(std::memory_order_relaxed);
  while (before < now && !peak.compare_exchange_weak(before, now, std::memory_order_relaxed)) {
  }
  return block;
}

void Gives(void* block) {
  if (block != nullptr) current.fetch_sub(malloc_usable_size(block), std::memory_order_relaxed);
}

void* Aligned(size_t alignment, size_t size) {
  return TooLarge(size) ? nullptr : Took(__libc_memalign(alignment, size));
}

}  // namespace
}  // namespace millrace::test

extern "C" {

void* malloc(size_t size) {
  return millrace::test::TooLarge(size) ? nullptr : millrace::test::Took(__libc_malloc(size));
}

void free(void* block) {
  millrace::test::Gives(block);
  __libc_free(block);
}

void* calloc(size_t count, size_t size) {
  if (count != 0 && millrace::test::TooLarge(size > SIZE_MAX / count ? SIZE_MAX : count * size))
    return nullptr;
  return millrace::test::Took(__libc_calloc(count, size));
}

void* realloc(void* block, size_t size) {
  if (millrace::test::TooLarge(size)) return nullptr;
  const size_t before = block == nullptr ? 0 : malloc_usable_size(block);
  void* const moved = __libc_realloc(block, size);
  if (moved != nullptr || size == 0) millrace::test::current.fetch_sub(before, std::memory_order_relaxed);
  return millrace::test::Took(moved);
}

void* memalign(size_t alignment, size_t size) {
  return millrace::test::Aligned(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  return millrace::test::Aligned(alignment, size);
}

int posix_memalign(void** block, size_t alignment, size_t size) {
  *block = millrace::test::Aligned(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

}  // extern "C"

#endif
