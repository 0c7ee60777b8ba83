// ParseServerProperties: text, by the table of settings, into a ServerConfig.

#include <algorithm>
#include <map>
#include <utility>

#include "base/strings.h"
#include "broker/config/broker_configs.h"
#include "broker/config/properties.h"
#include "log/text_lines.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

std::string PlaceText(const Property& property) {
  return property.line > 0 ? StrCat("line ", property.line, ": ") : std::string("override: ");
}

class PropertiesReader {
 public:
  explicit PropertiesReader(std::string_view text,
                            const std::vector<std::pair<std::string, std::string>>& overrides) {
    for (Property& property : ReadProperties(text, &errors_)) Take(std::move(property));
    for (const auto& [name, value] : overrides) Take({.name = name, .value = value, .line = 0});
  }

  absl::StatusOr<ServerConfig> Read() {
    for (const auto& [name, property] : properties_) ReadOne(property);
    ReadRoles();
    ReadAllListeners();
    ReadListenerSettings();
    CheckTogether();
    if (errors_.empty()) return std::move(config_);
    std::string message;
    for (const std::string& error : errors_) StrAppend(&message, message.empty() ? "" : "\n", error);
    return Error(ErrorCode::kInvalidConfig, message);
  }

 private:
  // The last of a name counts.
  void Take(Property property) {
    std::string name = property.name;
    properties_.insert_or_assign(std::move(name), std::move(property));
  }
  const Property* Find(std::string_view name) const {
    const auto found = properties_.find(name);
    return found == properties_.end() ? nullptr : &found->second;
  }
  void Fail(const Property& property, std::string_view why) {
    errors_.push_back(StrCat(PlaceText(property), property.name, "=", property.value, ": ", why));
  }

  void ReadOne(const Property& property) {
    const std::string_view name = property.name;
    for (const std::string_view apart :
         {kListenersName, kAdvertisedName, kProtocolMapName, kControllersName, kRolesName}) {
      if (name == apart) return;
    }
    if (IsListenerConnections(name)) return;
    if (name == "authorizer.class.name" && !property.value.empty()) {
      return Fail(property, "there are no ACLs yet, so it would keep nobody out; remove it");
    }
    for (const SettingAlias& alias : SettingAliases()) {
      if (name == alias.name) return ReadAlias(property, alias);
    }
    if (SetByName(name, property.value, property)) return;
    if (const NotedSetting* const noted = FindNotedSetting(name); noted != nullptr) {
      return Warn(StrCat(PlaceText(property), name, " ", noted->why));
    }
    Warn(StrCat(PlaceText(property), "unknown property \"", name, "\" is ignored"));
  }
  void Warn(std::string warning) { config_.warnings.push_back(std::move(warning)); }

  // False: no such setting. `said` is what a message speaks of.
  bool SetByName(std::string_view name, std::string_view value, const Property& said) {
    std::optional<std::string> wrong;
    if (const BrokerSetting* const setting = FindBrokerSetting(name); setting != nullptr) {
      wrong = SetBrokerSetting(*setting, value, &config_);
    } else if (const TopicSetting* const topic = FindTopicSettingByBrokerName(name); topic != nullptr) {
      wrong = SetTopicSetting(topic->name, value, &config_.engine.topic_defaults);
    } else {
      return false;
    }
    if (wrong.has_value()) Fail(said, *wrong);
    return true;
  }

  void ReadAlias(const Property& property, const SettingAlias& alias) {
    if (Find(alias.of) != nullptr) return;
    for (const SettingAlias& other : SettingAliases()) {
      if (other.of == alias.of && other.rank > alias.rank && Find(other.name) != nullptr) return;
    }
    if (alias.factor == 1) {
      SetByName(alias.of, property.value, property);
      return;
    }
    const auto value = ParseNumber<int64_t>(TrimSetting(property.value));
    if (!value.has_value() || *value < -1 || *value > INT64_MAX / alias.factor) {
      return Fail(property, StrCat("must be a whole number from -1 to ", INT64_MAX / alias.factor));
    }
    const int64_t scaled = *value < 0 ? *value : *value * alias.factor;
    SetByName(alias.of, StrCat(scaled), property);
  }

  void ReadRoles() {
    const Property* const roles = Find(kRolesName);
    if (roles == nullptr || TrimSetting(roles->value).empty()) return;
    bool broker = false;
    for (TextLines rest(roles->value, ','); !rest.AtEnd();) {
      const std::string_view role = TrimSetting(rest.Next());
      if (role != "broker" && role != "controller")
        return Fail(*roles, "must be a list of broker, controller");
      broker = broker || role == "broker";
    }
    if (!broker) Fail(*roles, "must name broker: a single node is one, and its own controller");
  }

  void ReadAllListeners() {
    const auto value = [&](std::string_view name) {
      const Property* const property = Find(name);
      return property == nullptr ? nullptr : &property->value;
    };
    std::vector<ListenerError> errors;
    ReadListeners({.listeners = value(kListenersName),
                   .advertised = value(kAdvertisedName),
                   .protocol_map = value(kProtocolMapName),
                   .controllers = value(kControllersName)},
                  &config_, &errors);
    for (const ListenerError& error : errors) {
      const Property* const property = Find(error.name);
      Fail(property != nullptr ? *property : Property{.name = std::string(error.name)}, error.why);
    }
  }

  static bool IsListenerConnections(std::string_view name) {
    return name.size() > kListenerPrefix.size() + kListenerConnections.size() &&
           name.starts_with(kListenerPrefix) && name.ends_with(kListenerConnections);
  }
  void ReadListenerSettings() {
    for (const auto& [name, property] : properties_) {
      if (!IsListenerConnections(name)) continue;
      const std::string_view middle = std::string_view(name).substr(
          kListenerPrefix.size(), name.size() - kListenerPrefix.size() - kListenerConnections.size());
      const auto found = std::ranges::find_if(config_.listeners, [&](const ServerConfig::Listener& one) {
        return std::ranges::equal(
            one.name, middle, {}, [](char c) { return c | 0x20; }, [](char c) { return c | 0x20; });
      });
      if (found == config_.listeners.end()) {
        Warn(StrCat(PlaceText(property), name, " names no listener of ", kListenersName, ", and is ignored"));
        continue;
      }
      const auto value = ParseNumber<int32_t>(TrimSetting(property.value));
      if (!value.has_value() || *value < 1) {
        Fail(property, StrCat("must be a number from 1 to ", INT32_MAX));
        continue;
      }
      found->max_connections = *value;
    }
  }

  // What each value is allowed, but not beside another.
  void CheckTogether() {
    if (!errors_.empty()) return;
    const EngineOptions& engine = config_.engine;
    if (engine.group_max_session_timeout < engine.group_min_session_timeout) {
      errors_.push_back(
          StrCat("group.max.session.timeout.ms=", absl::ToInt64Milliseconds(engine.group_max_session_timeout),
                 ": must be at least group.min.session.timeout.ms, which is ",
                 absl::ToInt64Milliseconds(engine.group_min_session_timeout)));
    }
    const int64_t queued = config_.broker.queued_request_bytes_max;
    if (queued > 0 && queued < config_.listen.connection.max_frame_bytes) {
      errors_.push_back(StrCat("queued.max.request.bytes=", queued,
                               ": must be at least socket.request.max.bytes, which is ",
                               config_.listen.connection.max_frame_bytes, ", or -1"));
    }
    const absl::Status status = engine.Validate();
    if (errors_.empty() && !status.ok()) errors_.push_back(std::string(status.message()));
  }

  ServerConfig config_ = DefaultServerConfig();
  std::map<std::string, Property, std::less<>> properties_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<ServerConfig> ParseServerProperties(
    std::string_view text, const std::vector<std::pair<std::string, std::string>>& overrides) {
  return PropertiesReader(text, overrides).Read();
}

std::vector<std::string_view> ServerPropertyNames() {
  std::vector<std::string_view> names = {kListenersName, kAdvertisedName, kProtocolMapName, kControllersName,
                                         kRolesName};
  for (const BrokerSetting& setting : BrokerSettings()) names.push_back(setting.name);
  for (const TopicSetting& setting : TopicSettings()) names.push_back(setting.broker_name);
  for (const SettingAlias& alias : SettingAliases()) names.push_back(alias.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace millrace::inline v0
