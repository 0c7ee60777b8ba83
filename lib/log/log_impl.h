// LogImpl: the log of one partition. See millrace/log/log.h for what it does, README.md for how.

#ifndef MILLRACE_LOG_LOG_IMPL_H_
#define MILLRACE_LOG_LOG_IMPL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "log/append_gate.h"
#include "log/append_listener.h"
#include "log/cleaner.h"
#include "log/client_batch.h"
#include "log/leader_epoch_cache.h"
#include "log/log_context.h"
#include "log/producer_state_table.h"
#include "log/segment.h"
#include "millrace/log/log.h"

namespace millrace::inline v0 {

class LogCursorImpl;
class ScanRecovery;

// One segment of the log, open or not.
struct SegmentInfo {
  Offset base{0};
  // Of closed segments; the active one knows better.
  Offset next_offset{0};
  // kNoTimestamp: not known, where the segment was reopened with something in it.
  Timestamp max_timestamp = kNoTimestamp;
  uint32_t length = 0;
  std::shared_ptr<Segment> open = nullptr;
};

// What opening finds out.
struct RecoveredLog {
  std::vector<SegmentInfo> segments = {};
  Offset log_start_offset{0};
  // Durable for certain.
  Offset flushed_offset{0};
  std::vector<DamagedRange> damaged = {};
  std::vector<EpochEntry> epochs = {};
  // Names of files, or the manifest, may not be on the disk yet.
  bool names_unsynced = false;
};

// Thread-safe. Lock order: background_->mutex, maintenance_mutex_, seal_mutex_, gate_, segments_mutex_;
// sync_mutex_ and the others are leaves; damage_files_mutex_ comes before damage_mutex_.
class LogImpl final : public Log, public CleanableLog {
 public:
  struct Open {
    // Borrowed; outlives the log. Or owned, by a log of its own.
    LogContext* context = nullptr;
    std::unique_ptr<LogContext> own_context = nullptr;
    LogEntry entry = {};
    // Created by this process, and never opened: there is nothing to find.
    bool fresh = false;
    std::string directory = {};
    // For messages.
    std::string name = {};
    LogOptions options = {};
    // Counts with the metrics; null: nobody asks.
    std::shared_ptr<LogMeter> meter = nullptr;
  };
  // Opens the log that `entry` of the manifest describes. The directory is made with the first append.
  static absl::StatusOr<std::unique_ptr<LogImpl>> OpenIn(Open open, RecoveryReport* report);
  ~LogImpl() override;

  // --- Log
  absl::StatusOr<AppendResult> Append(const Record& record, Timestamp now) override;
  absl::StatusOr<AppendResult> AppendBatch(std::span<std::byte> batch, AppendOrigin origin,
                                           bool trusted) override;
  absl::Status SetLeaderEpoch(LeaderEpoch epoch) override;
  absl::Status Flush() override;
  void OnDurable(Offset end, absl::AnyInvocable<void(absl::Status)> done) override;
  Offset flushed_offset() const override { return Offset(flushed_.load(std::memory_order_acquire)); }
  absl::StatusOr<std::unique_ptr<LogCursor>> NewCursor(Offset start) override;
  Offset log_start_offset() const override;
  Offset log_end_offset() const override;
  absl::StatusOr<std::optional<TimestampOffset>> OffsetForTimestamp(Timestamp timestamp) override;
  absl::StatusOr<std::optional<TimestampOffset>> OffsetOfMaxTimestamp() override;
  std::pair<LeaderEpoch, Offset> EpochEndOffset(LeaderEpoch epoch) const override;
  std::vector<ProducerStateInfo> Producers() override;
  LogStats stats() const override;
  absl::Status TruncateTo(Offset offset) override;
  absl::Status DeleteRecordsBefore(Offset offset) override;
  absl::Status Roll() override;
  absl::Status Reconfigure(TopicConfig config) override;
  absl::Status RunMaintenance() override;
  absl::StatusOr<int64_t> Compact(bool force) override;
  absl::StatusOr<std::vector<DamagedRange>> Verify() override;
  std::vector<DamagedRange> fenced() const override;
  absl::Status ClearFenced(DamagedRange range) override;
  absl::Status Revive(RecoveryReport* report) override;
  absl::Status Checkpoint(std::string_view directory) override;
  absl::Status Close() override;

  // --- For the rooms above

  // Has `listener` called once after the next append. False, and nothing is registered, if there is something
  // to read at `position` already. Borrowed until the call or Disarm.
  bool Arm(AppendListener* listener, Offset position);
  // When it returns the listener is not being called and will not be.
  void Disarm(AppendListener* listener);

  // Lets go of descriptors and mappings; the next use takes them again. False if that cannot be now:
  // something is not flushed yet, or in use.
  bool GoCold();
  // Whether it holds no descriptor and no mapping.
  bool IsCold() const;
  // For a sync of the whole file system that serves many logs: what such a sync, begun afterwards, makes
  // durable; nullopt if all is.
  struct SyncMark {
    FlushPoint point = {};
    std::vector<std::shared_ptr<Segment>> closed = {};
    bool names = false;
  };
  std::optional<SyncMark> UnflushedMark();
  // Flush, and leaves it to others to tell those who wait: for callers with locks of their own.
  absl::Status FlushUntold();
  // The sync was done, and so was the manifest's.
  void NoteSynced(const SyncMark& mark);
  // When the log was last appended to or read from by position, for choosing what goes cold.
  MonotonicNanos last_used() const { return MonotonicNanos(last_used_.load(std::memory_order_relaxed)); }
  // Bytes of all segments.
  int64_t size_bytes() const;
  uint32_t log_no() const { return log_no_; }
  const std::string& name() const { return name_; }

  // Copies everything as of now into `directory`, which exists and is empty, and says what a manifest must
  // say of it.
  absl::StatusOr<LogEntry> CopyTo(std::string_view directory);
  static void AddToManifest(ManifestFile* manifest, uint32_t log_no, const LogEntry& entry);

  // --- CleanableLog
  std::string directory() const override { return directory_; }
  TopicConfig config() const override;
  std::vector<ManifestSegment> ClosedSegments() const override;
  Offset CleanableEnd() const override;
  absl::StatusOr<std::vector<AbortedTransaction>> Aborted(Offset from, Offset until) override;
  std::vector<ProducerStateInfo> ProducersForCleaning() override { return Producers(); }
  std::vector<DamagedRange> FencedRanges() const override { return fenced(); }
  absl::Status SwapSegments(std::span<const Offset> removed,
                            const std::optional<ManifestSegment>& added) override;

  // Compact() calls it. Set once, before use.
  using Compactor = std::function<absl::StatusOr<int64_t>(LogImpl*, bool force)>;
  void set_compactor(Compactor compactor) { compactor_ = std::move(compactor); }
  // Closes without writing anything; files are the caller's to remove.
  void Abandon();

 private:
  friend class LogCursorImpl;
  friend class ScanRecovery;
  explicit LogImpl(Open open);

  // --- Opening (log_open.cc, log_recovery.cc)
  absl::Status Start(const LogEntry& entry, RecoveryReport* report);
  absl::StatusOr<RecoveredLog> Recover(const LogEntry& entry, RecoveryReport* report);
  bool HasBytes(Offset base, uint32_t bytes) const;
  std::optional<ControlState> StateInSlot(const ControlSlot& slot) const;
  void Adopt(RecoveredLog recovered);
  absl::Status ReopenUnsynced();
  absl::Status EnsureDirectory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  Segment::Options SegmentOptions(bool may_evict) const;
  std::string PathOf(Offset base, std::string_view suffix) const;
  absl::Status LoadDamage();

  // --- Appending (log_append.cc). The gate is held.
  absl::Status CheckWritable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status PrepareAppend(size_t bytes, int32_t offsets, Timestamp timestamp)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status OpenActive() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status MakeRoom(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  bool MustRoll(size_t bytes, int32_t offsets, Timestamp timestamp, Timestamp now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void StartAge(Timestamp first, Timestamp now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void ResumeAge(const Segment& segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  bool IsOld() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  // Adds what was appended since it was last called to the metrics. Before position_ or active_ change
  // otherwise.
  void CountAppended() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status RollLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::StatusOr<std::shared_ptr<Segment>> TakeSpare(Offset base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void BeginSegment(Offset base, std::shared_ptr<Segment> fresh) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status TakeSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void SetLimits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void PrepareAhead(bool populate) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void Publish(size_t bytes, int32_t offsets, Timestamp timestamp) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void AddIndexEntry(uint32_t position, Offset last_offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  bool IndexIsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status ResumeEpoch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status NoteEpochs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void NoteUnflushed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status CheckRecord(const Record& record, size_t bound, Timestamp timestamp, Timestamp now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status CheckBatch(BatchView batch, std::span<const std::byte> bytes, AppendOrigin origin,
                          bool trusted) const;
  absl::Status CheckSize(size_t batch_bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status CheckClientBatch(const ClientBatch& batch) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::StatusOr<std::span<std::byte>> InCodec(std::span<std::byte> batch,
                                               std::optional<BatchBuilder>* builder)
      ABSL_LOCKS_EXCLUDED(gate_);
  absl::Status InLog(const absl::Status& status) const;
  absl::Status CheckTimestamp(Timestamp timestamp) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::StatusOr<AppendResult> AppendSlow(const Record& record, Timestamp now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::StatusOr<AppendResult> AppendBatchLocked(std::span<std::byte> batch, AppendOrigin origin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status LoadProducers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status WriteSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void TellListeners();

  // --- Sealing (log_seal.cc)
  absl::Status SealFiles(const std::shared_ptr<Segment>& segment, int64_t index_interval_bytes);
  absl::Status SealPending();
  void PrepareSpare(bool populate);
  // Removes indexes and guard of a segment, which are made anew when it is closed.
  void RemoveSideFiles(Offset base);
  // The same, if the guard speaks of more than the first `bytes` bytes, or cannot be understood.
  void RemoveSideFilesBeyond(Offset base, uint32_t bytes);

  // --- Durability (log_flush.cc)
  absl::Status SyncOnce();
  absl::Status SyncNames();
  absl::Status FlushTo(Offset end);
  void EndSync(uint64_t number, const absl::Status& error);
  void WakeLeaderOf(uint64_t number);
  void Poison(const absl::Status& status);
  void PoisonLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void RunDurable();
  void CompleteDurable();
  absl::Status TakeDurable(std::vector<absl::AnyInvocable<void(absl::Status)>>* ready);
  absl::Status SyncFlushPoint(bool now);
  void Background(absl::AnyInvocable<void(LogImpl*)> task);

  // --- Reading (log_read.cc, log_lookup.cc)
  absl::Status CheckOpen() const;
  absl::StatusOr<std::shared_ptr<Segment>> SegmentFor(Offset offset);
  absl::StatusOr<std::shared_ptr<Segment>> SegmentAfter(Offset base);
  absl::StatusOr<std::shared_ptr<Segment>> OpenSegment(Offset base);
  absl::StatusOr<std::shared_ptr<Segment>> OpenShort(Offset base, SegmentEnd end);
  absl::Status CompleteIndexes(Segment& segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::StatusOr<uint32_t> PositionOf(Segment& segment, Offset offset);
  bool RefreshFromWriter();
  bool CanPin() const;
  void Touch();

  // --- Damage (log_damage.cc)
  // Notes a range as damaged; the status to return for it.
  absl::Status Fence(DamagedRange range, std::string_view what);
  std::optional<DamagedRange> FencedAt(Offset offset) const;
  // What was fenced from `end` on is not there any more.
  absl::Status CutFenced(Offset end);
  // Fences what opening found, and writes it down: the next one does not look there again.
  absl::Status NoteDamage(const std::vector<DamagedRange>& found);
  absl::Status WriteRanges(std::string_view file, const std::vector<DamagedRange>& ranges);
  absl::StatusOr<std::vector<DamagedRange>> LoadRanges(std::string_view file);
  // Past cleared ranges: where to read instead of `offset`.
  Offset SkipCleared(Offset offset) const;

  // --- Copies (log_copy.cc)
  absl::Status CopySegment(const SegmentInfo& info, std::string_view directory);
  absl::Status CopyState(Offset end, std::string_view directory);

  // --- Retention (log_maintenance.cc) and truncation (log_truncate.cc)
  absl::Status ResolveTimestamps();
  Timestamp KnownNewest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_) {
    return newest_known_ ? max_timestamp_ : kNoTimestamp;
  }
  absl::StatusOr<std::vector<Offset>> FindOldSegments();
  absl::Status DeleteOldSegments();
  absl::Status PrepareSwapOf(std::span<const Offset> removed, const std::optional<ManifestSegment>& added);
  absl::Status TellSwapped(std::span<const Offset> removed, const std::optional<ManifestSegment>& added);
  absl::Status FinishSwapOf(std::span<const Offset> removed, const std::optional<ManifestSegment>& added);
  absl::Status RemoveSegments(const std::vector<Offset>& bases);
  void Linger(Offset base);
  void Forget(SegmentInfo& info) ABSL_EXCLUSIVE_LOCKS_REQUIRED(segments_mutex_);
  struct Kept {
    SegmentEnd end;
    Timestamp max_timestamp = kNoTimestamp;
  };
  // What a truncation leaves of the segment at `base`, and the segments behind it.
  struct Truncation {
    Offset base{0};
    Kept kept = {};
    std::vector<Offset> gone = {};
    std::shared_ptr<Segment> fresh = nullptr;
    std::string path = {};
    Offset end() const { return base + kept.end.offsets; }
  };
  absl::StatusOr<Truncation> PrepareTruncation(Offset offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::StatusOr<Kept> KeepBelow(Segment& source, Offset offset) const;
  absl::Status TellTruncated(const Truncation& cut) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void Untell(const Truncation& cut) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status SwapTruncated(const Truncation& cut) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void AdoptTruncated(Truncation cut) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  // Whether there were any.
  bool RemoveSnapshotsFrom(Offset offset);
  absl::StatusOr<int64_t> CompactOnce(bool force);
  void RemoveLingering(bool all);
  void SweepLeftovers();
  void RaiseLogStart(Offset offset);
  bool CloseReadSegments() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  void Release() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_, segments_mutex_);
  void FinishTimeIndex() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status CloseFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);

  // Lets tasks of the executor find out that the log is gone.
  struct BackgroundState {
    Mutex mutex;
    LogImpl* log ABSL_GUARDED_BY(mutex) = nullptr;
  };

  const std::unique_ptr<LogContext> own_context_;
  LogContext* const context_;
  const std::shared_ptr<LogMeter> meter_;
  const std::string directory_;
  const std::string name_;
  const uint32_t log_no_;
  const bool fresh_;
  const Env env_;
  const bool read_only_;
  const uint64_t pinned_bytes_max_;
  Compactor compactor_;
  std::shared_ptr<BackgroundState> background_;

  // --- What an append touches, together. Written under the gate.
  mutable AppendGate gate_;
  std::shared_ptr<Segment> active_ ABSL_GUARDED_BY(gate_);
  std::byte* data_ ABSL_GUARDED_BY(gate_) = nullptr;
  ControlSlot::End* slot_end_ ABSL_GUARDED_BY(gate_) = nullptr;
  ControlSlot* slot_ ABSL_GUARDED_BY(gate_) = nullptr;
  // Where the next batch goes, and how far appends may go without looking at anything else. 0: look each
  // time.
  uint32_t position_ ABSL_GUARDED_BY(gate_) = 0;
  uint32_t limit_ ABSL_GUARDED_BY(gate_) = 0;
  uint32_t offsets_ ABSL_GUARDED_BY(gate_) = 0;
  uint32_t index_due_ ABSL_GUARDED_BY(gate_) = 0;
  Offset base_ ABSL_GUARDED_BY(gate_){0};
  Timestamp max_timestamp_ ABSL_GUARDED_BY(gate_) = kNoTimestamp;
  Offset max_timestamp_offset_ ABSL_GUARDED_BY(gate_){0};
  // False: the segment was reopened, and max_timestamp_ is of what was appended since.
  bool newest_known_ ABSL_GUARDED_BY(gate_) = true;
  LeaderEpoch leader_epoch_ ABSL_GUARDED_BY(gate_){0};
  // A record stamped so late begins the next segment.
  Timestamp roll_at_ ABSL_GUARDED_BY(gate_){INT64_MAX};
  int32_t message_bytes_max_ ABSL_GUARDED_BY(gate_) = 0;
  bool plain_ ABSL_GUARDED_BY(gate_) = false;

  // --- The rest of the writer's state
  TopicConfig config_ ABSL_GUARDED_BY(gate_);
  bool closed_ ABSL_GUARDED_BY(gate_) = false;
  absl::Status poison_ ABSL_GUARDED_BY(gate_);
  // Whether it is an error: for statistics.
  std::atomic<bool> poisoned_ = false;
  // When the active segment is old, by the clock.
  Timestamp wall_roll_at_ ABSL_GUARDED_BY(gate_){INT64_MAX};
  MonotonicNanos began_ ABSL_GUARDED_BY(gate_){0};
  Offset began_base_ ABSL_GUARDED_BY(gate_) = kNoOffset;
  int64_t roll_jitter_ms_ ABSL_GUARDED_BY(gate_) = 0;
  bool directory_made_ ABSL_GUARDED_BY(gate_) = false;
  // By this very log, just now: no file can lie in it.
  bool directory_empty_ ABSL_GUARDED_BY(gate_) = false;
  // Where the newest snapshot of the producers was taken, as a position of the active segment; negative:
  // before it.
  int64_t snapshot_at_ ABSL_GUARDED_BY(gate_) = 0;
  // What of position_ and offsets_ the metrics have.
  uint32_t counted_position_ ABSL_GUARDED_BY(gate_) = 0;
  uint32_t counted_offsets_ ABSL_GUARDED_BY(gate_) = 0;
  ProducerStateTable producers_ ABSL_GUARDED_BY(gate_);
  bool producers_loaded_ ABSL_GUARDED_BY(gate_) = false;
  LeaderEpochCache epochs_ ABSL_GUARDED_BY(gate_);
  MonotonicNanos unflushed_since_ ABSL_GUARDED_BY(gate_) = kNever;
  bool growing_ ABSL_GUARDED_BY(gate_) = false;
  bool spare_wanted_ ABSL_GUARDED_BY(gate_) = false;

  // For the sizes of new mappings.
  std::atomic<int64_t> segment_bytes_{0};

  mutable Mutex segments_mutex_;
  std::vector<SegmentInfo> segments_ ABSL_GUARDED_BY(segments_mutex_);
  // Closed by a roll, files not yet written; not yet synced.
  std::deque<std::shared_ptr<Segment>> unsealed_ ABSL_GUARDED_BY(segments_mutex_);
  std::deque<std::shared_ptr<Segment>> unsynced_ ABSL_GUARDED_BY(segments_mutex_);
  std::shared_ptr<Segment> spare_ ABSL_GUARDED_BY(segments_mutex_);
  std::string spare_path_ ABSL_GUARDED_BY(segments_mutex_);
  bool names_unsynced_ ABSL_GUARDED_BY(segments_mutex_) = false;
  struct DeletedPin {
    std::weak_ptr<SegmentMapping> mapping;
    int64_t bytes = 0;
  };
  mutable std::vector<DeletedPin> deleted_pins_ ABSL_GUARDED_BY(segments_mutex_);
  std::atomic<bool> has_deleted_pins_{false};
  struct LingeringFile {
    Offset base;
    Timestamp due;
  };
  std::vector<LingeringFile> lingering_ ABSL_GUARDED_BY(segments_mutex_);
  bool swept_ ABSL_GUARDED_BY(segments_mutex_) = false;

  std::atomic<int64_t> log_start_{0};
  alignas(128) std::atomic<int64_t> end_{0};
  alignas(128) std::atomic<int64_t> flushed_{0};
  std::atomic<int64_t> last_used_{0};

  Mutex sync_mutex_;
  // Syncs are numbered; those who wait for one sleep on the bell of its parity.
  uint64_t syncs_begun_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  std::atomic<uint64_t> syncs_done_{0};
  std::array<std::atomic<uint32_t>, 2> sync_bells_{};
  bool syncing_ ABSL_GUARDED_BY(sync_mutex_) = false;
  absl::Status sync_error_ ABSL_GUARDED_BY(sync_mutex_);
  std::multimap<Offset, absl::AnyInvocable<void(absl::Status)>> durable_ ABSL_GUARDED_BY(sync_mutex_);
  bool completing_ ABSL_GUARDED_BY(sync_mutex_) = false;
  bool durable_posted_ ABSL_GUARDED_BY(sync_mutex_) = false;
  MonotonicNanos flush_point_synced_ ABSL_GUARDED_BY(sync_mutex_);

  // The files of ranges follow the lists one change at a time. Before damage_mutex_.
  Mutex damage_files_mutex_;
  mutable Mutex damage_mutex_;
  std::vector<DamagedRange> fenced_ ABSL_GUARDED_BY(damage_mutex_);
  std::vector<DamagedRange> cleared_ ABSL_GUARDED_BY(damage_mutex_);
  std::atomic<bool> has_cleared_{false};

  Mutex listeners_mutex_;
  std::vector<AppendListener*> listeners_ ABSL_GUARDED_BY(listeners_mutex_);

  Mutex maintenance_mutex_;
  // One thread at a time writes the files of closed segments.
  Mutex seal_mutex_;
  std::atomic<int> spares_made_{0};
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_IMPL_H_
