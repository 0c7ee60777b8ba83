// SyncGroup (key 14): the leader of a classic group hands over the assignment, and each member receives its
// own.
//
// Versions:
//   1: throttle time.
//   3: static members (KIP-345).
//   4: flexible.
//   5: protocol type and name (KIP-559).

#ifndef MILLRACE_WIRE_MESSAGES_SYNC_GROUP_H_
#define MILLRACE_WIRE_MESSAGES_SYNC_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct SyncGroupRequest {
  static constexpr Api kApi{.key = 14, .name = "SyncGroupRequest", .valid = {0, 5}, .flexible = 4};

  struct Assignment {
    std::string member_id = {};
    Bytes assignment = {};

    static constexpr void Fields(auto&& f) {
      f(&Assignment::member_id, {.name = "member_id"});
      f(&Assignment::assignment, {.name = "assignment"});
    }
  };

  std::string group_id = {};
  int32_t generation_id = 0;
  std::string member_id = {};
  // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
  std::optional<std::string> group_instance_id = {};
  std::optional<std::string> protocol_type = {};
  std::optional<std::string> protocol_name = {};
  // From the leader; empty from others.
  std::vector<Assignment> assignments = {};

  static constexpr void Fields(auto&& f) {
    using M = SyncGroupRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::generation_id, {.name = "generation_id"});
    f(&M::member_id, {.name = "member_id"});
    f(&M::group_instance_id, {.name = "group_instance_id", .versions = Since(3)});
    f(&M::protocol_type, {.name = "protocol_type", .versions = Since(5), .ignorable = true});
    f(&M::protocol_name, {.name = "protocol_name", .versions = Since(5), .ignorable = true});
    f(&M::assignments, {.name = "assignments"});
  }
};
MILLRACE_WIRE_MESSAGE(SyncGroupRequest);

struct SyncGroupResponse {
  static constexpr Api kApi{.key = 14, .name = "SyncGroupResponse", .valid = {0, 5}, .flexible = 4};

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> protocol_type = {};
  std::optional<std::string> protocol_name = {};
  Bytes assignment = {};

  static constexpr void Fields(auto&& f) {
    using M = SyncGroupResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f(&M::error_code, {.name = "error_code"});
    f(&M::protocol_type, {.name = "protocol_type", .versions = Since(5), .ignorable = true});
    f(&M::protocol_name, {.name = "protocol_name", .versions = Since(5), .ignorable = true});
    f(&M::assignment, {.name = "assignment"});
  }
};
MILLRACE_WIRE_MESSAGE(SyncGroupResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_SYNC_GROUP_H_
