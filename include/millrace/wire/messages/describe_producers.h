// DescribeProducers (key 61): the producers that a partition remembers (KIP-664).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_PRODUCERS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_PRODUCERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeProducersRequest {
  static constexpr Api kApi{.key = 61, .name = "DescribeProducersRequest", .valid = {0, 0}, .flexible = 0};

  struct Topic {
    std::string name = {};
    std::vector<int32_t> partition_indexes = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partition_indexes, {.name = "partition_indexes"});
    }
  };

  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) { f(&DescribeProducersRequest::topics, {.name = "topics"}); }
};
MILLRACE_WIRE_MESSAGE(DescribeProducersRequest);

struct DescribeProducersResponse {
  static constexpr Api kApi{.key = 61, .name = "DescribeProducersResponse", .valid = {0, 0}, .flexible = 0};

  struct Producer {
    int64_t producer_id = 0;
    // int32 here alone.
    int32_t producer_epoch = 0;
    // -1: none.
    int32_t last_sequence = -1;
    int64_t last_timestamp = -1;
    int32_t coordinator_epoch = 0;
    // -1: none is open.
    int64_t current_txn_start_offset = -1;

    static constexpr void Fields(auto&& f) {
      f(&Producer::producer_id, {.name = "producer_id"});
      f(&Producer::producer_epoch, {.name = "producer_epoch"});
      f(&Producer::last_sequence, {.name = "last_sequence"});
      f(&Producer::last_timestamp, {.name = "last_timestamp"});
      f(&Producer::coordinator_epoch, {.name = "coordinator_epoch"});
      f(&Producer::current_txn_start_offset, {.name = "current_txn_start_offset"});
    }
  };

  struct Partition {
    int32_t partition_index = 0;
    int16_t error_code = 0;
    std::optional<std::string> error_message = {};
    std::vector<Producer> active_producers = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::error_message, {.name = "error_message"});
      f(&Partition::active_producers, {.name = "active_producers"});
    }
  };

  struct Topic {
    std::string name = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeProducersResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeProducersResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_PRODUCERS_H_
