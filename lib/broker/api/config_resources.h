// What configs belong to, and how they are changed: shared by the APIs that describe and change them.

#ifndef MILLRACE_BROKER_API_CONFIG_RESOURCES_H_
#define MILLRACE_BROKER_API_CONFIG_RESOURCES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker_impl.h"
#include "broker/config/dynamic_configs.h"

namespace millrace::inline v0 {

// Source: org.apache.kafka.common.config.ConfigResource.Type.
inline constexpr int8_t kTopicResource = 2;
inline constexpr int8_t kBrokerResource = 4;
inline constexpr int8_t kLoggerResource = 8;
inline constexpr int8_t kClientMetricsResource = 16;
inline constexpr int8_t kGroupResource = 32;

// Source: IncrementalAlterConfigs' AlterConfigOp.OpType.
enum class ConfigOperation : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
struct ConfigEdit {
  std::string name = {};
  ConfigOperation operation = ConfigOperation::kSet;
  std::optional<std::string> value = std::nullopt;
};

struct ResourceToAlter {
  int8_t type = 0;
  std::string name = {};
  std::vector<ConfigEdit> edits = {};
  // What no edit names gets its default: AlterConfigs.
  bool reset_others = false;
  bool validate_only = false;
};
// All or nothing. kInvalidConfig, kInvalidRequest, kUnknownTopicOrPartition, ...; the message is for the
// client.
absl::Status AlterResource(BrokerImpl& broker, const ResourceToAlter& resource);

// Whose settings a broker resource of that name are: "" every broker's, this node's id its own.
// kInvalidRequest.
absl::StatusOr<ConfigScope> ScopeOfBrokerResource(BrokerImpl& broker, std::string_view name);

// kInvalidRequest for a type that has no configs here.
absl::Status UnsupportedResource(int8_t type);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_API_CONFIG_RESOURCES_H_
