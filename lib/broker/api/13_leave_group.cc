// LeaveGroup (key 13): members of a classic group go. Versions 0 to 5.
//
// Up to 2 one member, whose error is the request's; from 3 on several (KIP-345). 5: reasons.

#include <utility>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/leave_group.h"

namespace millrace::inline v0 {
namespace {

wire::LeaveGroupResponse ToWire(LeaveGroupResponse from, int16_t version) {
  wire::LeaveGroupResponse response{.error_code = CodeOf(from.result.error)};
  if (version < 3) {
    if (from.result.ok() && !from.members.empty())
      response.error_code = CodeOf(from.members.front().result.error);
    return response;
  }
  for (LeaveGroupResponse::Member& member : from.members) {
    response.members.push_back({.member_id = std::move(member.member_id),
                                .group_instance_id = std::move(member.group_instance_id),
                                .error_code = CodeOf(member.result.error)});
  }
  return response;
}

}  // namespace

void HandleLeaveGroup(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::LeaveGroupRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const int16_t version = request.version();
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  if (!groups.ok()) return request.Respond(wire::LeaveGroupResponse{.error_code = CodeOf(groups.status())});
  LeaveGroupRequest leave{.group = std::move(asked->group_id)};
  if (version < 3) leave.members.push_back({.member_id = std::move(asked->member_id)});
  for (auto& member : asked->members) {
    leave.members.push_back({.member_id = std::move(member.member_id),
                             .group_instance_id = std::move(member.group_instance_id),
                             .reason = member.reason.value_or("")});
  }
  (*groups)->Leave(std::move(leave),
                   [request = std::move(request), version](LeaveGroupResponse response) mutable {
                     request.Respond(ToWire(std::move(response), version));
                   });
}

}  // namespace millrace::inline v0
