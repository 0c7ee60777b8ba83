// ListGroups (key 16): all groups, of either protocol. Versions 0 to 5.
//
// 4: only those in the states given, and each one's state (KIP-518); 5: only those of the types given, and
// each one's type (KIP-848). Names are compared without regard to case; names that nobody knows match
// nothing.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/list_groups.h"

namespace millrace::inline v0 {
namespace {

// No names: every one.
bool IsAmong(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::ranges::any_of(names, [&](const std::string& one) {
           return absl::EqualsIgnoreCase(ToAbsl(one), ToAbsl(name));
         });
}

}  // namespace

void HandleListGroups(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::ListGroupsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  if (!groups.ok()) return request.Respond(wire::ListGroupsResponse{.error_code = CodeOf(groups.status())});
  (*groups)->ListGroups(
      {}, [request = std::move(request), asked = *std::move(asked)](ListGroupsResponse from) mutable {
        wire::ListGroupsResponse response{.error_code = CodeOf(from.result.error)};
        for (GroupListing& group : from.groups) {
          const std::string_view state = GroupStateName(group.state);
          const std::string_view type = GroupTypeName(group.type);
          if (!IsAmong(asked.states_filter, state) || !IsAmong(asked.types_filter, type)) continue;
          response.groups.push_back({.group_id = std::move(group.group),
                                     .protocol_type = std::move(group.protocol_type),
                                     .group_state = std::string(state),
                                     .group_type = std::string(type)});
        }
        request.Respond(response);
      });
}

}  // namespace millrace::inline v0
