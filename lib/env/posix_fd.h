// Fd: a file descriptor with an owner, and the retry of interrupted calls.

#ifndef MILLRACE_ENV_POSIX_FD_H_
#define MILLRACE_ENV_POSIX_FD_H_

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace millrace::inline v0 {

// Calls `call` until it is not interrupted by a signal.
template <typename Call>
auto RetryInterrupted(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Closes what it holds. Movable. Thread-compatible.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  // On Linux the descriptor is gone whatever close says, so it is never tried twice.
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_POSIX_FD_H_
