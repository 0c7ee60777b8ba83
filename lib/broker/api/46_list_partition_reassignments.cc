// ListPartitionReassignments (key 46): none, ever: there is one broker. Version 0.

#include <optional>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/list_partition_reassignments.h"

namespace millrace::inline v0 {

void HandleListPartitionReassignments(BrokerImpl&, Request request) {
  const auto asked = request.Decode<wire::ListPartitionReassignmentsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  request.Respond(wire::ListPartitionReassignmentsResponse{.error_message = std::nullopt});
}

}  // namespace millrace::inline v0
