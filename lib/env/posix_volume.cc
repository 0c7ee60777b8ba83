#include "env/posix_volume.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "env/errno_status.h"
#include "env/posix_fd.h"

namespace millrace::inline v0 {
namespace {

// A mount id that is never used again (Linux 6.8); older headers lack it.
constexpr unsigned int kStatxMountIdUnique = 0x4000;

std::string BootId() {
  const Fd fd(
      RetryInterrupted([] { return ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC); }));
  if (!fd.ok()) return "";
  char text[64];
  const ssize_t count = RetryInterrupted([&] { return ::read(fd.get(), text, sizeof text); });
  std::string id(text, count > 0 ? static_cast<size_t>(count) : 0);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

struct MagicReason {
  uint32_t magic;
  std::string_view reason;
};

constexpr std::string_view kNetwork =
    "is a network file system: its locks and its shared mappings are not those of one machine; use a local "
    "disk";
constexpr std::string_view kUserSpace =
    "is a file system in user space (FUSE), which promises nothing about shared mappings; use a local disk";
constexpr std::string_view kCopyOnWrite =
    "copies on write: allocated space is no promise, and a store to a mapping can fail; use the read/write "
    "backend (FileBackend::kReadWrite)";

// statfs(2), linux/magic.h and the headers of the file systems.
constexpr MagicReason kMagicReasons[] = {
    {0x6969, kNetwork},          // nfs
    {0x517b, kNetwork},          // smb
    {0xff534d42, kNetwork},      // cifs
    {0xfe534d42, kNetwork},      // smb2
    {0x01021997, kNetwork},      // 9p
    {0x00c36400, kNetwork},      // ceph
    {0x5346414f, kNetwork},      // afs
    {0x73757245, kNetwork},      // coda
    {0x0bd00bd0, kNetwork},      // lustre
    {0x786f4256, kNetwork},      // vboxsf
    {0x01161970, kNetwork},      // gfs2
    {0x7461636f, kNetwork},      // ocfs2
    {0x65735546, kUserSpace},    // fuse, virtiofs
    {0x9123683e, kCopyOnWrite},  // btrfs
    {0x2fc12fc1, kCopyOnWrite},  // zfs
    {0xca451a4e, kCopyOnWrite},  // bcachefs
};

}  // namespace

absl::StatusOr<VolumeIdentity> PosixVolume(const std::string& path) {
  struct ::statx info = {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | kStatxMountIdUnique, &info) != 0) {
    return ErrnoStatus(errno, "statx", path);
  }
  VolumeIdentity identity;
  identity.boot_id = BootId();
  identity.device = makedev(info.stx_dev_major, info.stx_dev_minor);
  const bool unique = (info.stx_mask & kStatxMountIdUnique) != 0;
  if (unique) identity.mount_id = info.stx_mnt_id;
  identity.certain = unique && !identity.boot_id.empty();
  return identity;
}

absl::StatusOr<uint64_t> PosixFreeSpace(const std::string& path) {
  struct ::statvfs info = {};
  if (RetryInterrupted([&] { return ::statvfs(path.c_str(), &info); }) != 0) {
    return ErrnoStatus(errno, "statvfs", path);
  }
  return uint64_t{info.f_bavail} * info.f_frsize;
}

std::string_view UnmappableReason(uint32_t magic) {
  for (const MagicReason& known : kMagicReasons) {
    if (known.magic == magic) return known.reason;
  }
  return "";
}

absl::Status PosixCheckMappable(const std::string& path) {
  struct ::statfs info = {};
  if (RetryInterrupted([&] { return ::statfs(path.c_str(), &info); }) != 0) {
    return ErrnoStatus(errno, "statfs", path);
  }
  const std::string_view reason = UnmappableReason(static_cast<uint32_t>(info.f_type));
  if (reason.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(ToAbsl(StrCat("the file system of ", path, " ", reason)));
}

}  // namespace millrace::inline v0
