// ListConfigResources (key 74): the names of resources that can have configs (KIP-1142). Version 0 lists
// client metrics alone (KIP-1000).

#ifndef MILLRACE_WIRE_MESSAGES_LIST_CONFIG_RESOURCES_H_
#define MILLRACE_WIRE_MESSAGES_LIST_CONFIG_RESOURCES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ListConfigResourcesRequest {
  static constexpr Api kApi{.key = 74, .name = "ListConfigResourcesRequest", .valid = {0, 1}, .flexible = 0};

  // As in the response; empty: all.
  std::vector<int8_t> resource_types = {};

  static constexpr void Fields(auto&& f) {
    f(&ListConfigResourcesRequest::resource_types, {.name = "resource_types", .versions = Since(1)});
  }
};
MILLRACE_WIRE_MESSAGE(ListConfigResourcesRequest);

struct ListConfigResourcesResponse {
  static constexpr Api kApi{.key = 74, .name = "ListConfigResourcesResponse", .valid = {0, 1}, .flexible = 0};

  struct ConfigResource {
    std::string resource_name = {};
    // A ConfigResource.Type: 2 topic, 4 broker, 8 broker's loggers, 16 client metrics, 32 group.
    int8_t resource_type = 16;

    static constexpr void Fields(auto&& f) {
      f(&ConfigResource::resource_name, {.name = "resource_name"});
      f(&ConfigResource::resource_type, {.name = "resource_type", .versions = Since(1), .ignorable = true});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::vector<ConfigResource> config_resources = {};

  static constexpr void Fields(auto&& f) {
    using M = ListConfigResourcesResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::config_resources, {.name = "config_resources"});
  }
};
MILLRACE_WIRE_MESSAGE(ListConfigResourcesResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_LIST_CONFIG_RESOURCES_H_
