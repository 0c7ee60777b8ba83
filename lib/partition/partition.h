// Partition: one partition of a topic: its log, how much of it is committed, and who waits for more.

#ifndef MILLRACE_PARTITION_PARTITION_H_
#define MILLRACE_PARTITION_PARTITION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/env.h"
#include "millrace/export.h"
#include "millrace/log/log.h"
#include "millrace/replicator.h"
#include "millrace/topic.h"
#include "millrace/types.h"
#include "partition/log_source.h"

namespace millrace::inline v0 {

class Topic;

// What all partitions of an engine share. Borrowed; must outlive them.
struct PartitionContext {
  LogSource* logs = nullptr;
  // Null: every append commits at once.
  Replicator* replicator = nullptr;
  Env env = {};
};

// Thread-safe. Always owned by a shared_ptr (its Topic's, and whoever uses it). Cheap until it is used: the
// log is opened by the first call that needs it, and stays open, as an object, while the Partition lives (the
// LogManager closes the files of cold logs beneath it).
class MILLRACE_EXPORT Partition final : public PartitionHandle,
                                        public std::enable_shared_from_this<Partition> {
 public:
  using CommitCallback = absl::AnyInvocable<void(absl::Status)>;

  // `context` is borrowed and must outlive it.
  Partition(const PartitionContext* context, TopicPartition name, TopicId id,
            std::shared_ptr<const TopicConfig> config);
  ~Partition() override = default;

  // --- PartitionHandle
  const TopicPartition& topic_partition() const override { return name_; }
  TopicId topic_id() const override { return id_; }
  // Requires that OpenLog() has succeeded once.
  Log& log() override { return handle_->log(); }
  // Never down, never past the end. Acknowledges appends and wakes readers that waited for it.
  void AdvanceHighWatermark(Offset offset) override;
  // The end of what consumers may read. Without a Replicator the log's end. kNoOffset before OpenLog().
  Offset high_watermark() const override;

  // --- Log
  // The log, opened if it was not yet; valid while this object lives. Fails with what the disk says (a later
  // call tries again), or kUnknownTopicOrPartition once the partition was deleted. About 1 ns when open.
  absl::StatusOr<Log*> OpenLog() {
    if (Log* log = log_.load(std::memory_order_acquire); log != nullptr) [[likely]]
      return log;
    return OpenSlow();
  }
  // The same with shared ownership of this partition.
  absl::StatusOr<std::shared_ptr<Log>> SharedLog();
  // Null until OpenLog() has succeeded.
  Log* log_if_open() const { return log_.load(std::memory_order_acquire); }

  // --- Produce
  // Checks with the replicator, appends, and tells it. The errors are Log's and Replicator::CheckAppend's.
  absl::StatusOr<AppendResult> Append(const Record& record, Timestamp now, bool acks_all) {
    Log* const log = log_if_open();
    if (log == nullptr || replicated()) [[unlikely]]
      return AppendSlow(record, now, acks_all);
    return log->Append(record, now);
  }
  absl::StatusOr<AppendResult> AppendBatch(std::span<std::byte> batch, AppendOrigin origin, bool trusted,
                                           bool acks_all);
  // Whether an append is committed (acks=all) or durable only later: else its acknowledgement need not wait.
  bool replicated() const { return context_->replicator != nullptr; }
  // Calls `done` once everything below `end` is on all in-sync replicas (where `committed`) and survives what
  // `durability` says; with an error if that cannot be. At once, in this call, if it is so already.
  void OnCommitted(Offset end, bool committed, Durability durability, CommitCallback done);

  // --- Read
  // The end for read_committed readers: no open transaction lies below it. Equal to the high watermark as
  // long as nobody writes transactions.
  Offset last_stable_offset() const { return high_watermark(); }
  // As cursor->Next(), but never past the high watermark. `cursor` is one of this partition's log.
  absl::StatusOr<LogSlice> ReadCommitted(LogCursor* cursor, size_t bytes_max) {
    if (!replicated()) [[likely]]
      return cursor->Next(bytes_max);
    return ReadBelowHighWatermark(cursor, bytes_max);
  }
  // For parked readers. Registers `listener` for one call of OnAppend(), when something can be read at
  // `position`. False, and nothing is registered: it can be read now, look again. That a topic is deleted is
  // told to TopicListeners. Requires OpenLog(). `listener` must live until it was called or Disarm returned.
  bool Arm(AppendListener* listener, Offset position);
  void Disarm(AppendListener* listener);

  // --- Change
  // Whether the partition was deleted with its topic; the log then refuses everything.
  bool deleted() const { return deleted_.load(std::memory_order_acquire); }
  // Called by the Topic: a new config for the log, now or when it is opened.
  absl::Status Reconfigure(std::shared_ptr<const TopicConfig> config);
  // Called by the Topic: detaches from the replicator, fails what waits, wakes readers. The log is the
  // caller's to delete.
  void MarkDeleted();
  // Called by the Topic when the engine closes: the same, but nothing is deleted.
  void Detach();

 private:
  struct Waiter {
    Offset end;
    Durability durability;
    CommitCallback done;
  };

  absl::StatusOr<Log*> OpenSlow();
  absl::StatusOr<AppendResult> AppendSlow(const Record& record, Timestamp now, bool acks_all);
  void WaitDurable(Log* log, Offset end, Durability durability, CommitCallback done);
  absl::StatusOr<LogSlice> ReadBelowHighWatermark(LogCursor* cursor, size_t bytes_max);
  absl::Status Gone() const;
  void FailWaiters(const absl::Status& why);

  const PartitionContext* const context_;
  const TopicPartition name_;
  const TopicId id_;

  std::atomic<Log*> log_ = nullptr;
  // Set once, before log_.
  std::shared_ptr<LogHandle> handle_;
  // With a replicator only.
  std::atomic<int64_t> high_watermark_ = 0;
  std::atomic<bool> deleted_ = false;

  // Held over the disk while the log is opened. Before mutex_.
  Mutex open_mutex_;
  mutable Mutex mutex_;
  bool attached_ ABSL_GUARDED_BY(mutex_) = false;
  bool detached_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const TopicConfig> config_ ABSL_GUARDED_BY(mutex_);
  // By rising end.
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<AppendListener*, Offset>> readers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_PARTITION_PARTITION_H_
