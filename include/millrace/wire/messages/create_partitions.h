// CreatePartitions (key 37): adds partitions to topics (KIP-195).
//
// Versions:
//   2: flexible.
//   3: THROTTLING_QUOTA_EXCEEDED (KIP-599).

#ifndef MILLRACE_WIRE_MESSAGES_CREATE_PARTITIONS_H_
#define MILLRACE_WIRE_MESSAGES_CREATE_PARTITIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct CreatePartitionsRequest {
  static constexpr Api kApi{.key = 37, .name = "CreatePartitionsRequest", .valid = {0, 3}, .flexible = 2};

  // The replicas of one new partition.
  struct Assignment {
    std::vector<int32_t> broker_ids = {};

    static constexpr void Fields(auto&& f) { f(&Assignment::broker_ids, {.name = "broker_ids"}); }
  };

  struct Topic {
    std::string name = {};
    // Of partitions, those that are there included.
    int32_t count = 0;
    // Of the new partitions; null: the broker assigns.
    std::optional<std::vector<Assignment>> assignments = std::vector<Assignment>();

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::count, {.name = "count"});
      f(&Topic::assignments, {.name = "assignments"});
    }
  };

  std::vector<Topic> topics = {};
  int32_t timeout_ms = 0;
  // Check, and change nothing.
  bool validate_only = false;

  static constexpr void Fields(auto&& f) {
    using M = CreatePartitionsRequest;
    f(&M::topics, {.name = "topics"});
    f(&M::timeout_ms, {.name = "timeout_ms"});
    f(&M::validate_only, {.name = "validate_only"});
  }
};
MILLRACE_WIRE_MESSAGE(CreatePartitionsRequest);

struct CreatePartitionsResponse {
  static constexpr Api kApi{.key = 37, .name = "CreatePartitionsResponse", .valid = {0, 3}, .flexible = 2};

  struct Topic {
    std::string name = {};
    int16_t error_code = 0;
    std::optional<std::string> error_message = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::error_code, {.name = "error_code"});
      f(&Topic::error_message, {.name = "error_message"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> results = {};

  static constexpr void Fields(auto&& f) {
    using M = CreatePartitionsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(CreatePartitionsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_CREATE_PARTITIONS_H_
