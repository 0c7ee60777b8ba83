#include "partition/partition.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/append_listener.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

Partition::Partition(const PartitionContext* context, TopicPartition name, TopicId id,
                     std::shared_ptr<const TopicConfig> config)
    : context_(context), name_(std::move(name)), id_(id), config_(std::move(config)) {}

absl::Status Partition::Gone() const {
  return Error(ErrorCode::kUnknownTopicOrPartition,
               StrCat("partition ", name_.ToString(), " was deleted with its topic"));
}

absl::StatusOr<Log*> Partition::OpenSlow() {
  MutexLock opening(&open_mutex_);
  if (Log* log = log_.load(std::memory_order_acquire); log != nullptr) return log;
  std::shared_ptr<const TopicConfig> config;
  {
    MutexLock lock(&mutex_);
    if (deleted()) return Gone();
    if (detached_) return Error(ErrorCode::kNotLeaderOrFollower, "the engine is closed");
    config = config_;
  }
  MILLRACE_ASSIGN_OR_RETURN(handle_, context_->logs->OpenLog(name_, id_, std::move(config)));
  if (replicated()) {
    high_watermark_.store(handle_->log().log_start_offset().value(), std::memory_order_relaxed);
    if (absl::Status status = context_->replicator->Attach(shared_from_this()); !status.ok()) {
      handle_ = nullptr;
      return status;
    }
    MutexLock lock(&mutex_);
    attached_ = true;
  }
  log_.store(&handle_->log(), std::memory_order_release);
  return &handle_->log();
}

absl::StatusOr<std::shared_ptr<Log>> Partition::SharedLog() {
  MILLRACE_ASSIGN_OR_RETURN(Log * log, OpenLog());
  return std::shared_ptr<Log>(shared_from_this(), log);
}

// --- High watermark

Offset Partition::high_watermark() const {
  const Log* log = log_.load(std::memory_order_acquire);
  if (log == nullptr) return kNoOffset;
  if (!replicated()) return log->log_end_offset();
  return Offset(high_watermark_.load(std::memory_order_acquire));
}

void Partition::AdvanceHighWatermark(Offset offset) {
  const int64_t to = std::min(offset, handle_->log().log_end_offset()).value();
  std::vector<Waiter> committed;
  std::vector<AppendListener*> readable;
  {
    MutexLock lock(&mutex_);
    if (to <= high_watermark_.load(std::memory_order_relaxed)) return;
    high_watermark_.store(to, std::memory_order_release);
    const auto still = std::find_if(waiters_.begin(), waiters_.end(),
                                    [&](const Waiter& waiter) { return waiter.end.value() > to; });
    std::move(waiters_.begin(), still, std::back_inserter(committed));
    waiters_.erase(waiters_.begin(), still);
    std::erase_if(readers_, [&](const std::pair<AppendListener*, Offset>& reader) {
      if (reader.second.value() >= to) return false;
      reader.first->OnAppend();  // quick by contract; under the lock, so that Disarm() is final
      return true;
    });
  }
  for (Waiter& waiter : committed) {
    WaitDurable(&handle_->log(), waiter.end, waiter.durability, std::move(waiter.done));
  }
}

// --- Produce

absl::StatusOr<AppendResult> Partition::AppendSlow(const Record& record, Timestamp now, bool acks_all) {
  MILLRACE_ASSIGN_OR_RETURN(Log * log, OpenLog());
  if (replicated()) MILLRACE_RETURN_IF_ERROR(context_->replicator->CheckAppend(name_, acks_all));
  absl::StatusOr<AppendResult> result = log->Append(record, now);
  if (replicated() && result.ok()) context_->replicator->OnAppended(name_, result->last_offset + 1);
  return result;
}

absl::StatusOr<AppendResult> Partition::AppendBatch(std::span<std::byte> batch, AppendOrigin origin,
                                                    bool trusted, bool acks_all) {
  MILLRACE_ASSIGN_OR_RETURN(Log * log, OpenLog());
  if (deleted()) [[unlikely]]
    return Gone();
  if (replicated()) [[unlikely]] {
    MILLRACE_RETURN_IF_ERROR(context_->replicator->CheckAppend(name_, acks_all));
  }
  absl::StatusOr<AppendResult> result = log->AppendBatch(batch, origin, trusted);
  if (replicated() && result.ok()) [[unlikely]] {
    context_->replicator->OnAppended(name_, result->last_offset + 1);
  }
  return result;
}

void Partition::OnCommitted(Offset end, bool committed, Durability durability, CommitCallback done) {
  Log* const log = log_.load(std::memory_order_acquire);
  MILLRACE_CHECK(log != nullptr);
  if (committed && replicated()) {
    absl::Status gone;
    {
      MutexLock lock(&mutex_);
      if (high_watermark_.load(std::memory_order_relaxed) < end.value()) {
        if (!detached_) {
          const auto at =
              std::upper_bound(waiters_.begin(), waiters_.end(), end,
                               [](Offset value, const Waiter& waiter) { return value < waiter.end; });
          waiters_.insert(at, Waiter{end, durability, std::move(done)});
          return;
        }
        gone = deleted() ? Gone()
                         : Error(ErrorCode::kNotLeaderOrFollower,
                                 StrCat("partition ", name_.ToString(),
                                        ": the engine was closed before the append was committed"));
      }
    }
    if (!gone.ok()) return done(gone);
  }
  WaitDurable(log, end, durability, std::move(done));
}

void Partition::WaitDurable(Log* log, Offset end, Durability durability, CommitCallback done) {
  if (durability != Durability::kPowerLoss || log->flushed_offset() >= end) return done(absl::OkStatus());
  log->OnDurable(end, std::move(done));
}

// --- Read

absl::StatusOr<LogSlice> Partition::ReadBelowHighWatermark(LogCursor* cursor, size_t bytes_max) {
  const Offset limit = high_watermark();
  const Offset start = cursor->position();
  if (start >= limit) return LogSlice{.next_offset = start};
  MILLRACE_ASSIGN_OR_RETURN(LogSlice slice, cursor->Next(bytes_max));
  if (slice.next_offset <= limit) return slice;
  size_t kept = 0;
  Offset next = start;
  for (const BatchView batch : slice) {
    if (batch.next_offset() > limit) break;
    kept += batch.size_bytes();
    next = batch.next_offset();
  }
  slice.bytes = slice.bytes.first(kept);
  slice.next_offset = next;
  if (kept == 0) slice.pin = nullptr;
  MILLRACE_RETURN_IF_ERROR(cursor->Seek(next));
  return slice;
}

bool Partition::Arm(AppendListener* listener, Offset position) {
  if (!replicated()) return handle_->Arm(listener, position);
  MutexLock lock(&mutex_);
  if (detached_ || position.value() < high_watermark_.load(std::memory_order_relaxed)) return false;
  readers_.emplace_back(listener, position);
  return true;
}

void Partition::Disarm(AppendListener* listener) {
  if (!replicated()) return handle_->Disarm(listener);
  MutexLock lock(&mutex_);
  std::erase_if(readers_, [&](const auto& reader) { return reader.first == listener; });
}

// --- Change

absl::Status Partition::Reconfigure(std::shared_ptr<const TopicConfig> config) {
  MutexLock opening(&open_mutex_);
  Log* const log = log_.load(std::memory_order_acquire);
  if (log != nullptr) MILLRACE_RETURN_IF_ERROR(log->Reconfigure(*config));
  MutexLock lock(&mutex_);
  config_ = std::move(config);
  return absl::OkStatus();
}

void Partition::FailWaiters(const absl::Status& why) {
  std::vector<Waiter> failed;
  {
    MutexLock lock(&mutex_);
    failed.swap(waiters_);
    for (const auto& [listener, position] : readers_) listener->OnAppend();
    readers_.clear();
  }
  for (Waiter& waiter : failed) waiter.done(why);
}

void Partition::Detach() {
  bool attached = false;
  {
    MutexLock opening(&open_mutex_);
    MutexLock lock(&mutex_);
    detached_ = true;
    std::swap(attached, attached_);
  }
  if (attached) context_->replicator->Detach(name_);
  FailWaiters(deleted() ? Gone()
                        : Error(ErrorCode::kNotLeaderOrFollower,
                                StrCat("partition ", name_.ToString(),
                                       ": the engine was closed before the append was committed")));
}

void Partition::MarkDeleted() {
  deleted_.store(true, std::memory_order_release);
  Detach();
}

}  // namespace millrace::inline v0
