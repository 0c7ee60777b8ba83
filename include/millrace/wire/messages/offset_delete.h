// OffsetDelete (key 47): deletes a group's offsets of topics that it is not subscribed to (KIP-496).

#ifndef MILLRACE_WIRE_MESSAGES_OFFSET_DELETE_H_
#define MILLRACE_WIRE_MESSAGES_OFFSET_DELETE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct OffsetDeleteRequest {
  static constexpr Api kApi{.key = 47, .name = "OffsetDeleteRequest", .valid = {0, 0}};

  struct Partition {
    int32_t partition_index = 0;

    static constexpr void Fields(auto&& f) { f(&Partition::partition_index, {.name = "partition_index"}); }
  };

  struct Topic {
    std::string name = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  std::string group_id = {};
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetDeleteRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetDeleteRequest);

struct OffsetDeleteResponse {
  static constexpr Api kApi{.key = 47, .name = "OffsetDeleteResponse", .valid = {0, 0}};

  struct Partition {
    int32_t partition_index = 0;
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::error_code, {.name = "error_code"});
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

  int16_t error_code = 0;
  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetDeleteResponse;
    f(&M::error_code, {.name = "error_code"});
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetDeleteResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_OFFSET_DELETE_H_
