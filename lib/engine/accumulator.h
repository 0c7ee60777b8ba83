// Accumulator: what one producer holds of one partition: the batch that gathers records, and the batches that
// are appended but not yet acknowledged.

#ifndef MILLRACE_ENGINE_ACCUMULATOR_H_
#define MILLRACE_ENGINE_ACCUMULATOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/light_lock.h"
#include "engine/producer_core.h"
#include "millrace/env/clock.h"
#include "millrace/producer.h"
#include "millrace/record.h"
#include "partition/partition.h"

namespace millrace::inline v0 {

// What follows from a topic's config for a producer of it. Replaced as a whole when the config changes.
struct SendRules {
  // Batches are closed before they pass this size.
  size_t batch_bytes = 0;
  // Of one batch as stored.
  size_t max_message_bytes = 0;
  bool needs_key = false;
  bool check_timestamps = false;
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = INT64_MAX;
  Compression compression = Compression::kNone;
  std::optional<int> compression_level = std::nullopt;
  // What an acknowledgement waits for.
  bool committed = false;
  Durability durability = Durability::kProcess;
  // Acknowledged by the append itself.
  bool immediate = true;
};

// The most bytes a record takes in a batch (BatchBuilder::SizeBound, inlined for the usual record).
inline size_t RecordBound(const Record& record) {
  constexpr size_t kFields = 36;
  if (!record.headers.empty()) [[unlikely]]
    return BatchBuilder::SizeBound(record);
  return kFields + (record.key.has_value() ? record.key->size() : 0) +
         (record.value.has_value() ? record.value->size() : 0);
}

// Thread-safe. Owned by shared_ptr: acknowledgements under way keep it. The lock is held over an append, so
// that batches reach the log in the order they were begun; callbacks run without it.
class Accumulator : public std::enable_shared_from_this<Accumulator> {
 public:
  Accumulator(std::shared_ptr<ProducerCore> core, std::shared_ptr<Partition> partition)
      : core_(std::move(core)), partition_(std::move(partition)), lock_(core_->env()) {}

  PartitionId id() const { return partition_->topic_partition().partition; }
  Partition& partition() { return *partition_; }

  // A batch that was appended and whose acknowledgement is not through.
  struct InFlight;
  // What remains to be done once the lock is free.
  struct After {
    std::vector<std::shared_ptr<InFlight>> await = {};
    bool drain = false;
  };

  // The fast path: adds the record to the open batch; false if there is none, or it is full, or anything else
  // is out of the ordinary. Takes the callback only when it returns true.
  bool TryAdd(const Record& record, size_t bound, SendCallback* done) {
    LightLockHolder hold(&lock_);
    if (builder_ == nullptr || builder_->size_bytes() + bound > limit_ || core_->closed()) [[unlikely]] {
      return false;
    }
    AddLocked(record, done);
    return true;
  }

  enum class Outcome : uint8_t {
    kAdded,    // accepted
    kOpened,   // accepted, as the first of a batch: the accumulator belongs on the linger list
    kSwitch,   // not accepted: the batch was full and went off; choose another partition
    kNoSpace,  // not accepted: no buffer space
    kClosed,   // not accepted: the producer is closed
    kFailed,   // not accepted: see `*status`
  };
  // The rest: closes a batch that is full, begins a new one. With `may_switch`, kSwitch instead of the latter
  // when one was full. Takes the callback only when it accepts.
  Outcome Add(const Record& record, size_t bound, SendCallback* done, const SendRules& rules,
              bool may_switch);
  // Appends the record as a batch of its own at once. `done` may be null.
  Outcome AppendNow(const Record& record, size_t bound, SendCallback* done, const SendRules& rules,
                    Timestamp now, absl::Status* status);
  // Appends `records` as one batch of at most `bound` bytes at once; lingering records go first. `done` may
  // be null.
  Outcome AppendMany(std::span<const Record> records, size_t bound,
                     const std::shared_ptr<BatchCallback>& done, const SendRules& rules, Timestamp now,
                     absl::Status* status);
  // Calls `done` with `status` in its turn, or counts errors without one: for `records` that were accepted
  // and then not appended.
  void Fail(const std::shared_ptr<BatchCallback>& done, const absl::Status& status, int64_t records);

  // Appends the open batch if it was begun before `opened_before`. Returns when the batch that stays open was
  // begun; nullopt if none is (the accumulator is then off the linger list).
  std::optional<MonotonicNanos> AppendOpen(MonotonicNanos opened_before);

  // Adds what was appended to the engine's metrics, which are told by the 64 KiB.
  void PublishCounts() {
    LightLockHolder hold(&lock_);
    PublishLocked();
  }

  // Batches appended with an acknowledgement to come, and those acknowledged with their callbacks run.
  uint64_t sent() const { return sent_.load(std::memory_order_acquire); }
  uint64_t completed() const { return completed_.load(std::memory_order_acquire); }
  bool AwaitsDurability() const;
  // Flushes the log in this thread, unless another thread is about that: what comes too late for that one's
  // flush is seen to by the flush that its acknowledgement has asked for.
  void FlushLog();
  // One who waits until completed() has reached a count. It is woken alone: of many threads that wait for the
  // disk together, each is woken once.
  struct Waiter {
    uint64_t target = 0;
    std::atomic<uint32_t> reached = 0;
  };
  // Null: it has been reached.
  std::shared_ptr<Waiter> WaitFor(uint64_t target);
  void GiveUp(const std::shared_ptr<Waiter>& waiter);
  // Fails what is not acknowledged yet; what comes later for it is ignored.
  void Abandon(const absl::Status& why);

 private:
  struct Pending {
    int32_t delta;
    Timestamp timestamp;
    SendCallback done;
  };

  void AddLocked(const Record& record, SendCallback* done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (done != nullptr) [[unlikely]] {
      pending_.push_back({builder_->record_count(),
                          record.timestamp == kNoTimestamp ? batch_time_ : record.timestamp,
                          std::move(*done)});
    }
    builder_->Append(record, batch_time_);
  }
  void CountLocked(int64_t records, size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    constexpr int64_t kCountedAtOnce = 64 * 1024;
    uncounted_records_ += records;
    uncounted_bytes_ += static_cast<int64_t>(bytes);
    if (uncounted_bytes_ >= kCountedAtOnce) [[unlikely]]
      PublishLocked();
  }
  void PublishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  BatchOptions OptionsFor(const SendRules& rules) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Begins a batch; false if there is no buffer space.
  bool OpenLocked(size_t bound, const SendRules& rules) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  absl::StatusOr<AppendResult> AppendOne(const Record& record, const SendRules& rules, Timestamp now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void AppendOpenLocked(After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  absl::StatusOr<AppendResult> AppendBuilder(BatchBuilder* builder, const SendRules& rules)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Queues what was appended (or failed) until it is acknowledged, and says in `after` what that takes.
  void Enqueue(std::shared_ptr<InFlight> batch, const absl::StatusOr<AppendResult>& result, After* after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void Finish(After* after) ABSL_LOCKS_EXCLUDED(lock_);
  void Complete(const std::shared_ptr<InFlight>& batch, absl::Status status) ABSL_LOCKS_EXCLUDED(lock_);
  void Drain() ABSL_LOCKS_EXCLUDED(lock_);
  void Run(InFlight* batch) ABSL_LOCKS_EXCLUDED(lock_);
  // Takes out those whose count has been reached.
  std::vector<std::shared_ptr<Waiter>> Reached() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  const std::shared_ptr<ProducerCore> core_;
  const std::shared_ptr<Partition> partition_;

  alignas(64) mutable LightLock lock_;
  bool listed_ ABSL_GUARDED_BY(lock_) = false;
  bool draining_ ABSL_GUARDED_BY(lock_) = false;
  // The open batch; null: none.
  std::unique_ptr<BatchBuilder> builder_ ABSL_GUARDED_BY(lock_);
  size_t limit_ ABSL_GUARDED_BY(lock_) = 0;
  Timestamp batch_time_ ABSL_GUARDED_BY(lock_);
  MonotonicNanos opened_ ABSL_GUARDED_BY(lock_);
  size_t reserved_ ABSL_GUARDED_BY(lock_) = 0;
  SendRules rules_ ABSL_GUARDED_BY(lock_);
  std::vector<Pending> pending_ ABSL_GUARDED_BY(lock_);
  std::vector<Pending> spare_ ABSL_GUARDED_BY(lock_);
  int64_t uncounted_records_ ABSL_GUARDED_BY(lock_) = 0;
  int64_t uncounted_bytes_ ABSL_GUARDED_BY(lock_) = 0;
  // Of the next batch, for idempotent producers.
  int32_t sequence_ ABSL_GUARDED_BY(lock_) = 0;

  std::deque<std::shared_ptr<InFlight>> in_flight_ ABSL_GUARDED_BY(lock_);
  std::vector<std::shared_ptr<Waiter>> waiters_ ABSL_GUARDED_BY(lock_);
  std::atomic<bool> flushing_ = false;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> completed_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_ACCUMULATOR_H_
