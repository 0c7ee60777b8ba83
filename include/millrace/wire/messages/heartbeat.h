// Heartbeat (key 12): a member of a classic group is alive, and hears whether it must join again.
//
// Versions:
//   1: throttle time.
//   3: static members (KIP-345).
//   4: flexible.

#ifndef MILLRACE_WIRE_MESSAGES_HEARTBEAT_H_
#define MILLRACE_WIRE_MESSAGES_HEARTBEAT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct HeartbeatRequest {
  static constexpr Api kApi{.key = 12, .name = "HeartbeatRequest", .valid = {0, 4}, .flexible = 4};

  std::string group_id = {};
  int32_t generation_id = 0;
  std::string member_id = {};
  // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
  std::optional<std::string> group_instance_id = {};

  static constexpr void Fields(auto&& f) {
    using M = HeartbeatRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::generation_id, {.name = "generation_id"});
    f(&M::member_id, {.name = "member_id"});
    f(&M::group_instance_id, {.name = "group_instance_id", .versions = Since(3)});
  }
};
MILLRACE_WIRE_MESSAGE(HeartbeatRequest);

struct HeartbeatResponse {
  static constexpr Api kApi{.key = 12, .name = "HeartbeatResponse", .valid = {0, 4}, .flexible = 4};

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;

  static constexpr void Fields(auto&& f) {
    using M = HeartbeatResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f(&M::error_code, {.name = "error_code"});
  }
};
MILLRACE_WIRE_MESSAGE(HeartbeatResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_HEARTBEAT_H_
