#include "engine/group_member.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "coordinator/consumer_protocol.h"

namespace millrace::inline v0 {
namespace {

// Kafka's retry.backoff.ms.
constexpr int64_t kRetryNanos = 100'000'000;

std::vector<TopicPartition> Minus(const std::vector<TopicPartition>& from,
                                  const std::vector<TopicPartition>& what) {
  const std::set<TopicPartition> excluded(what.begin(), what.end());
  std::vector<TopicPartition> left;
  std::copy_if(from.begin(), from.end(), std::back_inserter(left),
               [&](const TopicPartition& partition) { return !excluded.contains(partition); });
  return left;
}

bool IsPassing(ErrorCode error) {
  return error == ErrorCode::kCoordinatorLoadInProgress || error == ErrorCode::kCoordinatorNotAvailable ||
         error == ErrorCode::kNotCoordinator;
}

}  // namespace

ConsumerMembership::ConsumerMembership(Options options) : options_(std::move(options)) {
  heartbeat_ = std::make_shared<Heartbeat>(Heartbeat::Options{
      .group = options_.group,
      .group_instance_id = instance_id(),
      .interval_nanos = options_.heartbeat_interval_ms * 1'000'000,
      .max_poll_interval_nanos = options_.max_poll_interval_ms * 1'000'000,
      .service = options_.service,
      .executor = options_.executor,
      .clock = options_.clock,
      .trouble = [mailbox = options_.mailbox, this](ErrorCode error, int32_t generation) {
        mailbox->Post([this, error, generation] { OnHeartbeatTrouble(error, generation); });
      }});
}

ConsumerMembership::~ConsumerMembership() {
  heartbeat_->Stop();
}

std::optional<std::string> ConsumerMembership::instance_id() const {
  if (options_.group_instance_id.empty()) return std::nullopt;
  return options_.group_instance_id;
}

bool ConsumerMembership::Cooperative() const {
  return std::all_of(options_.assignors.begin(), options_.assignors.end(), [](AssignorKind kind) {
    return AssignorOf(kind).protocol() == RebalanceProtocol::kCooperative;
  });
}

void ConsumerMembership::SetTopics(std::vector<std::string> topics) {
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  if (topics == topics_) return;
  topics_ = std::move(topics);
  rejoin_needed_ = true;
}

void ConsumerMembership::OnTopicsChanged() {
  if (state_ != State::kStable || !led_topics_.has_value()) return;
  if (options_.delegate->CountPartitions(*led_topics_) != led_counts_) rejoin_needed_ = true;
}

absl::Status ConsumerMembership::Poll(MonotonicNanos now) {
  heartbeat_->Polled(now);
  const bool out = state_ == State::kOut && !topics_.empty() && now >= retry_at_;
  if (out || (state_ == State::kStable && rejoin_needed_)) StartJoin();
  return std::exchange(failure_, absl::OkStatus());
}

void ConsumerMembership::StartJoin() {
  rejoin_needed_ = false;
  const std::vector<TopicPartition> owned = options_.delegate->Owned();
  if (!owned.empty() || state_ == State::kStable) options_.delegate->PrepareRebalance();
  if (Cooperative()) {
    std::vector<TopicPartition> dropped;
    std::copy_if(owned.begin(), owned.end(), std::back_inserter(dropped),
                 [this](const TopicPartition& partition) {
                   return !std::binary_search(topics_.begin(), topics_.end(), partition.topic);
                 });
    if (!dropped.empty()) options_.delegate->Remove(dropped, /*lost=*/false);
  } else if (!owned.empty()) {
    options_.delegate->Remove(owned, /*lost=*/false);
  }
  // A listener may have ended the membership.
  if (topics_.empty()) return;
  JoinGroupRequest request = {.group = options_.group,
                              .member_id = member_id_,
                              .group_instance_id = instance_id(),
                              .session_timeout_ms = static_cast<int32_t>(options_.session_timeout_ms),
                              .rebalance_timeout_ms = static_cast<int32_t>(options_.max_poll_interval_ms),
                              .client_id = options_.client_id,
                              .client_host = "in-process"};
  const std::vector<TopicPartition> kept = options_.delegate->Owned();
  for (const AssignorKind kind : options_.assignors) {
    const Assignor& assignor = AssignorOf(kind);
    request.protocols.push_back(
        {.name = std::string(assignor.name()),
         .metadata = EncodeSubscription({.topics = topics_,
                                         .user_data = assignor.UserData(last_assigned_, last_generation_),
                                         .owned_partitions = kept,
                                         .generation = generation_,
                                         .group_instance_id = instance_id()})});
  }
  // The group keeps this longer than the member lives, if it is a static one.
  request.on_rebalance = [weak = std::weak_ptr<Mailbox>(options_.mailbox), this](int32_t generation) {
    const std::shared_ptr<Mailbox> mailbox = weak.lock();
    if (mailbox == nullptr) return;
    mailbox->Post([this, generation] { OnHeartbeatTrouble(ErrorCode::kRebalanceInProgress, generation); });
  };
  state_ = State::kJoining;
  options_.service->Join(std::move(request), [mailbox = options_.mailbox, this,
                                              attempt = ++attempt_](JoinGroupResponse response) {
    mailbox->Post([this, attempt, response = std::move(response)]() mutable {
      if (attempt == attempt_) OnJoined(std::move(response));
    });
  });
}

void ConsumerMembership::OnJoined(JoinGroupResponse response) {
  const ErrorCode error = response.result.error;
  if (error == ErrorCode::kMemberIdRequired) {
    member_id_ = response.member_id;
    state_ = State::kOut;
    retry_at_ = MonotonicNanos(0);
    return;
  }
  if (error == ErrorCode::kUnknownMemberId) return LoseMembership(/*forget_id=*/true);
  if (IsPassing(error) || error == ErrorCode::kRebalanceInProgress) return RetryLater();
  if (!response.result.ok()) return Fail(response.result);

  member_id_ = response.member_id;
  generation_ = response.generation;
  protocol_ = response.protocol;
  state_ = State::kSyncing;
  heartbeat_->Start(member_id_, generation_);
  SyncGroupRequest request = {.group = options_.group,
                              .generation = generation_,
                              .member_id = member_id_,
                              .group_instance_id = instance_id(),
                              .protocol_type = response.protocol_type,
                              .protocol = response.protocol};
  led_topics_.reset();
  if (response.leader == member_id_ && !response.skip_assignment)
    request.assignments = AssignAsLeader(response);
  options_.service->Sync(std::move(request), [mailbox = options_.mailbox, this,
                                              attempt = ++attempt_](SyncGroupResponse response) {
    mailbox->Post([this, attempt, response = std::move(response)]() mutable {
      if (attempt == attempt_) OnSynced(std::move(response));
    });
  });
}

std::vector<SyncGroupRequest::Assignment> ConsumerMembership::AssignAsLeader(
    const JoinGroupResponse& response) {
  MemberSubscriptions members;
  std::set<std::string> topics;
  for (const JoinGroupMember& member : response.members) {
    // A member whose metadata cannot be read gets nothing, as one without topics.
    auto subscription = DecodeSubscription(member.metadata);
    MemberSubscription& entry = members[member.member_id];
    if (subscription.ok()) entry = *std::move(subscription);
    entry.group_instance_id = member.group_instance_id;
    topics.insert(entry.topics.begin(), entry.topics.end());
  }
  led_topics_.emplace(topics.begin(), topics.end());
  led_counts_ = options_.delegate->CountPartitions(*led_topics_);
  const Assignor* assignor = FindAssignor(response.protocol);
  std::vector<SyncGroupRequest::Assignment> assignments;
  if (assignor == nullptr) return assignments;
  for (auto& [member, partitions] : assignor->Assign(led_counts_, members)) {
    assignments.push_back(
        {.member_id = member, .assignment = EncodeAssignment({.partitions = std::move(partitions)})});
  }
  return assignments;
}

void ConsumerMembership::OnSynced(SyncGroupResponse response) {
  const ErrorCode error = response.result.error;
  if (error == ErrorCode::kUnknownMemberId || error == ErrorCode::kIllegalGeneration) {
    return LoseMembership(/*forget_id=*/error == ErrorCode::kUnknownMemberId);
  }
  if (error == ErrorCode::kRebalanceInProgress) {
    state_ = State::kOut;
    retry_at_ = MonotonicNanos(0);
    return;
  }
  if (IsPassing(error)) return RetryLater();
  if (!response.result.ok()) return Fail(response.result);
  auto assignment = DecodeAssignment(response.assignment);
  if (!assignment.ok()) {
    return Fail({.error = ErrorCode::kInvalidRequest, .message = std::string(assignment.status().message())});
  }
  state_ = State::kStable;
  Apply(std::move(assignment->partitions));
}

void ConsumerMembership::Apply(std::vector<TopicPartition> assigned) {
  std::sort(assigned.begin(), assigned.end());
  const std::vector<TopicPartition> owned = options_.delegate->Owned();
  const std::vector<TopicPartition> revoked = Minus(owned, assigned);
  last_assigned_ = assigned;
  last_generation_ = generation_;
  if (!revoked.empty()) {
    options_.delegate->Remove(revoked, /*lost=*/false);
    // Somebody waits for them: the next rebalance hands them over (KIP-429).
    if (Cooperative()) rejoin_needed_ = true;
  }
  options_.delegate->Add(Minus(assigned, owned));
}

void ConsumerMembership::OnHeartbeatTrouble(ErrorCode error, int32_t generation) {
  if (generation != generation_ || state_ == State::kOut || state_ == State::kJoining) return;
  switch (error) {
    case ErrorCode::kRebalanceInProgress:
      rejoin_needed_ = true;
      return;
    case ErrorCode::kUnknownMemberId:
      return LoseMembership(/*forget_id=*/true);
    case ErrorCode::kIllegalGeneration:
      return LoseMembership(/*forget_id=*/false);
    case ErrorCode::kFencedInstanceId:
      return Fail(
          {.error = error,
           .message = "another consumer has taken over the instance id " + options_.group_instance_id});
    default:
      return;  // passing: the next heartbeat asks again
  }
}

void ConsumerMembership::OnCommitError(ErrorCode error) {
  if (state_ != State::kStable) return;
  if (error == ErrorCode::kRebalanceInProgress) rejoin_needed_ = true;
  if (error == ErrorCode::kUnknownMemberId || error == ErrorCode::kIllegalGeneration) {
    LoseMembership(/*forget_id=*/error == ErrorCode::kUnknownMemberId);
  }
}

void ConsumerMembership::LoseMembership(bool forget_id) {
  heartbeat_->Stop();
  ++attempt_;
  state_ = State::kOut;
  retry_at_ = MonotonicNanos(0);
  generation_ = -1;
  led_topics_.reset();
  if (forget_id) member_id_.clear();
  const std::vector<TopicPartition> owned = options_.delegate->Owned();
  if (!owned.empty()) options_.delegate->Remove(owned, /*lost=*/true);
}

void ConsumerMembership::RetryLater() {
  state_ = State::kOut;
  retry_at_ = options_.clock->Monotonic() + kRetryNanos;
}

void ConsumerMembership::Fail(const GroupResult& result) {
  LoseMembership(/*forget_id=*/true);
  retry_at_ = options_.clock->Monotonic() + kRetryNanos;
  failure_ = result.ToStatus(options_.group);
}

void ConsumerMembership::Leave() {
  const bool known = !member_id_.empty() && state_ != State::kOut;
  // While it is a member: the listener may commit.
  const std::vector<TopicPartition> owned = options_.delegate->Owned();
  if (!owned.empty()) options_.delegate->Remove(owned, /*lost=*/false);
  heartbeat_->Stop();
  ++attempt_;
  const std::string member_id = std::exchange(member_id_, std::string());
  if (known && !instance_id().has_value()) {
    options_.service->Leave(
        {.group = options_.group, .members = {{.member_id = member_id, .reason = "consumer closed"}}},
        [](const LeaveGroupResponse&) {});
  }
  topics_.clear();
  state_ = State::kOut;
  generation_ = -1;
  rejoin_needed_ = false;
  led_topics_.reset();
}

}  // namespace millrace::inline v0
