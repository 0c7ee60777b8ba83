// DescribeTopicPartitions (key 75): topics and their partitions a page at a time (KIP-966).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_TOPIC_PARTITIONS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_TOPIC_PARTITIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeTopicPartitionsRequest {
  static constexpr Api kApi{
      .key = 75, .name = "DescribeTopicPartitionsRequest", .valid = {0, 0}, .flexible = 0};

  struct Topic {
    std::string name = {};

    static constexpr void Fields(auto&& f) { f(&Topic::name, {.name = "name"}); }
  };

  // The first partition of the page.
  struct Cursor {
    std::string topic_name = {};
    int32_t partition_index = 0;

    static constexpr void Fields(auto&& f) {
      f(&Cursor::topic_name, {.name = "topic_name"});
      f(&Cursor::partition_index, {.name = "partition_index"});
    }
  };

  // Empty: all. Answers are in the order of names.
  std::vector<Topic> topics = {};
  // How many partitions a page holds at the most.
  int32_t response_partition_limit = 2000;
  std::optional<Cursor> cursor = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeTopicPartitionsRequest;
    f(&M::topics, {.name = "topics"});
    f(&M::response_partition_limit, {.name = "response_partition_limit"});
    f(&M::cursor, {.name = "cursor"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeTopicPartitionsRequest);

struct DescribeTopicPartitionsResponse {
  static constexpr Api kApi{
      .key = 75, .name = "DescribeTopicPartitionsResponse", .valid = {0, 0}, .flexible = 0};

  struct Partition {
    int16_t error_code = 0;
    int32_t partition_index = 0;
    int32_t leader_id = 0;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes = {};
    std::vector<int32_t> isr_nodes = {};
    // Not in sync, and yet sure to hold all that was committed; null: not known.
    std::optional<std::vector<int32_t>> eligible_leader_replicas = {};
    // The last of those; null: not known.
    std::optional<std::vector<int32_t>> last_known_elr = {};
    std::vector<int32_t> offline_replicas = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::leader_id, {.name = "leader_id"});
      f(&Partition::leader_epoch, {.name = "leader_epoch"});
      f(&Partition::replica_nodes, {.name = "replica_nodes"});
      f(&Partition::isr_nodes, {.name = "isr_nodes"});
      f(&Partition::eligible_leader_replicas, {.name = "eligible_leader_replicas"});
      f(&Partition::last_known_elr, {.name = "last_known_elr"});
      f(&Partition::offline_replicas, {.name = "offline_replicas"});
    }
  };

  struct Topic {
    int16_t error_code = 0;
    std::optional<std::string> name = "";
    TopicId topic_id = {};
    bool is_internal = false;
    std::vector<Partition> partitions = {};
    // A bit for each AclOperation that the client may do; INT32_MIN: not asked for.
    int32_t topic_authorized_operations = INT32_MIN;

    static constexpr void Fields(auto&& f) {
      f(&Topic::error_code, {.name = "error_code"});
      f(&Topic::name, {.name = "name"});
      f(&Topic::topic_id, {.name = "topic_id"});
      f(&Topic::is_internal, {.name = "is_internal"});
      f(&Topic::partitions, {.name = "partitions"});
      f(&Topic::topic_authorized_operations, {.name = "topic_authorized_operations"});
    }
  };

  // The first partition of the next page; null: there is none.
  struct Cursor {
    std::string topic_name = {};
    int32_t partition_index = 0;

    static constexpr void Fields(auto&& f) {
      f(&Cursor::topic_name, {.name = "topic_name"});
      f(&Cursor::partition_index, {.name = "partition_index"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};
  std::optional<Cursor> next_cursor = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeTopicPartitionsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
    f(&M::next_cursor, {.name = "next_cursor"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeTopicPartitionsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_TOPIC_PARTITIONS_H_
