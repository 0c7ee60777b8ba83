// ConsumerGroupDescribe (key 69): the state and members of groups of the consumer protocol. Versions 0 and 1.
//
// 1: which protocol each member speaks. Classic groups, and those that are not there, are GROUP_ID_NOT_FOUND.

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/consumer_group_describe.h"

namespace millrace::inline v0 {
namespace {

using Described = wire::ConsumerGroupDescribeResponse;

Described::Assignment PartitionsToWire(
    const std::vector<DescribeConsumerGroupResponse::Partitions>& partitions) {
  Described::Assignment assignment;
  for (const auto& topic : partitions) {
    assignment.topic_partitions.push_back(
        {.topic_id = topic.topic_id, .topic_name = topic.topic_name, .partitions = topic.partitions});
  }
  return assignment;
}

void DescriptionToWire(const DescribeConsumerGroupResponse& from, bool with_operations,
                       Described::Group* group) {
  group->error_code = CodeOf(from.result.error);
  if (!from.result.ok()) {
    group->error_message = from.result.message;
    return;
  }
  group->group_state = GroupStateName(from.state);
  if (with_operations) group->authorized_operations = kGroupOperations;
  group->group_epoch = from.group_epoch;
  group->assignment_epoch = from.assignment_epoch;
  group->assignor_name = from.assignor;
  for (const auto& member : from.members) {
    group->members.push_back({.member_id = member.member_id,
                              .instance_id = member.instance_id,
                              .rack_id = member.rack_id,
                              .member_epoch = member.member_epoch,
                              .client_id = member.client_id,
                              .client_host = member.client_host,
                              .subscribed_topic_names = member.subscribed_topic_names,
                              .subscribed_topic_regex = member.subscribed_topic_regex,
                              .assignment = PartitionsToWire(member.assignment),
                              .target_assignment = PartitionsToWire(member.target),
                              .member_type = static_cast<int8_t>(member.is_classic ? 0 : 1)});
  }
}

// One request; its answer is complete when its last group's is.
struct DescribingGroups {
  explicit DescribingGroups(Request from) : request(std::move(from)) {}

  void Done() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) request.Respond(response);
  }

  Request request;
  Described response;
  std::atomic<size_t> left = 0;
};

}  // namespace

void HandleConsumerGroupDescribe(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::ConsumerGroupDescribeRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const bool with_operations = asked->include_authorized_operations;
  const auto work = std::make_shared<DescribingGroups>(std::move(request));
  work->response.groups.resize(asked->group_ids.size());
  work->left = asked->group_ids.size() + 1;
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  for (size_t i = 0; i < asked->group_ids.size(); ++i) {
    Described::Group* const group = &work->response.groups[i];
    group->group_id = asked->group_ids[i];
    if (!groups.ok() || group->group_id.empty()) {
      const ErrorCode error =
          group->group_id.empty() ? ErrorCode::kInvalidGroupId : ErrorCodeOf(groups.status());
      DescriptionToWire({.result = {.error = error}}, with_operations, group);
      work->Done();
      continue;
    }
    (*groups)->DescribeConsumerGroup(
        group->group_id, [work, group, with_operations](const DescribeConsumerGroupResponse& from) {
          DescriptionToWire(from, with_operations, group);
          work->Done();
        });
  }
  work->Done();
}

}  // namespace millrace::inline v0
