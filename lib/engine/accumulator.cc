#include "engine/accumulator.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace millrace::inline v0 {

struct Accumulator::InFlight {
  SendRules rules = {};
  AppendedBatch at = {};
  // Of the log, for log-append-time topics.
  Timestamp append_time = kNoTimestamp;
  absl::Status status = {};
  std::vector<Pending> pending = {};
  std::shared_ptr<BatchCallback> batch_done = nullptr;
  int64_t records = 0;
  size_t reserved = 0;
  // Guarded by the accumulator's lock: acknowledged or failed; callbacks may run.
  bool done = false;
};

namespace {

// Sequences wrap from 2^31-1 to 0, as Kafka's do.
int32_t SequenceAfter(int32_t sequence, int32_t records) {
  return static_cast<int32_t>((int64_t{sequence} + records) & std::numeric_limits<int32_t>::max());
}

// What the acknowledgement says of a topic's durability: the level that was waited for.
Durability Acknowledged(const SendRules& rules, Durability appended) {
  return rules.durability == Durability::kPowerLoss && !rules.immediate ? Durability::kPowerLoss : appended;
}

}  // namespace

BatchOptions Accumulator::OptionsFor(const SendRules& rules) const {
  BatchOptions options{.compression = rules.compression, .compression_level = rules.compression_level};
  if (core_->producer_id() != kNoProducerId) {
    options.producer_id = core_->producer_id();
    options.producer_epoch = ProducerEpoch(0);
    options.base_sequence = sequence_;
  }
  return options;
}

// --- Gathering

Accumulator::Outcome Accumulator::Add(const Record& record, size_t bound, SendCallback* done,
                                      const SendRules& rules, bool may_switch) {
  After after;
  Outcome outcome = Outcome::kAdded;
  lock_.Lock();
  if (core_->closed()) {
    outcome = Outcome::kClosed;
  } else {
    bool was_full = false;
    if (builder_ != nullptr && builder_->size_bytes() + bound > limit_) {
      AppendOpenLocked(&after);
      was_full = true;
    }
    if (builder_ == nullptr && was_full && may_switch) {
      outcome = Outcome::kSwitch;
    } else if (builder_ == nullptr && !OpenLocked(bound, rules)) {
      outcome = Outcome::kNoSpace;
    } else {
      AddLocked(record, done);
      if (!listed_) {
        listed_ = true;
        outcome = Outcome::kOpened;
      }
    }
  }
  lock_.Unlock();
  Finish(&after);
  return outcome;
}

bool Accumulator::OpenLocked(size_t bound, const SendRules& rules) {
  const size_t limit = std::max(rules.batch_bytes, kBatchHeaderBytes + bound);
  const size_t reserved = std::min(limit, core_->options().buffer_bytes);
  if (!core_->TryReserve(reserved)) return false;
  reserved_ = reserved;
  limit_ = limit;
  rules_ = rules;
  batch_time_ = core_->env().clock->CoarseWall();
  opened_ = core_->env().clock->Monotonic();
  builder_ = core_->TakeBuilder();
  builder_->Reset(OptionsFor(rules));
  return true;
}

std::optional<MonotonicNanos> Accumulator::AppendOpen(MonotonicNanos opened_before) {
  After after;
  std::optional<MonotonicNanos> stays;
  lock_.Lock();
  if (builder_ != nullptr && opened_ > opened_before) {
    stays = opened_;
  } else {
    if (builder_ != nullptr) AppendOpenLocked(&after);
    listed_ = false;
  }
  lock_.Unlock();
  Finish(&after);
  return stays;
}

void Accumulator::AppendOpenLocked(After* after) {
  std::unique_ptr<BatchBuilder> builder = std::move(builder_);
  const int64_t records = builder->record_count();
  const absl::StatusOr<AppendResult> result = AppendBuilder(builder.get(), rules_);
  core_->GiveBuilder(std::move(builder));
  const size_t reserved = std::exchange(reserved_, 0);
  if (rules_.immediate && pending_.empty() && result.ok()) {
    core_->Release(reserved);
    return;
  }
  auto batch = std::make_shared<InFlight>();
  batch->rules = rules_;
  batch->records = records;
  batch->reserved = reserved;
  batch->at.timestamp = batch_time_;
  batch->pending = std::exchange(pending_, std::move(spare_));
  spare_.clear();
  pending_.clear();
  Enqueue(std::move(batch), result, after);
}

void Accumulator::PublishLocked() {
  if (uncounted_records_ == 0) return;
  core_->counts().producer_records.Add(std::exchange(uncounted_records_, 0));
  core_->counts().producer_bytes.Add(std::exchange(uncounted_bytes_, 0));
}

absl::StatusOr<AppendResult> Accumulator::AppendBuilder(BatchBuilder* builder, const SendRules& rules) {
  absl::StatusOr<std::span<std::byte>> bytes = builder->Finish();
  if (!bytes.ok()) return bytes.status();
  const int32_t records = builder->record_count();
  absl::StatusOr<AppendResult> result =
      partition_->AppendBatch(*bytes, AppendOrigin::kClient, /*trusted=*/true, rules.committed);
  if (result.ok()) CountLocked(records, bytes->size());
  if (result.ok() && core_->producer_id() != kNoProducerId) sequence_ = SequenceAfter(sequence_, records);
  return result;
}

// --- At once

Accumulator::Outcome Accumulator::AppendNow(const Record& record, size_t bound, SendCallback* done,
                                            const SendRules& rules, Timestamp now, absl::Status* status) {
  const bool plain = rules.compression == Compression::kNone && core_->producer_id() == kNoProducerId;
  const size_t reserved = rules.immediate ? 0 : std::min(bound, core_->options().buffer_bytes);
  if (reserved != 0 && !core_->TryReserve(reserved)) return Outcome::kNoSpace;
  After after;
  Outcome outcome = Outcome::kAdded;
  lock_.Lock();
  if (core_->closed()) {
    outcome = Outcome::kClosed;
  } else {
    absl::StatusOr<AppendResult> result =
        plain ? partition_->Append(record, now, rules.committed) : AppendOne(record, rules, now);
    if (plain && result.ok()) CountLocked(1, bound);
    if (!result.ok()) {
      *status = std::move(result).status();
      outcome = Outcome::kFailed;
    } else if (!rules.immediate || done != nullptr) {
      auto batch = std::make_shared<InFlight>();
      batch->rules = rules;
      batch->records = 1;
      batch->reserved = reserved;
      batch->at.timestamp = record.timestamp == kNoTimestamp ? now : record.timestamp;
      if (done != nullptr) batch->pending.push_back({0, batch->at.timestamp, std::move(*done)});
      Enqueue(std::move(batch), result, &after);
    }
  }
  lock_.Unlock();
  if (outcome != Outcome::kAdded && reserved != 0) core_->Release(reserved);
  Finish(&after);
  return outcome;
}

absl::StatusOr<AppendResult> Accumulator::AppendOne(const Record& record, const SendRules& rules,
                                                    Timestamp now) {
  std::unique_ptr<BatchBuilder> builder = core_->TakeBuilder();
  builder->Reset(OptionsFor(rules));
  builder->Append(record, now);
  absl::StatusOr<AppendResult> result = AppendBuilder(builder.get(), rules);
  core_->GiveBuilder(std::move(builder));
  return result;
}

Accumulator::Outcome Accumulator::AppendMany(std::span<const Record> records, size_t bound,
                                             const std::shared_ptr<BatchCallback>& done,
                                             const SendRules& rules, Timestamp now, absl::Status* status) {
  const size_t reserved = rules.immediate ? 0 : std::min(bound, core_->options().buffer_bytes);
  if (reserved != 0 && !core_->TryReserve(reserved)) return Outcome::kNoSpace;
  std::unique_ptr<BatchBuilder> builder = core_->TakeBuilder();
  After after;
  Outcome outcome = Outcome::kAdded;
  lock_.Lock();
  if (core_->closed()) {
    outcome = Outcome::kClosed;
  } else {
    if (builder_ != nullptr) AppendOpenLocked(&after);
    builder->Reset(OptionsFor(rules));
    for (const Record& record : records) builder->Append(record, now);
    absl::StatusOr<AppendResult> result = AppendBuilder(builder.get(), rules);
    if (!result.ok()) {
      *status = std::move(result).status();
      outcome = Outcome::kFailed;
    } else if (!rules.immediate || done != nullptr) {
      auto batch = std::make_shared<InFlight>();
      batch->rules = rules;
      batch->records = static_cast<int64_t>(records.size());
      batch->reserved = reserved;
      batch->at.timestamp = now;
      batch->batch_done = done;
      Enqueue(std::move(batch), result, &after);
    }
  }
  lock_.Unlock();
  core_->GiveBuilder(std::move(builder));
  if (outcome != Outcome::kAdded && reserved != 0) core_->Release(reserved);
  Finish(&after);
  return outcome;
}

void Accumulator::Fail(const std::shared_ptr<BatchCallback>& done, const absl::Status& status,
                       int64_t records) {
  After after;
  auto batch = std::make_shared<InFlight>();
  batch->records = records;
  batch->batch_done = done;
  {
    LightLockHolder hold(&lock_);
    Enqueue(std::move(batch), status, &after);
  }
  Finish(&after);
}

// --- Acknowledgements

void Accumulator::Enqueue(std::shared_ptr<InFlight> batch, const absl::StatusOr<AppendResult>& result,
                          After* after) {
  if (result.ok()) {
    batch->at.partition = id();
    batch->at.first_offset = result->first_offset;
    batch->at.last_offset = result->last_offset;
    batch->at.durability = Acknowledged(batch->rules, result->durability);
    batch->append_time = result->append_time;
    if (result->append_time != kNoTimestamp) batch->at.timestamp = result->append_time;
  } else {
    batch->status = result.status();
  }
  if (result.ok() && !batch->rules.immediate) {
    after->await.push_back(batch);
  } else {
    batch->done = true;
    after->drain = true;
  }
  sent_.fetch_add(1, std::memory_order_release);
  in_flight_.push_back(std::move(batch));
}

void Accumulator::Finish(After* after) {
  for (const std::shared_ptr<InFlight>& batch : after->await) {
    partition_->OnCommitted(batch->at.last_offset + 1, batch->rules.committed, batch->rules.durability,
                            [self = shared_from_this(), batch](absl::Status status) {
                              self->Complete(batch, std::move(status));
                            });
  }
  if (after->drain) Drain();
}

void Accumulator::Complete(const std::shared_ptr<InFlight>& batch, absl::Status status) {
  {
    LightLockHolder hold(&lock_);
    if (batch->done) return;  // abandoned
    batch->status = std::move(status);
    batch->done = true;
  }
  Drain();
}

// Runs the callbacks of what is done at the front of the queue. One thread at a time, so that they run in
// order: the others leave their work to it.
void Accumulator::Drain() {
  lock_.Lock();
  if (draining_) {
    lock_.Unlock();
    return;
  }
  draining_ = true;
  while (!in_flight_.empty() && in_flight_.front()->done) {
    const std::shared_ptr<InFlight> batch = std::move(in_flight_.front());
    in_flight_.pop_front();
    lock_.Unlock();
    Run(batch.get());
    lock_.Lock();
    if (spare_.capacity() < batch->pending.capacity()) {
      batch->pending.clear();
      spare_ = std::move(batch->pending);
    }
    completed_.fetch_add(1, std::memory_order_release);
    if (batch->reserved != 0) core_->Release(batch->reserved);
    if (waiters_.empty()) continue;
    const std::vector<std::shared_ptr<Waiter>> reached = Reached();
    lock_.Unlock();
    for (const std::shared_ptr<Waiter>& waiter : reached) {
      waiter->reached.store(1, std::memory_order_release);
      core_->env().parker->UnparkAll(waiter->reached);
    }
    lock_.Lock();
  }
  draining_ = false;
  lock_.Unlock();
}

std::vector<std::shared_ptr<Accumulator::Waiter>> Accumulator::Reached() {
  std::vector<std::shared_ptr<Waiter>> reached;
  const uint64_t completed = completed_.load(std::memory_order_relaxed);
  std::erase_if(waiters_, [&](std::shared_ptr<Waiter>& waiter) {
    if (waiter->target > completed) return false;
    reached.push_back(std::move(waiter));
    return true;
  });
  return reached;
}

void Accumulator::FlushLog() {
  Log* const log = partition_->log_if_open();
  if (log == nullptr || flushing_.exchange(true, std::memory_order_acquire)) return;
  log->Flush().IgnoreError();  // a failure reaches the acknowledgements
  flushing_.store(false, std::memory_order_release);
}

std::shared_ptr<Accumulator::Waiter> Accumulator::WaitFor(uint64_t target) {
  LightLockHolder hold(&lock_);
  if (completed_.load(std::memory_order_relaxed) >= target) return nullptr;
  auto waiter = std::make_shared<Waiter>();
  waiter->target = target;
  waiters_.push_back(waiter);
  return waiter;
}

void Accumulator::GiveUp(const std::shared_ptr<Waiter>& waiter) {
  LightLockHolder hold(&lock_);
  std::erase(waiters_, waiter);
}

void Accumulator::Run(InFlight* batch) {
  const bool ok = batch->status.ok();
  const auto called = static_cast<int64_t>(batch->pending.size());
  if (!ok) core_->counts().producer_errors.Add(batch->records);
  if (!ok && batch->batch_done == nullptr && called < batch->records) {
    core_->CountErrors(batch->records - called, batch->status);
  }
  for (Pending& one : batch->pending) {
    if (!ok) {
      one.done(batch->status);
      continue;
    }
    one.done(Appended{.partition = batch->at.partition,
                      .offset = batch->at.first_offset + one.delta,
                      .timestamp = batch->append_time == kNoTimestamp ? one.timestamp : batch->append_time,
                      .durability = batch->at.durability});
  }
  if (batch->batch_done != nullptr) {
    if (ok) {
      (*batch->batch_done)(batch->at);
    } else {
      (*batch->batch_done)(batch->status);
    }
  }
}

bool Accumulator::AwaitsDurability() const {
  LightLockHolder hold(&lock_);
  return std::any_of(in_flight_.begin(), in_flight_.end(), [](const std::shared_ptr<InFlight>& batch) {
    return !batch->done && batch->rules.durability == Durability::kPowerLoss;
  });
}

void Accumulator::Abandon(const absl::Status& why) {
  {
    LightLockHolder hold(&lock_);
    for (const std::shared_ptr<InFlight>& batch : in_flight_) {
      if (batch->done) continue;
      batch->status = why;
      batch->done = true;
    }
  }
  Drain();
}

}  // namespace millrace::inline v0
