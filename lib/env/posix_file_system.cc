#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "env/errno_status.h"
#include "env/posix_fd.h"
#include "env/posix_file.h"
#include "env/posix_lock.h"
#include "env/posix_volume.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {
namespace {

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(std::string_view path, OpenMode mode) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    std::string name(path);
    // Not blocking: a pipe in the place of a file must not hang the caller.
    const int flags = FlagsOf(mode) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    Fd fd(RetryInterrupted([&] { return ::open(name.c_str(), flags, 0644); }));
    if (!fd.ok()) return ErrnoStatus(errno, "open", path);
    struct ::stat info = {};
    if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, "fstat", path);
    if (!S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(ToAbsl(StrCat("open ", path, ": not a regular file")));
    }
    return NewPosixFile(std::move(fd), std::move(name));
  }

  absl::StatusOr<std::vector<std::string>> List(std::string_view directory) override {
    MILLRACE_ASSIGN_OR_RETURN(const Fd fd, OpenDirectory(directory));
    // fdopendir takes the descriptor over, so it gets a copy of its own.
    const int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return ErrnoStatus(errno, "dup", directory);
    DIR* const stream = ::fdopendir(copy);
    if (stream == nullptr) {
      const int error = errno;
      ::close(copy);
      return ErrnoStatus(error, "opendir", directory);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const ::dirent* const entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return ErrnoStatus(error, "readdir", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<FileInfo> Stat(std::string_view path) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    struct ::stat info = {};
    if (::stat(std::string(path).c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
    return FileInfo{.size_bytes = static_cast<uint64_t>(info.st_size),
                    .is_directory = S_ISDIR(info.st_mode),
                    .modified_ms = int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000};
  }

  absl::Status CreateDirectory(std::string_view path) override {
    return Call("mkdir", path, [](const char* name) { return ::mkdir(name, 0755); });
  }
  absl::Status Remove(std::string_view path) override { return Call("unlink", path, ::unlink); }
  absl::Status RemoveDirectory(std::string_view path) override { return Call("rmdir", path, ::rmdir); }

  absl::Status Rename(std::string_view from, std::string_view to) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(to));
    return Call(
        "rename", from, [to = std::string(to)](const char* name) { return ::rename(name, to.c_str()); },
        StrCat(" to ", to));
  }

  absl::Status Link(std::string_view existing, std::string_view added) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(existing));
    MILLRACE_RETURN_IF_ERROR(CheckPath(added));
    if (::link(std::string(existing).c_str(), std::string(added).c_str()) == 0) return absl::OkStatus();
    // EPERM is also what a file system without second names answers.
    const int error = errno == EPERM ? EOPNOTSUPP : errno;
    return ErrnoStatus(error, "link", StrCat(existing, " to ", added));
  }

  absl::Status SyncDirectory(std::string_view directory) override {
    MILLRACE_ASSIGN_OR_RETURN(const Fd fd, OpenDirectory(directory));
    if (RetryInterrupted([&] { return ::fsync(fd.get()); }) != 0)
      return ErrnoStatus(errno, "fsync", directory);
    return absl::OkStatus();
  }

  absl::Status SyncAll(std::string_view path) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    const std::string name(path);
    const Fd fd(RetryInterrupted([&] { return ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
    if (!fd.ok()) return ErrnoStatus(errno, "open", path);
    if (RetryInterrupted([&] { return ::syncfs(fd.get()); }) != 0) return ErrnoStatus(errno, "syncfs", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    return PosixLock(std::string(path), owner);
  }
  absl::StatusOr<VolumeIdentity> Volume(std::string_view path) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    return PosixVolume(std::string(path));
  }
  absl::StatusOr<uint64_t> FreeSpace(std::string_view path) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    return PosixFreeSpace(std::string(path));
  }
  absl::Status CheckMappable(std::string_view path) override {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    return PosixCheckMappable(std::string(path));
  }

 private:
  static absl::StatusOr<Fd> OpenDirectory(std::string_view directory) {
    MILLRACE_RETURN_IF_ERROR(CheckPath(directory));
    const std::string name(directory);
    Fd fd(RetryInterrupted([&] { return ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!fd.ok()) return ErrnoStatus(errno, "open", directory);
    return fd;
  }

  template <typename SystemCall>
  static absl::Status Call(std::string_view operation, std::string_view path, SystemCall call,
                           std::string_view detail = "") {
    MILLRACE_RETURN_IF_ERROR(CheckPath(path));
    const std::string name(path);
    if (RetryInterrupted([&] { return call(name.c_str()); }) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, operation, StrCat(path, detail));
  }
};

}  // namespace

FileSystem* FileSystem::System() {
  static FileSystem* const files = new PosixFileSystem;
  return files;
}

}  // namespace millrace::inline v0
