// DeleteGroups (key 42): groups without members go, with their offsets. Versions 0 to 2.
//
// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP; each group by itself. (3, with messages, is Kafka 4.4's.)

#include <memory>
#include <utility>

#include "broker/api/gathering.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/delete_groups.h"

namespace millrace::inline v0 {

void HandleDeleteGroups(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DeleteGroupsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const auto work = std::make_shared<Gathering<wire::DeleteGroupsResponse>>(std::move(request));
  work->response.results.resize(asked->groups_names.size());
  work->left += asked->groups_names.size();
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  for (size_t i = 0; i < asked->groups_names.size(); ++i) {
    auto* const group = &work->response.results[i];
    group->group_id = asked->groups_names[i];
    auto done = [work, group](const DeleteGroupResponse& from) {
      group->error_code = CodeOf(from.result.error);
      work->Done();
    };
    if (groups.ok()) {
      (*groups)->DeleteGroup(group->group_id, std::move(done));
    } else {
      done({.result = {.error = ErrorCodeOf(groups.status())}});
    }
  }
  work->Done();
}

}  // namespace millrace::inline v0
