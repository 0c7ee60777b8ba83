// IncrementalAlterConfigs (key 44): sets, deletes, adds to lists and takes out of them. Versions 0 to 1.
//
// As AlterConfigs, but what is not named stays as it is. A name twice in one resource, a null value and a
// resource twice in one request are INVALID_REQUEST, as in Kafka.

#include <set>
#include <utility>

#include "base/strings.h"
#include "broker/api/config_resources.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/incremental_alter_configs.h"

namespace millrace::inline v0 {

void HandleIncrementalAlterConfigs(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::IncrementalAlterConfigsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  std::multiset<std::pair<int8_t, std::string>> named;
  for (const auto& one : asked->resources) named.emplace(one.resource_type, one.resource_name);
  wire::IncrementalAlterConfigsResponse response;
  for (const auto& one : asked->resources) {
    ResourceToAlter resource{
        .type = one.resource_type, .name = one.resource_name, .validate_only = asked->validate_only};
    for (const auto& config : one.configs) {
      resource.edits.push_back({.name = config.name,
                                .operation = ConfigOperation{config.config_operation},
                                .value = config.value});
    }
    const bool twice = named.count({one.resource_type, one.resource_name}) > 1;
    const absl::Status status = twice ? Error(ErrorCode::kInvalidRequest, "each resource must appear once")
                                      : AlterResource(broker, resource);
    auto& answer = response.responses.emplace_back();
    answer.error_code = CodeOf(status);
    answer.error_message = status.ok() ? std::nullopt : std::optional(std::string(status.message()));
    answer.resource_type = one.resource_type;
    answer.resource_name = one.resource_name;
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
