// ListGroups (key 16): the groups that this broker coordinates.
//
// Versions:
//   1: throttle time.
//   3: flexible.
//   4: states (KIP-518).
//   5: types (KIP-848).

#ifndef MILLRACE_WIRE_MESSAGES_LIST_GROUPS_H_
#define MILLRACE_WIRE_MESSAGES_LIST_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ListGroupsRequest {
  static constexpr Api kApi{.key = 16, .name = "ListGroupsRequest", .valid = {0, 5}, .flexible = 3};

  // Groups in one of these states; empty: all.
  std::vector<std::string> states_filter = {};
  // Groups of one of these types; empty: all.
  std::vector<std::string> types_filter = {};

  static constexpr void Fields(auto&& f) {
    using M = ListGroupsRequest;
    f(&M::states_filter, {.name = "states_filter", .versions = Since(4)});
    f(&M::types_filter, {.name = "types_filter", .versions = Since(5)});
  }
};
MILLRACE_WIRE_MESSAGE(ListGroupsRequest);

struct ListGroupsResponse {
  static constexpr Api kApi{.key = 16, .name = "ListGroupsResponse", .valid = {0, 5}, .flexible = 3};

  struct Group {
    std::string group_id = {};
    std::string protocol_type = {};
    std::string group_state = {};
    // "classic", "consumer", "share" or "streams".
    std::string group_type = {};

    static constexpr void Fields(auto&& f) {
      f(&Group::group_id, {.name = "group_id"});
      f(&Group::protocol_type, {.name = "protocol_type"});
      f(&Group::group_state, {.name = "group_state", .versions = Since(4), .ignorable = true});
      f(&Group::group_type, {.name = "group_type", .versions = Since(5), .ignorable = true});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::vector<Group> groups = {};

  static constexpr void Fields(auto&& f) {
    using M = ListGroupsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f(&M::error_code, {.name = "error_code"});
    f(&M::groups, {.name = "groups"});
  }
};
MILLRACE_WIRE_MESSAGE(ListGroupsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_LIST_GROUPS_H_
