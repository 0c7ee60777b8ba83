#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "env/errno_status.h"
#include "env/posix_fd.h"
#include "millrace/env/parker.h"

namespace millrace::inline v0 {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

class PosixEventDescriptor final : public EventDescriptor {
 public:
  explicit PosixEventDescriptor(Fd fd) : fd_(std::move(fd)) {}

  int fd() const override { return fd_.get(); }
  void Signal() override {
    const uint64_t one = 1;
    // Fails only where the counter is full, and then the descriptor is readable anyway.
    [[maybe_unused]] const ssize_t count =
        RetryInterrupted([&] { return ::write(fd_.get(), &one, sizeof one); });
  }
  void Clear() override {
    uint64_t counted = 0;
    [[maybe_unused]] const ssize_t count =
        RetryInterrupted([&] { return ::read(fd_.get(), &counted, sizeof counted); });
  }

 private:
  const Fd fd_;
};

class PosixParker final : public Parker {
 public:
  void Park(const std::atomic<uint32_t>& word, uint32_t expected, MonotonicNanos deadline) override {
    struct ::timespec until = {};
    const int64_t nanos = std::max<int64_t>(deadline.value(), 0);
    until.tv_sec = nanos / 1'000'000'000;
    until.tv_nsec = nanos % 1'000'000'000;
    // The bit set form takes an absolute time of the monotonic clock.
    ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline == kNever ? nullptr : &until,
              nullptr, FUTEX_BITSET_MATCH_ANY);
  }

  void UnparkAll(std::atomic<uint32_t>& word) override { Wake(word, INT_MAX); }
  void Unpark(std::atomic<uint32_t>& word, int count) override { Wake(word, count); }

  absl::StatusOr<std::unique_ptr<EventDescriptor>> NewEventDescriptor() override {
    Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd.ok()) return ErrnoStatus(errno, "eventfd", "(event descriptor)");
    return std::make_unique<PosixEventDescriptor>(std::move(fd));
  }

 private:
  static void Wake(std::atomic<uint32_t>& word, int count) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  }
};

}  // namespace

Parker* Parker::System() {
  static Parker* const parker = new PosixParker;
  return parker;
}

}  // namespace millrace::inline v0
