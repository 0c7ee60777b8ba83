// FileSystem: every file the engine touches, it touches through this.
//
// Shipped: the POSIX one, one that lives in memory (an engine without a disk), and a simulated one that loses
// what was not synced (millrace/testing/sim_env.h). A host may bring its own; testing/conformance.h says
// whether it fits.
//
// Paths are UTF-8 text with '/' between parts. Errors: kNotFound, kAlreadyExists, kPermissionDenied,
// kResourceExhausted (no space; quota; too many descriptors or mappings), kFailedPrecondition (locked, not a
// directory), kDataLoss (the device failed: EIO); messages name the path.

#ifndef MILLRACE_ENV_FILE_SYSTEM_H_
#define MILLRACE_ENV_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/clock.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

// The kinds of calls below, for what counts, delays or fails them (see testing/sim_env.h).
enum class FileOperation : uint8_t {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kAllocate,
  kMap,
  kMapSync,
  kPopulate,
  kList,
  kStat,  // and File::Size
  kCreateDirectory,
  kRemove,
  kRemoveDirectory,
  kRename,
  kLink,
  kSyncDirectory,
  kSyncAll,
  kLock,
  kVolume,  // and FreeSpace and CheckMappable
};
inline constexpr size_t kFileOperations = 20;
// "open", "pwrite", ...: as error messages name it.
MILLRACE_EXPORT std::string_view FileOperationName(FileOperation operation);

enum class MapAccess : uint8_t { kRead, kReadWrite };
enum class MapAdvice : uint8_t { kNormal, kRandom, kSequential, kDontNeed };

// MappedFile: a stretch of a file as memory, shared with every other mapping of that file. Unmapped by the
// destructor. The mapping may reach past the end of its file: bytes become usable when the file grows
// (File::Allocate), and touching them earlier is a fault (SIGBUS), which callers prevent by never going past
// what was allocated. Thread-safe, but for the bytes themselves, whose ordering is the caller's.
class MILLRACE_EXPORT MappedFile {
 public:
  virtual ~MappedFile() = default;

  // All mapped bytes, whether the file reaches that far or not.
  virtual std::span<std::byte> bytes() const = 0;
  // Makes the stores to [offset, offset+length) durable (msync). For data whose descriptor is gone;
  // File::Sync is the faster way.
  virtual absl::Status Sync(size_t offset, size_t length) = 0;
  // Faults the pages of [offset, offset+length) in, writable, so that the first store there costs nothing.
  // The range must be allocated. Fails with kResourceExhausted rather than with a signal.
  virtual absl::Status Populate(size_t offset, size_t length) = 0;
  // A hint; never fails.
  virtual void Advise(size_t offset, size_t length, MapAdvice advice) = 0;
};

// File: an open descriptor. Closed by the destructor (errors of close are ignored: sync first). Thread-safe.
class MILLRACE_EXPORT File {
 public:
  virtual ~File() = default;

  virtual const std::string& path() const = 0;
  // Reads up to `into.size()` bytes at `offset`; fewer only at the end of the file. Returns the count.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> into) = 0;
  // Writes all of `from` at `offset`, growing the file where needed.
  virtual absl::Status WriteAt(uint64_t offset, std::span<const std::byte> from) = 0;
  // Makes contents and length durable (fdatasync). After a failure the kernel may have dropped the unsynced
  // data while a second call succeeds: a caller must never retry and believe (fsyncgate).
  virtual absl::Status Sync() = 0;
  virtual absl::StatusOr<uint64_t> Size() = 0;
  // Sets the length. Never used to cut below what a reader may be reading.
  virtual absl::Status Truncate(uint64_t size) = 0;
  // Reserves real blocks for [offset, offset+length) and grows the length to cover them; the new bytes read
  // as zero. On failure (kResourceExhausted) the length is what it was and nothing stays reserved past it.
  virtual absl::Status Allocate(uint64_t offset, uint64_t length) = 0;
  // Maps [0, length), length > 0. May reach past the end of the file, see MappedFile. The mapping outlives
  // the File.
  virtual absl::StatusOr<std::unique_ptr<MappedFile>> Map(uint64_t length, MapAccess access) = 0;
};

// FileLock: exclusive ownership of a path while it lives; released by the destructor and by the death of the
// process.
class MILLRACE_EXPORT FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // read and write; created empty if missing
  kCreateNew,  // read and write; kAlreadyExists if present
};

struct FileInfo {
  uint64_t size_bytes = 0;
  bool is_directory = false;
  // Time of the last change of contents, milliseconds since 1970.
  int64_t modified_ms = 0;
};

// VolumeIdentity: tells whether memory written through a mapping by a process that died can still be in the
// page cache. Equal identities: same boot of the machine and same mount of the file system, so the page cache
// lived on. Different, or `certain` false: treat it as a power loss.
struct VolumeIdentity {
  std::string boot_id;
  uint64_t mount_id = 0;
  uint64_t device = 0;
  bool certain = false;
  bool operator==(const VolumeIdentity&) const = default;
};

// Thread-safe.
class MILLRACE_EXPORT FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(std::string_view path, OpenMode mode) = 0;
  // Names (not paths) of the entries, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(std::string_view directory) = 0;
  virtual absl::StatusOr<FileInfo> Stat(std::string_view path) = 0;
  // kAlreadyExists if anything is there. The parent must exist.
  virtual absl::Status CreateDirectory(std::string_view path) = 0;
  // Unlinks a file. Mappings and open Files of it stay valid.
  virtual absl::Status Remove(std::string_view path) = 0;
  // Removes an empty directory.
  virtual absl::Status RemoveDirectory(std::string_view path) = 0;
  // Atomic; replaces `to` if it is a file.
  virtual absl::Status Rename(std::string_view from, std::string_view to) = 0;
  // A second name for a file; kUnimplemented where there are none.
  virtual absl::Status Link(std::string_view existing, std::string_view added) = 0;
  // Makes creations, renames and removals in `directory` durable.
  virtual absl::Status SyncDirectory(std::string_view directory) = 0;
  // Makes everything written below `path`'s file system durable (syncfs).
  virtual absl::Status SyncAll(std::string_view path) = 0;
  // Takes the lock on `path`, creating the file, and writes `owner` into it. kFailedPrecondition when another
  // process (or another lock in this process) holds it; the message then quotes what the owner wrote.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) = 0;
  virtual absl::StatusOr<VolumeIdentity> Volume(std::string_view path) = 0;
  // Free bytes for this process on the file system of `path`.
  virtual absl::StatusOr<uint64_t> FreeSpace(std::string_view path) = 0;
  // kFailedPrecondition with a reason where `path` lies on a file system the mapped log is not safe on
  // (network file systems; ones where allocation is no promise).
  virtual absl::Status CheckMappable(std::string_view path) = 0;

  // The operating system's. Lives for ever.
  static FileSystem* System();
};

struct MemoryFileSystemOptions {
  // All files together may have so many bytes, each rounded up to 4 KiB; beyond it kResourceExhausted.
  uint64_t capacity_bytes = INT64_MAX;
  // Time for FileInfo::modified_ms. Borrowed; null: Clock::System().
  Clock* clock = nullptr;
};

// A file system in this process's memory: for engines that live in memory alone, and for tests. Everything is
// gone with it. Mappings and open files stay valid after it is destroyed. A file has 16 GiB at the most.
// Relative paths begin at the root, which exists; links in the symbolic sense do not.
MILLRACE_EXPORT std::unique_ptr<FileSystem> NewMemoryFileSystem(MemoryFileSystemOptions options = {});

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_FILE_SYSTEM_H_
