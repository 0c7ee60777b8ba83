// ElectLeaders (key 43): has leaders elected for partitions (KIP-183).
//
// Versions:
//   1: the election's type; an error for the whole response (KIP-460).
//   2: flexible.

#ifndef MILLRACE_WIRE_MESSAGES_ELECT_LEADERS_H_
#define MILLRACE_WIRE_MESSAGES_ELECT_LEADERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ElectLeadersRequest {
  static constexpr Api kApi{.key = 43, .name = "ElectLeadersRequest", .valid = {0, 2}, .flexible = 2};

  struct Topic {
    std::string topic = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  // 0: the preferred replica. 1: any replica, where none in sync is left.
  int8_t election_type = 0;
  // Null: all.
  std::optional<std::vector<Topic>> topic_partitions = std::vector<Topic>();
  int32_t timeout_ms = 60000;

  static constexpr void Fields(auto&& f) {
    using M = ElectLeadersRequest;
    f(&M::election_type, {.name = "election_type", .versions = Since(1)});
    f(&M::topic_partitions, {.name = "topic_partitions"});
    f(&M::timeout_ms, {.name = "timeout_ms"});
  }
};
MILLRACE_WIRE_MESSAGE(ElectLeadersRequest);

struct ElectLeadersResponse {
  static constexpr Api kApi{.key = 43, .name = "ElectLeadersResponse", .valid = {0, 2}, .flexible = 2};

  struct Partition {
    int32_t partition_id = 0;
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_id, {.name = "partition_id"});
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::error_message, {.name = "error_message"});
    }
  };

  struct Topic {
    std::string topic = {};
    std::vector<Partition> partition_result = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic"});
      f(&Topic::partition_result, {.name = "partition_result"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::vector<Topic> replica_election_results = {};

  static constexpr void Fields(auto&& f) {
    using M = ElectLeadersResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code", .versions = Since(1)});
    f(&M::replica_election_results, {.name = "replica_election_results"});
  }
};
MILLRACE_WIRE_MESSAGE(ElectLeadersResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_ELECT_LEADERS_H_
