#include "broker/api/config_resources.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "broker/config/broker_configs.h"
#include "log/text_lines.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

absl::Status InvalidEdit(std::string_view why) {
  return Error(ErrorCode::kInvalidRequest, why);
}

// A list with items added that it lacks, or without those named.
std::string EditedList(std::string_view current, std::string_view items, ConfigOperation operation) {
  std::vector<std::string_view> result;
  for (TextLines rest(current, ','); !rest.AtEnd();) result.push_back(TrimSetting(rest.Next()));
  for (TextLines rest(items, ','); !rest.AtEnd();) {
    const std::string_view item = TrimSetting(rest.Next());
    const auto found = std::ranges::find(result, item);
    if (operation == ConfigOperation::kAppend && found == result.end()) result.push_back(item);
    if (operation == ConfigOperation::kSubtract && found != result.end()) result.erase(found);
  }
  std::string text;
  for (const std::string_view item : result) StrAppend(&text, text.empty() ? "" : ",", item);
  return text;
}

// `setting`: null for an unknown name, with which whoever makes the change deals.
absl::StatusOr<ConfigChange> ChangeOf(const ConfigEdit& edit, const TopicSetting* setting,
                                      const TopicConfig& current) {
  if (edit.operation == ConfigOperation::kDelete)
    return ConfigChange{.name = edit.name, .value = std::nullopt};
  if (!edit.value.has_value()) {
    return InvalidEdit(StrCat("a null value is not supported for ", edit.name, ": delete it instead"));
  }
  if (edit.operation == ConfigOperation::kSet) return ConfigChange{.name = edit.name, .value = edit.value};
  if (edit.operation != ConfigOperation::kAppend && edit.operation != ConfigOperation::kSubtract) {
    return InvalidEdit(StrCat("unknown operation ", static_cast<int>(edit.operation), " for ", edit.name));
  }
  if (setting != nullptr && setting->type != ConfigType::kList) {
    return Error(ErrorCode::kInvalidConfig,
                 StrCat("cannot append to or subtract from ", edit.name, ": it is no list"));
  }
  const std::string before = setting == nullptr ? std::string() : current.Get(setting->name).value_or("");
  return ConfigChange{.name = edit.name, .value = EditedList(before, *edit.value, edit.operation)};
}

absl::StatusOr<std::vector<ConfigChange>> ChangesOf(const ResourceToAlter& resource,
                                                    const TopicConfig& current) {
  std::vector<ConfigChange> changes;
  std::set<std::string_view> seen;
  const bool topic = resource.type == kTopicResource;
  for (const ConfigEdit& edit : resource.edits) {
    if (!seen.insert(edit.name).second)
      return InvalidEdit(StrCat("the config ", edit.name, " is named twice"));
    const TopicSetting* const setting =
        topic ? FindTopicSetting(edit.name) : FindTopicSettingByBrokerName(edit.name);
    MILLRACE_ASSIGN_OR_RETURN(ConfigChange change, ChangeOf(edit, setting, current));
    changes.push_back(std::move(change));
  }
  return changes;
}

absl::Status AlterTopic(BrokerImpl& broker, const ResourceToAlter& resource) {
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(resource.name));
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> topic, FindTopic(broker, resource.name, TopicId()));
  const TopicConfig current = *topic->config();
  MILLRACE_ASSIGN_OR_RETURN(std::vector<ConfigChange> changes, ChangesOf(resource, current));
  if (resource.reset_others) {
    for (const std::string_view name : TopicConfig::Names()) {
      if (std::ranges::find(changes, name, &ConfigChange::name) == changes.end())
        changes.push_back({.name = std::string(name), .value = std::nullopt});
    }
  }
  if (!resource.validate_only) return broker.engine().admin().AlterTopicConfig(resource.name, changes);
  const std::shared_ptr<const TopicConfig> defaults = broker.engine().topic_defaults();
  TopicConfig next = current;
  for (const ConfigChange& change : changes) {
    const auto value = change.value.has_value() ? change.value : defaults->Get(change.name);
    MILLRACE_RETURN_IF_ERROR(next.Set(change.name, value.value_or("")));
  }
  return next.Validate();
}

absl::Status AlterBroker(BrokerImpl& broker, const ResourceToAlter& resource) {
  MILLRACE_ASSIGN_OR_RETURN(const ConfigScope scope, ScopeOfBrokerResource(broker, resource.name));
  MILLRACE_ASSIGN_OR_RETURN(std::vector<ConfigChange> changes,
                            ChangesOf(resource, *broker.engine().topic_defaults()));
  if (resource.reset_others) {
    const DynamicConfigs::State state = broker.configs().state();
    for (const auto& [name, value] : state.of(scope)) {
      if (std::ranges::find(changes, name, &ConfigChange::name) == changes.end())
        changes.push_back({.name = name, .value = std::nullopt});
    }
  }
  return broker.configs().Alter(scope, changes, resource.validate_only);
}

}  // namespace

absl::Status AlterResource(BrokerImpl& broker, const ResourceToAlter& resource) {
  if (resource.type == kTopicResource) return AlterTopic(broker, resource);
  if (resource.type == kBrokerResource) return AlterBroker(broker, resource);
  return UnsupportedResource(resource.type);
}

absl::StatusOr<ConfigScope> ScopeOfBrokerResource(BrokerImpl& broker, std::string_view name) {
  if (name.empty()) return ConfigScope::kCluster;
  const std::string id = StrCat(broker.options().node_id);
  if (name == id) return ConfigScope::kBroker;
  return InvalidEdit(
      StrCat("unexpected broker id, expected ", id, " or an empty string, but received \"", name, "\""));
}

absl::Status UnsupportedResource(int8_t type) {
  return InvalidEdit(StrCat("unsupported resource type ", type,
                            ": topics (2) and brokers (4) have configs that can be changed"));
}

}  // namespace millrace::inline v0
