// DeleteGroups (key 42): deletes groups that have no members (KIP-229).
//
// Versions:
//   2: flexible.
//   3: error messages.

#ifndef MILLRACE_WIRE_MESSAGES_DELETE_GROUPS_H_
#define MILLRACE_WIRE_MESSAGES_DELETE_GROUPS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DeleteGroupsRequest {
  static constexpr Api kApi{.key = 42, .name = "DeleteGroupsRequest", .valid = {0, 3}, .flexible = 2};

  std::vector<std::string> groups_names = {};

  static constexpr void Fields(auto&& f) { f(&DeleteGroupsRequest::groups_names, {.name = "groups_names"}); }
};
MILLRACE_WIRE_MESSAGE(DeleteGroupsRequest);

struct DeleteGroupsResponse {
  static constexpr Api kApi{.key = 42, .name = "DeleteGroupsResponse", .valid = {0, 3}, .flexible = 2};

  struct Group {
    std::string group_id = {};
    int16_t error_code = 0;
    std::optional<std::string> error_message = {};

    static constexpr void Fields(auto&& f) {
      f(&Group::group_id, {.name = "group_id"});
      f(&Group::error_code, {.name = "error_code"});
      f(&Group::error_message, {.name = "error_message", .versions = Since(3), .ignorable = true});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> results = {};

  static constexpr void Fields(auto&& f) {
    using M = DeleteGroupsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(DeleteGroupsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DELETE_GROUPS_H_
