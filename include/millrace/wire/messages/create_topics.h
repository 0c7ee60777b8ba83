// CreateTopics (key 19).
//
// Versions:
//   2: throttle time.
//   4: -1 partitions and replicas stand for the broker's default (KIP-464).
//   5: flexible; the response tells the configs (KIP-525).
//   6: THROTTLING_QUOTA_EXCEEDED (KIP-599).
//   7: topic ids (KIP-516).

#ifndef MILLRACE_WIRE_MESSAGES_CREATE_TOPICS_H_
#define MILLRACE_WIRE_MESSAGES_CREATE_TOPICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct CreateTopicsRequest {
  static constexpr Api kApi{.key = 19, .name = "CreateTopicsRequest", .valid = {2, 7}, .flexible = 5};

  // The replicas of one partition, the preferred leader first.
  struct Assignment {
    int32_t partition_index = 0;
    std::vector<int32_t> broker_ids = {};

    static constexpr void Fields(auto&& f) {
      f(&Assignment::partition_index, {.name = "partition_index"});
      f(&Assignment::broker_ids, {.name = "broker_ids"});
    }
  };

  struct Config {
    std::string name = {};
    std::optional<std::string> value = "";

    static constexpr void Fields(auto&& f) {
      f(&Config::name, {.name = "name"});
      f(&Config::value, {.name = "value"});
    }
  };

  struct Topic {
    std::string name = {};
    // -1: the broker's default, or as the assignments say.
    int32_t num_partitions = 0;
    // -1: the broker's default, or as the assignments say.
    int16_t replication_factor = 0;
    // Empty: the broker assigns.
    std::vector<Assignment> assignments = {};
    std::vector<Config> configs = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::num_partitions, {.name = "num_partitions"});
      f(&Topic::replication_factor, {.name = "replication_factor"});
      f(&Topic::assignments, {.name = "assignments"});
      f(&Topic::configs, {.name = "configs"});
    }
  };

  std::vector<Topic> topics = {};
  int32_t timeout_ms = 60000;
  // Check, and change nothing.
  bool validate_only = false;

  static constexpr void Fields(auto&& f) {
    using M = CreateTopicsRequest;
    f(&M::topics, {.name = "topics"});
    f(&M::timeout_ms, {.name = "timeout_ms"});
    f(&M::validate_only, {.name = "validate_only"});
  }
};
MILLRACE_WIRE_MESSAGE(CreateTopicsRequest);

struct CreateTopicsResponse {
  static constexpr Api kApi{.key = 19, .name = "CreateTopicsResponse", .valid = {2, 7}, .flexible = 5};

  struct Config {
    std::string name = {};
    std::optional<std::string> value = "";
    bool read_only = false;
    // A DescribeConfigsResponse.ConfigSource: 1 the topic's own, 2 this broker's, 3 all brokers', 4 the
    // broker's file, 5 the default.
    int8_t config_source = -1;
    bool is_sensitive = false;

    static constexpr void Fields(auto&& f) {
      f(&Config::name, {.name = "name"});
      f(&Config::value, {.name = "value"});
      f(&Config::read_only, {.name = "read_only"});
      f(&Config::config_source, {.name = "config_source"});
      f(&Config::is_sensitive, {.name = "is_sensitive"});
    }
  };

  struct Topic {
    std::string name = {};
    TopicId topic_id = {};
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    // Set where the client may not read the configs.
    int16_t topic_config_error_code = 0;
    int32_t num_partitions = -1;
    int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs = std::vector<Config>();

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(7), .ignorable = true});
      f(&Topic::error_code, {.name = "error_code"});
      f(&Topic::error_message, {.name = "error_message"});
      f.Tagged(0, &Topic::topic_config_error_code,
               {.name = "topic_config_error_code", .versions = Since(5), .ignorable = true});
      f(&Topic::num_partitions, {.name = "num_partitions", .versions = Since(5), .ignorable = true});
      f(&Topic::replication_factor, {.name = "replication_factor", .versions = Since(5), .ignorable = true});
      f(&Topic::configs, {.name = "configs", .versions = Since(5), .ignorable = true});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = CreateTopicsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(CreateTopicsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_CREATE_TOPICS_H_
