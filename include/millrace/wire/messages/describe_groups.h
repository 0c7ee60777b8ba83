// DescribeGroups (key 15): the state and members of classic groups.
//
// Versions:
//   1: throttle time.
//   3: authorized operations (KIP-430).
//   4: static members (KIP-345).
//   5: flexible.
//   6: error messages, and GROUP_ID_NOT_FOUND for groups that are not there (KIP-1043).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_GROUPS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_GROUPS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeGroupsRequest {
  static constexpr Api kApi{.key = 15, .name = "DescribeGroupsRequest", .valid = {0, 6}, .flexible = 5};

  std::vector<std::string> groups = {};
  bool include_authorized_operations = false;

  static constexpr void Fields(auto&& f) {
    using M = DescribeGroupsRequest;
    f(&M::groups, {.name = "groups"});
    f(&M::include_authorized_operations, {.name = "include_authorized_operations", .versions = Since(3)});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeGroupsRequest);

struct DescribeGroupsResponse {
  static constexpr Api kApi{.key = 15, .name = "DescribeGroupsResponse", .valid = {0, 6}, .flexible = 5};

  struct Member {
    std::string member_id = {};
    // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
    std::optional<std::string> group_instance_id = {};
    std::string client_id = {};
    std::string client_host = {};
    // What the member joined with for that assignor: its subscription.
    Bytes member_metadata = {};
    Bytes member_assignment = {};

    static constexpr void Fields(auto&& f) {
      f(&Member::member_id, {.name = "member_id"});
      f(&Member::group_instance_id, {.name = "group_instance_id", .versions = Since(4), .ignorable = true});
      f(&Member::client_id, {.name = "client_id"});
      f(&Member::client_host, {.name = "client_host"});
      f(&Member::member_metadata, {.name = "member_metadata"});
      f(&Member::member_assignment, {.name = "member_assignment"});
    }
  };

  struct Group {
    int16_t error_code = 0;
    std::optional<std::string> error_message = {};
    std::string group_id = {};
    std::string group_state = {};
    std::string protocol_type = {};
    // The name of the assignor.
    std::string protocol_data = {};
    std::vector<Member> members = {};
    // A bit for each AclOperation that the client may do; INT32_MIN: not asked for.
    int32_t authorized_operations = INT32_MIN;

    static constexpr void Fields(auto&& f) {
      f(&Group::error_code, {.name = "error_code"});
      f(&Group::error_message, {.name = "error_message", .versions = Since(6)});
      f(&Group::group_id, {.name = "group_id"});
      f(&Group::group_state, {.name = "group_state"});
      f(&Group::protocol_type, {.name = "protocol_type"});
      f(&Group::protocol_data, {.name = "protocol_data"});
      f(&Group::members, {.name = "members"});
      f(&Group::authorized_operations, {.name = "authorized_operations", .versions = Since(3)});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeGroupsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f(&M::groups, {.name = "groups"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeGroupsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_GROUPS_H_
