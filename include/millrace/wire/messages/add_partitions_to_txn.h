// AddPartitionsToTxn (key 24): partitions join a transaction (KIP-98).
//
// Versions:
//   2: PRODUCER_FENCED.
//   3: flexible.
//   4: from brokers, for several transactions at once (KIP-890); clients stay with version 3.
//   5: TRANSACTION_ABORTABLE (KIP-890).

#ifndef MILLRACE_WIRE_MESSAGES_ADD_PARTITIONS_TO_TXN_H_
#define MILLRACE_WIRE_MESSAGES_ADD_PARTITIONS_TO_TXN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct AddPartitionsToTxnRequest {
  static constexpr Api kApi{.key = 24, .name = "AddPartitionsToTxnRequest", .valid = {0, 5}, .flexible = 3};

  struct Topic {
    std::string name = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  struct Transaction {
    std::string transactional_id = {};
    int64_t producer_id = 0;
    int16_t producer_epoch = 0;
    // Ask whether the partitions belong to the transaction, and add none.
    bool verify_only = false;
    std::vector<Topic> topics = {};

    static constexpr void Fields(auto&& f) {
      f(&Transaction::transactional_id, {.name = "transactional_id"});
      f(&Transaction::producer_id, {.name = "producer_id"});
      f(&Transaction::producer_epoch, {.name = "producer_epoch"});
      f(&Transaction::verify_only, {.name = "verify_only"});
      f(&Transaction::topics, {.name = "topics"});
    }
  };

  std::vector<Transaction> transactions = {};
  std::string v3_and_below_transactional_id = {};
  int64_t v3_and_below_producer_id = 0;
  int16_t v3_and_below_producer_epoch = 0;
  std::vector<Topic> v3_and_below_topics = {};

  static constexpr void Fields(auto&& f) {
    using M = AddPartitionsToTxnRequest;
    f(&M::transactions, {.name = "transactions", .versions = Since(4)});
    f(&M::v3_and_below_transactional_id, {.name = "v3_and_below_transactional_id", .versions = Until(3)});
    f(&M::v3_and_below_producer_id, {.name = "v3_and_below_producer_id", .versions = Until(3)});
    f(&M::v3_and_below_producer_epoch, {.name = "v3_and_below_producer_epoch", .versions = Until(3)});
    f(&M::v3_and_below_topics, {.name = "v3_and_below_topics", .versions = Until(3)});
  }
};
MILLRACE_WIRE_MESSAGE(AddPartitionsToTxnRequest);

struct AddPartitionsToTxnResponse {
  static constexpr Api kApi{.key = 24, .name = "AddPartitionsToTxnResponse", .valid = {0, 5}, .flexible = 3};

  struct Partition {
    int32_t partition_index = 0;
    int16_t partition_error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::partition_error_code, {.name = "partition_error_code"});
    }
  };

  struct Topic {
    std::string name = {};
    std::vector<Partition> results_by_partition = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::results_by_partition, {.name = "results_by_partition"});
    }
  };

  struct Transaction {
    std::string transactional_id = {};
    std::vector<Topic> topic_results = {};

    static constexpr void Fields(auto&& f) {
      f(&Transaction::transactional_id, {.name = "transactional_id"});
      f(&Transaction::topic_results, {.name = "topic_results"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::vector<Transaction> results_by_transaction = {};
  std::vector<Topic> results_by_topic_v3_and_below = {};

  static constexpr void Fields(auto&& f) {
    using M = AddPartitionsToTxnResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code", .versions = Since(4), .ignorable = true});
    f(&M::results_by_transaction, {.name = "results_by_transaction", .versions = Since(4)});
    f(&M::results_by_topic_v3_and_below, {.name = "results_by_topic_v3_and_below", .versions = Until(3)});
  }
};
MILLRACE_WIRE_MESSAGE(AddPartitionsToTxnResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_ADD_PARTITIONS_TO_TXN_H_
