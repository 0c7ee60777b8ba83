// Log: the append-only log of one partition, usable by itself: no topics, no groups, no threads needed.
//
//   auto log = millrace::Log::Open("/var/lib/app/audit-0", {});
//   auto at = (*log)->Append({.key = "42", .value = "paid"});
//   auto cursor = (*log)->NewCursor(millrace::Offset(0));
//   auto slice = (*cursor)->Next(1 << 20);
//   for (millrace::BatchView batch : *slice) ...
//
// On disk a log is a directory in Kafka's layout (lib/log/FORMAT.md): segments of concatenated record
// batches, sparse indexes, producer-state snapshots. The newest segment is mapped; an append encodes straight
// into the map and publishes the new end with one atomic store; readers, of this process or another, follow
// that end and read in place.

#ifndef MILLRACE_LOG_LOG_H_
#define MILLRACE_LOG_LOG_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/env.h"
#include "millrace/export.h"
#include "millrace/record.h"
#include "millrace/status.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// How a log reaches its files. Both give the same bytes on disk and pass the same tests.
enum class FileBackend : uint8_t {
  // Segments are memory-mapped: the fast way, for local file systems.
  kMapped,
  // pread and pwrite: for file systems where a map is not safe (btrfs, ZFS, network), and for disks whose
  // read errors must come back as a status instead of a SIGBUS. One system call for each append and read.
  kReadWrite,
};

struct LogOptions {
  TopicConfig config = {};
  // Null members: the system's. Without an executor, background work (preparing segments, interval flushes)
  // is done by the call that needs it, or by RunMaintenance().
  Env env = {};
  FileBackend backend = FileBackend::kMapped;
  // Open somebody else's live log: reads follow its end, appends are refused. Takes no lock.
  bool read_only = false;
  // Views that readers hold may pin at most so many bytes of deleted segments; beyond it Cursor::Next fails
  // with kResourceExhausted until views are let go.
  uint64_t pinned_bytes_max = uint64_t{4} << 30;
};

// Where and how an append landed.
struct AppendResult {
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  // LogAppendTime topics: the time given to the batch; else kNoTimestamp.
  Timestamp append_time = kNoTimestamp;
  // What the append survives at this moment. Flush() or OnDurable() raises it.
  Durability durability = Durability::kProcess;
  // An idempotent producer's batch that was here already; the offsets are those of the first time.
  bool duplicate = false;
};

// Who sends a batch, which decides what is checked and stamped.
enum class AppendOrigin : uint8_t {
  // A client: offsets are assigned, sequences are checked against the producer's last five batches.
  kClient,
  // The engine itself (coordinator records, transaction markers): as kClient, without the sequence check.
  kCoordinator,
  // A replication leader: offsets and epoch are kept as they come and must follow on.
  kReplication,
};

// BatchRange: iterates the batches in a run of bytes that is known to hold whole, well-formed ones.
class BatchRange {
 public:
  class Iterator {
   public:
    using value_type = BatchView;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(const std::byte* at) : at_(at) {}
    BatchView operator*() const { return BatchView(at_); }
    Iterator& operator++() {
      at_ += BatchView(at_).size_bytes();
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const std::byte* at_ = nullptr;
  };
  explicit BatchRange(std::span<const std::byte> bytes) : bytes_(bytes) {}
  Iterator begin() const { return Iterator(bytes_.data()); }
  Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }

 private:
  std::span<const std::byte> bytes_;
};

// LogSlice: consecutive whole batches where they lie. Holding it pins their segment: retention, compaction
// and Close never pull the memory away. Movable, copyable (a copy pins too).
struct LogSlice {
  std::shared_ptr<const void> pin = nullptr;
  std::span<const std::byte> bytes = {};
  // The offset after the last batch: where the next read starts. Where the slice is empty, the position as it
  // was.
  Offset next_offset{0};

  bool empty() const { return bytes.empty(); }
  BatchRange::Iterator begin() const { return BatchRange(bytes).begin(); }
  BatchRange::Iterator end() const { return BatchRange(bytes).end(); }
};

// LogCursor: reads one log forward. Single-threaded; several cursors of one log are independent. The log must
// outlive it.
class MILLRACE_EXPORT LogCursor {
 public:
  virtual ~LogCursor() = default;

  // Committed batches from the position on: up to `bytes_max` bytes, but at least one batch where there is
  // one; then moves the position behind them. Empty at the end of the log. The first batch may begin before
  // the position (a batch is never cut): skip the records below it. Costs some nanoseconds when the position
  // is at the live end. kOutOfRange (kOffsetOutOfRange): the position was deleted or truncated away; Seek.
  // kDataLoss with a DamagedRange: the disk has lost that stretch; Seek past it, or Log::ClearFenced it.
  virtual absl::StatusOr<LogSlice> Next(size_t bytes_max) = 0;
  // Moves to `offset`, anywhere from the log's start to its end, else kOutOfRange and the position stays.
  // O(log n).
  virtual absl::Status Seek(Offset offset) = 0;
  // The offset of the next record to be read.
  virtual Offset position() const = 0;
};

// What Open found and did. Every repair is listed: a log is never shortened silently.
struct RecoveryReport {
  enum class Shutdown : uint8_t { kClean, kProcessCrash, kPowerLoss, kUnknown };
  Shutdown shutdown = Shutdown::kClean;
  // Bytes read and checked, because they lay past the last known flush.
  int64_t scanned_bytes = 0;
  // Bytes of a torn tail that were cut, and the offset at which the log now ends.
  int64_t cut_bytes = 0;
  Offset end_offset{0};
  // Damage below the flush point: fenced, not cut.
  std::vector<DamagedRange> damaged = {};
  // One line for each thing done, for people.
  std::vector<std::string> notes = {};
};

struct LogStats {
  Offset log_start_offset{0};
  Offset log_end_offset{0};
  Offset flushed_offset{0};
  int64_t size_bytes = 0;
  int32_t segments = 0;
  int32_t open_files = 0;
  int32_t mappings = 0;
  // Of what is appended now.
  LeaderEpoch leader_epoch{0};
  // Views that readers hold right now, and the bytes of already deleted segments they keep in memory.
  int64_t pinned_views = 0;
  int64_t pinned_deleted_bytes = 0;
  // A flush or write has failed: no appends until Revive.
  bool poisoned = false;
};

// One idempotent producer, as the log remembers it (DescribeProducers).
struct ProducerStateInfo {
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  int32_t last_sequence = -1;
  Timestamp last_timestamp = kNoTimestamp;
  int32_t coordinator_epoch = -1;
  Offset current_transaction_start = kNoOffset;
};

// Thread-safe, but for construction and destruction. Appends of several threads take turns; readers never
// wait for them.
class MILLRACE_EXPORT Log {
 public:
  // Opens the log in `directory`, creating it if missing. One writer at a time: a second, from any process,
  // gets kFailedPrecondition that names the first. After a clean Close or the death of the process this is
  // O(1) in the size of the data; after a power loss, what was not known to be flushed is scanned. `report`,
  // if given, says what was found. kDataLoss is not returned for damaged records (they are fenced), only
  // where nothing of the directory can be understood; kInvalidArgument: invalid config; kUnimplemented:
  // written by a newer millrace.
  static absl::StatusOr<std::unique_ptr<Log>> Open(std::string_view directory, LogOptions options,
                                                   RecoveryReport* report = nullptr);
  // Closes if still open; errors are then lost. Slices stay valid.
  virtual ~Log() = default;

  // --- Append

  // Appends one record as a batch of its own. `now` stands in where the record has no timestamp
  // (kNoTimestamp: the clock's). Visible to readers on return; durable as `durability` of the result says.
  // Errors leave the log unchanged: kMessageTooLarge, kInvalidTimestamp, kKafkaStorageError (no space:
  // transient; poisoned: see Revive; closed), kInvalidRecord (no key in a compacted topic).
  virtual absl::StatusOr<AppendResult> Append(const Record& record, Timestamp now = kNoTimestamp) = 0;
  // Appends one encoded batch: stamps offsets, leader epoch and log-append time into it, then stores it with
  // one copy. kClient batches, unless `trusted` (of this process's own builder), are checked to each record,
  // its key and time, and stored in the topic's codec. Adds to the errors above: kCorruptMessage,
  // kUnknownProducerId, kOutOfOrderSequenceNumber, kInvalidProducerEpoch (as Kafka's ProducerStateManager),
  // kOffsetOutOfRange (replication: does not follow on).
  virtual absl::StatusOr<AppendResult> AppendBatch(std::span<std::byte> batch,
                                                   AppendOrigin origin = AppendOrigin::kClient,
                                                   bool trusted = false) = 0;
  // The epoch stamped on batches from now on (0 until then); recorded with the end offset. Must not fall
  // (kFencedLeaderEpoch).
  virtual absl::Status SetLeaderEpoch(LeaderEpoch epoch) = 0;

  // --- Durability

  // Makes everything appended so far durable. Calls from several threads share one flush of the disk. Blocks.
  // A failed sync poisons the log for appends (reads go on): the disk can no longer be trusted until Revive.
  // No space for a file beside the segments (kResourceExhausted) does not: call again when there is some.
  virtual absl::Status Flush() = 0;
  // Calls `done` once everything below `end` is durable (at once if it is), or with the error that prevents
  // it. The flush is started if none is under way; it runs on the executor, or inside RunMaintenance without
  // one. So does `done`, or in a thread that calls Flush meanwhile; one call at a time, in the order of
  // `end`.
  virtual void OnDurable(Offset end, absl::AnyInvocable<void(absl::Status)> done) = 0;
  // Everything below this offset survives a power loss.
  virtual Offset flushed_offset() const = 0;

  // --- Read

  // A cursor at `start`, from log_start_offset() to log_end_offset(), else kOutOfRange.
  virtual absl::StatusOr<std::unique_ptr<LogCursor>> NewCursor(Offset start) = 0;
  virtual Offset log_start_offset() const = 0;
  virtual Offset log_end_offset() const = 0;
  // The earliest record at or after `timestamp`; nullopt if there is none. O(log n) and a scan of one index
  // interval.
  struct TimestampOffset {
    Timestamp timestamp = kNoTimestamp;
    Offset offset = kNoOffset;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
  };
  virtual absl::StatusOr<std::optional<TimestampOffset>> OffsetForTimestamp(Timestamp timestamp) = 0;
  // The record with the largest timestamp (ListOffsets' MAX_TIMESTAMP).
  virtual absl::StatusOr<std::optional<TimestampOffset>> OffsetOfMaxTimestamp() = 0;
  // The last epoch at or below `epoch` and the offset at which it ended (OffsetForLeaderEpoch, KIP-320).
  virtual std::pair<LeaderEpoch, Offset> EpochEndOffset(LeaderEpoch epoch) const = 0;
  virtual std::vector<ProducerStateInfo> Producers() = 0;
  virtual LogStats stats() const = 0;

  // --- Change

  // Removes all from `offset` on (a follower that diverged); durable on return. A batch is never cut: the one
  // that holds `offset` goes whole. Readers keep what they hold. kOffsetOutOfRange below the log's start;
  // kDataLoss where it would have to copy damage (the message names an offset that would do). After any other
  // failure the log is as it was, or takes no appends until Revive or the next Open has brought the
  // truncation to its end: the next append tells.
  virtual absl::Status TruncateTo(Offset offset) = 0;
  // Moves the start of the log up; whole segments below it are deleted (DeleteRecords). It survives what the
  // topic's `durability` survives. kOffsetOutOfRange beyond the end.
  virtual absl::Status DeleteRecordsBefore(Offset offset) = 0;
  // Starts a new segment now, if the newest has records.
  virtual absl::Status Roll() = 0;
  // Replaces the config. kInvalidConfig changes nothing.
  virtual absl::Status Reconfigure(TopicConfig config) = 0;
  // Does what is due at the clock's time: retention by time and size, roll by age, interval flush,
  // preparation of the next segment, removal of lingering deleted files. Cheap when nothing is. The engine
  // calls it; a host with a bare Log does.
  virtual absl::Status RunMaintenance() = 0;
  // Compacts closed segments (cleanup_policy compact): keeps the newest record of each key. Returns the bytes
  // freed. Readers go on. `force` ignores the dirty ratio, not the lags.
  virtual absl::StatusOr<int64_t> Compact(bool force = false) = 0;

  // --- Damage

  // Reads everything and checks every batch. Damage found is fenced and returned.
  virtual absl::StatusOr<std::vector<DamagedRange>> Verify() = 0;
  virtual std::vector<DamagedRange> fenced() const = 0;
  // Gives up a fenced range: from now on reads pass over it as if it had been compacted away. The bytes stay
  // until retention.
  virtual absl::Status ClearFenced(DamagedRange range) = 0;
  // After a failed flush: reads back from the disk what was not known to be flushed, cuts what is not there
  // (the report says what was given up), and allows appends again.
  virtual absl::Status Revive(RecoveryReport* report = nullptr) = 0;
  // A consistent copy as of now in `directory` (which must not exist): closed segments as hard links where
  // possible. The copy opens as a cleanly closed log. On failure nothing of it is left.
  virtual absl::Status Checkpoint(std::string_view directory) = 0;

  // Flushes, cuts the newest segment to its length, writes indexes and snapshot, releases the lock.
  // Idempotent. After it every call but those that read statistics fails with kKafkaStorageError; slices
  // stay valid.
  virtual absl::Status Close() = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_H_
