// ConsumerGroupHeartbeat (key 68): a member of a group of the consumer protocol joins, stays and leaves,
// tells what has changed and hears what it owns (KIP-848).
//
// Versions:
//   1: subscription by regular expression; members choose their own id (KIP-1082).

#ifndef MILLRACE_WIRE_MESSAGES_CONSUMER_GROUP_HEARTBEAT_H_
#define MILLRACE_WIRE_MESSAGES_CONSUMER_GROUP_HEARTBEAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ConsumerGroupHeartbeatRequest {
  static constexpr Api kApi{
      .key = 68, .name = "ConsumerGroupHeartbeatRequest", .valid = {0, 1}, .flexible = 0};

  struct TopicPartitions {
    TopicId topic_id = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&TopicPartitions::topic_id, {.name = "topic_id"});
      f(&TopicPartitions::partitions, {.name = "partitions"});
    }
  };

  std::string group_id = {};
  // Chosen by the member since version 1. Version 0: empty to join, then as the coordinator said.
  std::string member_id = {};
  // 0: join. -1: leave. -2: leave as a static member that will be back.
  int32_t member_epoch = 0;
  // Names a static member; null: a dynamic one, or unchanged since the last heartbeat.
  std::optional<std::string> instance_id = {};
  // Null: none, or unchanged since the last heartbeat.
  std::optional<std::string> rack_id = {};
  // How long it may take to give partitions up; -1: unchanged.
  int32_t rebalance_timeout_ms = -1;
  // Null: unchanged.
  std::optional<std::vector<std::string>> subscribed_topic_names = {};
  // In RE2 syntax. Null: unchanged.
  std::optional<std::string> subscribed_topic_regex = {};
  // Null: the coordinator chooses, or unchanged.
  std::optional<std::string> server_assignor = {};
  // What the member owns; null: unchanged.
  std::optional<std::vector<TopicPartitions>> topic_partitions = {};

  static constexpr void Fields(auto&& f) {
    using M = ConsumerGroupHeartbeatRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::member_id, {.name = "member_id"});
    f(&M::member_epoch, {.name = "member_epoch"});
    f(&M::instance_id, {.name = "instance_id"});
    f(&M::rack_id, {.name = "rack_id"});
    f(&M::rebalance_timeout_ms, {.name = "rebalance_timeout_ms"});
    f(&M::subscribed_topic_names, {.name = "subscribed_topic_names"});
    f(&M::subscribed_topic_regex, {.name = "subscribed_topic_regex", .versions = Since(1)});
    f(&M::server_assignor, {.name = "server_assignor"});
    f(&M::topic_partitions, {.name = "topic_partitions"});
  }
};
MILLRACE_WIRE_MESSAGE(ConsumerGroupHeartbeatRequest);

struct ConsumerGroupHeartbeatResponse {
  static constexpr Api kApi{
      .key = 68, .name = "ConsumerGroupHeartbeatResponse", .valid = {0, 1}, .flexible = 0};

  struct TopicPartitions {
    TopicId topic_id = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&TopicPartitions::topic_id, {.name = "topic_id"});
      f(&TopicPartitions::partitions, {.name = "partitions"});
    }
  };

  struct Assignment {
    std::vector<TopicPartitions> topic_partitions = {};

    static constexpr void Fields(auto&& f) { f(&Assignment::topic_partitions, {.name = "topic_partitions"}); }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> error_message = {};
  std::optional<std::string> member_id = {};
  // The member writes its commits under this epoch.
  int32_t member_epoch = 0;
  int32_t heartbeat_interval_ms = 0;
  // What the member shall own; null: unchanged.
  std::optional<Assignment> assignment = {};

  static constexpr void Fields(auto&& f) {
    using M = ConsumerGroupHeartbeatResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::member_id, {.name = "member_id"});
    f(&M::member_epoch, {.name = "member_epoch"});
    f(&M::heartbeat_interval_ms, {.name = "heartbeat_interval_ms"});
    f(&M::assignment, {.name = "assignment"});
  }
};
MILLRACE_WIRE_MESSAGE(ConsumerGroupHeartbeatResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_CONSUMER_GROUP_HEARTBEAT_H_
