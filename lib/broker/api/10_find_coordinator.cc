// FindCoordinator (key 10): which broker keeps a group: this one. Versions 0 to 6.
//
// 1: key types, where 0 is a group and 1 a transactional id (which is sent here as well, to be refused by
// InitProducerId). 4: many keys at once (KIP-699). 6: share groups (KIP-932), which there are none of.

#include <string>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/find_coordinator.h"

namespace millrace::inline v0 {
namespace {

constexpr int8_t kGroup = 0;
constexpr int8_t kTransaction = 1;

}  // namespace

void HandleFindCoordinator(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::FindCoordinatorRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const bool known = asked->key_type == kGroup || asked->key_type == kTransaction;
  const int16_t error = known ? 0 : CodeOf(ErrorCode::kInvalidRequest);
  const int32_t node_id = known ? broker.options().node_id : -1;
  const std::string host = known ? request.endpoint().host : "";
  const int32_t port = known ? request.endpoint().port : -1;
  wire::FindCoordinatorResponse response;
  if (request.version() < 4) {
    response.error_code = error;
    response.node_id = node_id;
    response.host = host;
    response.port = port;
    return request.Respond(response);
  }
  for (const std::string& key : asked->coordinator_keys)
    response.coordinators.push_back(
        {.key = key, .node_id = node_id, .host = host, .port = port, .error_code = error});
  request.Respond(response);
}

}  // namespace millrace::inline v0
