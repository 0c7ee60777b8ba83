// Lingering, flushing and closing of ProducerImpl.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "engine/producer_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// --- Linger timer: one for the producer, armed while batches are open.

void ProducerImpl::List(std::shared_ptr<Accumulator> accumulator) {
  MutexLock lock(&list_mutex_);
  open_.push_back(std::move(accumulator));
  if (!timer_armed_) ArmTimer(clock_->Monotonic() + linger_ns_);
}

void ProducerImpl::ArmTimer(MonotonicNanos when) {
  timer_armed_ = true;
  timer_ = engine_->env().executor->PostAt(when, [token = token_] {
    MutexLock alive(&token->mutex);
    if (token->producer != nullptr) token->producer->RunTimer();
  });
}

void ProducerImpl::RunTimer() {
  std::vector<std::shared_ptr<Accumulator>> open;
  {
    MutexLock lock(&list_mutex_);
    open.swap(open_);
  }
  const MonotonicNanos now = clock_->Monotonic();
  MonotonicNanos next = now + linger_ns_;
  std::erase_if(open, [&](const std::shared_ptr<Accumulator>& one) {
    const std::optional<MonotonicNanos> stays = one->AppendOpen(now - linger_ns_);
    if (stays.has_value()) next = std::min(next, *stays + linger_ns_);
    return !stays.has_value();
  });
  MutexLock lock(&list_mutex_);
  open_.insert(open_.end(), std::make_move_iterator(open.begin()), std::make_move_iterator(open.end()));
  if (open_.empty()) {
    timer_armed_ = false;
  } else {
    ArmTimer(next);
  }
}

void ProducerImpl::FlushLingering() {
  std::vector<std::shared_ptr<Accumulator>> open;
  {
    MutexLock lock(&list_mutex_);
    open.swap(open_);
  }
  for (const std::shared_ptr<Accumulator>& one : open) one->AppendOpen(kNever);
}

// --- Flush and close

std::vector<std::shared_ptr<Accumulator>> ProducerImpl::AllAccumulators() const {
  std::vector<std::shared_ptr<ProducerTopic>> topics;
  {
    LightLockHolder hold(&topics_lock_);
    for (const auto& [name, topic] : topics_) topics.push_back(topic);
  }
  std::vector<std::shared_ptr<Accumulator>> all;
  for (const std::shared_ptr<ProducerTopic>& topic : topics) {
    std::vector<std::shared_ptr<Accumulator>> some = topic->Accumulators();
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  return all;
}

bool ProducerImpl::WaitForAcks(const Awaited& awaited, MonotonicNanos deadline) {
  for (const auto& [one, target] : awaited) {
    const std::shared_ptr<Accumulator::Waiter> waiter = one->WaitFor(target);
    while (waiter != nullptr && waiter->reached.load(std::memory_order_acquire) == 0) {
      if (deadline != kNever && clock_->Monotonic() >= deadline) {
        one->GiveUp(waiter);
        return false;
      }
      engine_->Wait(waiter->reached, 0, deadline);
    }
  }
  return true;
}

absl::Status ProducerImpl::Flush(absl::Duration timeout) {
  const MonotonicNanos deadline = engine_->DeadlineAfter(timeout);
  // The linger timer may hold the list for a moment: go through everything.
  FlushLingering();
  Awaited awaited;
  for (std::shared_ptr<Accumulator>& one : AllAccumulators()) {
    one->AppendOpen(kNever);
    const uint64_t sent = one->sent();
    if (one->completed() < sent) awaited.emplace_back(std::move(one), sent);
  }
  if (awaited.empty()) return absl::OkStatus();
  for (const auto& [one, sent] : awaited) {
    if (timeout <= absl::ZeroDuration() || !one->AwaitsDurability()) continue;
    // In this thread, which waits anyhow: no other has to be woken for it.
    one->FlushLog();
  }
  if (WaitForAcks(awaited, deadline)) return absl::OkStatus();
  return Error(ErrorCode::kRequestTimedOut,
               StrCat("not everything sent before was acknowledged within the time given; ", awaited.size(),
                      " partitions were waited for"));
}

absl::Status ProducerImpl::Close(absl::Duration timeout) {
  core_->MarkClosed();
  core_->Progress();
  return Flush(timeout);
}

void ProducerImpl::OnEngineClosed() {
  engine_closed_.store(true, std::memory_order_release);
  core_->MarkClosed();
  for (const std::shared_ptr<Accumulator>& one : AllAccumulators()) one->AppendOpen(kNever);
  core_->Progress();
}

}  // namespace millrace::inline v0
