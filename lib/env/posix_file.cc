#include "env/posix_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "env/errno_status.h"

// Since Linux 5.14; older headers lack them.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace millrace::inline v0 {
namespace {

size_t PageSize() {
  static const size_t size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(std::span<std::byte> bytes, MapAccess access, std::string path)
      : bytes_(bytes), access_(access), path_(std::move(path)) {}
  ~PosixMappedFile() override { ::munmap(bytes_.data(), bytes_.size()); }

  std::span<std::byte> bytes() const override { return bytes_; }

  absl::Status Sync(size_t offset, size_t length) override {
    if (absl::Status status = CheckRange("msync", offset, length); !status.ok()) return status;
    const std::span<std::byte> pages = Pages(offset, length);
    if (pages.empty()) return absl::OkStatus();
    if (RetryInterrupted([&] { return ::msync(pages.data(), pages.size(), MS_SYNC); }) != 0) {
      return ErrnoStatus(errno, "msync", path_);
    }
    return absl::OkStatus();
  }

  absl::Status Populate(size_t offset, size_t length) override {
    if (absl::Status status = CheckRange("populate", offset, length); !status.ok()) return status;
    const std::span<std::byte> pages = Pages(offset, length);
    if (pages.empty()) return absl::OkStatus();
    const int advice = access_ == MapAccess::kReadWrite ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    int result = 0;
    do {
      result = ::madvise(pages.data(), pages.size(), advice);
    } while (result != 0 && (errno == EINTR || errno == EAGAIN));
    if (result == 0) return absl::OkStatus();
    switch (errno) {
      case EINVAL:  // a kernel before 5.14
        Touch(pages);
        return absl::OkStatus();
      case EFAULT:  // what a store would have been killed for
        return absl::ResourceExhaustedError(
            ToAbsl(StrCat("populate ", path_, ": no space behind the mapping at ", offset, " + ", length,
                          ", or the range reaches past the end of the file; free space and allocate first")));
      case EHWPOISON:
        return absl::DataLossError(ToAbsl(StrCat("populate ", path_, ": memory error in the page cache")));
      default:
        return ErrnoStatus(errno, "populate", path_);
    }
  }

  void Advise(size_t offset, size_t length, MapAdvice advice) override {
    if (!CheckRange("advise", offset, length).ok()) return;
    static constexpr int kAdvice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_DONTNEED};
    const std::span<std::byte> pages = Pages(offset, length);
    if (!pages.empty()) ::madvise(pages.data(), pages.size(), kAdvice[static_cast<size_t>(advice)]);
  }

 private:
  absl::Status CheckRange(std::string_view operation, size_t offset, size_t length) const {
    if (offset <= bytes_.size() && length <= bytes_.size() - offset) return absl::OkStatus();
    return absl::InvalidArgumentError(
        ToAbsl(StrCat(operation, " ", path_, ": the range ", offset, " + ", length, " leaves the mapping of ",
                      bytes_.size(), " bytes")));
  }

  // The whole pages that hold the range.
  std::span<std::byte> Pages(size_t offset, size_t length) const {
    if (length == 0) return {};
    const size_t start = offset & ~(PageSize() - 1);
    return bytes_.subspan(start, offset + length - start);
  }

  // Faults each page in without changing it, even while others store there.
  void Touch(std::span<std::byte> pages) const {
    for (size_t at = 0; at < pages.size(); at += PageSize()) {
      auto* const byte = reinterpret_cast<unsigned char*>(pages.data() + at);
      if (access_ == MapAccess::kReadWrite) {
        std::atomic_ref<unsigned char>(*byte).fetch_or(0, std::memory_order_relaxed);
      } else {
        [[maybe_unused]] const unsigned char seen = *static_cast<volatile unsigned char*>(byte);
      }
    }
  }

  const std::span<std::byte> bytes_;
  const MapAccess access_;
  const std::string path_;
};

class PosixFile final : public File {
 public:
  PosixFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) override {
    size_t done = 0;
    while (done < into.size()) {
      if (absl::Status status = CheckOffset("pread", offset, into.size()); !status.ok()) return status;
      const ssize_t count = RetryInterrupted([&] {
        return ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return ErrnoStatus(errno, "pread", path_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> from) override {
    if (absl::Status status = CheckOffset("pwrite", offset, from.size()); !status.ok()) return status;
    size_t done = 0;
    while (done < from.size()) {
      const ssize_t count = RetryInterrupted([&] {
        return ::pwrite(fd_.get(), from.data() + done, from.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return ErrnoStatus(errno, "pwrite", path_);
      if (count == 0) return ErrnoStatus(ENOSPC, "pwrite", path_);
      done += static_cast<size_t>(count);
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (RetryInterrupted([&] { return ::fdatasync(fd_.get()); }) != 0) {
      return ErrnoStatus(errno, "fdatasync", path_);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    struct ::stat info = {};
    if (::fstat(fd_.get(), &info) != 0) return ErrnoStatus(errno, "fstat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  absl::Status Truncate(uint64_t size) override {
    if (absl::Status status = CheckOffset("ftruncate", size, 0); !status.ok()) return status;
    MutexLock lock(&length_mutex_);
    return TruncateLocked(size);
  }

  absl::Status Allocate(uint64_t offset, uint64_t length) override {
    if (length == 0) return absl::OkStatus();
    if (absl::Status status = CheckOffset("fallocate", offset, length); !status.ok()) return status;
    MutexLock lock(&length_mutex_);
    absl::StatusOr<uint64_t> before = Size();
    if (!before.ok()) return before.status();
    // fallocate itself: posix_fallocate would write zeros where the file system cannot reserve.
    const int result = RetryInterrupted(
        [&] { return ::fallocate(fd_.get(), 0, static_cast<off_t>(offset), static_cast<off_t>(length)); });
    if (result == 0) return absl::OkStatus();
    const int error = errno;
    // Some file systems keep what they got before they ran out; cutting to the old length gives it back.
    if (offset + length > *before) TruncateLocked(*before).IgnoreError();
    if (error == EOPNOTSUPP || error == ENOSYS) {
      return absl::UnimplementedError(ToAbsl(StrCat(
          "fallocate ", path_, ": the file system cannot reserve space; use the read/write backend there")));
    }
    return ErrnoStatus(error, "fallocate", path_);
  }

  absl::StatusOr<std::unique_ptr<MappedFile>> Map(uint64_t length, MapAccess access) override {
    if (length == 0 || length > SIZE_MAX / 2) {
      return absl::InvalidArgumentError(ToAbsl(StrCat("mmap ", path_, ": cannot map ", length, " bytes")));
    }
    const int protection = access == MapAccess::kReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
    void* const at = ::mmap(nullptr, length, protection, MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED) return ErrnoStatus(errno, "mmap", path_);
    auto map = std::make_unique<PosixMappedFile>(
        std::span(static_cast<std::byte*>(at), static_cast<size_t>(length)), access, path_);
    if (::madvise(at, length, MADV_DONTFORK) != 0) return ErrnoStatus(errno, "madvise", path_);
    return map;
  }

 private:
  absl::Status CheckOffset(std::string_view operation, uint64_t offset, uint64_t length) const {
    if (offset <= INT64_MAX && length <= INT64_MAX - offset) return absl::OkStatus();
    return absl::InvalidArgumentError(
        ToAbsl(StrCat(operation, " ", path_, ": ", offset, " + ", length, " is too far for a file")));
  }

  absl::Status TruncateLocked(uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(length_mutex_) {
    if (RetryInterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return ErrnoStatus(errno, "ftruncate", path_);
    }
    return absl::OkStatus();
  }

  const Fd fd_;
  const std::string path_;
  // Keeps the undoing of a failed Allocate from cutting what another Allocate reserved.
  Mutex length_mutex_;
};

}  // namespace

std::unique_ptr<File> NewPosixFile(Fd fd, std::string path) {
  return std::make_unique<PosixFile>(std::move(fd), std::move(path));
}

}  // namespace millrace::inline v0
