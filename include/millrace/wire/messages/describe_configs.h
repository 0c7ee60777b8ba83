// DescribeConfigs (key 32).
//
// Versions:
//   1: sources and synonyms (KIP-226).
//   3: types and documentation (KIP-569).
//   4: flexible.

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_CONFIGS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_CONFIGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeConfigsRequest {
  static constexpr Api kApi{.key = 32, .name = "DescribeConfigsRequest", .valid = {1, 4}, .flexible = 4};

  struct Resource {
    // A ConfigResource.Type: 2 topic, 4 broker, 8 broker's loggers, 16 client metrics, 32 group.
    int8_t resource_type = 0;
    std::string resource_name = {};
    // Null: all.
    std::optional<std::vector<std::string>> configuration_keys = std::vector<std::string>();

    static constexpr void Fields(auto&& f) {
      f(&Resource::resource_type, {.name = "resource_type"});
      f(&Resource::resource_name, {.name = "resource_name"});
      f(&Resource::configuration_keys, {.name = "configuration_keys"});
    }
  };

  std::vector<Resource> resources = {};
  // Also tell where else a value could come from.
  bool include_synonyms = false;
  bool include_documentation = false;

  static constexpr void Fields(auto&& f) {
    using M = DescribeConfigsRequest;
    f(&M::resources, {.name = "resources"});
    f(&M::include_synonyms, {.name = "include_synonyms"});
    f(&M::include_documentation, {.name = "include_documentation", .versions = Since(3)});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeConfigsRequest);

struct DescribeConfigsResponse {
  static constexpr Api kApi{.key = 32, .name = "DescribeConfigsResponse", .valid = {1, 4}, .flexible = 4};

  // The value that one source has, in the order in which they are asked.
  struct Synonym {
    std::string name = {};
    std::optional<std::string> value = "";
    // As config_source.
    int8_t source = 0;

    static constexpr void Fields(auto&& f) {
      f(&Synonym::name, {.name = "name"});
      f(&Synonym::value, {.name = "value"});
      f(&Synonym::source, {.name = "source"});
    }
  };

  struct Config {
    std::string name = {};
    // Null where it is sensitive.
    std::optional<std::string> value = "";
    bool read_only = false;
    // A DescribeConfigsResponse.ConfigSource: 1 the topic's own, 2 this broker's, 3 all brokers', 4 the
    // broker's file, 5 the default.
    int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms = {};
    // A ConfigDef.Type: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0
    // unknown.
    int8_t config_type = 0;
    std::optional<std::string> documentation = "";

    static constexpr void Fields(auto&& f) {
      f(&Config::name, {.name = "name"});
      f(&Config::value, {.name = "value"});
      f(&Config::read_only, {.name = "read_only"});
      f(&Config::config_source, {.name = "config_source"});
      f(&Config::is_sensitive, {.name = "is_sensitive"});
      f(&Config::synonyms, {.name = "synonyms"});
      f(&Config::config_type, {.name = "config_type", .versions = Since(3), .ignorable = true});
      f(&Config::documentation, {.name = "documentation", .versions = Since(3), .ignorable = true});
    }
  };

  struct Resource {
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    // A ConfigResource.Type: 2 topic, 4 broker, 8 broker's loggers, 16 client metrics, 32 group.
    int8_t resource_type = 0;
    std::string resource_name = {};
    std::vector<Config> configs = {};

    static constexpr void Fields(auto&& f) {
      f(&Resource::error_code, {.name = "error_code"});
      f(&Resource::error_message, {.name = "error_message"});
      f(&Resource::resource_type, {.name = "resource_type"});
      f(&Resource::resource_name, {.name = "resource_name"});
      f(&Resource::configs, {.name = "configs"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> results = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeConfigsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeConfigsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_CONFIGS_H_
