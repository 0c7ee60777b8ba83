// InitProducerId (key 22): gives an idempotent producer its id, and fences older producers of a transactional
// id.
//
// Versions:
//   2: flexible.
//   3: a producer may raise the epoch of the id that it has (KIP-360).
//   4: PRODUCER_FENCED.
//   5: TRANSACTION_ABORTABLE (KIP-890).
//   6: two-phase commit (KIP-939).

#ifndef MILLRACE_WIRE_MESSAGES_INIT_PRODUCER_ID_H_
#define MILLRACE_WIRE_MESSAGES_INIT_PRODUCER_ID_H_

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct InitProducerIdRequest {
  static constexpr Api kApi{.key = 22, .name = "InitProducerIdRequest", .valid = {0, 6}, .flexible = 2};

  // Null: idempotence alone.
  std::optional<std::string> transactional_id = "";
  // How long a transaction may be idle before the coordinator aborts it.
  int32_t transaction_timeout_ms = 0;
  // That it has; -1: none yet.
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  // The transaction outlives its timeout: a coordinator elsewhere decides.
  bool enable2_pc = false;
  // Leave the prepared transaction of the producer before this one, instead of aborting it.
  bool keep_prepared_txn = false;

  static constexpr void Fields(auto&& f) {
    using M = InitProducerIdRequest;
    f(&M::transactional_id, {.name = "transactional_id"});
    f(&M::transaction_timeout_ms, {.name = "transaction_timeout_ms"});
    f(&M::producer_id, {.name = "producer_id", .versions = Since(3)});
    f(&M::producer_epoch, {.name = "producer_epoch", .versions = Since(3)});
    f(&M::enable2_pc, {.name = "enable2_pc", .versions = Since(6)});
    f(&M::keep_prepared_txn, {.name = "keep_prepared_txn", .versions = Since(6)});
  }
};
MILLRACE_WIRE_MESSAGE(InitProducerIdRequest);

struct InitProducerIdResponse {
  static constexpr Api kApi{.key = 22, .name = "InitProducerIdResponse", .valid = {0, 6}, .flexible = 2};

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  int64_t producer_id = -1;
  int16_t producer_epoch = 0;
  // Of the prepared transaction that was kept; -1: none.
  int64_t ongoing_txn_producer_id = -1;
  int16_t ongoing_txn_producer_epoch = -1;

  static constexpr void Fields(auto&& f) {
    using M = InitProducerIdResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::producer_id, {.name = "producer_id"});
    f(&M::producer_epoch, {.name = "producer_epoch"});
    f(&M::ongoing_txn_producer_id, {.name = "ongoing_txn_producer_id", .versions = Since(6)});
    f(&M::ongoing_txn_producer_epoch, {.name = "ongoing_txn_producer_epoch", .versions = Since(6)});
  }
};
MILLRACE_WIRE_MESSAGE(InitProducerIdResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_INIT_PRODUCER_ID_H_
