// JoinGroup (key 11): a member of a classic group comes, or comes again for a rebalance, and is answered when
// all have. Versions 0 to 9.
//
// 1: a rebalance time-out of its own. 4: a new member is given its id first (KIP-394). 5: static members
// (KIP-345). 7: the protocol's type, and no protocol on an error. 8: reasons. 9: a leader may be told to
// leave the assignment as it is (KIP-814).

#include <utility>

#include "broker/api/handlers.h"
#include "broker/api/member_wait.h"
#include "millrace/wire/messages/join_group.h"

namespace millrace::inline v0 {
namespace {

wire::JoinGroupResponse ToWire(JoinGroupResponse from, int16_t version) {
  wire::JoinGroupResponse response{.error_code = CodeOf(from.result.error),
                                   .generation_id = from.generation,
                                   .leader = std::move(from.leader),
                                   .member_id = std::move(from.member_id)};
  const bool named = from.result.ok() || version < 7;
  response.protocol_name = named ? std::optional(std::move(from.protocol)) : std::nullopt;
  if (version >= 7 && from.result.ok()) response.protocol_type = std::move(from.protocol_type);
  if (version >= 9) response.skip_assignment = from.skip_assignment;
  for (JoinGroupMember& member : from.members) {
    response.members.push_back({.member_id = std::move(member.member_id),
                                .group_instance_id = std::move(member.group_instance_id),
                                .metadata = std::move(member.metadata)});
  }
  return response;
}

}  // namespace

void HandleJoinGroup(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::JoinGroupRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const int16_t version = request.version();
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  if (!groups.ok()) {
    JoinGroupResponse failed{.result = {.error = ErrorCodeOf(groups.status())},
                             .member_id = asked->member_id};
    return request.Respond(ToWire(std::move(failed), version));
  }
  JoinGroupRequest join{.group = std::move(asked->group_id),
                        .member_id = std::move(asked->member_id),
                        .group_instance_id = std::move(asked->group_instance_id),
                        .session_timeout_ms = asked->session_timeout_ms,
                        .rebalance_timeout_ms = asked->rebalance_timeout_ms,
                        .protocol_type = std::move(asked->protocol_type),
                        .client_id = request.client_id(),
                        .client_host = request.client_host(),
                        .reason = asked->reason.value_or("")};
  join.require_known_member_id = version >= 4 && !join.group_instance_id.has_value();
  join.supports_skipping_assignment = version >= 9;
  for (auto& protocol : asked->protocols)
    join.protocols.push_back({.name = std::move(protocol.name), .metadata = std::move(protocol.metadata)});
  JoinGroupResponse closing{.result = {.error = ErrorCode::kCoordinatorNotAvailable},
                            .member_id = join.member_id};
  const auto wait = MemberWait<wire::JoinGroupResponse>::Begin(broker.waiting(), std::move(request),
                                                               ToWire(std::move(closing), version));
  if (wait == nullptr) return;
  (*groups)->Join(std::move(join), [wait, version](JoinGroupResponse response) {
    wait->Done(ToWire(std::move(response), version));
  });
}

}  // namespace millrace::inline v0
