// Polling: group housekeeping, fetching, and the ways to wait.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "engine/consumer_impl.h"
#include "env/spin.h"

namespace millrace::inline v0 {
namespace {

// How often a follower of another process's log looks for news: nobody wakes it.
constexpr int64_t kFollowNanos = 1'000'000;
// Looks at the clock once in so many turns while spinning.
constexpr int kSpinTurns = 64;

}  // namespace

absl::StatusOr<Batches> ConsumerImpl::TryPoll() {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (wakeup_.load(std::memory_order_acquire) && wakeup_.exchange(false)) {
    return absl::AbortedError("the poll was woken by Consumer::Wakeup");
  }
  if (groups_ != nullptr) MILLRACE_RETURN_IF_ERROR(RunGroup());
  if (!deferred_error_.ok()) return std::exchange(deferred_error_, absl::OkStatus());
  EventDescriptor* const descriptor = wake_->descriptor();
  if (descriptor == nullptr) return Fetch();
  // What comes after the descriptor was cleared either is seen by the fetch or sets it again.
  descriptor->Clear();
  absl::StatusOr<Batches> batches = Fetch();
  if (!batches.ok() || !batches->empty() || !Arm()) descriptor->Signal();
  return batches;
}

absl::Status ConsumerImpl::RunGroup() {
  const MonotonicNanos now = env_.clock->Monotonic();
  mailbox_->Drain();
  if (member_ != nullptr) {
    if (engine_->topics().changes() != seen_topics_version_) RefreshSubscription();
    MILLRACE_RETURN_IF_ERROR(member_->Poll(now));
    mailbox_->Drain();  // most answers are there already
  }
  if (must_ask_committed_ && !asking_committed_ && now >= ask_committed_at_) AskCommitted();
  if (options_.auto_commit && now >= next_auto_commit_) AutoCommit(now);
  return absl::OkStatus();
}

// Asks the group where to begin in the partitions that were added.
void ConsumerImpl::AskCommitted() {
  if (asking_committed_) return;
  must_ask_committed_ = false;
  OffsetFetchRequest request = {.group = options_.group, .partitions = std::vector<TopicPartition>()};
  for (const auto& [name, source] : sources_) {
    if (source.awaits_committed) request.partitions->push_back(name);
  }
  if (request.partitions->empty()) return;
  asking_committed_ = true;
  groups_->FetchOffsets(std::move(request), [mailbox = mailbox_, this](OffsetFetchResponse response) {
    mailbox->Post([this, response = std::move(response)] { OnCommitted(response); });
  });
  mailbox_->Drain();
}

void ConsumerImpl::OnCommitted(const OffsetFetchResponse& response) {
  asking_committed_ = false;
  if (!response.result.ok()) {
    if (IsRetriable(response.result.error)) {
      must_ask_committed_ = true;
      ask_committed_at_ = env_.clock->Monotonic() + 100'000'000;
    } else {
      deferred_error_.Update(response.result.ToStatus(options_.group));
    }
    return;
  }
  for (const OffsetFetchResponse::Entry& entry : response.offsets) {
    const auto found = sources_.find(entry.offset.partition);
    if (found == sources_.end() || !found->second.awaits_committed) continue;
    Source& source = found->second;
    source.awaits_committed = false;
    const bool moved =
        entry.result.ok() && entry.offset.offset >= 0 && MoveTo(source, Offset(entry.offset.offset)).ok();
    if (!moved) deferred_error_.Update(Reset(source));
  }
}

// One look at every readable partition, beginning where the last look ended.
absl::StatusOr<Batches> ConsumerImpl::Fetch() {
  Batches batches;
  const size_t count = readable_.size();
  size_t left = options_.fetch_max_bytes;
  for (size_t i = 0; i < count && left > 0; ++i) {
    if (next_readable_ >= readable_.size()) next_readable_ = 0;
    Source& source = *readable_[next_readable_++];
    const size_t before = batches.slice_count();
    auto found = FetchFrom(source, std::min(left, options_.max_partition_fetch_bytes), &batches);
    if (!found.ok()) {
      // What was found in other partitions first; their positions have moved.
      if (batches.empty()) return found.status();
      deferred_error_.Update(found.status());
      break;
    }
    if (batches.slice_count() > before) left -= std::min(left, batches.slice(before).data.bytes.size());
    if (readable_.size() != count) break;  // a reset has changed the list
  }
  CountPoll(batches);
  return batches;
}

// Adds what `source` has to `into`. False: nothing.
absl::StatusOr<bool> ConsumerImpl::FetchFrom(Source& source, size_t bytes_max, Batches* into) {
  absl::StatusOr<LogSlice> slice = source.partition->ReadCommitted(source.cursor.get(), bytes_max);
  if (!slice.ok()) [[unlikely]] {
    if (ErrorCodeOf(slice.status()) != ErrorCode::kOffsetOutOfRange) return slice.status();
    MILLRACE_RETURN_IF_ERROR(Reset(source));  // the position was deleted
    return false;
  }
  if (slice->empty()) return false;
  if (options_.check_crcs == CheckCrcs::kAlways) [[unlikely]] {
    for (const BatchView batch : *slice) {
      if (batch.CrcIsValid()) continue;
      MILLRACE_RETURN_IF_ERROR(source.cursor->Seek(source.position));
      return DataLoss({.first = batch.base_offset(), .next = batch.next_offset()},
                      absl::StrFormat("%s: the batch at offset %d does not fit its checksum; Seek past it",
                                      source.name->ToString(), batch.base_offset().value()));
    }
  }
  const Offset from = source.position;
  source.position = slice->next_offset;
  const auto bytes = static_cast<int64_t>(slice->bytes.size());
  source.uncounted_bytes += bytes;
  uncounted_.bytes += bytes;
  uncounted_.records += source.position - from;
  into->Add({.source = source.name,
             .data = *std::move(slice),
             .from = from,
             .decompressed_bytes_max = options_.decompressed_bytes_max});
  return true;
}

void ConsumerImpl::PublishCounts() {
  if (uncounted_.polls == 0) return;
  EngineMetrics& counts = engine_->counts();
  counts.consumer_polls.Add(uncounted_.polls);
  if (uncounted_.bytes != 0) {
    counts.consumer_records.Add(uncounted_.records);
    counts.consumer_bytes.Add(uncounted_.bytes);
    for (auto& [name, source] : sources_) {
      if (source.uncounted_bytes == 0) continue;
      source.meter->bytes_out.fetch_add(std::exchange(source.uncounted_bytes, 0), std::memory_order_relaxed);
    }
  }
  uncounted_ = {};
}

absl::StatusOr<Batches> ConsumerImpl::Spin(MonotonicNanos until) {
  while (true) {
    for (int turn = 0; turn < kSpinTurns; ++turn) {
      absl::StatusOr<Batches> batches = TryPoll();
      if (!batches.ok() || !batches->empty()) return batches;
      SpinPause();
    }
    engine_->RunOnce(SIZE_MAX);  // where the host drives: nobody else does while this waits
    if (env_.clock->Monotonic() >= until) return Batches();
  }
}

absl::StatusOr<Batches> ConsumerImpl::Poll(absl::Duration timeout) {
  absl::StatusOr<Batches> batches = TryPoll();
  if (!batches.ok() || !batches->empty() || timeout <= absl::ZeroDuration()) return batches;
  const MonotonicNanos deadline = engine_->DeadlineAfter(timeout);
  if (options_.wait != WaitStrategy::kPark) {
    const bool only_spin = options_.wait == WaitStrategy::kSpin;
    batches = Spin(only_spin ? deadline : std::min(deadline, engine_->DeadlineAfter(options_.spin)));
    if (!batches.ok() || !batches->empty() || only_spin) return batches;
  }
  while (true) {
    const uint32_t seen = wake_->value();
    const bool nothing_yet = Arm();
    batches = TryPoll();
    if (!batches.ok() || !batches->empty()) break;
    const MonotonicNanos now = env_.clock->Monotonic();
    if (now >= deadline) break;
    if (!nothing_yet) continue;
    MonotonicNanos until = deadline;
    if (member_ != nullptr) until = std::min(until, member_->NextDue());
    if (groups_ != nullptr && options_.auto_commit) until = std::min(until, next_auto_commit_);
    if (must_ask_committed_) until = std::min(until, ask_committed_at_);
    if (engine_->options().read_only) until = std::min(until, now + kFollowNanos);
    engine_->Wait(wake_->word(), seen, until);
    // Arming costs more than looking.
    batches = TryPoll();
    if (!batches.ok() || !batches->empty()) break;
  }
  if (wake_->descriptor() == nullptr) Disarm();
  return batches;
}

// Has every readable partition wake this consumer with its next append. False: one of them has something
// already.
bool ConsumerImpl::Arm() {
  PublishCounts();
  Disarm();  // a partition must not have the listener twice
  for (Source* source : readable_) {
    armed_.push_back(source);
    if (!source->partition->Arm(listener_.get(), source->position)) return false;
  }
  return true;
}

void ConsumerImpl::Disarm() {
  for (Source* source : armed_) source->partition->Disarm(listener_.get());
  armed_.clear();
}

absl::StatusOr<int> ConsumerImpl::Descriptor() {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (wake_->descriptor() == nullptr) {
    if (engine_->options().read_only) {
      return absl::UnimplementedError("no descriptor follows another process's log: poll it by time");
    }
    MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<EventDescriptor> made, env_.parker->NewEventDescriptor());
    wake_->SetDescriptor(std::move(made));
    wake_->descriptor()->Signal();  // the first TryPoll arms it
  }
  return wake_->descriptor()->fd();
}

}  // namespace millrace::inline v0
