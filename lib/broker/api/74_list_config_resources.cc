// ListConfigResources (key 74): what has configs. Versions 0 to 1.
//
// Version 0 (ListClientMetricsResources) asks for client metrics, of which there are none here. From 1 on for
// types, or by an empty list for all: topics (2) and this broker (4); client metrics (16) and groups (32)
// have none; broker loggers (8) are no resource here. Other types: UNSUPPORTED_VERSION.

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "broker/api/config_resources.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/list_config_resources.h"

namespace millrace::inline v0 {

void HandleListConfigResources(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::ListConfigResourcesRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  constexpr int8_t kKnownTypes[] = {kTopicResource, kBrokerResource, 8, 16, 32};
  wire::ListConfigResourcesResponse response;
  std::set<int8_t> types(asked->resource_types.begin(), asked->resource_types.end());
  for (const int8_t type : types) {
    if (std::ranges::find(kKnownTypes, type) == std::end(kKnownTypes))
      response.error_code = CodeOf(ErrorCode::kUnsupportedVersion);
  }
  if (request.version() == 0 || response.error_code != 0) return request.Respond(response);
  if (types.empty()) types = {std::begin(kKnownTypes), std::end(kKnownTypes)};
  if (types.contains(kTopicResource)) {
    for (const std::shared_ptr<Topic>& topic : broker.engine().topics().All())
      response.config_resources.push_back({.resource_name = topic->name(), .resource_type = kTopicResource});
  }
  if (types.contains(kBrokerResource)) {
    response.config_resources.push_back(
        {.resource_name = StrCat(broker.options().node_id), .resource_type = kBrokerResource});
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
