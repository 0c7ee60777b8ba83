// Joining, leaving and syncing: the rebalance. After Kafka's GroupMetadataManager.classicGroup*.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/strings.h"
#include "coordinator/consumer_protocol.h"
#include "coordinator/group_coordinator.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// How long a member that never completed a rebalance may wait for one.
constexpr int64_t kNewMemberJoinTimeoutMs = 5 * 60 * 1000;

// Topics that a member of type "consumer" reads; other metadata compares as it is.
bool ReadsTheSame(const GroupBytes& a, const GroupBytes& b) {
  if (a == b) return true;
  const auto one = DecodeSubscription(a);
  const auto two = DecodeSubscription(b);
  if (!one.ok() || !two.ok()) return false;
  return std::set<std::string>(one->topics.begin(), one->topics.end()) ==
         std::set<std::string>(two->topics.begin(), two->topics.end());
}

// What members are told when the group could not be stored. One that is too large never will be: they must
// not try for ever. (Kafka: appendGroupMetadataErrorToResponseError.)
GroupResult NotStored(const absl::Status& status) {
  const ErrorCode code = ErrorCodeOf(status);
  const bool too_large = code == ErrorCode::kMessageTooLarge || code == ErrorCode::kRecordListTooLarge;
  return {.error = too_large ? ErrorCode::kUnknownServerError : ErrorCode::kCoordinatorNotAvailable,
          .message = std::string(ToStd(status.message()))};
}

void Refuse(JoinGroupResponse* response, ErrorCode error, std::string_view message = {}) {
  response->result = {.error = error, .message = std::string(message)};
}

}  // namespace

std::string GroupCoordinator::NewMemberId(const std::string& prefix) {
  return absl::StrFormat("%s-%016x%016x", prefix, random_->Next(), random_->Next());
}

// --- JoinGroup

void GroupCoordinator::Join(JoinGroupRequest request, JoinGroupDone done, Now now) {
  JoinGroupResponse response{.member_id = request.member_id};
  const bool is_new = request.member_id.empty();
  if (request.group.empty()) {
    Refuse(&response, ErrorCode::kInvalidGroupId, "its name is empty");
  } else if (request.session_timeout_ms < config_.min_session_timeout_ms ||
             request.session_timeout_ms > config_.max_session_timeout_ms) {
    Refuse(&response, ErrorCode::kInvalidSessionTimeout,
           StrCat("session time-out ", request.session_timeout_ms, " ms is not between ",
                  config_.min_session_timeout_ms, " and ", config_.max_session_timeout_ms));
  } else if (request.protocol_type.empty() || request.protocols.empty()) {
    Refuse(&response, ErrorCode::kInconsistentGroupProtocol);
  } else if (!is_new && Find(request.group) == nullptr) {
    Refuse(&response, ErrorCode::kUnknownMemberId);
  } else {
    response.result = CheckBudget(Find(request.group));
  }
  if (!response.result.ok()) return Answer(done, std::move(response));

  if (request.rebalance_timeout_ms < 0) request.rebalance_timeout_ms = request.session_timeout_ms;
  const std::string name = request.group;
  Group& group = FindOrCreate(name);
  if (group.consumer.has_value()) return JoinConsumerGroup(group, std::move(request), std::move(done), now);
  if (!HasRoom(group, request.member_id)) {
    RemoveMember(group, request.member_id, ErrorCode::kUnknownMemberId);
    Refuse(&response, ErrorCode::kGroupMaxSizeReached);
    response.member_id.clear();
    Answer(done, std::move(response));
  } else if (!group.SupportsProtocols(request.protocol_type, request.protocols)) {
    Refuse(&response, ErrorCode::kInconsistentGroupProtocol);
    Answer(done, std::move(response));
  } else if (is_new) {
    JoinNew(group, std::move(request), std::move(done), now);
  } else {
    JoinKnown(group, std::move(request), std::move(done), now);
  }
  Touch(group);
  if (!append_pending()) DropIfBare(name);
}

bool GroupCoordinator::HasRoom(Group& group, const std::string& member_id) const {
  GroupMember* member = group.FindMember(member_id);
  switch (group.state) {
    case GroupState::kEmpty:
    case GroupState::kDead:
      return true;
    case GroupState::kPreparingRebalance:
      return (member != nullptr && member->join != nullptr) || group.WaitingForJoin() < config_.max_size;
    case GroupState::kCompletingRebalance:
    case GroupState::kStable:
    case GroupState::kAssigning:
    case GroupState::kReconciling:
      break;
  }
  return member != nullptr || static_cast<int64_t>(group.members.size()) < config_.max_size;
}

void GroupCoordinator::JoinNew(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now) {
  if (request.group_instance_id.has_value()) {
    if (group.static_members.contains(*request.group_instance_id)) {
      return ReplaceStatic(group, std::move(request), std::move(done), now);
    }
    const std::string id = NewMemberId(*request.group_instance_id);
    return AddMember(group, id, std::move(request), std::move(done), now);
  }
  const std::string id = NewMemberId(request.client_id);
  if (!request.require_known_member_id) return AddMember(group, id, std::move(request), std::move(done), now);
  group.pending[id] = After(now.monotonic, request.session_timeout_ms);
  JoinGroupResponse response{.member_id = id};
  Refuse(&response, ErrorCode::kMemberIdRequired, "join again with the member id that was given");
  Answer(done, std::move(response));
}

void GroupCoordinator::AddMember(Group& group, const std::string& id, JoinGroupRequest request,
                                 JoinGroupDone done, Now now) {
  if (group.members.empty()) group.protocol_type = request.protocol_type;
  if (group.state == GroupState::kPreparingRebalance && group.initial_rebalance) {
    group.initial_member_added = true;
  }
  group.pending.erase(id);
  if (request.group_instance_id.has_value()) group.static_members[*request.group_instance_id] = id;
  group.members[id] = GroupMember{.id = id,
                                  .instance_id = std::move(request.group_instance_id),
                                  .client_id = std::move(request.client_id),
                                  .client_host = std::move(request.client_host),
                                  .session_timeout_ms = request.session_timeout_ms,
                                  .rebalance_timeout_ms = request.rebalance_timeout_ms,
                                  .protocols = std::move(request.protocols),
                                  .is_new = true,
                                  .supports_skipping_assignment = request.supports_skipping_assignment,
                                  .deadline = After(now.monotonic, kNewMemberJoinTimeoutMs),
                                  .on_rebalance = std::move(request.on_rebalance),
                                  .join = std::move(done)};
  PrepareRebalance(group, now);
  MaybeCompleteJoin(group, now);
}

void GroupCoordinator::JoinKnown(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now) {
  const std::string id = request.member_id;
  if (group.pending.contains(id) && !request.group_instance_id.has_value()) {
    return AddMember(group, id, std::move(request), std::move(done), now);
  }
  JoinGroupResponse response{.member_id = id};
  response.result = CheckMember(group, id, request.group_instance_id);
  if (!response.result.ok()) return Answer(done, std::move(response));
  GroupMember& member = *group.FindMember(id);
  member.on_rebalance = std::move(request.on_rebalance);
  // A retry: the earlier request's caller is gone, or asked twice.
  Answer(member.join, JoinGroupResponse{.result = {.error = ErrorCode::kUnknownServerError,
                                                   .message = "the member joined again meanwhile"},
                                        .member_id = id});
  const bool same = member.protocols == request.protocols;
  const bool is_leader = group.leader == id;
  if (same && group.state == GroupState::kCompletingRebalance) {
    // It lost the answer.
    member.join = std::move(done);
    return AnswerJoined(group, member, is_leader, false, group.leader.value_or(""), now);
  }
  if (same && group.state == GroupState::kStable && !is_leader) {
    member.join = std::move(done);
    return AnswerJoined(group, member, false, false, group.leader.value_or(""), now);
  }
  UpdateAndRebalance(group, member, std::move(request), std::move(done), now);
}

void GroupCoordinator::UpdateAndRebalance(Group& group, GroupMember& member, JoinGroupRequest request,
                                          JoinGroupDone done, Now now) {
  member.protocols = std::move(request.protocols);
  member.session_timeout_ms = request.session_timeout_ms;
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.supports_skipping_assignment = request.supports_skipping_assignment;
  member.join = std::move(done);
  member.deadline = kNever;
  PrepareRebalance(group, now);
  MaybeCompleteJoin(group, now);
}

// A static member came back without its member id: it gets a new one in the place of the old, which is
// fenced.
void GroupCoordinator::ReplaceStatic(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now) {
  const std::string instance = *request.group_instance_id;
  const std::string old_id = group.static_members.at(instance);
  const std::string id = NewMemberId(instance);
  auto node = group.members.extract(old_id);
  GroupMember& replaced = node.mapped();
  const GroupResult fenced{.error = ErrorCode::kFencedInstanceId};
  Answer(replaced.join, JoinGroupResponse{.result = fenced, .member_id = old_id});
  Answer(replaced.sync, SyncGroupResponse{.result = fenced});
  GroupMember old{.id = old_id,
                  .instance_id = instance,
                  .client_id = replaced.client_id,
                  .client_host = replaced.client_host,
                  .session_timeout_ms = replaced.session_timeout_ms,
                  .rebalance_timeout_ms = replaced.rebalance_timeout_ms,
                  .protocols = replaced.protocols,
                  .assignment = replaced.assignment,
                  .synced = replaced.synced,
                  .on_rebalance = std::move(replaced.on_rebalance)};
  node.key() = id;
  replaced.id = id;
  GroupMember& member = group.members.insert(std::move(node)).position->second;
  group.static_members[instance] = id;
  if (group.leader == old_id) group.leader = id;
  member.client_id = request.client_id;
  member.client_host = request.client_host;
  member.on_rebalance = std::move(request.on_rebalance);

  const std::string protocol = group.protocol.value_or("");
  const GroupBytes before = member.MetadataOf(protocol);
  if (group.state != GroupState::kStable) {
    return UpdateAndRebalance(group, member, std::move(request), std::move(done), now);
  }
  member.protocols = request.protocols;
  // The assignment stands if the group would choose the same protocol and the member reads the same topics.
  // (Kafka looks at the protocol alone, and so misses a changed subscription.)
  if (group.SelectProtocol() != protocol || !ReadsTheSame(before, member.MetadataOf(protocol))) {
    return UpdateAndRebalance(group, member, std::move(request), std::move(done), now);
  }
  member.session_timeout_ms = request.session_timeout_ms;
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.supports_skipping_assignment = request.supports_skipping_assignment;
  member.join = std::move(done);
  member.deadline = kNever;
  StoreReplacement(group, old_id, std::move(old), member, now);
}

void GroupCoordinator::StoreReplacement(Group& group, const std::string& old_id, GroupMember old,
                                        GroupMember& member, Now now) {
  std::map<std::string, GroupBytes> assignments;
  for (const auto& [id, each] : group.members) assignments[id] = each.assignment;
  auto record = MakeGroupRecord({.group = group.name}, group.ToStored(assignments));
  auto settle = [this, name = group.name, old_id, new_id = member.id, old = std::move(old)](
                    const absl::Status& status, Now now) mutable {
    Group& group = *Find(name);
    GroupMember& member = *group.FindMember(new_id);
    if (status.ok()) {
      const bool is_leader = group.leader == new_id;
      const bool skips = member.supports_skipping_assignment;
      // Who cannot skip the assignment must not learn that it leads: as in Kafka, the old id stays its
      // leader.
      const std::string leader = is_leader && !skips ? old_id : group.leader.value_or("");
      AnswerJoined(group, member, is_leader && skips, is_leader && skips, leader, now);
      return Touch(group);
    }
    Answer(member.join, JoinGroupResponse{.result = NotStored(status)});
    old.deadline = After(now.monotonic, old.session_timeout_ms);
    group.static_members[*old.instance_id] = old_id;
    if (group.leader == new_id) group.leader = old_id;
    group.members.erase(new_id);
    group.members[old_id] = std::move(old);
    Touch(group);
  };
  if (record.ok()) return Write({*std::move(record)}, std::move(settle));
  settle(record.status(), now);
}

void GroupCoordinator::AnswerJoined(Group& group, GroupMember& member, bool with_members, bool skip,
                                    std::string leader, Now now) {
  JoinGroupResponse response{.generation = group.generation,
                             .protocol_type = group.protocol_type,
                             .protocol = group.protocol.value_or(""),
                             .leader = std::move(leader),
                             .skip_assignment = skip,
                             .member_id = member.id};
  if (with_members) {
    for (const auto& [id, each] : group.members) {
      response.members.push_back({.member_id = id,
                                  .group_instance_id = each.instance_id,
                                  .metadata = each.MetadataOf(response.protocol)});
    }
  }
  member.is_new = false;
  Answer(member.join, std::move(response));
  KeepAlive(member, now);
}

// --- The rebalance

void GroupCoordinator::PrepareRebalance(Group& group, Now now) {
  if (group.state == GroupState::kPreparingRebalance) return;
  if (group.state == GroupState::kCompletingRebalance) {
    FailSyncs(group, {.error = ErrorCode::kRebalanceInProgress}, now);
  }
  group.sync_deadline = kNever;
  const int64_t timeout = group.RebalanceTimeoutMs();
  group.initial_rebalance = group.state == GroupState::kEmpty && config_.initial_rebalance_delay_ms > 0;
  group.initial_member_added = false;
  if (group.initial_rebalance) {
    const int64_t delay = std::min<int64_t>(config_.initial_rebalance_delay_ms, timeout);
    group.initial_delay_left_ms = timeout - delay;
    group.join_deadline = After(now.monotonic, delay);
  } else {
    group.join_deadline = After(now.monotonic, timeout);
  }
  group.state = GroupState::kPreparingRebalance;
  for (const auto& [id, member] : group.members) {
    if (member.join != nullptr || member.on_rebalance == nullptr) continue;
    effects_.completions.push_back(
        [notify = member.on_rebalance, generation = group.generation] { notify(generation); });
  }
}

void GroupCoordinator::MaybeCompleteJoin(Group& group, Now now) {
  if (group.state == GroupState::kPreparingRebalance && !group.initial_rebalance && group.AllJoined()) {
    CompleteJoin(group, now);
  }
}

void GroupCoordinator::OnJoinDeadline(Group& group, Now now) {
  if (group.initial_rebalance && group.initial_member_added && group.initial_delay_left_ms > 0) {
    const int64_t delay = std::min<int64_t>(config_.initial_rebalance_delay_ms, group.initial_delay_left_ms);
    group.initial_delay_left_ms -= delay;
    group.initial_member_added = false;
    group.join_deadline = After(now.monotonic, delay);
    return;
  }
  CompleteJoin(group, now);
}

void GroupCoordinator::CompleteJoin(Group& group, Now now) {
  std::vector<std::string> absent;
  for (const auto& [id, member] : group.members) {
    if (member.join == nullptr && !member.instance_id.has_value()) absent.push_back(id);
  }
  for (const std::string& id : absent) RemoveMember(group, id, ErrorCode::kUnknownMemberId);
  group.initial_rebalance = false;
  if (group.members.empty()) return BecomeEmpty(group, now);
  if (!ElectLeader(group)) {
    // Static members alone, none of them here: they have until their sessions end.
    group.join_deadline = After(now.monotonic, group.RebalanceTimeoutMs());
    return;
  }
  group.join_deadline = kNever;
  ++group.generation;
  group.protocol = group.SelectProtocol();
  group.state = GroupState::kCompletingRebalance;
  group.state_timestamp = now.wall.value();
  group.sync_deadline = After(now.monotonic, group.RebalanceTimeoutMs());
  for (auto& [id, member] : group.members) {
    member.synced = false;
    if (member.join != nullptr)
      AnswerJoined(group, member, group.leader == id, false, group.leader.value_or(""), now);
  }
}

// The leader stays if it joined; else the first one who did leads.
bool GroupCoordinator::ElectLeader(Group& group) {
  if (group.leader.has_value()) {
    const GroupMember* leader = group.FindMember(*group.leader);
    if (leader != nullptr && leader->join != nullptr) return true;
  }
  for (const auto& [id, member] : group.members) {
    if (member.join == nullptr) continue;
    group.leader = id;
    return true;
  }
  return false;
}

void GroupCoordinator::BecomeEmpty(Group& group, Now now) {
  ++group.generation;
  group.state = GroupState::kEmpty;
  group.state_timestamp = now.wall.value();
  group.protocol.reset();
  group.leader.reset();
  group.join_deadline = group.sync_deadline = kNever;
  auto record = MakeGroupRecord({.group = group.name}, group.ToStored({}));
  // If it cannot be stored, the members that are will expire again after a restart: nothing is lost.
  if (record.ok()) {
    Write({*std::move(record)}, [this, name = group.name](const absl::Status&, Now) { DropIfBare(name); });
  }
}

// --- SyncGroup

void GroupCoordinator::Sync(SyncGroupRequest request, SyncGroupDone done, Now now) {
  SyncGroupResponse response;
  Group* group = Find(request.group);
  if (group == nullptr) {
    response.result.error = UnknownGroup(request.group);
    return Answer(done, std::move(response));
  }
  if (group->consumer.has_value()) return SyncConsumerGroup(*group, request, std::move(done), now);
  response.result = CheckMember(*group, request.member_id, request.group_instance_id);
  if (response.result.ok() && request.generation != group->generation) {
    response.result.error = ErrorCode::kIllegalGeneration;
  } else if (response.result.ok() &&
             ((request.protocol_type.has_value() && *request.protocol_type != group->protocol_type) ||
              (request.protocol.has_value() && request.protocol != group->protocol))) {
    response.result.error = ErrorCode::kInconsistentGroupProtocol;
  } else if (response.result.ok() && group->state == GroupState::kPreparingRebalance) {
    response.result.error = ErrorCode::kRebalanceInProgress;
  }
  if (!response.result.ok()) return Answer(done, std::move(response));

  GroupMember& member = *group->FindMember(request.member_id);
  member.synced = true;
  if (group->state == GroupState::kStable) {
    KeepAlive(member, now);
    response.protocol_type = group->protocol_type;
    response.protocol = group->protocol.value_or("");
    response.assignment = member.assignment;
    Answer(done, std::move(response));
  } else {
    Answer(member.sync, SyncGroupResponse{.result = {.error = ErrorCode::kUnknownServerError,
                                                     .message = "the member synced again meanwhile"}});
    member.sync = std::move(done);
    member.deadline = kNever;
    if (group->leader == request.member_id) SyncLeader(*group, request, now);
  }
  if (std::ranges::all_of(group->members, [](const auto& m) { return m.second.synced; })) {
    group->sync_deadline = kNever;
  }
  Touch(*group);
}

void GroupCoordinator::SyncLeader(Group& group, const SyncGroupRequest& request, Now now) {
  std::map<std::string, GroupBytes> assignments;
  for (const auto& [id, assignment] : request.assignments) {
    if (group.members.contains(id)) assignments[id] = assignment;
  }
  auto record = MakeGroupRecord({.group = group.name}, group.ToStored(assignments));
  const int32_t generation = group.generation;
  if (!record.ok()) return OnSynced(group.name, generation, record.status(), now);
  Write({*std::move(record)}, [this, name = group.name, generation](const absl::Status& status, Now then) {
    OnSynced(name, generation, status, then);
  });
}

// The assignment was stored (or not): the group is stable.
void GroupCoordinator::OnSynced(const std::string& name, int32_t generation, const absl::Status& status,
                                Now now) {
  Group& group = *Find(name);
  if (group.state != GroupState::kCompletingRebalance || group.generation != generation) return;
  if (!status.ok()) {
    FailSyncs(group, NotStored(status), now);
    PrepareRebalance(group, now);
    return Touch(group);
  }
  group.state = GroupState::kStable;
  for (const GroupMetadataValue::Member& stored : group.stored->members) {
    GroupMember& member = *group.FindMember(stored.member_id);
    member.assignment = stored.assignment;
    if (member.sync == nullptr) continue;
    Answer(member.sync, SyncGroupResponse{.protocol_type = group.protocol_type,
                                          .protocol = group.protocol.value_or(""),
                                          .assignment = member.assignment});
    KeepAlive(member, now);
  }
  Touch(group);
}

void GroupCoordinator::FailSyncs(Group& group, const GroupResult& result, Now now) {
  for (auto& [id, member] : group.members) {
    member.assignment.clear();
    if (member.sync == nullptr) continue;
    Answer(member.sync, SyncGroupResponse{.result = result});
    KeepAlive(member, now);
  }
}

// --- LeaveGroup

void GroupCoordinator::Leave(const LeaveGroupRequest& request, LeaveGroupDone done, Now now) {
  LeaveGroupResponse response;
  if (request.group.empty()) {
    response.result.error = ErrorCode::kInvalidGroupId;
    return Answer(done, std::move(response));
  }
  Group* group = Find(request.group);
  if (group != nullptr && group->consumer.has_value()) {
    return LeaveConsumerGroup(*group, request, std::move(done), now);
  }
  bool removed = false;
  for (const LeaveGroupRequest::Member& leaving : request.members) {
    auto& answer = response.members.emplace_back(LeaveGroupResponse::Member{
        .member_id = leaving.member_id, .group_instance_id = leaving.group_instance_id});
    std::string id = leaving.member_id;
    if (group == nullptr) {
      answer.result.error = ErrorCode::kUnknownMemberId;
      continue;
    }
    if (id.empty() && leaving.group_instance_id.has_value()) {
      // By instance alone: an operator removes it, whoever it is now.
      const auto found = group->static_members.find(*leaving.group_instance_id);
      if (found != group->static_members.end()) id = found->second;
    }
    if (group->pending.erase(id) != 0) {
      removed = true;
      continue;
    }
    answer.result = CheckMember(*group, id, leaving.group_instance_id);
    if (!answer.result.ok()) continue;
    RemoveMember(*group, id, ErrorCode::kUnknownMemberId);
    removed = true;
  }
  if (removed) {
    AfterRemoval(*group, now);
    Touch(*group);
    if (!append_pending()) DropIfBare(request.group);
  }
  // After what the leaving led to is stored: who restarts at once finds the group without it.
  if (!append_pending()) return Answer(done, std::move(response));
  unsettled_.push_back([this, done = std::move(done), response = std::move(response)](
                           const absl::Status&, Now) mutable { Answer(done, std::move(response)); });
}

void GroupCoordinator::RemoveMember(Group& group, const std::string& id, ErrorCode to_waiting) {
  const auto found = group.members.find(id);
  if (found == group.members.end()) return;
  GroupMember& member = found->second;
  Answer(member.join, JoinGroupResponse{.result = {.error = to_waiting}, .member_id = id});
  Answer(member.sync, SyncGroupResponse{.result = {.error = to_waiting}});
  if (member.instance_id.has_value()) {
    const auto instance = group.static_members.find(*member.instance_id);
    if (instance != group.static_members.end() && instance->second == id) {
      group.static_members.erase(instance);
    }
  }
  if (group.leader == id) group.leader.reset();
  group.members.erase(found);
}

void GroupCoordinator::AfterRemoval(Group& group, Now now) {
  if (group.state == GroupState::kStable || group.state == GroupState::kCompletingRebalance) {
    PrepareRebalance(group, now);
  }
  // The wait for more members at the start is over when there is nobody left to wait with.
  if (group.members.empty() && group.pending.empty()) group.initial_rebalance = false;
  MaybeCompleteJoin(group, now);
}

}  // namespace millrace::inline v0
