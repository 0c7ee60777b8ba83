// SyncGroup (key 14): the leader of a classic group brings the assignments, and each member gets its own.
// Versions 0 to 5.
//
// 3: static members (KIP-345). 5: type and name of the protocol, which must be the group's (KIP-559).

#include <utility>

#include "broker/api/handlers.h"
#include "broker/api/member_wait.h"
#include "millrace/wire/messages/sync_group.h"

namespace millrace::inline v0 {

void HandleSyncGroup(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::SyncGroupRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  if (!groups.ok()) return request.Respond(wire::SyncGroupResponse{.error_code = CodeOf(groups.status())});
  SyncGroupRequest sync{.group = std::move(asked->group_id),
                        .generation = asked->generation_id,
                        .member_id = std::move(asked->member_id),
                        .group_instance_id = std::move(asked->group_instance_id),
                        .protocol_type = std::move(asked->protocol_type),
                        .protocol = std::move(asked->protocol_name)};
  for (auto& one : asked->assignments)
    sync.assignments.push_back(
        {.member_id = std::move(one.member_id), .assignment = std::move(one.assignment)});
  const int16_t version = request.version();
  const auto wait = MemberWait<wire::SyncGroupResponse>::Begin(
      broker.waiting(), std::move(request), {.error_code = CodeOf(ErrorCode::kCoordinatorNotAvailable)});
  if (wait == nullptr) return;
  (*groups)->Sync(std::move(sync), [wait, version](SyncGroupResponse from) {
    wire::SyncGroupResponse response{.error_code = CodeOf(from.result.error),
                                     .assignment = std::move(from.assignment)};
    if (from.result.ok() && version >= 5) {
      response.protocol_type = std::move(from.protocol_type);
      response.protocol_name = std::move(from.protocol);
    }
    wait->Done(response);
  });
}

}  // namespace millrace::inline v0
