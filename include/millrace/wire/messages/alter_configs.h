// AlterConfigs (key 33): replaces all of a resource's configs: those that are not named go back to their
// default. Deprecated for IncrementalAlterConfigs. Version 2 is flexible.

#ifndef MILLRACE_WIRE_MESSAGES_ALTER_CONFIGS_H_
#define MILLRACE_WIRE_MESSAGES_ALTER_CONFIGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct AlterConfigsRequest {
  static constexpr Api kApi{.key = 33, .name = "AlterConfigsRequest", .valid = {0, 2}, .flexible = 2};

  struct Config {
    std::string name = {};
    std::optional<std::string> value = "";

    static constexpr void Fields(auto&& f) {
      f(&Config::name, {.name = "name"});
      f(&Config::value, {.name = "value", .secret = true});
    }
  };

  struct Resource {
    // A ConfigResource.Type: 2 topic, 4 broker, 8 broker's loggers, 16 client metrics, 32 group.
    int8_t resource_type = 0;
    std::string resource_name = {};
    std::vector<Config> configs = {};

    static constexpr void Fields(auto&& f) {
      f(&Resource::resource_type, {.name = "resource_type"});
      f(&Resource::resource_name, {.name = "resource_name"});
      f(&Resource::configs, {.name = "configs"});
    }
  };

  std::vector<Resource> resources = {};
  // Check, and change nothing.
  bool validate_only = false;

  static constexpr void Fields(auto&& f) {
    using M = AlterConfigsRequest;
    f(&M::resources, {.name = "resources"});
    f(&M::validate_only, {.name = "validate_only"});
  }
};
MILLRACE_WIRE_MESSAGE(AlterConfigsRequest);

struct AlterConfigsResponse {
  static constexpr Api kApi{.key = 33, .name = "AlterConfigsResponse", .valid = {0, 2}, .flexible = 2};

  struct Resource {
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    // A ConfigResource.Type: 2 topic, 4 broker, 8 broker's loggers, 16 client metrics, 32 group.
    int8_t resource_type = 0;
    std::string resource_name = {};

    static constexpr void Fields(auto&& f) {
      f(&Resource::error_code, {.name = "error_code"});
      f(&Resource::error_message, {.name = "error_message"});
      f(&Resource::resource_type, {.name = "resource_type"});
      f(&Resource::resource_name, {.name = "resource_name"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> responses = {};

  static constexpr void Fields(auto&& f) {
    using M = AlterConfigsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::responses, {.name = "responses"});
  }
};
MILLRACE_WIRE_MESSAGE(AlterConfigsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_ALTER_CONFIGS_H_
