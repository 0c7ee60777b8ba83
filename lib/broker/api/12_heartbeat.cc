// Heartbeat (key 12): a member of a classic group is alive; it learns here that a rebalance has begun.
// Versions 0 to 4.

#include <utility>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/heartbeat.h"

namespace millrace::inline v0 {

void HandleHeartbeat(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::HeartbeatRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  if (!groups.ok()) return request.Respond(wire::HeartbeatResponse{.error_code = CodeOf(groups.status())});
  HeartbeatRequest heartbeat{.group = std::move(asked->group_id),
                             .generation = asked->generation_id,
                             .member_id = std::move(asked->member_id),
                             .group_instance_id = std::move(asked->group_instance_id)};
  (*groups)->Heartbeat(
      std::move(heartbeat), [request = std::move(request)](const HeartbeatResponse& response) mutable {
        request.Respond(wire::HeartbeatResponse{.error_code = CodeOf(response.result.error)});
      });
}

}  // namespace millrace::inline v0
