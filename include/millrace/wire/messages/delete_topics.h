// DeleteTopics (key 20).
//
// Versions:
//   1: throttle time.
//   4: flexible.
//   5: error messages (KIP-599).
//   6: by name or id (KIP-516).

#ifndef MILLRACE_WIRE_MESSAGES_DELETE_TOPICS_H_
#define MILLRACE_WIRE_MESSAGES_DELETE_TOPICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DeleteTopicsRequest {
  static constexpr Api kApi{.key = 20, .name = "DeleteTopicsRequest", .valid = {1, 6}, .flexible = 4};

  // Has a name or an id, not both.
  struct Topic {
    std::optional<std::string> name = {};
    TopicId topic_id = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::topic_id, {.name = "topic_id"});
    }
  };

  std::vector<Topic> topics = {};
  // Of versions up to 5.
  std::vector<std::string> topic_names = {};
  int32_t timeout_ms = 0;

  static constexpr void Fields(auto&& f) {
    using M = DeleteTopicsRequest;
    f(&M::topics, {.name = "topics", .versions = Since(6)});
    f(&M::topic_names, {.name = "topic_names", .versions = Until(5), .ignorable = true});
    f(&M::timeout_ms, {.name = "timeout_ms"});
  }
};
MILLRACE_WIRE_MESSAGE(DeleteTopicsRequest);

struct DeleteTopicsResponse {
  static constexpr Api kApi{.key = 20, .name = "DeleteTopicsResponse", .valid = {1, 6}, .flexible = 4};

  struct Topic {
    std::optional<std::string> name = "";
    TopicId topic_id = {};
    int16_t error_code = 0;
    std::optional<std::string> error_message = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name", .nullable = Since(6)});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(6), .ignorable = true});
      f(&Topic::error_code, {.name = "error_code"});
      f(&Topic::error_message, {.name = "error_message", .versions = Since(5), .ignorable = true});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> responses = {};

  static constexpr void Fields(auto&& f) {
    using M = DeleteTopicsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::responses, {.name = "responses"});
  }
};
MILLRACE_WIRE_MESSAGE(DeleteTopicsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DELETE_TOPICS_H_
