// Committed offsets: commit, fetch, delete, expire.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "coordinator/group_coordinator.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

OffsetCommitKey KeyOf(const std::string& group, const TopicPartition& partition) {
  return {.group = group, .topic = partition.topic, .partition = partition.partition.value()};
}

// Adds a tombstone. Keys that were replayed always encode.
void AddTombstone(const std::string& group, const TopicPartition& partition,
                  std::vector<CoordinatorRecord>* records) {
  auto record = MakeOffsetRecord(KeyOf(group, partition), std::nullopt);
  if (record.ok()) records->push_back(*std::move(record));
}

// What a failed append means to a client (Kafka's GroupCoordinatorService.handleOperationException): out of
// space and failed disks are "not now".
GroupResult AppendFailed(const absl::Status& status) {
  const ErrorCode code = ErrorCodeOf(status);
  const bool too_large = code == ErrorCode::kMessageTooLarge || code == ErrorCode::kRecordListTooLarge;
  return {.error = too_large ? ErrorCode::kInvalidCommitOffsetSize : ErrorCode::kCoordinatorNotAvailable,
          .message = StrCat("the offsets could not be stored: ", ToStd(status.message()))};
}

}  // namespace

GroupResult GroupCoordinator::CheckConsumerCommit(const ConsumerGroup& group,
                                                  const OffsetCommitRequest& request) const {
  if (request.generation < 0 && group.members.empty()) return {};
  const ConsumerGroupMember* const member = group.FindMember(request.member_id);
  if (member == nullptr) {
    return {.error = ErrorCode::kUnknownMemberId,
            .message =
                request.member_id.empty() ? "it has members, and only they may commit; stop them first" : ""};
  }
  if (member->is_classic()) {
    if (request.generation != member->epoch) return {.error = ErrorCode::kIllegalGeneration};
  } else if (!request.knows_member_epochs) {
    return {.error = ErrorCode::kUnsupportedVersion,
            .message = "members of the consumer protocol commit with version 9 or later"};
  } else if (request.generation != member->epoch) {
    return {.error = ErrorCode::kStaleMemberEpoch};
  }
  return {};
}

GroupResult GroupCoordinator::CheckCommit(Group* group, const OffsetCommitRequest& request) {
  if (request.group.empty()) {
    return {.error = ErrorCode::kInvalidGroupId, .message = "its name is empty"};
  }
  const bool is_simple = request.generation < 0;
  if (group == nullptr) {
    if (is_simple) return CheckBudget(group);
    return {.error =
                request.knows_member_epochs ? ErrorCode::kGroupIdNotFound : ErrorCode::kIllegalGeneration};
  }
  if (group->consumer.has_value()) return CheckConsumerCommit(*group->consumer, request);
  if (is_simple && group->state == GroupState::kEmpty) return {};
  if (is_simple && request.member_id.empty() && !request.group_instance_id.has_value()) {
    return {.error = ErrorCode::kUnknownMemberId,
            .message = "it has members, and only they may commit; stop them first"};
  }
  GroupResult result = CheckMember(*group, request.member_id, request.group_instance_id);
  if (!result.ok()) return result;
  if (request.generation != group->generation) return {.error = ErrorCode::kIllegalGeneration};
  if (group->state == GroupState::kCompletingRebalance) return {.error = ErrorCode::kRebalanceInProgress};
  return {};
}

void GroupCoordinator::CommitOffsets(OffsetCommitRequest request, OffsetCommitDone done, Now now) {
  Group* group = Find(request.group);
  const GroupResult checked = CheckCommit(group, request);
  OffsetCommitResponse response;
  std::vector<CoordinatorRecord> records;
  for (GroupOffset& offset : request.offsets) {
    auto& answer =
        response.partitions.emplace_back(PartitionResult{.partition = offset.partition, .result = checked});
    if (!checked.ok()) continue;
    if (offset.metadata.size() > static_cast<size_t>(config_.offset_metadata_max_bytes)) {
      answer.result.error = ErrorCode::kOffsetMetadataTooLarge;
      continue;
    }
    auto record = MakeOffsetRecord(KeyOf(request.group, offset.partition),
                                   OffsetCommitValue{.offset = offset.offset,
                                                     .leader_epoch = offset.leader_epoch,
                                                     .metadata = std::move(offset.metadata),
                                                     .commit_timestamp = now.wall.value()});
    if (record.ok()) {
      records.push_back(*std::move(record));
    } else {
      answer.result = {.error = ErrorCode::kInvalidRequest,
                       .message = std::string(ToStd(record.status().message()))};
    }
  }
  if (checked.ok() && group != nullptr) {
    if (GroupMember* member = group->FindMember(request.member_id)) KeepAlive(*member, now);
  }
  if (records.empty()) return Answer(done, std::move(response));
  Write(std::move(records), [this, done = std::move(done), response = std::move(response)](
                                const absl::Status& status, Now) mutable {
    if (!status.ok()) {
      for (auto& [partition, result] : response.partitions) {
        if (result.ok()) result = AppendFailed(status);
      }
    }
    Answer(done, std::move(response));
  });
}

void GroupCoordinator::FetchOffsets(const OffsetFetchRequest& request, OffsetFetchDone done) {
  const Group* group = Find(request.group);
  OffsetFetchResponse response;
  const auto add = [&](const TopicPartition& partition, const OffsetCommitValue* value) {
    OffsetFetchResponse::Entry entry{.offset = {.partition = partition}};
    if (value != nullptr) {
      entry.offset.offset = value->offset;
      entry.offset.leader_epoch = value->leader_epoch;
      entry.offset.metadata = value->metadata;
    }
    response.offsets.push_back(std::move(entry));
  };
  if (group != nullptr && group->consumer.has_value() &&
      (!request.member_id.value_or("").empty() || request.member_epoch >= 0)) {
    const ConsumerGroupMember* const member = group->consumer->FindMember(request.member_id.value_or(""));
    if (member == nullptr) {
      response.result.error = ErrorCode::kUnknownMemberId;
    } else if (member->epoch != request.member_epoch) {
      response.result.error =
          member->is_classic() ? ErrorCode::kIllegalGeneration : ErrorCode::kStaleMemberEpoch;
    }
    if (!response.result.ok()) return Answer(done, std::move(response));
  }
  if (request.partitions.has_value()) {
    for (const TopicPartition& partition : *request.partitions) {
      const OffsetCommitValue* value = nullptr;
      if (group != nullptr) {
        const auto found = group->offsets.find(partition);
        if (found != group->offsets.end()) value = &found->second;
      }
      add(partition, value);
    }
  } else if (group != nullptr) {
    for (const auto& [partition, value] : group->offsets) add(partition, &value);
  }
  Answer(done, std::move(response));
}

void GroupCoordinator::DeleteOffsets(const OffsetDeleteRequest& request, OffsetDeleteDone done) {
  OffsetDeleteResponse response;
  Group* group = Find(request.group);
  if (group == nullptr) {
    response.result.error = ErrorCode::kGroupIdNotFound;
    return Answer(done, std::move(response));
  }
  const auto subscribed = group->SubscribedTopics();
  if (group->State() != GroupState::kEmpty && !subscribed.has_value()) {
    response.result.error = ErrorCode::kNonEmptyGroup;
    return Answer(done, std::move(response));
  }
  std::vector<CoordinatorRecord> records;
  for (const TopicPartition& partition : request.partitions) {
    auto& answer = response.partitions.emplace_back(PartitionResult{.partition = partition});
    if (subscribed.has_value() && subscribed->contains(partition.topic)) {
      answer.result.error = ErrorCode::kGroupSubscribedToTopic;
    } else if (group->offsets.contains(partition)) {
      AddTombstone(group->name, partition, &records);
    }
  }
  if (records.empty()) return Answer(done, std::move(response));
  Write(std::move(records), [this, done = std::move(done), response = std::move(response)](
                                const absl::Status& status, Now) mutable {
    if (!status.ok()) response = OffsetDeleteResponse{.result = AppendFailed(status)};
    Answer(done, std::move(response));
  });
}

void GroupCoordinator::DeleteGroup(const std::string& name, DeleteGroupDone done) {
  Group* group = Find(name);
  DeleteGroupResponse response;
  if (group == nullptr) {
    response.result.error = ErrorCode::kGroupIdNotFound;
  } else if (group->State() != GroupState::kEmpty || !group->pending.empty()) {
    response.result = {.error = ErrorCode::kNonEmptyGroup, .message = "it has members; stop them first"};
  }
  if (!response.result.ok()) return Answer(done, std::move(response));
  std::vector<CoordinatorRecord> records;
  for (const auto& [partition, offset] : group->offsets) AddTombstone(name, partition, &records);
  AddGroupTombstones(*group, &records);
  Write(std::move(records), [this, name, done = std::move(done)](const absl::Status& status, Now) mutable {
    DeleteGroupResponse response;
    if (!status.ok()) response.result = AppendFailed(status);
    Answer(done, std::move(response));
  });
}

void GroupCoordinator::AddGroupTombstones(const Group& group, std::vector<CoordinatorRecord>* records) const {
  if (group.consumer.has_value()) {
    ConsumerGroupStep step(*group.consumer, topics_, 0);
    step.RemoveGroup();
    for (CoordinatorRecord& record : step.draft().TakeRecords()) records->push_back(std::move(record));
  } else if (auto record = MakeGroupRecord({.group = group.name}, std::nullopt); record.ok()) {
    records->push_back(*std::move(record));
  }
}

void GroupCoordinator::DeleteTopics(const std::vector<std::string>& topics,
                                    absl::AnyInvocable<void(absl::Status)> done) {
  std::vector<CoordinatorRecord> records;
  for (const auto& [name, group] : groups_) {
    for (const auto& [partition, offset] : group.offsets) {
      if (std::ranges::find(topics, partition.topic) != topics.end()) {
        AddTombstone(name, partition, &records);
      }
    }
  }
  if (records.empty()) return Answer(done, absl::OkStatus());
  Write(std::move(records),
        [this, done = std::move(done)](const absl::Status& status, Now) mutable { Answer(done, status); });
}

// --- Retention (Kafka's OffsetExpirationConditionImpl)

bool GroupCoordinator::Expired(const Group& group, const TopicPartition& partition,
                               const OffsetCommitValue& offset,
                               const std::optional<std::set<std::string>>& subscribed, Now now) const {
  const int64_t wall = now.wall.value();
  if (offset.expire_timestamp != -1) return wall >= offset.expire_timestamp;
  int64_t since = offset.commit_timestamp;
  if (group.State() == GroupState::kEmpty) {
    // Members were there: the time runs from when the last one left, but never from before the commit.
    if (!group.protocol_type.empty()) since = std::max(since, group.state_timestamp);
  } else if (!subscribed.has_value() || subscribed->contains(partition.topic) ||
             group.State() != GroupState::kStable) {
    return false;  // in use
  }
  return wall - since >= config_.offsets_retention_ms;
}

void GroupCoordinator::Expire(Now now) {
  std::vector<CoordinatorRecord> records;
  std::vector<std::string> names;
  for (const auto& [name, group] : groups_) names.push_back(name);
  if (!append_pending()) {
    for (const std::string& name : names) DropIfBare(name);
  }
  for (const auto& [name, group] : groups_) {
    const auto subscribed = group.SubscribedTopics();
    size_t expired = 0;
    for (const auto& [partition, offset] : group.offsets) {
      if (!Expired(group, partition, offset, subscribed, now)) continue;
      AddTombstone(name, partition, &records);
      ++expired;
    }
    const bool is_unused = group.State() == GroupState::kEmpty && group.pending.empty();
    const bool is_stored = group.stored.has_value() || group.consumer.has_value();
    if (is_unused && is_stored && expired == group.offsets.size()) AddGroupTombstones(group, &records);
  }
  // If they cannot be stored, the next round tries again.
  if (!records.empty()) Write(std::move(records), [](const absl::Status&, Now) {});
}

}  // namespace millrace::inline v0
