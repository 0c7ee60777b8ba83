// ListPartitionReassignments (key 46): which partitions are on the move to other brokers (KIP-455).

#ifndef MILLRACE_WIRE_MESSAGES_LIST_PARTITION_REASSIGNMENTS_H_
#define MILLRACE_WIRE_MESSAGES_LIST_PARTITION_REASSIGNMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ListPartitionReassignmentsRequest {
  static constexpr Api kApi{
      .key = 46, .name = "ListPartitionReassignmentsRequest", .valid = {0, 0}, .flexible = 0};

  struct Topic {
    std::string name = {};
    std::vector<int32_t> partition_indexes = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partition_indexes, {.name = "partition_indexes"});
    }
  };

  int32_t timeout_ms = 60000;
  // Null: all.
  std::optional<std::vector<Topic>> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = ListPartitionReassignmentsRequest;
    f(&M::timeout_ms, {.name = "timeout_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(ListPartitionReassignmentsRequest);

struct ListPartitionReassignmentsResponse {
  static constexpr Api kApi{
      .key = 46, .name = "ListPartitionReassignmentsResponse", .valid = {0, 0}, .flexible = 0};

  struct Partition {
    int32_t partition_index = 0;
    std::vector<int32_t> replicas = {};
    std::vector<int32_t> adding_replicas = {};
    std::vector<int32_t> removing_replicas = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::replicas, {.name = "replicas"});
      f(&Partition::adding_replicas, {.name = "adding_replicas"});
      f(&Partition::removing_replicas, {.name = "removing_replicas"});
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
  int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = ListPartitionReassignmentsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(ListPartitionReassignmentsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_LIST_PARTITION_REASSIGNMENTS_H_
