// The consumer protocol (KIP-848): heartbeats, leaving, time-outs, description. After Kafka's
// GroupMetadataManager.consumerGroup*.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "coordinator/consumer_group_step.h"
#include "coordinator/group_coordinator.h"
#include "coordinator/server_assignor.h"
#include "coordinator/topic_pattern.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// When what is due could not be stored, it is tried again after so long.
constexpr int64_t kRetryRemovalMs = 1000;

GroupResult StepFailed(const absl::Status& status) {
  // Names that do not fit a record are the client's fault; all else is the log's.
  const bool invalid = ErrorCodeOf(status) == ErrorCode::kInvalidRequest;
  return {.error = invalid ? ErrorCode::kInvalidRequest : ErrorCode::kCoordinatorNotAvailable,
          .message = std::string(ToStd(status.message()))};
}

GroupResult Invalid(std::string_view what) {
  return {.error = ErrorCode::kInvalidRequest, .message = std::string(what)};
}

// What a heartbeat must say by itself, whatever the group is.
GroupResult CheckHeartbeat(const ConsumerHeartbeatRequest& request) {
  const bool joins = request.member_epoch == kJoinEpoch;
  if (request.group.empty()) return Invalid("the group's id is empty");
  if (request.member_id.empty() && (request.chooses_member_id || !joins))
    return Invalid("the member's id is empty");
  if (request.instance_id == "") return Invalid("the instance id is empty; leave it out");
  if (request.rack_id == "") return Invalid("the rack id is empty; leave it out");
  if (request.member_epoch < kStaticLeaveEpoch) return Invalid("the member's epoch is below -2");
  if (request.member_epoch == kStaticLeaveEpoch && !request.instance_id.has_value()) {
    return Invalid("only static members leave for a time (epoch -2): there is no instance id");
  }
  if (joins) {
    if (request.rebalance_timeout_ms < 0) return Invalid("who joins must give a rebalance time-out");
    if (!request.owned.has_value() || !request.owned->empty())
      return Invalid("who joins must own no partitions");
    if (!request.subscribed_topic_names.has_value() && !request.subscribed_topic_regex.has_value()) {
      return Invalid("who joins must subscribe to topics, by name or by regular expression");
    }
  }
  if (request.server_assignor.has_value() && FindServerAssignor(*request.server_assignor) == nullptr) {
    return {.error = ErrorCode::kUnsupportedAssignor,
            .message = StrCat("there is no assignor \"", *request.server_assignor,
                              "\"; there are uniform and range")};
  }
  if (request.subscribed_topic_regex.has_value() && !request.subscribed_topic_regex->empty()) {
    const auto pattern = TopicPattern::Compile(*request.subscribed_topic_regex);
    if (!pattern.ok()) {
      return {.error = ErrorCode::kInvalidRegularExpression,
              .message = std::string(ToStd(pattern.status().message()))};
    }
  }
  return {};
}

// An epoch that is not the member's: the answer with its own was lost, or it missed something and is fenced.
GroupResult CheckEpoch(const ConsumerGroupMember& member, const ConsumerHeartbeatRequest& request) {
  const int32_t epoch = request.member_epoch;
  // It has given everything up and comes anew.
  if (epoch == kJoinEpoch || epoch == member.epoch) return {};
  if (epoch == member.previous_epoch && request.owned.has_value() &&
      Minus(*request.owned, member.assigned).empty()) {
    return {};
  }
  return {.error = ErrorCode::kFencedMemberEpoch,
          .message = StrCat("the member is in epoch ", member.epoch, " and spoke in ", epoch,
                            "; it must give up its partitions and join again")};
}

ConsumerGroupMemberMetadataValue Updated(ConsumerGroupMemberMetadataValue metadata,
                                         const ConsumerHeartbeatRequest& request) {
  if (request.instance_id.has_value()) metadata.instance_id = request.instance_id;
  if (request.rack_id.has_value()) metadata.rack_id = request.rack_id;
  if (request.rebalance_timeout_ms >= 0) metadata.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.subscribed_topic_names.has_value()) {
    metadata.subscribed_topic_names = *request.subscribed_topic_names;
    std::ranges::sort(metadata.subscribed_topic_names);
  }
  if (request.subscribed_topic_regex.has_value()) {
    metadata.subscribed_topic_regex = request.subscribed_topic_regex;
    if (request.subscribed_topic_regex->empty()) metadata.subscribed_topic_regex.reset();
  }
  if (request.server_assignor.has_value()) metadata.server_assignor = request.server_assignor;
  metadata.client_id = request.client_id;
  metadata.client_host = request.client_host;
  metadata.classic.reset();
  return metadata;
}

bool IsWholeRequest(const ConsumerHeartbeatRequest& request) {
  return request.member_epoch == kJoinEpoch ||
         (request.rebalance_timeout_ms != -1 && request.owned.has_value() &&
          (request.subscribed_topic_names.has_value() || request.subscribed_topic_regex.has_value()));
}

}  // namespace

void GroupCoordinator::Finish(ConsumerGroupStep step, Settle settle, Now now) {
  if (!step.draft().status().ok()) return settle(step.draft().status(), now);
  std::vector<CoordinatorRecord> records = step.draft().TakeRecords();
  if (records.empty()) return settle(absl::OkStatus(), now);
  Write(std::move(records), std::move(settle));
}

void GroupCoordinator::ConsumerHeartbeat(ConsumerHeartbeatRequest request, ConsumerHeartbeatDone done,
                                         Now now) {
  GroupResult result = CheckHeartbeat(request);
  Group* const found = Find(request.group);
  const bool joins = request.member_epoch == kJoinEpoch;
  const bool is_consumer = found != nullptr && found->consumer.has_value();
  if (!result.ok()) return Answer(done, ConsumerHeartbeatResponse{.result = std::move(result)});
  if (!is_consumer && !joins) {
    result = {.error = ErrorCode::kGroupIdNotFound,
              .message = "there is no such group of the consumer protocol"};
    return Answer(done, ConsumerHeartbeatResponse{.result = std::move(result)});
  }
  if (!is_consumer) result = CheckBudget(found);
  if (!result.ok()) return Answer(done, ConsumerHeartbeatResponse{.result = std::move(result)});
  if (request.member_epoch < 0) return ConsumerLeave(*found, request, std::move(done), now);
  if (request.member_id.empty()) request.member_id = NewMemberId(request.client_id);

  const ConsumerGroup fresh(request.group);
  ConsumerGroupStep step(is_consumer ? *found->consumer : fresh, topics_, now.wall.value());
  if (found != nullptr && !is_consumer) result = Upgrade(*found, &step);
  if (result.ok()) result = Admit(request, &step);
  if (!result.ok()) return Answer(done, ConsumerHeartbeatResponse{.result = std::move(result)});

  const std::string& id = request.member_id;
  const ConsumerGroupMember* const known = step.group().FindMember(id);
  ConsumerGroupMember before;
  before.metadata.instance_id = before.metadata.rack_id = before.metadata.server_assignor = std::nullopt;
  before.metadata.subscribed_topic_regex = std::nullopt;
  if (known != nullptr) before = *known;
  step.PutMember(id, Updated(before.metadata, request));
  step.Refresh();
  step.UpdateTarget();
  step.Reconcile(id, request.owned);
  if (!step.draft().status().ok()) {
    return Answer(done, ConsumerHeartbeatResponse{.result = StepFailed(step.draft().status())});
  }

  const ConsumerGroupMember& member = *step.group().FindMember(id);
  ConsumerHeartbeatResponse response{.member_id = id,
                                     .member_epoch = member.epoch,
                                     .heartbeat_interval_ms = config_.consumer_heartbeat_interval_ms};
  if (IsWholeRequest(request) || member.assigned != before.assigned) response.assignment = member.assigned;
  const bool begins_revoking =
      member.state == ConsumerMemberState::kUnrevoked &&
      (before.state != ConsumerMemberState::kUnrevoked || before.epoch != member.epoch);
  const auto changes = step.catalog_changes();
  Finish(
      std::move(step),
      [this, name = request.group, done = std::move(done), response = std::move(response), changes,
       begins_revoking](const absl::Status& status, Now then) mutable {
        OnHeartbeatStored(name, std::move(done), std::move(response), changes, begins_revoking, status, then);
      },
      now);
}

void GroupCoordinator::OnHeartbeatStored(const std::string& name, ConsumerHeartbeatDone done,
                                         ConsumerHeartbeatResponse response,
                                         std::optional<uint64_t> catalog_changes, bool begins_revoking,
                                         const absl::Status& status, Now now) {
  if (!status.ok()) return Answer(done, ConsumerHeartbeatResponse{.result = StepFailed(status)});
  Group& group = *Find(name);
  FinishUpgrade(group, now);
  group.consumer->catalog_changes = catalog_changes;
  ConsumerGroupMember& member = group.consumer->members.find(response.member_id)->second;
  member.session_deadline = After(now.monotonic, config_.consumer_session_timeout_ms);
  if (begins_revoking) {
    member.rebalance_deadline = After(now.monotonic, member.metadata.rebalance_timeout_ms);
  } else if (member.state != ConsumerMemberState::kUnrevoked) {
    member.rebalance_deadline = kNever;
  }
  Touch(group);
  Answer(done, std::move(response));
}

// Whether the member may speak, and as whom: a static one that comes back takes the place of the one it was.
GroupResult GroupCoordinator::Admit(const ConsumerHeartbeatRequest& request, ConsumerGroupStep* step) const {
  const ConsumerGroup& group = step->group();
  const bool joins = request.member_epoch == kJoinEpoch;
  const ConsumerGroupMember* member = group.FindMember(request.member_id);
  if (member == nullptr && static_cast<int64_t>(group.members.size()) >= config_.consumer_max_size) {
    return {.error = ErrorCode::kGroupMaxSizeReached, .message = "it has group.consumer.max.size members"};
  }
  if (request.instance_id.has_value()) {
    const auto instance = group.static_members.find(*request.instance_id);
    if (instance == group.static_members.end()) {
      if (!joins) return {.error = ErrorCode::kUnknownMemberId, .message = "no member has this instance id"};
    } else {
      const ConsumerGroupMember& existing = group.members.at(instance->second);
      const bool is_same = existing.id == request.member_id;
      if (joins && existing.epoch == kStaticLeaveEpoch) {
        const std::string old_id = existing.id;
        step->ReplaceMember(old_id, request.member_id);
        return {};
      }
      if (joins && !is_same) {
        return {.error = ErrorCode::kUnreleasedInstanceId,
                .message = StrCat("member ", existing.id, " has the instance id and is still there")};
      }
      if (!is_same) {
        return {.error = ErrorCode::kFencedInstanceId,
                .message = StrCat("member ", existing.id, " joined with the same instance id")};
      }
    }
  }
  if (member == nullptr) {
    if (joins) return {};
    return {.error = ErrorCode::kUnknownMemberId,
            .message = "the group does not know this member; join again"};
  }
  return CheckEpoch(*member, request);
}

// --- Leaving

void GroupCoordinator::ConsumerLeave(Group& group, const ConsumerHeartbeatRequest& request,
                                     ConsumerHeartbeatDone done, Now now) {
  const ConsumerGroup& consumer = *group.consumer;
  ConsumerHeartbeatResponse response{.member_id = request.member_id, .member_epoch = request.member_epoch};
  if (request.instance_id.has_value()) {
    const auto instance = consumer.static_members.find(*request.instance_id);
    if (instance == consumer.static_members.end()) {
      response.result.error = ErrorCode::kUnknownMemberId;
    } else if (instance->second != request.member_id) {
      response.result.error = ErrorCode::kFencedInstanceId;
    }
  }
  const ConsumerGroupMember* const member = consumer.FindMember(request.member_id);
  if (response.result.ok() && member == nullptr) response.result.error = ErrorCode::kUnknownMemberId;
  if (!response.result.ok()) return Answer(done, ConsumerHeartbeatResponse{.result = response.result});

  auto settle = [this, name = group.name, done = std::move(done), response = std::move(response)](
                    const absl::Status& status, Now) mutable {
    if (!status.ok()) return Answer(done, ConsumerHeartbeatResponse{.result = StepFailed(status)});
    Group* const left = Find(name);
    if (left != nullptr && left->consumer.has_value()) {
      const auto away = left->consumer->members.find(response.member_id);
      if (away != left->consumer->members.end()) away->second.rebalance_deadline = kNever;
      Touch(*left);
    }
    Answer(done, std::move(response));
  };
  if (request.member_epoch == kLeaveEpoch) {
    return RemoveConsumerMembers(group, {request.member_id}, std::move(settle), now);
  }
  // It keeps what it has until its session ends.
  ConsumerGroupStep step(consumer, topics_, now.wall.value());
  ConsumerGroupMember away = *member;
  away.previous_epoch = away.epoch;
  away.epoch = kStaticLeaveEpoch;
  away.revoking.clear();
  step.PutCurrent(away);
  Finish(std::move(step), std::move(settle), now);
}

void GroupCoordinator::RemoveConsumerMembers(Group& group, const std::vector<std::string>& ids, Settle settle,
                                             Now now) {
  if (CanDowngrade(*group.consumer, ids)) return Downgrade(group, ids, std::move(settle), now);
  ConsumerGroupStep step(*group.consumer, topics_, now.wall.value());
  for (const std::string& id : ids) step.RemoveMember(id);
  step.Refresh();
  const auto changes = step.catalog_changes();
  Finish(
      std::move(step),
      [this, name = group.name, changes, settle = std::move(settle)](const absl::Status& status,
                                                                     Now then) mutable {
        if (status.ok()) {
          Group& after = *Find(name);
          after.consumer->catalog_changes = changes;
          Touch(after);
        }
        settle(status, then);
      },
      now);
}

void GroupCoordinator::AdvanceConsumerGroup(Group& group, Now now) {
  std::vector<std::string> gone;
  for (const auto& [id, member] : group.consumer->members) {
    if (std::min(member.session_deadline, member.rebalance_deadline) <= now.monotonic) gone.push_back(id);
  }
  if (gone.empty()) return Touch(group);
  RemoveConsumerMembers(
      group, gone,
      [this, name = group.name, gone](const absl::Status& status, Now then) {
        Group* const left = Find(name);
        if (status.ok() || left == nullptr || !left->consumer.has_value()) return;
        for (const std::string& id : gone) {
          const auto member = left->consumer->members.find(id);
          if (member == left->consumer->members.end()) continue;
          member->second.session_deadline = After(then.monotonic, kRetryRemovalMs);
          member->second.rebalance_deadline = kNever;
        }
        Touch(*left);
      },
      now);
}

void GroupCoordinator::AdoptConsumerGroup(ConsumerGroup& group, Now now) const {
  for (auto& [id, member] : group.members) {
    const int64_t session = member.is_classic() ? member.metadata.classic->session_timeout_ms
                                                : config_.consumer_session_timeout_ms;
    member.session_deadline = After(now.monotonic, std::max<int64_t>(session, 0));
    if (member.state == ConsumerMemberState::kUnrevoked) {
      member.rebalance_deadline = After(now.monotonic, std::max(member.metadata.rebalance_timeout_ms, 0));
    }
  }
}

// --- Description

void GroupCoordinator::DescribeConsumerGroup(const std::string& name, DescribeConsumerGroupDone done) {
  DescribeConsumerGroupResponse response;
  const Group* const found = Find(name);
  if (found == nullptr || !found->consumer.has_value()) {
    response.result = {.error = ErrorCode::kGroupIdNotFound,
                       .message = found == nullptr
                                      ? StrCat("group ", name, " was not found")
                                      : StrCat("group ", name, " is not of the consumer protocol")};
    return Answer(done, std::move(response));
  }
  const ConsumerGroup& group = *found->consumer;
  const auto named = [this](const PartitionMap& map) {
    std::vector<DescribeConsumerGroupResponse::Partitions> partitions;
    for (const auto& [id, numbers] : map) {
      const auto topic = topics_ == nullptr ? std::nullopt : topics_->Find(id);
      if (topic.has_value()) partitions.push_back({id, topic->name, numbers});  // else deleted meanwhile
    }
    return partitions;
  };
  response.state = group.State();
  response.group_epoch = group.epoch;
  response.assignment_epoch = group.assignment_epoch;
  response.assignor = PreferredAssignor(group);
  for (const auto& [id, member] : group.members) {
    response.members.push_back({.member_id = id,
                                .instance_id = member.metadata.instance_id,
                                .rack_id = member.metadata.rack_id,
                                .member_epoch = member.epoch,
                                .client_id = member.metadata.client_id,
                                .client_host = member.metadata.client_host,
                                .subscribed_topic_names = member.metadata.subscribed_topic_names,
                                .subscribed_topic_regex = member.metadata.subscribed_topic_regex,
                                .assignment = named(member.assigned),
                                .target = named(group.TargetOf(id)),
                                .is_classic = member.is_classic()});
  }
  Answer(done, std::move(response));
}

}  // namespace millrace::inline v0
