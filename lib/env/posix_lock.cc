#include "env/posix_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "env/errno_status.h"
#include "env/lock_status.h"
#include "env/posix_fd.h"

namespace millrace::inline v0 {
namespace {

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  const Fd fd_;
};

std::string OwnerOf(int fd) {
  char text[256];
  const ssize_t count = RetryInterrupted([&] { return ::pread(fd, text, sizeof text, 0); });
  return std::string(text, count > 0 ? static_cast<size_t>(count) : 0);
}

// False where the path names another file by now (somebody removed the one we opened).
bool StillNames(const std::string& path, int fd) {
  struct ::stat opened = {};
  struct ::stat named = {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> PosixLock(const std::string& path, std::string_view owner) {
  while (true) {
    Fd fd(RetryInterrupted(
        [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0644); }));
    if (!fd.ok()) return ErrnoStatus(errno, "open", path);
    // A lock of the open file, not of the process: a second one in this process is refused as well, and
    // closing some other descriptor of the file does not let it go.
    struct ::flock range = {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    if (RetryInterrupted([&] { return ::fcntl(fd.get(), F_OFD_SETLK, &range); }) != 0) {
      if (errno == EAGAIN || errno == EACCES) return LockedStatus(path, OwnerOf(fd.get()), owner);
      return ErrnoStatus(errno, "lock", path);
    }
    if (!StillNames(path, fd.get())) continue;
    // The text is for people; the lock stands without it, on a full disk for one.
    if (RetryInterrupted([&] { return ::ftruncate(fd.get(), 0); }) == 0) {
      [[maybe_unused]] const ssize_t written =
          RetryInterrupted([&] { return ::pwrite(fd.get(), owner.data(), owner.size(), 0); });
    }
    return std::make_unique<PosixFileLock>(std::move(fd));
  }
}

}  // namespace millrace::inline v0
