// LeaveGroup (key 13): takes members out of a classic group.
//
// Versions:
//   1: throttle time.
//   3: several members at once, static ones by their instance id (KIP-345).
//   4: flexible.
//   5: the reason to leave (KIP-800).

#ifndef MILLRACE_WIRE_MESSAGES_LEAVE_GROUP_H_
#define MILLRACE_WIRE_MESSAGES_LEAVE_GROUP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct LeaveGroupRequest {
  static constexpr Api kApi{.key = 13, .name = "LeaveGroupRequest", .valid = {0, 5}, .flexible = 4};

  struct Member {
    std::string member_id = {};
    // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
    std::optional<std::string> group_instance_id = {};
    std::optional<std::string> reason = {};

    static constexpr void Fields(auto&& f) {
      f(&Member::member_id, {.name = "member_id"});
      f(&Member::group_instance_id, {.name = "group_instance_id"});
      f(&Member::reason, {.name = "reason", .versions = Since(5), .ignorable = true});
    }
  };

  std::string group_id = {};
  // The one member of versions up to 2.
  std::string member_id = {};
  std::vector<Member> members = {};

  static constexpr void Fields(auto&& f) {
    using M = LeaveGroupRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::member_id, {.name = "member_id", .versions = Until(2)});
    f(&M::members, {.name = "members", .versions = Since(3)});
  }
};
MILLRACE_WIRE_MESSAGE(LeaveGroupRequest);

struct LeaveGroupResponse {
  static constexpr Api kApi{.key = 13, .name = "LeaveGroupResponse", .valid = {0, 5}, .flexible = 4};

  struct Member {
    std::string member_id = {};
    // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
    std::optional<std::string> group_instance_id = "";
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Member::member_id, {.name = "member_id"});
      f(&Member::group_instance_id, {.name = "group_instance_id"});
      f(&Member::error_code, {.name = "error_code"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::vector<Member> members = {};

  static constexpr void Fields(auto&& f) {
    using M = LeaveGroupResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f(&M::error_code, {.name = "error_code"});
    f(&M::members, {.name = "members", .versions = Since(3)});
  }
};
MILLRACE_WIRE_MESSAGE(LeaveGroupResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_LEAVE_GROUP_H_
