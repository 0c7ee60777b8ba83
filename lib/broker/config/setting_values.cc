// Settings in text form.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <type_traits>
#include <utility>

#include "base/strings.h"
#include "broker/config/broker_configs.h"
#include "log/text_lines.h"

namespace millrace::inline v0 {
namespace {

struct PolicyWord {
  std::string_view text = {};
  GroupMigrationPolicy policy = GroupMigrationPolicy::kDisabled;
};
constexpr PolicyWord kPolicyWords[] = {{"disabled", GroupMigrationPolicy::kDisabled},
                                       {"upgrade", GroupMigrationPolicy::kUpgrade},
                                       {"downgrade", GroupMigrationPolicy::kDowngrade},
                                       {"bidirectional", GroupMigrationPolicy::kBidirectional}};

absl::Duration UnitOf(const BrokerSetting& setting) {
  return setting.unit == "minutes" ? absl::Minutes(1) : absl::Milliseconds(1);
}

std::string RangeText(const BrokerSetting& setting) {
  std::string text = "must be a number";
  if (setting.max == INT64_MAX) {
    StrAppend(&text, " of at least ", setting.min);
  } else {
    StrAppend(&text, " from ", setting.min, " to ", setting.max);
  }
  if (!setting.unit.empty()) StrAppend(&text, " (", setting.unit, ")");
  return text;
}

bool IsWord(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] | 0x20) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

std::optional<std::string> SetText(const BrokerSetting& setting, std::string_view text, std::string* to) {
  if (setting.type == ConfigType::kList && text.empty()) return "must not be empty";
  if (setting.type == ConfigType::kList && text.find(',') != std::string_view::npos) {
    return "must be one directory: millrace keeps the data of a node in a single one";
  }
  to->assign(text);
  return std::nullopt;
}

std::optional<std::string> SetNumber(const BrokerSetting& setting, std::string_view text, double* to) {
  const auto value = ParseNumber<double>(text);
  if (!value.has_value() || !std::isfinite(*value) || *value < static_cast<double>(setting.min)) {
    return StrCat("must be a number of at least ", setting.min);
  }
  *to = *value;
  return std::nullopt;
}

// "127.0.0.1:100,::1:5": the number is behind the last colon.
std::optional<std::string> SetOverrides(const BrokerSetting& setting, std::string_view text,
                                        std::map<std::string, int32_t>* to) {
  std::map<std::string, int32_t> overrides;
  for (TextLines rest(text, ','); !rest.AtEnd();) {
    const std::string_view item = TrimSetting(rest.Next());
    if (item.empty()) continue;
    const size_t colon = item.rfind(':');
    const auto number = ParseNumber<int64_t>(colon == std::string_view::npos ? "" : item.substr(colon + 1));
    std::string_view host = item.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!number.has_value() || host.empty() || *number < setting.min || *number > setting.max) {
      return StrCat("must be a list of ADDRESS:CONNECTIONS, which \"", item, "\" is not");
    }
    overrides[std::string(host)] = static_cast<int32_t>(*number);
  }
  *to = std::move(overrides);
  return std::nullopt;
}

template <typename T>
std::optional<std::string> SetValue(const BrokerSetting& setting, std::string_view text, T* to) {
  if constexpr (std::is_same_v<T, std::string>) {
    return SetText(setting, text, to);
  } else if constexpr (std::is_same_v<T, std::map<std::string, int32_t>>) {
    return SetOverrides(setting, text, to);
  } else if constexpr (std::is_same_v<T, double>) {
    return SetNumber(setting, text, to);
  } else if constexpr (std::is_same_v<T, GroupMigrationPolicy>) {
    for (const PolicyWord& word : kPolicyWords) {
      if (!IsWord(text, word.text)) continue;
      *to = word.policy;
      return std::nullopt;
    }
    return "must be one of disabled, upgrade, downgrade, bidirectional";
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!IsWord(text, "true") && !IsWord(text, "false")) return "must be true or false";
    *to = IsWord(text, "true");
    return std::nullopt;
  } else {
    const auto value = ParseNumber<int64_t>(text);
    if (!value.has_value() || *value < setting.min || *value > setting.max) return RangeText(setting);
    if constexpr (std::is_same_v<T, absl::Duration>) {
      *to = *value * UnitOf(setting);
    } else {
      *to = static_cast<T>(*value);
    }
    return std::nullopt;
  }
}

template <typename T>
std::string ValueText(const BrokerSetting& setting, const T& value) {
  if constexpr (std::is_same_v<T, absl::Duration>) {
    return StrCat(value / UnitOf(setting));
  } else if constexpr (std::is_same_v<T, std::map<std::string, int32_t>>) {
    std::string text;
    for (const auto& [host, number] : value) StrAppend(&text, text.empty() ? "" : ",", host, ":", number);
    return text;
  } else if constexpr (std::is_same_v<T, GroupMigrationPolicy>) {
    const auto* const word = std::ranges::find(kPolicyWords, value, &PolicyWord::policy);
    return word == std::end(kPolicyWords) ? std::string() : std::string(word->text);
  } else if constexpr (std::is_same_v<T, double>) {
    std::array<char, 32> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return std::string(digits.data(), error == std::errc() ? end : digits.data());
  } else {
    return StrCat(value);
  }
}

ServerConfig MakeDefaults() {
  ServerConfig config;
  for (const BrokerSetting& setting : BrokerSettings())
    SetBrokerSetting(setting, setting.default_value, &config);
  return config;
}

}  // namespace

std::string_view TrimSetting(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<std::string> SetBrokerSetting(const BrokerSetting& setting, std::string_view text,
                                            ServerConfig* config) {
  return std::visit([&](auto place) { return SetValue(setting, TrimSetting(text), &place(*config)); },
                    setting.place);
}

std::string GetBrokerSetting(const BrokerSetting& setting, const ServerConfig& config) {
  // Places are of configs that may be written to; this one is not.
  auto& readable = const_cast<ServerConfig&>(config);
  return std::visit([&](auto place) { return ValueText(setting, place(readable)); }, setting.place);
}

std::optional<std::string> SetTopicSetting(std::string_view name, std::string_view text,
                                           TopicConfig* config) {
  // By itself: how it goes with others is not looked at.
  TopicConfig alone;
  absl::Status status = alone.Set(name, text);
  if (status.ok()) status = alone.Validate();
  if (status.ok()) return config->Set(name, text).ok() ? std::nullopt : std::optional<std::string>("");
  const std::string_view message = ToStd(status.message());
  const size_t rule = message.rfind("must be ");
  return std::string(rule == std::string_view::npos ? message : message.substr(rule));
}

const ServerConfig& DefaultServerConfig() {
  // Never destroyed: others may be, later.
  static const ServerConfig* const kDefaults = new ServerConfig(MakeDefaults());
  return *kDefaults;
}

}  // namespace millrace::inline v0
