// Groups.

#include <memory>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "remote/partition_lists.h"
#include "remote/remote_admin.h"

namespace millrace::inline v0 {
namespace {

using DeleteGroupObject = std::unique_ptr<rd_kafka_DeleteGroup_t, rdk::Deleter<rd_kafka_DeleteGroup_destroy>>;
using ListOffsetsObject = std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t,
                                          rdk::Deleter<rd_kafka_ListConsumerGroupOffsets_destroy>>;
using AlterOffsetsObject = std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                                           rdk::Deleter<rd_kafka_AlterConsumerGroupOffsets_destroy>>;
using DeleteOffsetsObject = std::unique_ptr<rd_kafka_DeleteConsumerGroupOffsets_t,
                                            rdk::Deleter<rd_kafka_DeleteConsumerGroupOffsets_destroy>>;

GroupState StateOf(rd_kafka_consumer_group_state_t state) {
  switch (state) {
    case RD_KAFKA_CONSUMER_GROUP_STATE_PREPARING_REBALANCE:
      return GroupState::kPreparingRebalance;
    case RD_KAFKA_CONSUMER_GROUP_STATE_COMPLETING_REBALANCE:
      return GroupState::kCompletingRebalance;
    case RD_KAFKA_CONSUMER_GROUP_STATE_STABLE:
      return GroupState::kStable;
    case RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY:
      return GroupState::kEmpty;
    default:
      return GroupState::kDead;
  }
}

std::string GroupText(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

absl::Status StatusOfError(const rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  return rdk::ToStatus(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
}

// The one result of a request for one group.
absl::StatusOr<const rd_kafka_group_result_t*> OnlyResult(const rd_kafka_group_result_t** results,
                                                          size_t count, std::string_view what) {
  if (count != 1) return Error(ErrorCode::kUnknownServerError, StrCat(what, ": no answer"));
  MILLRACE_RETURN_IF_ERROR(StatusOfError(rd_kafka_group_result_error(results[0]), what));
  return results[0];
}

GroupMemberDescription MemberOf(const rd_kafka_MemberDescription_t* member) {
  GroupMemberDescription description = {
      .member_id = GroupText(rd_kafka_MemberDescription_consumer_id(member)),
      .group_instance_id = GroupText(rd_kafka_MemberDescription_group_instance_id(member)),
      .client_id = GroupText(rd_kafka_MemberDescription_client_id(member)),
      .client_host = GroupText(rd_kafka_MemberDescription_host(member))};
  const rd_kafka_MemberAssignment_t* const assignment = rd_kafka_MemberDescription_assignment(member);
  const rd_kafka_topic_partition_list_t* const partitions =
      assignment == nullptr ? nullptr : rd_kafka_MemberAssignment_partitions(assignment);
  if (partitions != nullptr) description.assignment = rdk::NamesOf(*partitions);
  return description;
}

}  // namespace

absl::StatusOr<std::vector<GroupListing>> RemoteAdmin::ListGroups() {
  constexpr std::string_view kWhat = "listing groups";
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, kWhat, [&](auto* options, auto* queue) {
                              rd_kafka_ListConsumerGroups(client_, options, queue);
                            }));
  const rd_kafka_ListConsumerGroups_result_t* const result =
      rd_kafka_event_ListConsumerGroups_result(event.get());
  size_t count = 0;
  const rd_kafka_error_t** const errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
  if (count > 0) return StatusOfError(errors[0], kWhat);
  const rd_kafka_ConsumerGroupListing_t** const groups =
      rd_kafka_ListConsumerGroups_result_valid(result, &count);
  std::vector<GroupListing> listings;
  for (size_t i = 0; i < count; ++i) {
    const bool simple = rd_kafka_ConsumerGroupListing_is_simple_consumer_group(groups[i]) != 0;
    listings.push_back({.group = GroupText(rd_kafka_ConsumerGroupListing_group_id(groups[i])),
                        .protocol_type = simple ? "" : "consumer",
                        .state = StateOf(rd_kafka_ConsumerGroupListing_state(groups[i]))});
  }
  return listings;
}

absl::StatusOr<GroupDescription> RemoteAdmin::DescribeGroup(std::string_view group) {
  const std::string name(group);
  const std::string what = StrCat("describing group \"", group, "\"");
  const char* asked[] = {name.c_str()};
  MILLRACE_ASSIGN_OR_RETURN(
      const rdk::Event event,
      Ask(RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, what, [&](auto* options, auto* queue) {
        rd_kafka_DescribeConsumerGroups(client_, asked, 1, options, queue);
      }));
  size_t count = 0;
  const rd_kafka_ConsumerGroupDescription_t** const groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  if (count != 1) return Error(ErrorCode::kUnknownServerError, StrCat(what, ": no answer"));
  const absl::Status status = StatusOfError(rd_kafka_ConsumerGroupDescription_error(groups[0]), what);
  if (ErrorCodeOf(status) == ErrorCode::kGroupIdNotFound) return GroupDescription{.group = name};
  MILLRACE_RETURN_IF_ERROR(status);
  const bool simple = rd_kafka_ConsumerGroupDescription_is_simple_consumer_group(groups[0]) != 0;
  GroupDescription description = {
      .group = name,
      .state = StateOf(rd_kafka_ConsumerGroupDescription_state(groups[0])),
      .protocol_type = simple ? "" : "consumer",
      .protocol = GroupText(rd_kafka_ConsumerGroupDescription_partition_assignor(groups[0]))};
  for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); ++i) {
    description.members.push_back(MemberOf(rd_kafka_ConsumerGroupDescription_member(groups[0], i)));
  }
  return description;
}

absl::StatusOr<Consumer::Offsets> RemoteAdmin::ListGroupOffsets(std::string_view group) {
  const std::string what = StrCat("asking for the offsets of group \"", group, "\"");
  // Every partition by name: librdkafka 2.0 can ask for all of them without, but a broker cannot read that.
  const struct rd_kafka_metadata* raw = nullptr;
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(
      rd_kafka_metadata(client_, /*all_topics=*/1, nullptr, &raw, rdk::ToMilliseconds(options_.timeout)),
      what));
  const rdk::Metadata metadata(raw);
  const rdk::PartitionList all(rd_kafka_topic_partition_list_new(raw->topic_cnt));
  for (int i = 0; i < raw->topic_cnt; ++i) {
    for (int32_t k = 0; k < raw->topics[i].partition_cnt; ++k) {
      rd_kafka_topic_partition_list_add(all.get(), raw->topics[i].topic, k);
    }
  }
  if (all->cnt == 0) return Consumer::Offsets();
  const ListOffsetsObject request(
      rd_kafka_ListConsumerGroupOffsets_new(std::string(group).c_str(), all.get()));
  rd_kafka_ListConsumerGroupOffsets_t* asked[] = {request.get()};
  MILLRACE_ASSIGN_OR_RETURN(
      const rdk::Event event,
      Ask(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, what, [&](auto* options, auto* queue) {
        rd_kafka_ListConsumerGroupOffsets(client_, asked, 1, options, queue);
      }));
  size_t count = 0;
  const rd_kafka_group_result_t** const results = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  MILLRACE_ASSIGN_OR_RETURN(const rd_kafka_group_result_t* const result, OnlyResult(results, count, what));
  const rd_kafka_topic_partition_list_t* const offsets = rd_kafka_group_result_partitions(result);
  return offsets == nullptr ? Consumer::Offsets() : rdk::OffsetsOf(*offsets, "the committed offset of");
}

absl::Status RemoteAdmin::AlterGroupOffsets(std::string_view group, const Consumer::Offsets& offsets) {
  if (offsets.empty()) return absl::OkStatus();
  const std::string what = StrCat("setting offsets of group \"", group, "\"");
  const rdk::PartitionList list = rdk::ListOf(offsets);
  const AlterOffsetsObject request(
      rd_kafka_AlterConsumerGroupOffsets_new(std::string(group).c_str(), list.get()));
  rd_kafka_AlterConsumerGroupOffsets_t* asked[] = {request.get()};
  MILLRACE_ASSIGN_OR_RETURN(
      const rdk::Event event,
      Ask(RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, what, [&](auto* options, auto* queue) {
        rd_kafka_AlterConsumerGroupOffsets(client_, asked, 1, options, queue);
      }));
  size_t count = 0;
  const rd_kafka_group_result_t** const results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &count);
  MILLRACE_ASSIGN_OR_RETURN(const rd_kafka_group_result_t* const result, OnlyResult(results, count, what));
  return rdk::StatusOf(*rd_kafka_group_result_partitions(result), what);
}

absl::Status RemoteAdmin::DeleteGroupOffsets(std::string_view group, const std::vector<TopicPartition>& of) {
  if (of.empty()) return absl::OkStatus();
  const std::string what = StrCat("deleting offsets of group \"", group, "\"");
  const rdk::PartitionList list = rdk::ListOf(of);
  const DeleteOffsetsObject request(
      rd_kafka_DeleteConsumerGroupOffsets_new(std::string(group).c_str(), list.get()));
  rd_kafka_DeleteConsumerGroupOffsets_t* asked[] = {request.get()};
  MILLRACE_ASSIGN_OR_RETURN(
      const rdk::Event event,
      Ask(RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, what, [&](auto* options, auto* queue) {
        rd_kafka_DeleteConsumerGroupOffsets(client_, asked, 1, options, queue);
      }));
  size_t count = 0;
  const rd_kafka_group_result_t** const results = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
      rd_kafka_event_DeleteConsumerGroupOffsets_result(event.get()), &count);
  MILLRACE_ASSIGN_OR_RETURN(const rd_kafka_group_result_t* const result, OnlyResult(results, count, what));
  return rdk::StatusOf(*rd_kafka_group_result_partitions(result), what);
}

absl::Status RemoteAdmin::DeleteGroup(std::string_view group) {
  const std::string what = StrCat("deleting group \"", group, "\"");
  const DeleteGroupObject request(rd_kafka_DeleteGroup_new(std::string(group).c_str()));
  rd_kafka_DeleteGroup_t* asked[] = {request.get()};
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_DELETEGROUPS, what, [&](auto* options, auto* queue) {
                              rd_kafka_DeleteGroups(client_, asked, 1, options, queue);
                            }));
  size_t count = 0;
  const rd_kafka_group_result_t** const results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
  return OnlyResult(results, count, what).status();
}

}  // namespace millrace::inline v0
