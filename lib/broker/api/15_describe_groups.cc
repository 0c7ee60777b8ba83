// DescribeGroups (key 15): state and members of classic groups. Versions 0 to 6.
//
// Members in the process are there like any other. A group that is not there, or is of the consumer protocol,
// is "Dead": without an error up to version 5, GROUP_ID_NOT_FOUND from 6 on (KIP-1043). Which operations are
// allowed (version 3): all there are, without an authorizer.

#include <memory>
#include <utility>

#include "base/strings.h"
#include "broker/api/gathering.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/describe_groups.h"

namespace millrace::inline v0 {
namespace {

void ClassicGroupToWire(DescribeGroupResponse from, int16_t version, bool with_operations,
                        wire::DescribeGroupsResponse::Group* group) {
  group->group_state = GroupStateName(from.state);
  group->error_code = CodeOf(from.result.error);
  if (!from.result.ok()) {
    // Older versions have no field for it.
    if (version >= 6) group->error_message = from.result.message;
    group->group_state = "";
    return;
  }
  if (!from.exists && version >= 6) {
    group->error_code = CodeOf(ErrorCode::kGroupIdNotFound);
    group->error_message = StrCat("there is no classic group \"", group->group_id, "\"");
    return;
  }
  if (with_operations) group->authorized_operations = kGroupOperations;
  group->protocol_type = std::move(from.protocol_type);
  group->protocol_data = std::move(from.protocol);
  for (DescribedMember& member : from.members) {
    group->members.push_back({.member_id = std::move(member.member_id),
                              .group_instance_id = std::move(member.group_instance_id),
                              .client_id = std::move(member.client_id),
                              .client_host = std::move(member.client_host),
                              .member_metadata = std::move(member.metadata),
                              .member_assignment = std::move(member.assignment)});
  }
}

}  // namespace

void HandleDescribeGroups(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DescribeGroupsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const int16_t version = request.version();
  const bool with_operations = asked->include_authorized_operations;
  const auto work = std::make_shared<Gathering<wire::DescribeGroupsResponse>>(std::move(request));
  work->response.groups.resize(asked->groups.size());
  work->left += asked->groups.size();
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  for (size_t i = 0; i < asked->groups.size(); ++i) {
    auto* const group = &work->response.groups[i];
    group->group_id = asked->groups[i];
    auto done = [work, group, version, with_operations](DescribeGroupResponse from) {
      ClassicGroupToWire(std::move(from), version, with_operations, group);
      work->Done();
    };
    if (groups.ok()) {
      (*groups)->DescribeGroup(group->group_id, std::move(done));
    } else {
      done({.result = {.error = ErrorCodeOf(groups.status())}});
    }
  }
  work->Done();
}

}  // namespace millrace::inline v0
