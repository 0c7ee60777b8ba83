// AddOffsetsToTxn (key 25): a group's offsets join a transaction (KIP-98).
//
// Versions:
//   2: PRODUCER_FENCED.
//   3: flexible.
//   4: TRANSACTION_ABORTABLE (KIP-890).

#ifndef MILLRACE_WIRE_MESSAGES_ADD_OFFSETS_TO_TXN_H_
#define MILLRACE_WIRE_MESSAGES_ADD_OFFSETS_TO_TXN_H_

#include <cstdint>
#include <string>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct AddOffsetsToTxnRequest {
  static constexpr Api kApi{.key = 25, .name = "AddOffsetsToTxnRequest", .valid = {0, 4}, .flexible = 3};

  std::string transactional_id = {};
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  std::string group_id = {};

  static constexpr void Fields(auto&& f) {
    using M = AddOffsetsToTxnRequest;
    f(&M::transactional_id, {.name = "transactional_id"});
    f(&M::producer_id, {.name = "producer_id"});
    f(&M::producer_epoch, {.name = "producer_epoch"});
    f(&M::group_id, {.name = "group_id"});
  }
};
MILLRACE_WIRE_MESSAGE(AddOffsetsToTxnRequest);

struct AddOffsetsToTxnResponse {
  static constexpr Api kApi{.key = 25, .name = "AddOffsetsToTxnResponse", .valid = {0, 4}, .flexible = 3};

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;

  static constexpr void Fields(auto&& f) {
    using M = AddOffsetsToTxnResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
  }
};
MILLRACE_WIRE_MESSAGE(AddOffsetsToTxnResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_ADD_OFFSETS_TO_TXN_H_
