// AlterConfigs (key 33): the old way to change configs: what is not named gets its default. Versions 0 to 2.
//
// Topics, this broker by its id, and every broker's defaults by "". Each resource by itself, all or nothing.
// Which settings of a broker may be changed while it runs, lib/broker/config/ says; such changes survive a
// restart.

#include <utility>

#include "base/strings.h"
#include "broker/api/config_resources.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/alter_configs.h"

namespace millrace::inline v0 {

void HandleAlterConfigs(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::AlterConfigsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::AlterConfigsResponse response;
  for (const auto& one : asked->resources) {
    ResourceToAlter resource{.type = one.resource_type,
                             .name = one.resource_name,
                             .reset_others = true,
                             .validate_only = asked->validate_only};
    for (const auto& config : one.configs)
      resource.edits.push_back(
          {.name = config.name, .operation = ConfigOperation::kSet, .value = config.value});
    const absl::Status status = AlterResource(broker, resource);
    auto& answer = response.responses.emplace_back();
    answer.error_code = CodeOf(status);
    answer.error_message = status.ok() ? std::nullopt : std::optional(std::string(status.message()));
    answer.resource_type = one.resource_type;
    answer.resource_name = one.resource_name;
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
