// Committing and asking for what was committed.

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "engine/consumer_impl.h"

namespace millrace::inline v0 {
namespace {

// Kafka's default.api.timeout.ms: how long a call may try.
constexpr int64_t kApiTimeoutNanos = 60'000'000'000;
constexpr int64_t kRetryNanos = 100'000'000;

// An answer that another thread gives. Shared by the one who waits and the callback, whichever lives longer.
template <typename Response>
struct Answer {
  std::atomic<bool> done{false};
  Response response;
};

// A callback that fills `answer` and wakes the waiting consumer.
template <typename Response>
auto Fill(std::shared_ptr<Answer<Response>> answer, std::shared_ptr<WakeWord> wake) {
  return [answer = std::move(answer), wake = std::move(wake)](Response response) {
    answer->response = std::move(response);
    answer->done.store(true, std::memory_order_release);
    wake->Wake();
  };
}

const PartitionResult* FirstError(const OffsetCommitResponse& response) {
  const auto found = std::find_if(response.partitions.begin(), response.partitions.end(),
                                  [](const PartitionResult& partition) { return !partition.result.ok(); });
  return found == response.partitions.end() ? nullptr : &*found;
}

absl::Status StatusOf(const OffsetCommitResponse& response, const std::string& group) {
  const PartitionResult* failed = FirstError(response);
  if (failed == nullptr) return absl::OkStatus();
  const absl::Status status = failed->result.ToStatus(group);
  return Error(failed->result.error, absl::StrFormat("committing %s: %s", failed->partition.ToString(),
                                                     std::string(status.message())));
}

absl::Status TimedOut(const char* what) {
  return Error(ErrorCode::kRequestTimedOut, absl::StrFormat("%s got no answer within 60 s", what));
}

}  // namespace

Consumer::Offsets ConsumerImpl::Positions() const {
  Offsets offsets;
  for (const auto& [name, source] : sources_) {
    if (source.cursor != nullptr) offsets[name] = {.offset = source.position};
  }
  return offsets;
}

absl::Status ConsumerImpl::CheckCommit(const Offsets& offsets) const {
  if (options_.group.empty()) {
    return Error(ErrorCode::kInvalidGroupId, "cannot commit without a group: set ConsumerOptions::group");
  }
  if (groups_ == nullptr) return absl::FailedPreconditionError("cannot commit before Subscribe or Assign");
  for (const auto& [name, offset] : offsets) {
    if (offset.offset < Offset(0)) {
      return Error(ErrorCode::kInvalidRequest,
                   absl::StrFormat("cannot commit offset %d of %s: offsets begin at 0", offset.offset.value(),
                                   name.ToString()));
    }
  }
  return absl::OkStatus();
}

OffsetCommitRequest ConsumerImpl::CommitRequest(const Offsets& offsets) const {
  // A group that is gone is one to join again, like a generation that is over.
  OffsetCommitRequest request = {.group = options_.group, .knows_member_epochs = false};
  if (member_ != nullptr) {
    request.generation = member_->generation();
    request.member_id = member_->member_id();
    request.group_instance_id = member_->instance_id();
  }
  request.offsets.reserve(offsets.size());
  for (const auto& [name, offset] : offsets) {
    request.offsets.push_back({.partition = name,
                               .offset = offset.offset.value(),
                               .leader_epoch = offset.leader_epoch.value(),
                               .metadata = offset.metadata});
  }
  return request;
}

absl::Status ConsumerImpl::CommitOnce(const Offsets& offsets) {
  auto answer = std::make_shared<Answer<OffsetCommitResponse>>();
  groups_->CommitOffsets(CommitRequest(offsets), Fill(answer, wake_));
  if (!Await(answer->done, env_.clock->Monotonic() + kApiTimeoutNanos)) return TimedOut("the commit");
  if (const PartitionResult* failed = FirstError(answer->response); failed != nullptr && member_ != nullptr) {
    // Not at once: this may run inside the very rebalance that it would disturb.
    mailbox_->Post([this, error = failed->result.error] {
      if (member_ != nullptr) member_->OnCommitError(error);
    });
  }
  return StatusOf(answer->response, options_.group);
}

absl::Status ConsumerImpl::CommitSync(const Offsets& offsets) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  MILLRACE_RETURN_IF_ERROR(CheckCommit(offsets));
  if (offsets.empty()) return absl::OkStatus();
  const MonotonicNanos deadline = env_.clock->Monotonic() + kApiTimeoutNanos;
  while (true) {
    absl::Status status = CommitOnce(offsets);
    const ErrorCode error = status.ok() ? ErrorCode::kNone : ErrorCodeOf(status);
    // The coordinator is still reading its log; everything else is the caller's to decide.
    if (error != ErrorCode::kCoordinatorLoadInProgress || env_.clock->Monotonic() >= deadline) return status;
    const std::atomic<bool> never{false};
    Await(never, env_.clock->Monotonic() + kRetryNanos);
  }
}

void ConsumerImpl::CommitAsync(const Offsets& offsets, CommitCallback done) {
  absl::Status status = CheckOpen();
  status.Update(CheckCommit(offsets));
  if (!status.ok() || offsets.empty()) {
    mailbox_->Post([done = std::move(done), status]() mutable {
      if (done) done(status);
    });
    return;
  }
  groups_->CommitOffsets(CommitRequest(offsets), [mailbox = mailbox_, this, done = std::move(done)](
                                                     OffsetCommitResponse response) mutable {
    mailbox->Post([this, done = std::move(done), response = std::move(response)]() mutable {
      const PartitionResult* failed = FirstError(response);
      if (failed != nullptr && member_ != nullptr) member_->OnCommitError(failed->result.error);
      if (done) done(StatusOf(response, options_.group));
    });
  });
}

void ConsumerImpl::AutoCommit(MonotonicNanos now) {
  PublishCounts();
  next_auto_commit_ = now + absl::ToInt64Nanoseconds(options_.auto_commit_interval);
  const Offsets positions = Positions();
  if (!positions.empty() && (member_ == nullptr || member_->stable())) CommitAsync(positions, nullptr);
}

absl::StatusOr<Consumer::Offsets> ConsumerImpl::Committed(const std::vector<TopicPartition>& of) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (options_.group.empty())
    return Error(ErrorCode::kInvalidGroupId, "there are no committed offsets without a group");
  if (groups_ == nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(groups_, engine_->Groups());
  }
  const MonotonicNanos deadline = env_.clock->Monotonic() + kApiTimeoutNanos;
  while (true) {
    auto answer = std::make_shared<Answer<OffsetFetchResponse>>();
    groups_->FetchOffsets({.group = options_.group, .partitions = of}, Fill(answer, wake_));
    if (!Await(answer->done, deadline)) return TimedOut("the question for committed offsets");
    const OffsetFetchResponse& response = answer->response;
    if (response.result.error == ErrorCode::kCoordinatorLoadInProgress &&
        env_.clock->Monotonic() < deadline) {
      const std::atomic<bool> never{false};
      Await(never, env_.clock->Monotonic() + kRetryNanos);
      continue;
    }
    if (!response.result.ok()) return response.result.ToStatus(options_.group);
    Offsets offsets;
    for (const OffsetFetchResponse::Entry& entry : response.offsets) {
      if (!entry.result.ok()) return entry.result.ToStatus(options_.group);
      if (entry.offset.offset < 0) continue;
      offsets[entry.offset.partition] = {.offset = Offset(entry.offset.offset),
                                         .leader_epoch = LeaderEpoch(entry.offset.leader_epoch),
                                         .metadata = entry.offset.metadata};
    }
    return offsets;
  }
}

bool ConsumerImpl::Await(const std::atomic<bool>& done, MonotonicNanos deadline) {
  while (!done.load(std::memory_order_acquire)) {
    const uint32_t seen = wake_->value();
    engine_->RunOnce(SIZE_MAX);  // where the host drives: nobody else does while this waits
    if (done.load(std::memory_order_acquire)) break;
    if (env_.clock->Monotonic() >= deadline) return false;
    engine_->Wait(wake_->word(), seen, deadline);
  }
  return true;
}

}  // namespace millrace::inline v0
