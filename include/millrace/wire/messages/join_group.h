// JoinGroup (key 11): joins a classic consumer group, and waits for the others to join.
//
// Versions:
//   1: the rebalance timeout apart from the session's (KIP-62).
//   2: throttle time.
//   4: a member without an id is told one and comes back with it (MEMBER_ID_REQUIRED; KIP-394).
//   5: static members (KIP-345).
//   6: flexible.
//   7: protocol type in the response (KIP-559).
//   8: the reason to join (KIP-800).
//   9: the leader may be told to skip the assignment (KIP-814).

#ifndef MILLRACE_WIRE_MESSAGES_JOIN_GROUP_H_
#define MILLRACE_WIRE_MESSAGES_JOIN_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct JoinGroupRequest {
  static constexpr Api kApi{.key = 11, .name = "JoinGroupRequest", .valid = {0, 9}, .flexible = 6};

  struct Protocol {
    std::string name = {};
    Bytes metadata = {};

    static constexpr void Fields(auto&& f) {
      f(&Protocol::name, {.name = "name"});
      f(&Protocol::metadata, {.name = "metadata"});
    }
  };

  std::string group_id = {};
  int32_t session_timeout_ms = 0;
  // How long the others wait for this member to join again; -1, in version 0: the session timeout.
  int32_t rebalance_timeout_ms = -1;
  // Empty: the coordinator gives one.
  std::string member_id = {};
  // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
  std::optional<std::string> group_instance_id = {};
  // "consumer" for consumers; all members of a group have the same.
  std::string protocol_type = {};
  // The assignors that the member knows, its favourite first, with its subscription for each.
  std::vector<Protocol> protocols = {};
  std::optional<std::string> reason = {};

  static constexpr void Fields(auto&& f) {
    using M = JoinGroupRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::session_timeout_ms, {.name = "session_timeout_ms"});
    f(&M::rebalance_timeout_ms, {.name = "rebalance_timeout_ms", .versions = Since(1), .ignorable = true});
    f(&M::member_id, {.name = "member_id"});
    f(&M::group_instance_id, {.name = "group_instance_id", .versions = Since(5)});
    f(&M::protocol_type, {.name = "protocol_type"});
    f(&M::protocols, {.name = "protocols"});
    f(&M::reason, {.name = "reason", .versions = Since(8), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(JoinGroupRequest);

struct JoinGroupResponse {
  static constexpr Api kApi{.key = 11, .name = "JoinGroupResponse", .valid = {0, 9}, .flexible = 6};

  // A member as its leader sees it.
  struct Member {
    std::string member_id = {};
    // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
    std::optional<std::string> group_instance_id = {};
    Bytes metadata = {};

    static constexpr void Fields(auto&& f) {
      f(&Member::member_id, {.name = "member_id"});
      f(&Member::group_instance_id, {.name = "group_instance_id", .versions = Since(5), .ignorable = true});
      f(&Member::metadata, {.name = "metadata"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  int32_t generation_id = -1;
  std::optional<std::string> protocol_type = {};
  // The assignor that the group has agreed on.
  std::optional<std::string> protocol_name = "";
  // The member that assigns.
  std::string leader = {};
  bool skip_assignment = false;
  std::string member_id = {};
  // For the leader; empty for others.
  std::vector<Member> members = {};

  static constexpr void Fields(auto&& f) {
    using M = JoinGroupResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(2), .ignorable = true});
    f(&M::error_code, {.name = "error_code"});
    f(&M::generation_id, {.name = "generation_id"});
    f(&M::protocol_type, {.name = "protocol_type", .versions = Since(7), .ignorable = true});
    f(&M::protocol_name, {.name = "protocol_name", .nullable = Since(7)});
    f(&M::leader, {.name = "leader"});
    f(&M::skip_assignment, {.name = "skip_assignment", .versions = Since(9)});
    f(&M::member_id, {.name = "member_id"});
    f(&M::members, {.name = "members"});
  }
};
MILLRACE_WIRE_MESSAGE(JoinGroupResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_JOIN_GROUP_H_
