// What only the system's file system does.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strings.h"
#include "env/errno_status.h"
#include "env/posix_volume.h"
#include "millrace/env/file_system.h"
#include "temp_dir.h"

namespace millrace {
namespace {

using absl::StatusCode;

FileSystem& files = *FileSystem::System();

// A file system of 1 MiB that only this test fills; not everybody may mount.
class TinyMount {
 public:
  explicit TinyMount(std::string path) : path_(std::move(path)) {
    ::mkdir(path_.c_str(), 0755);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  ~TinyMount() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_CASE("A full disk is an error, not a signal, and nothing stays behind") {
  const test::TempDir directory;
  const TinyMount mount(directory.Path("m"));
  if (!mount.mounted()) {
    WARN("skipped: mounting is not permitted");
    return;
  }
  const auto file = *files.Open(directory.Path("m/f"), OpenMode::kCreate);
  REQUIRE(file->Allocate(0, 8192).ok());
  const uint64_t before = *files.FreeSpace(directory.Path("m"));
  const absl::Status full = file->Allocate(4096, 4 << 20);
  CHECK(full.code() == StatusCode::kResourceExhausted);
  CHECK(ToStd(full.message()).find("free space") != std::string_view::npos);
  CHECK(*file->Size() == 8192);
  CHECK(*files.FreeSpace(directory.Path("m")) == before);

  // A hole is where a store would be killed; populating says it in words.
  REQUIRE(file->Truncate(4 << 20).ok());
  const auto map = *file->Map(4 << 20, MapAccess::kReadWrite);
  CHECK(map->Populate(0, 8192).ok());
  CHECK(map->Populate(0, 4 << 20).code() == StatusCode::kResourceExhausted);
  const std::vector<std::byte> megabytes(2 << 20);
  CHECK(file->WriteAt(0, megabytes).code() == StatusCode::kResourceExhausted);
}

TEST_CASE("A lock is refused to other processes and ends with its holder") {
  const test::TempDir directory;
  const std::string path = directory.Path("lock");
  std::array<int, 2> ready = {};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto lock = files.Lock(path, "the child\nwith\x01 control");
    const char answer = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  const absl::Status refused = files.Lock(path, "the parent").status();
  CHECK(refused.code() == StatusCode::kFailedPrecondition);
  CHECK(ToStd(refused.message()).find("the child with  control") != std::string_view::npos);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(files.Lock(path, "the parent").ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("Descriptors are not inherited, and mappings not forked") {
  const test::TempDir directory;
  const auto before = files.List("/proc/self/fd");
  const auto file = *files.Open(directory.Path("f"), OpenMode::kCreate);
  const auto lock = *files.Lock(directory.Path("lock"), "me");
  const auto after = files.List("/proc/self/fd");
  REQUIRE(after->size() >= before->size() + 2);
  int ours = 0;
  for (const std::string& fd : *after) {
    char target[4096] = {};
    if (::readlink(("/proc/self/fd/" + fd).c_str(), target, sizeof target - 1) < 0) continue;
    if (std::string_view(target).find(directory.path()) != 0) continue;
    ++ours;
    CHECK((::fcntl(std::stoi(fd), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(ours == 2);

  REQUIRE(file->Allocate(0, 4096).ok());
  const auto map = *file->Map(4096, MapAccess::kReadWrite);
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  bool dont_fork = false;
  while (std::getline(smaps, line)) {
    if (line.find(directory.Path("f")) != std::string::npos) inside = true;
    if (inside && line.rfind("VmFlags:", 0) == 0) {
      dont_fork = line.find(" dc") != std::string::npos;
      break;
    }
  }
  CHECK(inside);
  CHECK(dont_fork);
}

TEST_CASE("The limit of descriptors is kResourceExhausted and says how to raise it") {
  const test::TempDir directory;
  struct ::rlimit limit = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const ::rlimit low = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  const absl::Status status = files.Open(directory.Path("f"), OpenMode::kCreate).status();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(status.code() == StatusCode::kResourceExhausted);
  CHECK(ToStd(status.message()).find("RLIMIT_NOFILE") != std::string_view::npos);
}

TEST_CASE("What is not a regular file is refused without waiting") {
  const test::TempDir directory;
  REQUIRE(::mkfifo(directory.Path("pipe").c_str(), 0600) == 0);
  CHECK(files.Open(directory.Path("pipe"), OpenMode::kReadWrite).status().code() ==
        StatusCode::kFailedPrecondition);
  CHECK(files.Open("/dev/null", OpenMode::kRead).status().code() == StatusCode::kFailedPrecondition);
  REQUIRE(::symlink("elsewhere", directory.Path("lock").c_str()) == 0);
  CHECK_FALSE(files.Lock(directory.Path("lock"), "me").ok());
}

TEST_CASE("A volume is told by boot and mount") {
  const test::TempDir directory;
  const auto here = *files.Volume(directory.path());
  CHECK(here.boot_id.size() == 36);
  if (here.certain) CHECK(here.mount_id != 0);
  const TinyMount mount(directory.Path("m"));
  if (mount.mounted()) CHECK_FALSE(*files.Volume(directory.Path("m")) == here);
  CHECK(files.Volume(directory.Path("missing")).status().code() == StatusCode::kNotFound);
}

TEST_CASE("File systems on which mappings are not safe are refused with a reason") {
  CHECK(UnmappableReason(0xef53).empty());      // ext4
  CHECK(UnmappableReason(0x58465342).empty());  // xfs
  CHECK(UnmappableReason(0x01021994).empty());  // tmpfs
  for (const uint32_t magic : {0x6969U, 0xff534d42U, 0xfe534d42U, 0x01021997U}) {
    CHECK(UnmappableReason(magic).find("network") != std::string_view::npos);
  }
  CHECK(UnmappableReason(0x65735546).find("FUSE") != std::string_view::npos);
  CHECK(UnmappableReason(0x9123683e).find("kReadWrite") != std::string_view::npos);
  CHECK(UnmappableReason(0x2fc12fc1).find("kReadWrite") != std::string_view::npos);
}

TEST_CASE("An errno becomes a status that names operation, path, reason and remedy") {
  const absl::Status status = ErrnoStatus(ENOSPC, "pwrite", "/data/x.log");
  CHECK(status.code() == StatusCode::kResourceExhausted);
  const std::string_view message = ToStd(status.message());
  for (const char* part : {"pwrite", "/data/x.log", "No space left on device", "errno 28", "free space"}) {
    CHECK(message.find(part) != std::string_view::npos);
  }
  CHECK(ErrnoStatus(EIO, "", "").code() == StatusCode::kDataLoss);
  CHECK(ErrnoStatus(EACCES, "", "").code() == StatusCode::kPermissionDenied);
  CHECK(ErrnoStatus(EROFS, "", "").code() == StatusCode::kPermissionDenied);
  CHECK(ErrnoStatus(EMFILE, "", "").code() == StatusCode::kResourceExhausted);
  CHECK(ErrnoStatus(ENOTDIR, "", "").code() == StatusCode::kFailedPrecondition);
  CHECK(ErrnoStatus(EOPNOTSUPP, "", "").code() == StatusCode::kUnimplemented);
  CHECK(ErrnoStatus(12345, "", "").code() == StatusCode::kUnknown);
}

}  // namespace
}  // namespace millrace
