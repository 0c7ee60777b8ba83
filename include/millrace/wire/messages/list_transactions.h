// ListTransactions (key 66): the transactions that this broker coordinates (KIP-664).
//
// Versions:
//   1: by duration (KIP-994).
//   2: by pattern (KIP-1152).

#ifndef MILLRACE_WIRE_MESSAGES_LIST_TRANSACTIONS_H_
#define MILLRACE_WIRE_MESSAGES_LIST_TRANSACTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ListTransactionsRequest {
  static constexpr Api kApi{.key = 66, .name = "ListTransactionsRequest", .valid = {0, 2}, .flexible = 0};

  // Empty: any.
  std::vector<std::string> state_filters = {};
  // Empty: any.
  std::vector<int64_t> producer_id_filters = {};
  // Milliseconds that a transaction must have been open; -1: any.
  int64_t duration_filter = -1;
  // A regular expression; null: any.
  std::optional<std::string> transactional_id_pattern = {};

  static constexpr void Fields(auto&& f) {
    using M = ListTransactionsRequest;
    f(&M::state_filters, {.name = "state_filters"});
    f(&M::producer_id_filters, {.name = "producer_id_filters"});
    f(&M::duration_filter, {.name = "duration_filter", .versions = Since(1)});
    f(&M::transactional_id_pattern, {.name = "transactional_id_pattern", .versions = Since(2)});
  }
};
MILLRACE_WIRE_MESSAGE(ListTransactionsRequest);

struct ListTransactionsResponse {
  static constexpr Api kApi{.key = 66, .name = "ListTransactionsResponse", .valid = {0, 2}, .flexible = 0};

  struct Transaction {
    std::string transactional_id = {};
    int64_t producer_id = 0;
    std::string transaction_state = {};

    static constexpr void Fields(auto&& f) {
      f(&Transaction::transactional_id, {.name = "transactional_id"});
      f(&Transaction::producer_id, {.name = "producer_id"});
      f(&Transaction::transaction_state, {.name = "transaction_state"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  // The filters that name no state.
  std::vector<std::string> unknown_state_filters = {};
  std::vector<Transaction> transaction_states = {};

  static constexpr void Fields(auto&& f) {
    using M = ListTransactionsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::unknown_state_filters, {.name = "unknown_state_filters"});
    f(&M::transaction_states, {.name = "transaction_states"});
  }
};
MILLRACE_WIRE_MESSAGE(ListTransactionsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_LIST_TRANSACTIONS_H_
