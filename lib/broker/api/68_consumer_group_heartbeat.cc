// ConsumerGroupHeartbeat (key 68): a member of a group of the consumer protocol (KIP-848) joins, stays and
// leaves. Versions 0 and 1.
//
// 1: subscription by regular expression; the member makes up its own id (KIP-1082), which in version 0 the
// coordinator does if it comes without.

#include <utility>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"

namespace millrace::inline v0 {
namespace {

wire::ConsumerGroupHeartbeatResponse HeartbeatToWire(const ConsumerHeartbeatResponse& from) {
  using Answer = wire::ConsumerGroupHeartbeatResponse;
  Answer response{.error_code = CodeOf(from.result.error)};
  if (!from.result.ok()) {
    response.error_message = from.result.message;
    return response;
  }
  response.member_id = from.member_id;
  response.member_epoch = from.member_epoch;
  response.heartbeat_interval_ms = from.heartbeat_interval_ms;
  if (from.assignment.has_value()) {
    response.assignment =
        Answer::Assignment{.topic_partitions = FromPartitionMap<Answer::TopicPartitions>(*from.assignment)};
  }
  return response;
}

}  // namespace

void HandleConsumerGroupHeartbeat(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::ConsumerGroupHeartbeatRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  if (!groups.ok()) {
    return request.Respond(HeartbeatToWire({.result = {.error = ErrorCodeOf(groups.status())}}));
  }
  ConsumerHeartbeatRequest heartbeat{.group = std::move(asked->group_id),
                                     .member_id = std::move(asked->member_id),
                                     .member_epoch = asked->member_epoch,
                                     .instance_id = std::move(asked->instance_id),
                                     .rack_id = std::move(asked->rack_id),
                                     .rebalance_timeout_ms = asked->rebalance_timeout_ms,
                                     .subscribed_topic_names = std::move(asked->subscribed_topic_names),
                                     .subscribed_topic_regex = std::move(asked->subscribed_topic_regex),
                                     .server_assignor = std::move(asked->server_assignor),
                                     .client_id = request.client_id(),
                                     .client_host = request.client_host(),
                                     .chooses_member_id = request.version() >= 1};
  if (asked->topic_partitions.has_value()) heartbeat.owned = ToPartitionMap(*asked->topic_partitions);
  (*groups)->ConsumerHeartbeat(std::move(heartbeat), [request = std::move(request)](
                                                         const ConsumerHeartbeatResponse& response) mutable {
    request.Respond(HeartbeatToWire(response));
  });
}

}  // namespace millrace::inline v0
