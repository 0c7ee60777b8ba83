// DescribeConfigs (key 32): settings of topics and of the broker, and where each comes from. Versions 1 to 4.
//
// A topic's setting that equals the default counts as the default: a topic keeps its whole config. A broker's
// settings are this node's under its id; under "" those that were changed for every broker. Synonyms are told
// where they are asked for, types and (asked for) documentation from 3 on. Nothing here is sensitive. A group
// has the broker's settings for groups of the consumer protocol, whether it is there or not, as in Kafka; a
// subscription of client metrics, and this broker's loggers, have none. Other types of resources, other
// brokers, and no name: INVALID_REQUEST.

#include <algorithm>
#include <optional>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/config_resources.h"
#include "broker/api/handlers.h"
#include "broker/config/broker_configs.h"
#include "millrace/wire/messages/describe_configs.h"

namespace millrace::inline v0 {
namespace {

using DescribedConfig = wire::DescribeConfigsResponse::Config;
using DescribedConfigs = std::vector<DescribedConfig>;

// Source: DescribeConfigsResponse.ConfigSource.
constexpr int8_t kOfTopic = 1;
constexpr int8_t kOfBroker = 2;
constexpr int8_t kOfAllBrokers = 3;
constexpr int8_t kOfFile = 4;
constexpr int8_t kOfDefault = 5;

// What a group may have of its own in Kafka, and the broker's setting that it has here.
struct GroupSetting {
  std::string_view name = {};
  std::string_view of_broker = {};
};
constexpr GroupSetting kGroupSettings[] = {
    {"consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"},
    {"consumer.session.timeout.ms", "group.consumer.session.timeout.ms"}};

// What the broker was started with, where no server says it.
ServerConfig ServerConfigOf(BrokerImpl& broker) {
  if (broker.options().server != nullptr) return *broker.options().server;
  ServerConfig config = DefaultServerConfig();
  config.engine = broker.engine().options();
  config.engine.directory = broker.engine().directory();
  config.broker = broker.options();
  config.listen = broker.options().listeners.front().options;
  for (const BrokerListener& listener : broker.options().listeners) {
    config.listeners.push_back({.name = "PLAINTEXT",
                                .address = listener.address,
                                .advertised_address = listener.advertised_address});
  }
  return config;
}

// Describes one setting after the other, as one request wants it.
class ConfigDescriber {
 public:
  ConfigDescriber(BrokerImpl& broker, const wire::DescribeConfigsRequest& request)
      : request_(request), config_(ServerConfigOf(broker)), dynamic_(broker.configs().state()) {}

  DescribedConfigs Topic(const TopicConfig& config, const TopicConfig& defaults) const {
    DescribedConfigs described;
    for (const TopicSetting& setting : TopicSettings()) {
      DescribedConfig one{.name = std::string(setting.name)};
      const std::string value = *config.Get(setting.name);
      if (value != *defaults.Get(setting.name)) AddSource(std::string(setting.name), value, kOfTopic, &one);
      AddDefaultSources(setting, &one);
      one.read_only = false;
      Finish(setting.type, setting.doc, &one);
      described.push_back(std::move(one));
    }
    return described;
  }

  DescribedConfigs Broker() const {
    DescribedConfigs described;
    for (const BrokerSetting& setting : BrokerSettings()) {
      DescribedConfig one{.name = std::string(setting.name), .read_only = !setting.dynamic};
      AddStarted(setting, &one);
      described.push_back(std::move(one));
    }
    for (const TopicSetting& setting : TopicSettings()) {
      DescribedConfig one{.name = std::string(setting.broker_name)};
      AddDefaultSources(setting, &one);
      Finish(setting.type, setting.doc, &one);
      described.push_back(std::move(one));
    }
    AddListeners(&described);
    return described;
  }

  DescribedConfigs Group() const {
    DescribedConfigs described;
    for (const GroupSetting& setting : kGroupSettings) {
      DescribedConfig one{.name = std::string(setting.name), .read_only = false};
      AddStarted(*FindBrokerSetting(setting.of_broker), &one);
      described.push_back(std::move(one));
    }
    return described;
  }

  // What was changed for every broker.
  DescribedConfigs Cluster() const {
    DescribedConfigs described;
    for (const auto& [name, value] : dynamic_.cluster) {
      const TopicSetting* const setting = FindTopicSettingByBrokerName(name);
      DescribedConfig one{.name = name};
      AddSource(name, value, kOfAllBrokers, &one);
      if (setting != nullptr) Finish(setting->type, setting->doc, &one);
      described.push_back(std::move(one));
    }
    return described;
  }

 private:
  // The first source gives the value; all are its synonyms.
  void AddSource(const std::string& name, const std::string& value, int8_t source,
                 DescribedConfig* to) const {
    if (to->synonyms.empty()) {
      to->value = value;
      to->config_source = source;
    }
    to->synonyms.push_back({.name = name, .value = value, .source = source});
  }
  // One that the broker was started with.
  void AddStarted(const BrokerSetting& setting, DescribedConfig* to) const {
    const std::string name(setting.name);
    const std::string value = GetBrokerSetting(setting, config_);
    const std::string by_default = GetBrokerSetting(setting, DefaultServerConfig());
    if (value != by_default) AddSource(name, value, kOfFile, to);
    AddSource(name, by_default, kOfDefault, to);
    Finish(setting.type, setting.doc, to);
  }
  void AddDefaultSources(const TopicSetting& setting, DescribedConfig* to) const {
    const std::string name(setting.broker_name);
    if (const auto own = dynamic_.broker.find(name); own != dynamic_.broker.end())
      AddSource(name, own->second, kOfBroker, to);
    if (const auto all = dynamic_.cluster.find(name); all != dynamic_.cluster.end())
      AddSource(name, all->second, kOfAllBrokers, to);
    const std::string started = *config_.engine.topic_defaults.Get(setting.name);
    const std::string kafka = *TopicConfig().Get(setting.name);
    if (started != kafka) AddSource(name, started, kOfFile, to);
    AddSource(name, kafka, kOfDefault, to);
  }
  void AddListeners(DescribedConfigs* to) const {
    std::string listeners;
    std::string advertised;
    for (const ServerConfig::Listener& listener : config_.listeners) {
      StrAppend(&listeners, listeners.empty() ? "" : ",", listener.name, "://", listener.address);
      if (listener.advertised_address.empty()) continue;
      StrAppend(&advertised, advertised.empty() ? "" : ",", listener.name, "://",
                listener.advertised_address);
    }
    for (const auto& [name, value] :
         {std::pair(kListenersName, listeners), std::pair(kAdvertisedName, advertised)}) {
      DescribedConfig one{.name = std::string(name), .read_only = true};
      AddSource(one.name, value, value.empty() ? kOfDefault : kOfFile, &one);
      Finish(ConfigType::kList, "Where the broker listens, and where clients are told to connect.", &one);
      to->push_back(std::move(one));
    }
  }
  void Finish(ConfigType type, std::string_view doc, DescribedConfig* one) const {
    one->config_type = static_cast<int8_t>(type);
    one->documentation = request_.include_documentation ? std::optional(std::string(doc)) : std::nullopt;
    if (!request_.include_synonyms) one->synonyms.clear();
  }

  const wire::DescribeConfigsRequest& request_;
  const ServerConfig config_;
  const DynamicConfigs::State dynamic_;
};

absl::StatusOr<DescribedConfigs> DescribeResource(BrokerImpl& broker, const ConfigDescriber& describer,
                                                  const wire::DescribeConfigsRequest::Resource& asked) {
  if (asked.resource_type == kTopicResource) {
    MILLRACE_RETURN_IF_ERROR(ValidateTopicName(asked.resource_name));
    MILLRACE_ASSIGN_OR_RETURN(const auto topic, FindTopic(broker, asked.resource_name, TopicId()));
    return describer.Topic(*topic->config(), *broker.engine().topic_defaults());
  }
  const auto named = [&](std::string_view what) {
    return Error(ErrorCode::kInvalidRequest, StrCat("the ", what, " must not be empty"));
  };
  if (asked.resource_type == kGroupResource)
    return asked.resource_name.empty() ? absl::StatusOr<DescribedConfigs>(named("group's name"))
                                       : describer.Group();
  if (asked.resource_type == kClientMetricsResource)
    return asked.resource_name.empty() ? absl::StatusOr<DescribedConfigs>(named("subscription's name"))
                                       : DescribedConfigs();
  if (asked.resource_type == kLoggerResource) {
    if (asked.resource_name.empty()) return named("broker's id");
    MILLRACE_RETURN_IF_ERROR(ScopeOfBrokerResource(broker, asked.resource_name).status());
    return DescribedConfigs();
  }
  if (asked.resource_type != kBrokerResource) return UnsupportedResource(asked.resource_type);
  MILLRACE_ASSIGN_OR_RETURN(const ConfigScope scope, ScopeOfBrokerResource(broker, asked.resource_name));
  return scope == ConfigScope::kCluster ? describer.Cluster() : describer.Broker();
}

}  // namespace

void HandleDescribeConfigs(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DescribeConfigsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const ConfigDescriber describer(broker, *asked);
  wire::DescribeConfigsResponse response;
  for (const auto& one : asked->resources) {
    auto& answer = response.results.emplace_back();
    answer.resource_type = one.resource_type;
    answer.resource_name = one.resource_name;
    absl::StatusOr<DescribedConfigs> described = DescribeResource(broker, describer, one);
    answer.error_code = CodeOf(described.status());
    if (!described.ok()) {
      answer.error_message = std::string(described.status().message());
      continue;
    }
    answer.error_message = std::nullopt;
    answer.configs = *std::move(described);
    if (!one.configuration_keys.has_value() || one.configuration_keys->empty()) continue;
    std::erase_if(answer.configs, [&](const DescribedConfig& config) {
      return std::ranges::find(*one.configuration_keys, config.name) == one.configuration_keys->end();
    });
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
