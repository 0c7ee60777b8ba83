// DescribeTransactions (key 65): the state of transactions, by their ids (KIP-664).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_TRANSACTIONS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_TRANSACTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeTransactionsRequest {
  static constexpr Api kApi{.key = 65, .name = "DescribeTransactionsRequest", .valid = {0, 0}, .flexible = 0};

  std::vector<std::string> transactional_ids = {};

  static constexpr void Fields(auto&& f) {
    f(&DescribeTransactionsRequest::transactional_ids, {.name = "transactional_ids"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeTransactionsRequest);

struct DescribeTransactionsResponse {
  static constexpr Api kApi{
      .key = 65, .name = "DescribeTransactionsResponse", .valid = {0, 0}, .flexible = 0};

  struct Topic {
    std::string topic = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  struct Transaction {
    int16_t error_code = 0;
    std::string transactional_id = {};
    std::string transaction_state = {};
    int32_t transaction_timeout_ms = 0;
    // -1: none is open.
    int64_t transaction_start_time_ms = 0;
    int64_t producer_id = 0;
    int16_t producer_epoch = 0;
    std::vector<Topic> topics = {};

    static constexpr void Fields(auto&& f) {
      f(&Transaction::error_code, {.name = "error_code"});
      f(&Transaction::transactional_id, {.name = "transactional_id"});
      f(&Transaction::transaction_state, {.name = "transaction_state"});
      f(&Transaction::transaction_timeout_ms, {.name = "transaction_timeout_ms"});
      f(&Transaction::transaction_start_time_ms, {.name = "transaction_start_time_ms"});
      f(&Transaction::producer_id, {.name = "producer_id"});
      f(&Transaction::producer_epoch, {.name = "producer_epoch"});
      f(&Transaction::topics, {.name = "topics"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Transaction> transaction_states = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeTransactionsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::transaction_states, {.name = "transaction_states"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeTransactionsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_TRANSACTIONS_H_
