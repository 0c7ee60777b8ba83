#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "env/posix_fd.h"
#include "millrace/env/random.h"

namespace millrace::inline v0 {
namespace {

// Asks the kernel each time: some 200 ns, no state to share between threads or to copy in a fork.
class SystemRandom final : public Random {
 public:
  uint64_t Next() override {
    uint64_t bits = 0;
    const ssize_t count = RetryInterrupted([&] { return ::getrandom(&bits, sizeof bits, 0); });
    if (count == sizeof bits) [[likely]]
      return bits;
    // A sandbox may forbid the call.
    const Fd fd(RetryInterrupted([] { return ::open("/dev/urandom", O_RDONLY | O_CLOEXEC); }));
    MILLRACE_CHECK(fd.ok() && ::read(fd.get(), &bits, sizeof bits) == sizeof bits);
    return bits;
  }
};

}  // namespace

Random* Random::System() {
  static Random* const random = new SystemRandom;
  return random;
}

}  // namespace millrace::inline v0
