// EndTxn (key 26): commits or aborts a transaction (KIP-98).
//
// Versions:
//   2: PRODUCER_FENCED.
//   3: flexible.
//   4: TRANSACTION_ABORTABLE.
//   5: each transaction ends with a new epoch, which the response tells (KIP-890).

#ifndef MILLRACE_WIRE_MESSAGES_END_TXN_H_
#define MILLRACE_WIRE_MESSAGES_END_TXN_H_

#include <cstdint>
#include <string>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct EndTxnRequest {
  static constexpr Api kApi{.key = 26, .name = "EndTxnRequest", .valid = {0, 5}, .flexible = 3};

  std::string transactional_id = {};
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  // False: abort.
  bool committed = false;

  static constexpr void Fields(auto&& f) {
    using M = EndTxnRequest;
    f(&M::transactional_id, {.name = "transactional_id"});
    f(&M::producer_id, {.name = "producer_id"});
    f(&M::producer_epoch, {.name = "producer_epoch"});
    f(&M::committed, {.name = "committed"});
  }
};
MILLRACE_WIRE_MESSAGE(EndTxnRequest);

struct EndTxnResponse {
  static constexpr Api kApi{.key = 26, .name = "EndTxnResponse", .valid = {0, 5}, .flexible = 3};

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  // To go on with; -1: as before.
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;

  static constexpr void Fields(auto&& f) {
    using M = EndTxnResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::producer_id, {.name = "producer_id", .versions = Since(5), .ignorable = true});
    f(&M::producer_epoch, {.name = "producer_epoch", .versions = Since(5), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(EndTxnResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_END_TXN_H_
