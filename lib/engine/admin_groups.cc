// AdminImpl: groups. Each call is a blocking shell around one of the group service's.

#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "coordinator/consumer_protocol.h"
#include "engine/admin_impl.h"
#include "engine/offsets_topic.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

GroupDescription DescriptionOf(std::string group, const DescribeConsumerGroupResponse& from) {
  GroupDescription described{.group = std::move(group),
                             .state = from.state,
                             .type = GroupType::kConsumer,
                             .protocol_type = "consumer",
                             .protocol = from.assignor,
                             .generation = GenerationId(from.group_epoch),
                             .members = {}};
  for (const auto& member : from.members) {
    GroupMemberDescription& one = described.members.emplace_back();
    one.member_id = member.member_id;
    one.group_instance_id = member.instance_id.value_or("");
    one.client_id = member.client_id;
    one.client_host = member.client_host;
    for (const auto& topic : member.assignment) {
      for (const int32_t number : topic.partitions) {
        one.assignment.push_back({topic.topic_name, PartitionId(number)});
      }
    }
  }
  return described;
}

}  // namespace

absl::StatusOr<std::vector<GroupListing>> AdminImpl::ListGroups() {
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  ListGroupsResponse response = engine_->Await<ListGroupsResponse>(
      [&](ListGroupsDone done) { groups->ListGroups({}, std::move(done)); });
  MILLRACE_RETURN_IF_ERROR(response.result.ToStatus("(all)"));
  return std::move(response.groups);
}

absl::StatusOr<GroupDescription> AdminImpl::DescribeGroup(std::string_view group) {
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  DescribeGroupResponse response = engine_->Await<DescribeGroupResponse>(
      [&](DescribeGroupDone done) { groups->DescribeGroup(std::string(group), std::move(done)); });
  MILLRACE_RETURN_IF_ERROR(response.result.ToStatus(group));
  if (!response.exists) {
    DescribeConsumerGroupResponse other =
        engine_->Await<DescribeConsumerGroupResponse>([&](DescribeConsumerGroupDone done) {
          groups->DescribeConsumerGroup(std::string(group), std::move(done));
        });
    if (other.result.ok()) return DescriptionOf(std::string(group), other);
    if (other.result.error != ErrorCode::kGroupIdNotFound) return other.result.ToStatus(group);
  }
  GroupDescription described{.group = std::string(group),
                             .state = response.state,
                             .protocol_type = response.protocol_type,
                             .protocol = response.protocol,
                             .generation = GenerationId(response.generation),
                             .members = {}};
  for (const DescribedMember& member : response.members) {
    GroupMemberDescription one{.member_id = member.member_id,
                               .group_instance_id = member.group_instance_id.value_or(""),
                               .client_id = member.client_id,
                               .client_host = member.client_host,
                               .assignment = {}};
    if (response.protocol_type == "consumer") {
      // Opaque to the coordinator: what does not decode is some other client's own.
      absl::StatusOr<MemberAssignment> assignment = DecodeAssignment(member.assignment);
      if (assignment.ok()) one.assignment = std::move(assignment->partitions);
    }
    described.members.push_back(std::move(one));
  }
  return described;
}

absl::StatusOr<Consumer::Offsets> AdminImpl::ListGroupOffsets(std::string_view group) {
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  const OffsetFetchResponse response = engine_->Await<OffsetFetchResponse>(
      [&](OffsetFetchDone done) { groups->FetchOffsets({.group = std::string(group)}, std::move(done)); });
  MILLRACE_RETURN_IF_ERROR(response.result.ToStatus(group));
  Consumer::Offsets offsets;
  for (const OffsetFetchResponse::Entry& entry : response.offsets) {
    if (!entry.result.ok() || entry.offset.offset < 0) continue;
    offsets[entry.offset.partition] = {.offset = Offset(entry.offset.offset),
                                       .leader_epoch = LeaderEpoch(entry.offset.leader_epoch),
                                       .metadata = entry.offset.metadata};
  }
  return offsets;
}

absl::Status AdminImpl::AlterGroupOffsets(std::string_view group, const Consumer::Offsets& offsets) {
  OffsetCommitRequest request{.group = std::string(group)};
  for (const auto& [partition, to] : offsets) {
    // Offsets of a topic that does not exist would stay for ever.
    MILLRACE_RETURN_IF_ERROR(engine_->FindPartition(partition).status());
    if (to.offset.value() < 0) {
      return Error(ErrorCode::kOffsetOutOfRange,
                   StrCat("cannot commit offset ", to.offset, " for ", partition.ToString()));
    }
    request.offsets.push_back({.partition = partition,
                               .offset = to.offset.value(),
                               .leader_epoch = to.leader_epoch.value(),
                               .metadata = to.metadata});
  }
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  const OffsetCommitResponse response = engine_->Await<OffsetCommitResponse>(
      [&](OffsetCommitDone done) { groups->CommitOffsets(std::move(request), std::move(done)); });
  for (const PartitionResult& one : response.partitions) {
    if (one.result.error == ErrorCode::kUnknownMemberId) {
      return Error(ErrorCode::kNonEmptyGroup,
                   StrCat("group \"", group, "\" has members: stop them before its offsets are set"));
    }
    MILLRACE_RETURN_IF_ERROR(one.result.ToStatus(group));
  }
  return absl::OkStatus();
}

absl::Status AdminImpl::DeleteGroupOffsets(std::string_view group, const std::vector<TopicPartition>& of) {
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  const OffsetDeleteResponse response = engine_->Await<OffsetDeleteResponse>([&](OffsetDeleteDone done) {
    groups->DeleteOffsets({.group = std::string(group), .partitions = of}, std::move(done));
  });
  MILLRACE_RETURN_IF_ERROR(response.result.ToStatus(group));
  for (const PartitionResult& one : response.partitions) {
    MILLRACE_RETURN_IF_ERROR(one.result.ToStatus(group));
  }
  return absl::OkStatus();
}

absl::Status AdminImpl::DeleteGroup(std::string_view group) {
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  const DeleteGroupResponse response = engine_->Await<DeleteGroupResponse>(
      [&](DeleteGroupDone done) { groups->DeleteGroup(std::string(group), std::move(done)); });
  return response.result.ToStatus(group);
}

}  // namespace millrace::inline v0
