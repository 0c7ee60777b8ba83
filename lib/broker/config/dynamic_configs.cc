#include "broker/config/dynamic_configs.h"

#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/config/broker_configs.h"
#include "engine/admin_impl.h"
#include "log/log_files.h"
#include "log/record_file.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kConfigsFileName = kBrokerConfigsFileName;
constexpr RecordFileKind kConfigsFileKind{.tag = {'c', 'o', 'n', 'f'}, .version = 1, .name = "configs"};
// The one type of record: a byte that says whose it is, then "name=value".
constexpr uint8_t kConfigRecord = 1;

std::vector<std::byte> EncodeSetting(ConfigScope scope, std::string_view name, std::string_view value) {
  const std::string text = StrCat(name, "=", value);
  std::vector<std::byte> payload = {static_cast<std::byte>(scope)};
  payload.insert(payload.end(), AsBytes(text).begin(), AsBytes(text).end());
  return payload;
}

absl::Status ApplySetting(uint8_t type, std::span<const std::byte> payload, DynamicConfigs::State* state) {
  const std::string_view text = payload.empty() ? std::string_view() : AsText(payload.subspan(1));
  const size_t equals = text.find('=');
  const uint8_t scope = payload.empty() ? 0 : std::to_integer<uint8_t>(payload[0]);
  if (type != kConfigRecord || equals == std::string_view::npos || scope > 1) {
    return Error(ErrorCode::kCorruptMessage, StrCat(kConfigsFileName, " holds a record that is none"));
  }
  state->of(ConfigScope{scope})
      .insert_or_assign(std::string(text.substr(0, equals)), text.substr(equals + 1));
  return absl::OkStatus();
}

absl::Status InvalidSetting(std::string_view name, std::string_view value, std::string_view why) {
  return Error(ErrorCode::kInvalidConfig,
               StrCat("invalid value \"", value, "\" for broker config ", name, ": ", why));
}

absl::Status CheckIsDynamic(std::string_view name) {
  if (FindTopicSettingByBrokerName(name) != nullptr) return absl::OkStatus();
  const auto known = ServerPropertyNames();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    return Error(ErrorCode::kInvalidConfig, StrCat("unknown broker config \"", name, "\""));
  }
  return Error(
      ErrorCode::kInvalidConfig,
      StrCat("the broker config ", name,
             " cannot be changed while the broker runs: change it in server.properties and start it again"));
}

// As it is shown; as it is where it is no value of that setting.
std::string Canonical(std::string_view name, const std::string& value) {
  const TopicSetting* const setting = FindTopicSettingByBrokerName(name);
  TopicConfig config;
  if (setting == nullptr || SetTopicSetting(setting->name, value, &config).has_value()) return value;
  return config.Get(setting->name).value_or(value);
}

}  // namespace

absl::Status DynamicConfigs::Load() {
  State state;
  RecordFileReport report;
  const std::string path = JoinPath(engine_->directory(), kConfigsFileName);
  const auto file = RecordFile::Open(
      engine_->env().files, path, kConfigsFileKind, RecordFile::Access::kReadOnly,
      [&](uint8_t type, std::span<const std::byte> payload) { return ApplySetting(type, payload, &state); },
      &report);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(file.status());
  if (!report.damaged.empty() || report.torn_bytes > 0) {
    return Error(ErrorCode::kCorruptMessage,
                 StrCat(path, " is damaged: restore it from a backup, or remove it to have the settings of ",
                        "server.properties alone"));
  }
  MutexLock change(&change_mutex_);
  MILLRACE_ASSIGN_OR_RETURN(const TopicConfig defaults, DefaultsOf(state));
  engine_->SetTopicDefaults(defaults);
  MutexLock lock(&mutex_);
  state_ = std::move(state);
  return absl::OkStatus();
}

DynamicConfigs::State DynamicConfigs::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

absl::StatusOr<TopicConfig> DynamicConfigs::DefaultsOf(const State& state) const {
  TopicConfig defaults = engine_->options().topic_defaults;
  for (const Values* const values : {&state.cluster, &state.broker}) {
    for (const auto& [name, value] : *values) {
      const TopicSetting* const setting = FindTopicSettingByBrokerName(name);
      if (setting == nullptr) return CheckIsDynamic(name);
      const auto wrong = SetTopicSetting(setting->name, value, &defaults);
      if (wrong.has_value()) return InvalidSetting(name, value, *wrong);
    }
  }
  MILLRACE_RETURN_IF_ERROR(defaults.Validate());
  return defaults;
}

absl::Status DynamicConfigs::Alter(ConfigScope scope, const std::vector<ConfigChange>& changes,
                                   bool validate_only) {
  MutexLock change(&change_mutex_);
  State next = state();
  for (const ConfigChange& one : changes) {
    MILLRACE_RETURN_IF_ERROR(CheckIsDynamic(one.name));
    Values& values = next.of(scope);
    if (one.value.has_value()) {
      values.insert_or_assign(one.name, Canonical(one.name, *one.value));
    } else {
      values.erase(one.name);
    }
  }
  MILLRACE_ASSIGN_OR_RETURN(const TopicConfig defaults, DefaultsOf(next));
  if (validate_only) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  MILLRACE_RETURN_IF_ERROR(Write(next));
  {
    MutexLock lock(&mutex_);
    state_ = std::move(next);
  }
  const TopicConfig before = *engine_->topic_defaults();
  engine_->SetTopicDefaults(defaults);
  return Follow(before, defaults);
}

absl::Status DynamicConfigs::Write(const State& state) {
  const std::string path = JoinPath(engine_->directory(), kConfigsFileName);
  // A fresh handle each time: one that failed once would refuse everything.
  MILLRACE_ASSIGN_OR_RETURN(
      const std::unique_ptr<RecordFile> file,
      RecordFile::Open(
          engine_->env().files, path, kConfigsFileKind, RecordFile::Access::kCreate,
          [](uint8_t, std::span<const std::byte>) { return absl::OkStatus(); }, nullptr));
  return file->Replace([&](RecordFile::Filler* to) {
    for (const ConfigScope scope : {ConfigScope::kCluster, ConfigScope::kBroker}) {
      for (const auto& [name, value] : state.of(scope))
        to->Append(kConfigRecord, EncodeSetting(scope, name, value));
    }
  });
}

absl::Status DynamicConfigs::Follow(const TopicConfig& from, const TopicConfig& to) {
  absl::Status status;
  for (const std::shared_ptr<Topic>& topic : engine_->topics().All()) {
    if (topic->internal()) continue;
    const std::shared_ptr<const TopicConfig> config = topic->config();
    std::vector<ConfigChange> changes;
    for (const std::string_view name : TopicConfig::Names()) {
      if (from.Get(name) != to.Get(name) && config->Get(name) == from.Get(name))
        changes.push_back({.name = std::string(name), .value = to.Get(name)});
    }
    if (changes.empty()) continue;
    const absl::Status altered = engine_->topics().AlterConfig(topic->name(), changes, to);
    // Others may delete it meanwhile.
    if (ErrorCodeOf(altered) != ErrorCode::kUnknownTopicOrPartition) status.Update(altered);
  }
  return status;
}

}  // namespace millrace::inline v0
