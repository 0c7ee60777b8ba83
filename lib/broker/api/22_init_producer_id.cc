// InitProducerId (key 22): an id for an idempotent producer. Versions 0 to 5.
//
// Every Java client since 3.0 asks before its first record. A transactional id is refused, fatally for its
// producer: there are no transactions yet. From 3 on a producer may say which id and epoch it had (KIP-360):
// both or neither.

#include "broker/api/handlers.h"
#include "millrace/wire/messages/init_producer_id.h"

namespace millrace::inline v0 {

void HandleInitProducerId(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::InitProducerIdRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::InitProducerIdResponse response{.producer_epoch = -1};
  // An id has an epoch (KIP-360). Without a transactional id a new one is given whatever the client has.
  if ((asked->producer_id == -1) != (asked->producer_epoch == -1)) {
    response.error_code = CodeOf(ErrorCode::kInvalidRequest);
    return request.Respond(response);
  }
  if (asked->transactional_id.has_value()) {
    const bool empty = asked->transactional_id->empty();
    response.error_code =
        CodeOf(empty ? ErrorCode::kInvalidRequest : ErrorCode::kTransactionalIdAuthorizationFailed);
    response.producer_epoch = -1;
    return request.Respond(response);
  }
  if ((asked->producer_id == -1) != (asked->producer_epoch == -1)) {
    response.error_code = CodeOf(ErrorCode::kInvalidRequest);
    response.producer_epoch = -1;
    return request.Respond(response);
  }
  const absl::StatusOr<ProducerId> id = broker.engine().topics().NewProducerId();
  response.error_code = CodeOf(id.status());
  if (id.ok()) {
    response.producer_id = id->value();
    response.producer_epoch = 0;
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
