// IncrementalAlterConfigs (key 44): changes configs one by one (KIP-339). Version 1 is flexible.

#ifndef MILLRACE_WIRE_MESSAGES_INCREMENTAL_ALTER_CONFIGS_H_
#define MILLRACE_WIRE_MESSAGES_INCREMENTAL_ALTER_CONFIGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct IncrementalAlterConfigsRequest {
  static constexpr Api kApi{
      .key = 44, .name = "IncrementalAlterConfigsRequest", .valid = {0, 1}, .flexible = 1};

  struct Config {
    std::string name = {};
    // 0 set, 1 delete, 2 append to a list, 3 take out of a list.
    int8_t config_operation = 0;
    // Null with delete.
    std::optional<std::string> value = "";

    static constexpr void Fields(auto&& f) {
      f(&Config::name, {.name = "name"});
      f(&Config::config_operation, {.name = "config_operation"});
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
    using M = IncrementalAlterConfigsRequest;
    f(&M::resources, {.name = "resources"});
    f(&M::validate_only, {.name = "validate_only"});
  }
};
MILLRACE_WIRE_MESSAGE(IncrementalAlterConfigsRequest);

struct IncrementalAlterConfigsResponse {
  static constexpr Api kApi{
      .key = 44, .name = "IncrementalAlterConfigsResponse", .valid = {0, 1}, .flexible = 1};

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
    using M = IncrementalAlterConfigsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::responses, {.name = "responses"});
  }
};
MILLRACE_WIRE_MESSAGE(IncrementalAlterConfigsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_INCREMENTAL_ALTER_CONFIGS_H_
