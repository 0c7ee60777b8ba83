// How much memory a stretch of code takes at the most: of malloc and everything above it, libraries included.
// Link allocations.cc to have it counted.

#ifndef MILLRACE_TEST_ALLOCATIONS_H_
#define MILLRACE_TEST_ALLOCATIONS_H_

#include <cstddef>

namespace millrace::test {

// False where a sanitizer has its own allocator: nothing is counted then.
bool CountsAllocations();

// From its construction on. One at a time.
class PeakMemory {
 public:
  PeakMemory();
  // The most that was allocated at once, beyond what was before.
  size_t bytes() const;

 private:
  size_t before_;
};

// While it lives no allocation may be larger than so much: malloc gives null, and new throws. For tests of
// code that may ask for all there is.
class LargestAllocation {
 public:
  explicit LargestAllocation(size_t bytes_max);
  ~LargestAllocation();
  LargestAllocation(const LargestAllocation&) = delete;
  // How many were refused.
  size_t refused() const;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_ALLOCATIONS_H_
