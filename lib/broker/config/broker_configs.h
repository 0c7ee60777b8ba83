// Kafka's names of what a broker can be told, in one table: their types, defaults, ranges and places here.

#ifndef MILLRACE_BROKER_CONFIG_BROKER_CONFIGS_H_
#define MILLRACE_BROKER_CONFIG_BROKER_CONFIGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "millrace/server.h"

namespace millrace::inline v0 {

// Source: Kafka's DescribeConfigsResponse.ConfigType.
enum class ConfigType : int8_t { kBoolean = 1, kString = 2, kInt = 3, kLong = 5, kDouble = 6, kList = 7 };

// Where a setting lies.
using SettingPlace =
    std::variant<int32_t& (*)(ServerConfig&), int64_t& (*)(ServerConfig&), uint64_t& (*)(ServerConfig&),
                 double& (*)(ServerConfig&), bool& (*)(ServerConfig&), std::string& (*)(ServerConfig&),
                 absl::Duration& (*)(ServerConfig&), GroupMigrationPolicy& (*)(ServerConfig&),
                 std::map<std::string, int32_t>& (*)(ServerConfig&)>;

// One setting of a broker. Numbers are in `unit` (of durations: what 1 stands for).
struct BrokerSetting {
  std::string_view name = {};
  ConfigType type = ConfigType::kString;
  SettingPlace place = {};
  // In text form; empty: an empty string.
  std::string_view default_value = {};
  int64_t min = 0;
  int64_t max = INT64_MAX;
  // For people: "ms", "bytes", "".
  std::string_view unit = {};
  // May be changed while the broker runs.
  bool dynamic = false;
  std::string_view doc = {};
};
// Sorted by name.
std::span<const BrokerSetting> BrokerSettings();
const BrokerSetting* FindBrokerSetting(std::string_view name);

// One setting of a topic, and the broker's name for its default, which is dynamic always.
struct TopicSetting {
  std::string_view name = {};
  ConfigType type = ConfigType::kLong;
  std::string_view broker_name = {};
  std::string_view doc = {};
};
// Sorted by name: all of TopicConfig::Names().
std::span<const TopicSetting> TopicSettings();
const TopicSetting* FindTopicSetting(std::string_view name);
const TopicSetting* FindTopicSettingByBrokerName(std::string_view broker_name);

// Another name of a setting, in a larger unit; it counts where no name of a higher rank is given. The name
// itself has the highest.
struct SettingAlias {
  std::string_view name = {};
  std::string_view of = {};
  int64_t factor = 1;
  int rank = 0;
};
std::span<const SettingAlias> SettingAliases();

// A name of Kafka's that is accepted and changes nothing; `why` ends a sentence that begins with it.
struct NotedSetting {
  std::string_view name = {};
  std::string_view why = {};
};
// Null: none. Names may stand for all with a prefix.
const NotedSetting* FindNotedSetting(std::string_view name);

// What is read by itself: listeners and roles.
inline constexpr std::string_view kListenersName = "listeners";
inline constexpr std::string_view kAdvertisedName = "advertised.listeners";
inline constexpr std::string_view kProtocolMapName = "listener.security.protocol.map";
inline constexpr std::string_view kControllersName = "controller.listener.names";
inline constexpr std::string_view kRolesName = "process.roles";
// Settings of one listener: "listener.name.plaintext.max.connections".
inline constexpr std::string_view kListenerPrefix = "listener.name.";
inline constexpr std::string_view kListenerConnections = ".max.connections";

// --- Values, in text form

// Sets it. Otherwise what the value must be: "must be ...".
std::optional<std::string> SetBrokerSetting(const BrokerSetting& setting, std::string_view text,
                                            ServerConfig* config);
std::string GetBrokerSetting(const BrokerSetting& setting, const ServerConfig& config);
// The same of one field of a topic's config: also its range is looked at.
std::optional<std::string> SetTopicSetting(std::string_view name, std::string_view text, TopicConfig* config);
// Where each setting has its default.
const ServerConfig& DefaultServerConfig();
std::string_view TrimSetting(std::string_view text);

// --- `listeners`

// Reads the properties above; adds to `errors` what each is to be refused for, beginning with its name and
// value. Values are null where they are not given.
struct ListenerProperties {
  const std::string* listeners = nullptr;
  const std::string* advertised = nullptr;
  const std::string* protocol_map = nullptr;
  const std::string* controllers = nullptr;
};
struct ListenerError {
  std::string_view name = {};
  std::string why = {};
};
void ReadListeners(const ListenerProperties& properties, ServerConfig* config,
                   std::vector<ListenerError>* errors);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_CONFIG_BROKER_CONFIGS_H_
