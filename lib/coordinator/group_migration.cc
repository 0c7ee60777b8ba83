// Groups on their way from one protocol to the other: classic members in groups of the consumer protocol, and
// the change of a group from one kind to the other. After Kafka's
// GroupMetadataManager.classicGroup*ToConsumerGroup, convertToConsumerGroup and convertToClassicGroup.

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"
#include "coordinator/consumer_group_step.h"
#include "coordinator/consumer_protocol.h"
#include "coordinator/group_coordinator.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

using ClassicMember = ConsumerGroupMemberMetadataValue::ClassicMember;

GroupResult MoveFailed(const absl::Status& status) {
  return {.error = ErrorCode::kCoordinatorNotAvailable, .message = std::string(ToStd(status.message()))};
}

PartitionMap ById(const ConsumerGroupStep& step, const std::vector<TopicPartition>& partitions) {
  std::vector<ConsumerGroupTargetMemberValue::TopicPartitions> entries;
  for (const TopicPartition& one : partitions) {
    const auto topic = step.FindTopic(one.topic);
    if (!topic.has_value() || one.partition.value() < 0 || one.partition.value() >= topic->partitions)
      continue;
    entries.push_back({topic->id, {one.partition.value()}});
  }
  return ToPartitionMap(entries);
}

// The version that a member speaks, from the front of its subscription.
int16_t ProtocolVersionOf(const GroupBytes& metadata) {
  ByteReader reader(metadata);
  const auto version = reader.Read<int16_t>();
  if (!reader.ok()) return 0;
  return std::clamp<int16_t>(version, 0, kConsumerProtocolVersion);
}

ConsumerGroupMemberMetadataValue MetadataOf(const MemberSubscription& subscription,
                                            const std::vector<GroupProtocol>& protocols,
                                            int32_t session_timeout_ms) {
  ConsumerGroupMemberMetadataValue metadata{
      .instance_id = std::nullopt,
      .rack_id = subscription.rack_id,
      .subscribed_topic_names = subscription.topics,
      .subscribed_topic_regex = std::nullopt,
      .server_assignor = std::nullopt,
      .classic = ClassicMember{.session_timeout_ms = session_timeout_ms}};
  std::ranges::sort(metadata.subscribed_topic_names);
  for (const GroupProtocol& protocol : protocols) {
    metadata.classic->supported_protocols.push_back({protocol.name, protocol.metadata});
  }
  return metadata;
}

// As the classic group that its members would be, but for those who leave.
Group AsClassic(const ConsumerGroup& group, const std::vector<std::string>& leaving) {
  Group classic(group.name);
  classic.protocol_type = "consumer";
  classic.generation = group.epoch;
  for (const auto& [id, member] : group.members) {
    if (!member.is_classic() || std::ranges::find(leaving, id) != leaving.end()) continue;
    GroupMember& one = classic.members[id];
    one.id = id;
    one.instance_id = member.metadata.instance_id;
    one.client_id = member.metadata.client_id;
    one.client_host = member.metadata.client_host;
    one.session_timeout_ms = member.metadata.classic->session_timeout_ms;
    one.rebalance_timeout_ms = member.metadata.rebalance_timeout_ms;
    for (const auto& protocol : member.metadata.classic->supported_protocols) {
      one.protocols.push_back({protocol.name, protocol.metadata});
    }
  }
  return classic;
}

bool ShareAProtocol(const Group& classic) {
  return !classic.members.empty() &&
         classic.SupportsProtocols("consumer", classic.members.begin()->second.protocols);
}

}  // namespace

// --- Classic group to consumer group

GroupResult GroupCoordinator::Upgrade(const Group& group, ConsumerGroupStep* step) const {
  const auto refused = [](std::string_view why) {
    return GroupResult{.error = ErrorCode::kGroupIdNotFound,
                       .message = StrCat("it is a classic group, and ", why)};
  };
  const bool allowed = config_.consumer_migration_policy == GroupMigrationPolicy::kUpgrade ||
                       config_.consumer_migration_policy == GroupMigrationPolicy::kBidirectional;
  if (!group.members.empty()) {
    if (!allowed) return refused("group.consumer.migration.policy does not let it become another");
    if (group.protocol_type != "consumer") return refused("its members are no consumers");
    if (static_cast<int64_t>(group.members.size()) > config_.consumer_max_size) {
      return refused("it has more than group.consumer.max.size members");
    }
  }
  if (group.stored.has_value()) {
    auto tombstone = MakeGroupRecord({.group = group.name}, std::nullopt);
    if (tombstone.ok()) step->draft().Add(*std::move(tombstone));
  }
  for (const auto& [id, member] : group.members) {
    const GroupBytes chosen = member.MetadataOf(group.protocol.value_or(""));
    const auto subscription = DecodeSubscription(chosen.empty() ? member.protocols.front().metadata : chosen);
    if (!subscription.ok()) return refused("its members' subscriptions cannot be read");
    ConsumerGroupMemberMetadataValue metadata =
        MetadataOf(*subscription, member.protocols, member.session_timeout_ms);
    metadata.instance_id = member.instance_id;
    metadata.client_id = member.client_id;
    metadata.client_host = member.client_host;
    metadata.rebalance_timeout_ms = member.rebalance_timeout_ms;
    PartitionMap owned;
    if (const auto assigned = DecodeAssignment(member.assignment); assigned.ok()) {
      owned = ById(*step, assigned->partitions);
    }
    // A leader may have given a partition to two: the first keeps it.
    for (auto& [topic, numbers] : owned) {
      const TopicId& of = topic;
      std::erase_if(numbers, [&](int32_t number) { return step->group().owners.contains({of, number}); });
    }
    std::erase_if(owned, [](const auto& topic) { return topic.second.empty(); });
    step->PutMember(id, metadata);
    step->PutTarget(id, owned);
    ConsumerGroupMember current{.id = id};
    current.epoch = current.previous_epoch = group.generation;
    current.assigned = owned;
    step->PutCurrent(current);
  }
  if (group.members.empty()) return {};
  step->PutEpoch(group.generation, 0);
  step->PutTargetEpoch(group.generation);
  step->NoteChange();
  return {};
}

// The records are replayed: what was the classic group is over. Those who waited join again.
void GroupCoordinator::FinishUpgrade(Group& group, Now now) {
  for (auto& [id, member] : group.members) {
    const GroupResult again{.error = ErrorCode::kRebalanceInProgress};
    Answer(member.join, JoinGroupResponse{.result = again, .member_id = id});
    Answer(member.sync, SyncGroupResponse{.result = again});
    if (member.on_rebalance != nullptr) {
      effects_.completions.push_back(
          [notify = member.on_rebalance, generation = group.generation] { notify(generation); });
    }
    const auto moved = group.consumer->members.find(id);
    if (moved != group.consumer->members.end()) {
      moved->second.session_deadline = After(now.monotonic, member.session_timeout_ms);
    }
  }
  group.ForgetClassic();
}

// --- Consumer group to classic group

bool GroupCoordinator::CanDowngrade(const ConsumerGroup& group,
                                    const std::vector<std::string>& leaving) const {
  if (config_.consumer_migration_policy != GroupMigrationPolicy::kDowngrade &&
      config_.consumer_migration_policy != GroupMigrationPolicy::kBidirectional) {
    return false;
  }
  size_t staying = 0;
  for (const auto& [id, member] : group.members) {
    if (std::ranges::find(leaving, id) != leaving.end()) continue;
    if (!member.is_classic()) return false;
    ++staying;
  }
  return staying != 0 && static_cast<int64_t>(staying) <= config_.max_size &&
         ShareAProtocol(AsClassic(group, leaving));
}

void GroupCoordinator::Downgrade(Group& group, const std::vector<std::string>& leaving, Settle settle,
                                 Now now) {
  ConsumerGroupStep step(*group.consumer, topics_, now.wall.value());
  Group classic = AsClassic(*group.consumer, leaving);
  classic.protocol = classic.SelectProtocol();
  classic.leader = classic.members.begin()->first;
  classic.state_timestamp = now.wall.value();
  std::map<std::string, GroupBytes> assignments;
  std::map<std::string, std::vector<GroupProtocol>> protocols;
  for (const auto& [id, member] : classic.members) {
    assignments[id] = NamedAssignment(group.consumer->FindMember(id)->assigned,
                                      ProtocolVersionOf(member.MetadataOf(*classic.protocol)));
    protocols[id] = member.protocols;
  }
  auto record = MakeGroupRecord({.group = group.name}, classic.ToStored(assignments));
  if (!record.ok()) return settle(record.status(), now);
  step.RemoveGroup();
  step.draft().Add(*std::move(record));
  Finish(
      std::move(step),
      [this, name = group.name, protocols = std::move(protocols), settle = std::move(settle)](
          const absl::Status& status, Now then) mutable {
        if (status.ok()) {
          Group& after = *Find(name);
          after.Adopt(then.monotonic);
          for (auto& [id, all] : protocols) after.FindMember(id)->protocols = std::move(all);
          PrepareRebalance(after, then);
          Touch(after);
        }
        settle(status, then);
      },
      now);
}

GroupBytes GroupCoordinator::NamedAssignment(const PartitionMap& partitions, int16_t version) const {
  MemberAssignment assignment;
  for (const auto& [id, numbers] : partitions) {
    const auto topic = topics_ == nullptr ? std::nullopt : topics_->Find(id);
    if (!topic.has_value()) continue;
    for (const int32_t number : numbers) assignment.partitions.push_back({topic->name, PartitionId(number)});
  }
  return EncodeAssignment(assignment, version);
}

// --- Classic members of consumer groups

void GroupCoordinator::JoinConsumerGroup(Group& group, JoinGroupRequest request, JoinGroupDone done,
                                         Now now) {
  const auto refuse = [&](ErrorCode error, std::string_view message = {}) {
    Answer(done, JoinGroupResponse{.result = {.error = error, .message = std::string(message)},
                                   .member_id = request.member_id});
  };
  if (group.consumer->members.empty()) {
    // Nobody is there any more: the group is whatever comes next.
    ConsumerGroupStep step(*group.consumer, topics_, now.wall.value());
    step.RemoveGroup();
    return Finish(
        std::move(step),
        [this, request = std::move(request), done = std::move(done)](const absl::Status& status,
                                                                     Now then) mutable {
          if (status.ok()) return Join(std::move(request), std::move(done), then);
          Answer(done, JoinGroupResponse{.result = MoveFailed(status)});
        },
        now);
  }
  const auto subscription = DecodeSubscription(request.protocols.front().metadata);
  Group others = AsClassic(*group.consumer, {request.member_id});
  if (request.protocol_type != "consumer" || !subscription.ok() ||
      !others.SupportsProtocols(request.protocol_type, request.protocols)) {
    return refuse(ErrorCode::kInconsistentGroupProtocol);
  }
  ConsumerGroupStep step(*group.consumer, topics_, now.wall.value());
  const bool is_new = request.member_id.empty();
  if (is_new) request.member_id = NewMemberId(request.group_instance_id.value_or(request.client_id));
  const std::string id = request.member_id;
  if (group.consumer->FindMember(id) == nullptr && !request.group_instance_id.has_value() &&
      static_cast<int64_t>(group.consumer->members.size()) >= config_.consumer_max_size) {
    request.member_id.clear();
    return refuse(ErrorCode::kGroupMaxSizeReached);
  }
  if (is_new && request.require_known_member_id) {
    return refuse(ErrorCode::kMemberIdRequired, "join again with the member id that was given");
  }
  if (request.group_instance_id.has_value()) {
    const auto instance = group.consumer->static_members.find(*request.group_instance_id);
    const bool taken = instance != group.consumer->static_members.end();
    if (!is_new && !taken) return refuse(ErrorCode::kUnknownMemberId);
    if (!is_new && instance->second != id) return refuse(ErrorCode::kFencedInstanceId);
    if (is_new && taken) step.ReplaceMember(instance->second, id);
  }
  ConsumerGroupMemberMetadataValue metadata =
      MetadataOf(*subscription, request.protocols, request.session_timeout_ms);
  metadata.instance_id = request.group_instance_id;
  metadata.client_id = request.client_id;
  metadata.client_host = request.client_host;
  metadata.rebalance_timeout_ms = request.rebalance_timeout_ms;
  step.PutMember(id, metadata);
  step.Refresh();
  step.UpdateTarget();
  step.Reconcile(id, ById(step, subscription->owned_partitions));
  const auto changes = step.catalog_changes();
  JoinGroupResponse response{
      .protocol_type = "consumer", .protocol = request.protocols.front().name, .member_id = id};
  Finish(
      std::move(step),
      [this, name = group.name, changes, response = std::move(response), done = std::move(done)](
          const absl::Status& status, Now then) mutable {
        if (!status.ok()) return Answer(done, JoinGroupResponse{.result = MoveFailed(status)});
        OnJoinedConsumerGroup(*Find(name), changes, std::move(response), std::move(done), then);
      },
      now);
}

void GroupCoordinator::OnJoinedConsumerGroup(Group& group, std::optional<uint64_t> catalog_changes,
                                             JoinGroupResponse response, JoinGroupDone done, Now now) {
  group.consumer->catalog_changes = catalog_changes;
  ConsumerGroupMember& member = group.consumer->members.find(response.member_id)->second;
  // Until then it must sync.
  member.rebalance_deadline = After(now.monotonic, member.metadata.rebalance_timeout_ms);
  member.session_deadline = After(now.monotonic, member.metadata.classic->session_timeout_ms);
  Touch(group);
  // Nobody leads: the coordinator assigns.
  response.generation = member.epoch;
  Answer(done, std::move(response));
}

// The member, if it is one of the classic protocol and speaks in its epoch.
ConsumerGroupMember* GroupCoordinator::ClassicMemberOf(Group& group, const std::string& id,
                                                       const std::optional<std::string>& instance_id,
                                                       int32_t generation, GroupResult* result) const {
  ConsumerGroup& consumer = *group.consumer;
  if (instance_id.has_value()) {
    const auto instance = consumer.static_members.find(*instance_id);
    if (instance != consumer.static_members.end() && instance->second != id) {
      result->error = ErrorCode::kFencedInstanceId;
      return nullptr;
    }
  }
  const auto found = consumer.members.find(id);
  if (found == consumer.members.end() || !found->second.is_classic()) {
    result->error = ErrorCode::kUnknownMemberId;
    return nullptr;
  }
  if (found->second.epoch != generation) {
    result->error = ErrorCode::kIllegalGeneration;
    return nullptr;
  }
  return &found->second;
}

void GroupCoordinator::SyncConsumerGroup(Group& group, const SyncGroupRequest& request, SyncGroupDone done,
                                         Now now) {
  SyncGroupResponse response;
  ConsumerGroupMember* const member = ClassicMemberOf(group, request.member_id, request.group_instance_id,
                                                      request.generation, &response.result);
  if (member == nullptr) return Answer(done, std::move(response));
  const auto& protocols = member->metadata.classic->supported_protocols;
  const std::string protocol = request.protocol.value_or(protocols.front().name);
  const auto chosen =
      std::ranges::find(protocols, protocol, &ConsumerGroupMemberMetadataValue::ClassicProtocol::name);
  if (request.protocol_type.value_or("consumer") != "consumer" || chosen == protocols.end()) {
    response.result.error = ErrorCode::kInconsistentGroupProtocol;
    return Answer(done, std::move(response));
  }
  member->session_deadline = After(now.monotonic, member->metadata.classic->session_timeout_ms);
  if (group.consumer->epoch > member->epoch && member->state != ConsumerMemberState::kUnrevoked) {
    // The group went on: what it would be told is no longer so.
    member->rebalance_deadline = After(now.monotonic, member->metadata.rebalance_timeout_ms);
    Touch(group);
    response.result.error = ErrorCode::kRebalanceInProgress;
    return Answer(done, std::move(response));
  }
  member->rebalance_deadline = kNever;
  Touch(group);
  response.protocol_type = "consumer";
  response.protocol = protocol;
  response.assignment = NamedAssignment(member->assigned, ProtocolVersionOf(chosen->metadata));
  Answer(done, std::move(response));
}

void GroupCoordinator::HeartbeatConsumerGroup(Group& group, const HeartbeatRequest& request,
                                              HeartbeatDone done, Now now) {
  HeartbeatResponse response;
  ConsumerGroupMember* const member = ClassicMemberOf(group, request.member_id, request.group_instance_id,
                                                      request.generation, &response.result);
  if (member == nullptr) return Answer(done, std::move(response));
  member->session_deadline = After(now.monotonic, member->metadata.classic->session_timeout_ms);
  // There is a newer epoch; it must give up; what it waits for is free.
  if (member->epoch < group.consumer->epoch || member->state == ConsumerMemberState::kUnrevoked ||
      (member->state == ConsumerMemberState::kUnreleased && !group.consumer->IsWaiting(*member))) {
    response.result.error = ErrorCode::kRebalanceInProgress;
    if (member->rebalance_deadline == kNever) {
      member->rebalance_deadline = After(now.monotonic, member->metadata.rebalance_timeout_ms);
    }
  }
  Touch(group);
  Answer(done, std::move(response));
}

void GroupCoordinator::LeaveConsumerGroup(Group& group, const LeaveGroupRequest& request, LeaveGroupDone done,
                                          Now now) {
  LeaveGroupResponse response;
  std::vector<std::string> leaving;
  for (const LeaveGroupRequest::Member& one : request.members) {
    auto& answer = response.members.emplace_back(
        LeaveGroupResponse::Member{.member_id = one.member_id, .group_instance_id = one.group_instance_id});
    std::string id = one.member_id;
    if (one.group_instance_id.has_value()) {
      const auto instance = group.consumer->static_members.find(*one.group_instance_id);
      if (instance == group.consumer->static_members.end()) {
        answer.result.error = ErrorCode::kUnknownMemberId;
        continue;
      }
      if (!id.empty() && id != instance->second) {
        answer.result.error = ErrorCode::kFencedInstanceId;
        continue;
      }
      id = instance->second;
    }
    if (group.consumer->FindMember(id) == nullptr) {
      answer.result.error = ErrorCode::kUnknownMemberId;
    } else if (std::ranges::find(leaving, id) == leaving.end()) {
      leaving.push_back(id);
    }
  }
  if (leaving.empty()) return Answer(done, std::move(response));
  RemoveConsumerMembers(
      group, leaving,
      [this, done = std::move(done), response = std::move(response)](const absl::Status& status,
                                                                     Now) mutable {
        if (!status.ok()) response = LeaveGroupResponse{.result = MoveFailed(status)};
        Answer(done, std::move(response));
      },
      now);
}

}  // namespace millrace::inline v0
