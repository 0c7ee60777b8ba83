// ConsumerGroupDescribe (key 69): the state and members of groups of the consumer protocol (KIP-848).
//
// Versions:
//   1: member types (KIP-1099).

#ifndef MILLRACE_WIRE_MESSAGES_CONSUMER_GROUP_DESCRIBE_H_
#define MILLRACE_WIRE_MESSAGES_CONSUMER_GROUP_DESCRIBE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ConsumerGroupDescribeRequest {
  static constexpr Api kApi{
      .key = 69, .name = "ConsumerGroupDescribeRequest", .valid = {0, 1}, .flexible = 0};

  std::vector<std::string> group_ids = {};
  bool include_authorized_operations = false;

  static constexpr void Fields(auto&& f) {
    using M = ConsumerGroupDescribeRequest;
    f(&M::group_ids, {.name = "group_ids"});
    f(&M::include_authorized_operations, {.name = "include_authorized_operations"});
  }
};
MILLRACE_WIRE_MESSAGE(ConsumerGroupDescribeRequest);

struct ConsumerGroupDescribeResponse {
  static constexpr Api kApi{
      .key = 69, .name = "ConsumerGroupDescribeResponse", .valid = {0, 1}, .flexible = 0};

  struct TopicPartitions {
    TopicId topic_id = {};
    std::string topic_name = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&TopicPartitions::topic_id, {.name = "topic_id"});
      f(&TopicPartitions::topic_name, {.name = "topic_name"});
      f(&TopicPartitions::partitions, {.name = "partitions"});
    }
  };

  struct Assignment {
    std::vector<TopicPartitions> topic_partitions = {};

    static constexpr void Fields(auto&& f) { f(&Assignment::topic_partitions, {.name = "topic_partitions"}); }
  };

  struct Member {
    std::string member_id = {};
    std::optional<std::string> instance_id = {};
    std::optional<std::string> rack_id = {};
    int32_t member_epoch = 0;
    std::string client_id = {};
    std::string client_host = {};
    std::vector<std::string> subscribed_topic_names = {};
    std::optional<std::string> subscribed_topic_regex = {};
    // What it owns.
    Assignment assignment = {};
    // What it shall own.
    Assignment target_assignment = {};
    // 0: classic protocol. 1: consumer protocol. -1: unknown.
    int8_t member_type = -1;

    static constexpr void Fields(auto&& f) {
      f(&Member::member_id, {.name = "member_id"});
      f(&Member::instance_id, {.name = "instance_id"});
      f(&Member::rack_id, {.name = "rack_id"});
      f(&Member::member_epoch, {.name = "member_epoch"});
      f(&Member::client_id, {.name = "client_id"});
      f(&Member::client_host, {.name = "client_host"});
      f(&Member::subscribed_topic_names, {.name = "subscribed_topic_names"});
      f(&Member::subscribed_topic_regex, {.name = "subscribed_topic_regex"});
      f(&Member::assignment, {.name = "assignment"});
      f(&Member::target_assignment, {.name = "target_assignment"});
      f(&Member::member_type, {.name = "member_type", .versions = Since(1), .ignorable = true});
    }
  };

  struct Group {
    int16_t error_code = 0;
    std::optional<std::string> error_message = {};
    std::string group_id = {};
    std::string group_state = {};
    // Rises with each change of the members or their subscriptions.
    int32_t group_epoch = 0;
    // The group epoch that the target assignment was computed for.
    int32_t assignment_epoch = 0;
    std::string assignor_name = {};
    std::vector<Member> members = {};
    // A bit for each AclOperation that the client may do; INT32_MIN: not asked for.
    int32_t authorized_operations = INT32_MIN;

    static constexpr void Fields(auto&& f) {
      f(&Group::error_code, {.name = "error_code"});
      f(&Group::error_message, {.name = "error_message"});
      f(&Group::group_id, {.name = "group_id"});
      f(&Group::group_state, {.name = "group_state"});
      f(&Group::group_epoch, {.name = "group_epoch"});
      f(&Group::assignment_epoch, {.name = "assignment_epoch"});
      f(&Group::assignor_name, {.name = "assignor_name"});
      f(&Group::members, {.name = "members"});
      f(&Group::authorized_operations, {.name = "authorized_operations"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups = {};

  static constexpr void Fields(auto&& f) {
    using M = ConsumerGroupDescribeResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::groups, {.name = "groups"});
  }
};
MILLRACE_WIRE_MESSAGE(ConsumerGroupDescribeResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_CONSUMER_GROUP_DESCRIBE_H_
