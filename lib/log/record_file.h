// RecordFile: an append-only file of small checksummed records, from which a state is rebuilt by replay.
// Under the manifest, and under registries of the rooms above.
//
// File: a header of 32 bytes {8 magic "millrace", 4 kind, u32 format version, u64 generation, u32 zero, u32
// crc}, then records {u32 length of the payload, u32 crc, u8 type, payload}, big-endian. A record's CRC-32C
// covers the generation of the file, the record's position, length, type and payload: bytes of an older file
// or from another place never pass.
//
// What a crash leaves: records are whole and in order up to the last Sync; behind it there may be a torn
// tail, with sound records behind a hole in it even. It is cut off when the file is next written, and
// reported. After each Sync a mark (a record of type 255) says that all before it is durable: damage below a
// mark is no torn tail but damage; it is reported as a range, and the records behind it are still given.

#ifndef MILLRACE_LOG_RECORD_FILE_H_
#define MILLRACE_LOG_RECORD_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

// Which records a file holds. A file of another kind is foreign; one of a newer version is refused.
struct RecordFileKind {
  std::array<char, 4> tag = {};
  uint32_t version = 1;
  // For messages: "manifest".
  std::string_view name = {};
};

// What was found on opening.
struct RecordFileReport {
  uint64_t records = 0;
  // Bytes behind the last record that is believed.
  uint64_t torn_bytes = 0;
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
    bool operator==(const Range&) const = default;
  };
  // Damaged stretches with sound records behind them: records are missing.
  std::vector<Range> damaged = {};
  bool created = false;
  // One line for each of the above, for people.
  std::vector<std::string> notes = {};
};

// Thread-safe. Append() takes a leaf mutex for the time of a copy; Write, Sync and Replace take turns.
class RecordFile {
 public:
  static constexpr size_t kPayloadBytesMax = 1 << 20;
  // Called for each sound record, in order. An error ends the opening with it.
  using Visitor = std::function<absl::Status(uint8_t type, std::span<const std::byte> payload)>;
  enum class Access : uint8_t { kReadOnly, kExisting, kCreate };

  // Opens `path` and replays it. kNotFound (not kCreate); kDataLoss: not a file of this kind, or its header
  // is damaged or missing (it is not touched); kUnimplemented: written by a newer millrace. With kCreate a
  // missing file is made by the first Write that has something to say, under a temporary name: there is never
  // a file without its header. `files` is borrowed.
  static absl::StatusOr<std::unique_ptr<RecordFile>> Open(FileSystem* files, std::string_view path,
                                                          RecordFileKind kind, Access access,
                                                          const Visitor& visitor, RecordFileReport* report);
  // Reads whole records out of a file's bytes, as Open does; for other readers and for tests.
  static absl::Status Parse(std::span<const std::byte> bytes, RecordFileKind kind, std::string_view path,
                            const Visitor& visitor, RecordFileReport* report);

  // Adds a record to the buffer. Requires: not read-only; a type below 255; at most kPayloadBytesMax bytes.
  // If the file is poisoned the record is dropped, and Write and Sync say so.
  void Append(uint8_t type, std::span<const std::byte> payload);
  // Hands the buffer to the system: it then survives the death of the process. No system call if it is empty.
  absl::Status Write();
  // Makes all that was appended durable (and, the first time, the file's name). Threads that come together
  // share one sync. After a failed write or sync the file is poisoned: every later call fails with that
  // error.
  absl::Status Sync();
  // Replaces the whole contents by what `fill` adds, atomically and durably: a new file under a temporary
  // name, synced, renamed, directory synced. `fill` is called once, before anything is written. What it adds
  // must say all that was appended up to its call of Supersede(), which it makes under the lock that keeps
  // others from appending; records appended later go behind. (A caller that lets nobody append during the
  // whole of Replace need not call it.) On failure the old file stays in force, unless the rename is done and
  // only the directory's sync failed: then it is poisoned.
  class Filler {
   public:
    void Append(uint8_t type, std::span<const std::byte> payload);
    void Supersede();

   private:
    friend class RecordFile;
    explicit Filler(RecordFile* file) : file_(file) {}
    RecordFile* file_;
    std::vector<std::byte> bytes_;
    std::vector<std::byte> superseded_;
    uint64_t upto_ = 0;
    bool cut_ = false;
  };
  absl::Status Replace(const std::function<void(Filler*)>& fill);

  // Lets go of the descriptor. Writes and syncs fail from now on.
  void Close();

  // Bytes in the file and in the buffer: when to Replace.
  uint64_t size_bytes() const;
  uint64_t buffered_bytes() const;
  const std::string& path() const { return path_; }

 private:
  RecordFile(FileSystem* files, std::string_view path, RecordFileKind kind)
      : files_(files), path_(path), kind_(kind) {}

  absl::Status CreateLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  absl::Status WriteRecords(uint64_t position, std::vector<std::byte>* records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  absl::Status WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  void WriteMark() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  absl::Status SyncLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  absl::Status Poison(absl::Status status);
  absl::Status PoisonState() const;

  FileSystem* const files_;
  const std::string path_;
  const RecordFileKind kind_;
  bool read_only_ = false;

  // Lock order: io_, then mutex_.
  Mutex io_;
  std::unique_ptr<File> file_ ABSL_GUARDED_BY(io_);
  uint64_t generation_ ABSL_GUARDED_BY(io_) = 0;
  // The name is known to be durable.
  bool name_synced_ ABSL_GUARDED_BY(io_) = false;
  uint64_t tail_to_cut_ ABSL_GUARDED_BY(io_) = 0;

  mutable Mutex mutex_;
  // Records without their CRCs, which depend on where they land.
  std::vector<std::byte> buffer_ ABSL_GUARDED_BY(mutex_);
  uint64_t file_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Counts of records appended and known to be durable.
  uint64_t appended_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t synced_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status poison_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_RECORD_FILE_H_
