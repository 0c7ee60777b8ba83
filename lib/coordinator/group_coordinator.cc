#include "coordinator/group_coordinator.h"

#include <algorithm>

#include "base/check.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// --- Recovery

absl::Status GroupCoordinator::Replay(std::optional<std::span<const std::byte>> key,
                                      std::optional<std::span<const std::byte>> value) {
  MILLRACE_ASSIGN_OR_RETURN(ParsedRecord parsed, ParseCoordinatorRecord(key, value));
  if (auto* offset = std::get_if<OffsetRecord>(&parsed)) {
    const TopicPartition partition{.topic = offset->key.topic,
                                   .partition = PartitionId(offset->key.partition)};
    if (offset->value.has_value()) {
      FindOrCreate(offset->key.group).offsets[partition] = *std::move(offset->value);
    } else if (Group* group = Find(offset->key.group)) {
      group->offsets.erase(partition);
      DropIfBare(offset->key.group);
    }
  } else if (auto* metadata = std::get_if<GroupRecord>(&parsed)) {
    if (metadata->value.has_value()) {
      FindOrCreate(metadata->key.group).stored = std::move(metadata->value);
    } else if (Group* group = Find(metadata->key.group)) {
      group->stored.reset();
      DropIfBare(metadata->key.group);
    }
  } else if (auto* consumer = std::get_if<ConsumerRecord>(&parsed)) {
    ReplayConsumer(*consumer);
  }
  return absl::OkStatus();
}

void GroupCoordinator::ReplayConsumer(const ConsumerRecord& record) {
  const std::string& name = GroupOf(record);
  const bool is_tombstone = std::visit([](const auto& one) { return !one.value.has_value(); }, record);
  Group* group = is_tombstone ? Find(name) : &FindOrCreate(name);
  if (group == nullptr || (is_tombstone && !group->consumer.has_value())) return;
  if (is_tombstone && std::holds_alternative<ConsumerEpochRecord>(record)) {
    // The last of a group's records.
    group->consumer.reset();
    return DropIfBare(name);
  }
  if (!group->consumer.has_value()) group->consumer.emplace(name);
  group->consumer->Replay(record);
}

void GroupCoordinator::FinishLoading(Now now) {
  for (auto& [name, group] : groups_) {
    if (group.consumer.has_value()) {
      AdoptConsumerGroup(*group.consumer, now);
    } else {
      group.Adopt(now.monotonic);
    }
    Touch(group);
  }
  next_expiry_ = After(now.monotonic, config_.offsets_retention_check_interval_ms);
}

// --- Groups

Group* GroupCoordinator::Find(const std::string& name) {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : &found->second;
}

Group& GroupCoordinator::FindOrCreate(const std::string& name) {
  const auto [group, made] = groups_.try_emplace(name, name);
  if (made && budget_ != nullptr) budget_->Add(1);
  return group->second;
}

GroupResult GroupCoordinator::CheckBudget(const Group* found) {
  if (found != nullptr || budget_ == nullptr || budget_->Admits()) return {};
  return {.error = ErrorCode::kPolicyViolation,
          .message = "there are as many groups as there may be (budgets.groups); delete one"};
}

void GroupCoordinator::Drop(const std::string& name) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return;
  timers_.erase({found->second.timer, name});
  groups_.erase(found);
  if (budget_ != nullptr) budget_->Add(-1);
}

// A group of which nothing is stored and that nobody is in is no group.
void GroupCoordinator::DropIfBare(const std::string& name) {
  const Group* group = Find(name);
  if (group != nullptr && !group->stored.has_value() && !group->consumer.has_value() &&
      group->offsets.empty() && group->members.empty() && group->pending.empty()) {
    Drop(name);
  }
}

void GroupCoordinator::Touch(Group& group) {
  const MonotonicNanos next = group.NextDeadline();
  if (next == group.timer) return;
  timers_.erase({group.timer, group.name});
  group.timer = next;
  if (next != kNever) timers_.insert({next, group.name});
}

// --- Effects

void GroupCoordinator::Write(std::vector<CoordinatorRecord> records, Settle settle) {
  for (CoordinatorRecord& record : records) {
    written_.push_back(record);
    effects_.records.push_back(std::move(record));
  }
  unsettled_.push_back(std::move(settle));
}

void GroupCoordinator::OnAppended(const absl::Status& status, Now now) {
  const std::vector<CoordinatorRecord> records = std::exchange(written_, {});
  std::vector<Settle> settles = std::exchange(unsettled_, {});
  if (status.ok()) {
    for (const CoordinatorRecord& record : records) {
      std::optional<std::span<const std::byte>> value;
      if (record.value.has_value()) value = *record.value;
      MILLRACE_CHECK(Replay(record.key, value).ok());  // they are our own
    }
  }
  for (Settle& settle : settles) settle(status, now);
}

// --- Time

MonotonicNanos GroupCoordinator::NextDeadline() const {
  return timers_.empty() ? next_expiry_ : std::min(next_expiry_, timers_.begin()->first);
}

void GroupCoordinator::Advance(Now now) {
  std::vector<std::string> due;
  for (const auto& [when, name] : timers_) {
    if (when > now.monotonic) break;
    due.push_back(name);
  }
  for (const std::string& name : due) AdvanceGroup(name, now);
  if (next_expiry_ <= now.monotonic) {
    next_expiry_ = After(now.monotonic, config_.offsets_retention_check_interval_ms);
    Expire(now);
  }
}

void GroupCoordinator::AdvanceGroup(const std::string& name, Now now) {
  Group* group = Find(name);
  if (group == nullptr) return;
  if (group->consumer.has_value()) return AdvanceConsumerGroup(*group, now);
  std::vector<std::string> gone;
  for (const auto& [id, member] : group->members) {
    if (member.deadline <= now.monotonic) gone.push_back(id);
  }
  const size_t expired_ids =
      std::erase_if(group->pending, [&](const auto& pending) { return pending.second <= now.monotonic; });
  if (group->sync_deadline <= now.monotonic) {
    group->sync_deadline = kNever;
    for (const auto& [id, member] : group->members) {
      if (!member.synced && std::ranges::find(gone, id) == gone.end()) gone.push_back(id);
    }
  }
  for (const std::string& id : gone) RemoveMember(*group, id, ErrorCode::kUnknownMemberId);
  if (!gone.empty() || expired_ids != 0) AfterRemoval(*group, now);
  if (group->state == GroupState::kPreparingRebalance && group->join_deadline <= now.monotonic) {
    OnJoinDeadline(*group, now);
  }
  Touch(*group);
  if (!append_pending()) DropIfBare(name);
}

void GroupCoordinator::FailWaiting(ErrorCode error) {
  for (auto& [name, group] : groups_) {
    for (auto& [id, member] : group.members) {
      Answer(member.join, JoinGroupResponse{.result = {.error = error}, .member_id = id});
      Answer(member.sync, SyncGroupResponse{.result = {.error = error}});
    }
  }
}

// --- Heartbeat, list, describe

GroupResult GroupCoordinator::CheckMember(Group& group, const std::string& member_id,
                                          const std::optional<std::string>& instance_id) const {
  if (instance_id.has_value()) {
    const auto found = group.static_members.find(*instance_id);
    if (found == group.static_members.end()) return {.error = ErrorCode::kUnknownMemberId};
    if (found->second != member_id) {
      return {.error = ErrorCode::kFencedInstanceId,
              .message = StrCat("another member joined with the instance id ", *instance_id)};
    }
  }
  if (group.FindMember(member_id) == nullptr) return {.error = ErrorCode::kUnknownMemberId};
  return {};
}

void GroupCoordinator::KeepAlive(GroupMember& member, Now now) {
  if (member.join != nullptr || member.sync != nullptr) return;  // gets its time with the answer
  member.deadline = After(now.monotonic, member.session_timeout_ms);
}

void GroupCoordinator::Heartbeat(const HeartbeatRequest& request, HeartbeatDone done, Now now) {
  Group* group = Find(request.group);
  if (group == nullptr) {
    return Answer(done, HeartbeatResponse{{.error = UnknownGroup(request.group)}});
  }
  if (group->consumer.has_value()) return HeartbeatConsumerGroup(*group, request, std::move(done), now);
  GroupResult result = CheckMember(*group, request.member_id, request.group_instance_id);
  if (result.ok() && request.generation != group->generation) result.error = ErrorCode::kIllegalGeneration;
  if (result.ok()) {
    KeepAlive(*group->FindMember(request.member_id), now);
    if (group->state == GroupState::kPreparingRebalance) result.error = ErrorCode::kRebalanceInProgress;
  }
  Answer(done, HeartbeatResponse{std::move(result)});
}

void GroupCoordinator::ListGroups(const ListGroupsRequest& request, ListGroupsDone done) {
  ListGroupsResponse response;
  for (const auto& [name, group] : groups_) {
    const GroupState state = group.State();
    if (!request.states.empty() && std::ranges::find(request.states, state) == request.states.end()) continue;
    const bool is_consumer = group.type() == GroupType::kConsumer;
    response.groups.push_back({.group = name,
                               .protocol_type = is_consumer ? "consumer" : group.protocol_type,
                               .state = state,
                               .type = group.type()});
  }
  Answer(done, std::move(response));
}

void GroupCoordinator::DescribeGroup(const std::string& name, DescribeGroupDone done) {
  DescribeGroupResponse response{.group = name};
  const auto found = groups_.find(name);
  if (found == groups_.end() || found->second.consumer.has_value()) return Answer(done, std::move(response));
  const Group& group = found->second;
  const bool is_stable = group.state == GroupState::kStable;
  response.exists = true;
  response.state = group.state;
  response.protocol_type = group.protocol_type;
  if (is_stable) response.protocol = group.protocol.value_or("");
  response.generation = group.generation;
  for (const auto& [id, member] : group.members) {
    response.members.push_back({.member_id = id,
                                .group_instance_id = member.instance_id,
                                .client_id = member.client_id,
                                .client_host = member.client_host,
                                .metadata = is_stable ? member.MetadataOf(response.protocol) : GroupBytes{},
                                .assignment = is_stable ? member.assignment : GroupBytes{}});
  }
  Answer(done, std::move(response));
}

// --- Results and options

std::string_view GroupStateName(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
    case GroupState::kDead:
      return "Dead";
    case GroupState::kAssigning:
      return "Assigning";
    case GroupState::kReconciling:
      return "Reconciling";
  }
  return "Unknown";
}

std::string_view GroupTypeName(GroupType type) {
  switch (type) {
    case GroupType::kClassic:
      return "classic";
    case GroupType::kConsumer:
      return "consumer";
  }
  return "unknown";
}

absl::Status GroupResult::ToStatus(std::string_view group) const {
  if (ok()) return absl::OkStatus();
  std::string_view hint;
  switch (error) {
    case ErrorCode::kUnknownMemberId:
      hint = "the group does not know this member (its session ran out, or it left); join again";
      break;
    case ErrorCode::kStaleMemberEpoch:
    case ErrorCode::kFencedMemberEpoch:
      hint = "the member spoke in an epoch that is not its own; it must catch up, or join again";
      break;
    case ErrorCode::kIllegalGeneration:
      hint = "the group went on to another generation without this member; join again";
      break;
    case ErrorCode::kRebalanceInProgress:
      hint = "the group is rebalancing; join again, then retry";
      break;
    case ErrorCode::kFencedInstanceId:
      hint = "another consumer uses the same group_instance_id; give each its own";
      break;
    case ErrorCode::kOffsetMetadataTooLarge:
      hint = "the metadata of a committed offset is longer than offset_metadata_max_bytes";
      break;
    case ErrorCode::kInconsistentGroupProtocol:
      hint = "no assignor is shared with the members of the group; use one of theirs";
      break;
    case ErrorCode::kInvalidSessionTimeout:
      hint = "the session time-out is outside the engine's group_min/max_session_timeout";
      break;
    case ErrorCode::kGroupIdNotFound:
      hint = "there is no such group";
      break;
    case ErrorCode::kNonEmptyGroup:
      hint = "the group has members; stop them first";
      break;
    case ErrorCode::kGroupSubscribedToTopic:
      hint = "the group reads the topic right now; unsubscribe its members first";
      break;
    case ErrorCode::kInvalidGroupId:
      hint = "the group's name is empty";
      break;
    case ErrorCode::kGroupMaxSizeReached:
      hint = "the group has group_max_size members";
      break;
    case ErrorCode::kCoordinatorLoadInProgress:
      hint = "the group's offsets are still being read; retry";
      break;
    case ErrorCode::kCoordinatorNotAvailable:
      hint = "the engine is closing or cannot store offsets; retry after it is open again";
      break;
    default:
      hint = "the request was refused";
  }
  return Error(error, StrCat("group \"", group, "\": ", message.empty() ? hint : std::string_view(message),
                             " (", ErrorCodeName(error), ")"));
}

absl::Status GroupConfig::Validate() const {
  const auto bad = [](std::string_view what) { return Error(ErrorCode::kInvalidConfig, what); };
  if (min_session_timeout_ms < 0) return bad("group.min.session.timeout.ms must not be negative");
  if (max_session_timeout_ms < min_session_timeout_ms) {
    return bad("group.max.session.timeout.ms must not be below group.min.session.timeout.ms");
  }
  if (initial_rebalance_delay_ms < 0) return bad("group.initial.rebalance.delay.ms must not be negative");
  if (max_size < 1) return bad("group.max.size must be at least 1");
  if (consumer_max_size < 1) return bad("group.consumer.max.size must be at least 1");
  if (consumer_session_timeout_ms < 1) return bad("group.consumer.session.timeout.ms must be above 0");
  if (consumer_heartbeat_interval_ms < 1 || consumer_heartbeat_interval_ms >= consumer_session_timeout_ms) {
    return bad(
        "group.consumer.heartbeat.interval.ms must be above 0 and below group.consumer.session.timeout.ms");
  }
  if (offset_metadata_max_bytes < 0 || offset_metadata_max_bytes > INT16_MAX) {
    return bad("offset.metadata.max.bytes must be between 0 and 32767");
  }
  if (offsets_retention_ms < 1) return bad("offsets.retention.minutes must be above 0");
  if (offsets_retention_check_interval_ms < 1) {
    return bad("offsets.retention.check.interval.ms must be above 0");
  }
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
