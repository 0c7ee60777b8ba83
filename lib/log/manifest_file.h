// ManifestFile: the authoritative list of the logs of a directory and of their segments: a RecordFile and the
// state it replays to. What is not in it is not part of any log, whatever files lie about.

#ifndef MILLRACE_LOG_MANIFEST_FILE_H_
#define MILLRACE_LOG_MANIFEST_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "base/mutex.h"
#include "log/leader_epoch_cache.h"
#include "log/record_file.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// One segment. The last of a log is active and, unless the log was closed, of unknown length.
struct ManifestSegment {
  Offset base{0};
  // Meaningful if sealed.
  Offset next_offset = kNoOffset;
  Timestamp max_timestamp = kNoTimestamp;
  uint32_t length = 0;
  bool sealed = false;
  bool operator==(const ManifestSegment&) const = default;
};

// One log, as last written.
struct LogEntry {
  // Its slot in the control and flush files.
  uint32_t log_no = 0;
  // A name in the manifest's directory; "" for the manifest's directory itself (a standalone log).
  std::string directory = {};
  Offset log_start_offset{0};
  // By base offset, rising.
  std::vector<ManifestSegment> segments = {};
  std::vector<EpochEntry> epochs = {};
  // Closed cleanly since it was last opened: then the end and the length of the last segment are these.
  bool closed = false;
  Offset end_offset = kNoOffset;
  uint32_t active_length = 0;
  bool operator==(const LogEntry&) const = default;
};

struct ManifestReport {
  RecordFileReport file = {};
  // The directory's last owner wrote CleanClose as its last word.
  bool clean = false;
  // False where records are missing or contradict each other: compare the logs with what the directories
  // hold.
  bool trusted = true;
  std::vector<std::string> notes = {};
};

// Thread-safe. Changes are applied to the state at once and buffered for the file: Write() makes them survive
// the process, Sync() a power loss. Which of them a step needs before it goes on is the caller's protocol.
class ManifestFile {
 public:
  static constexpr RecordFileKind kKind = {.tag = {'M', 'N', 'F', 'T'}, .version = 1, .name = "manifest"};

  // Numbers are below this.
  static constexpr uint32_t kLogsMax = 1 << 24;

  // See RecordFile::Open for access and errors. `files` is borrowed.
  static absl::StatusOr<std::unique_ptr<ManifestFile>> Open(FileSystem* files, std::string_view path,
                                                            RecordFile::Access access,
                                                            ManifestReport* report);

  // Adds a log with one empty segment at `base` and returns its number, which another log may have had
  // before: clear its slots elsewhere. kAlreadyExists: the directory has one; kInvalidArgument: the name has
  // a '/' or a control character, is "." or "..", or longer than 255 bytes.
  absl::StatusOr<uint32_t> CreateLog(std::string_view directory, Offset base = Offset(0));
  // Its number is not used again before the manifest was compacted.
  void DeleteLog(uint32_t log_no);
  // Renames a log's directory (to one with the suffix of deletion). As CreateLog.
  absl::Status RenameLog(uint32_t log_no, std::string_view directory);

  // Changes to one log, which must exist; MILLRACE_CHECK otherwise.
  void AddSegment(uint32_t log_no, Offset base);
  // Says what the segment at `sealed.base`, which must be there, ends with.
  void SealSegment(uint32_t log_no, ManifestSegment sealed);
  // The last segment is active again: opened for appending, or truncated.
  void UnsealSegment(uint32_t log_no, Offset base);
  // The cleaner's swap, in one record: it happened or it did not.
  void ReplaceSegments(uint32_t log_no, std::span<const Offset> removed,
                       std::span<const ManifestSegment> added);
  void RemoveSegments(uint32_t log_no, std::span<const Offset> bases);
  void SetLogStartOffset(uint32_t log_no, Offset offset);
  // The whole of the epoch cache.
  void SetEpochs(uint32_t log_no, std::span<const EpochEntry> epochs);
  void CloseLog(uint32_t log_no, uint32_t active_length, Offset end_offset);
  // Opened for appending: what CloseLog said does not hold any more.
  void OpenedLog(uint32_t log_no);
  // The directory was opened by a writer, or closed by it with everything synced.
  void Opened();
  void CleanClose();

  std::optional<LogEntry> Find(uint32_t log_no) const;
  std::optional<LogEntry> FindDirectory(std::string_view directory) const;
  // Whether the file says so, or said so when it was opened: compaction forgets.
  bool WasDeleted(uint32_t log_no) const;
  // All logs, by number.
  std::vector<LogEntry> Logs() const;
  size_t log_count() const;
  // One beyond the highest number in use: the number of slots.
  uint32_t log_no_limit() const;

  absl::Status Write() { return file_->Write(); }
  absl::Status Sync() { return file_->Sync(); }
  // Lets go of the descriptor; the state can still be read.
  void Close() { file_->Close(); }
  // Whether the file holds much more than the state needs.
  bool WantsCompaction() const;
  // Rewrites the file to hold just the state. Appends of others wait while the state is encoded, not while it
  // is written.
  absl::Status Compact();

 private:
  enum class Type : uint8_t;
  ManifestFile() = default;

  // Apply a record to the state; a text that says what does not fit, "" else.
  std::string Apply(uint8_t type, std::span<const std::byte> payload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string ApplyToDirectory(Type type, ByteReader* reader, uint32_t log_no)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static std::string ApplyToLog(Type type, ByteReader* reader, LogEntry* log);
  static std::string ApplyToSegments(Type type, ByteReader* reader, LogEntry* log);
  std::string Insert(LogEntry log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(Type type, const std::vector<std::byte>& payload);
  void CommitLocked(Type type, const std::vector<std::byte>& payload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FindGaps() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t NextLogNo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EncodeAll(RecordFile::Filler* filler) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::unique_ptr<RecordFile> file_;
  // Before the RecordFile's own.
  mutable Mutex mutex_;
  absl::btree_map<uint32_t, LogEntry> logs_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, uint32_t> by_directory_ ABSL_GUARDED_BY(mutex_);
  // Numbers of deleted logs that the file still speaks of; and free ones, the lowest last.
  std::vector<uint32_t> deleted_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);
  uint32_t log_no_limit_ ABSL_GUARDED_BY(mutex_) = 0;
  bool clean_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_MANIFEST_FILE_H_
