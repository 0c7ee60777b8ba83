// kafka-configs.sh: shows and changes the settings of topics and brokers.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/incremental_alter_configs.h"
#include "tools/all_tools.h"
#include "tools/topic_view.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kConfigsFlags[] = {
    kBootstrapServerFlag,
    kCommandConfigFlag,
    {.name = "alter", .help = "Change settings."},
    {.name = "describe", .help = "Show settings: those that were changed while the cluster runs."},
    {.name = "all", .help = "With --describe: all settings, the defaults too."},
    {.name = "entity-type",
     .takes = Takes::kValue,
     .value = "TYPE",
     .help = "topics, brokers, groups or client-metrics."},
    {.name = "entity-name",
     .takes = Takes::kValue,
     .value = "NAME",
     .help = "The topic, or the broker's id."},
    {.name = "entity-default", .help = "With brokers: what counts for all of them."},
    {.name = "topic",
     .takes = Takes::kValue,
     .value = "TOPIC",
     .help = "Short for --entity-type topics --entity-name TOPIC."},
    {.name = "broker",
     .takes = Takes::kValue,
     .value = "ID",
     .help = "Short for --entity-type brokers --entity-name ID."},
    {.name = "group",
     .takes = Takes::kValue,
     .value = "GROUP",
     .help = "Short for --entity-type groups --entity-name GROUP."},
    {.name = "client-metrics",
     .takes = Takes::kValue,
     .value = "NAME",
     .help = "Short for --entity-type client-metrics --entity-name NAME."},
    {.name = "broker-defaults", .help = "Short for --entity-type brokers --entity-default."},
    {.name = "add-config",
     .takes = Takes::kValue,
     .value = "PAIRS",
     .help = "With --alter: what to set: 'k1=v1,k2=[a,b],k3=v3'; square brackets hold values with commas."},
    {.name = "add-config-file",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "With --alter: what to set, as key=value lines."},
    {.name = "delete-config",
     .takes = Takes::kValue,
     .value = "NAMES",
     .help = "With --alter: what to set back to its default: 'k1,k2'."},
};

struct Entity {
  ConfigResourceType type = ConfigResourceType::kTopic;
  std::string_view plural = {};  // "topics"
  // Empty: the default of brokers, or (describing) all there are.
  std::string name = {};
  bool is_default = false;

  std::string Singular() const {
    return std::string(plural.substr(0, plural.size() - (plural == "client-metrics" ? 0 : 1)));
  }
};

struct EntityKind {
  std::string_view plural;
  std::string_view shortcut;
  ConfigResourceType type;
};
constexpr EntityKind kKinds[] = {{"topics", "topic", ConfigResourceType::kTopic},
                                 {"brokers", "broker", ConfigResourceType::kBroker},
                                 {"groups", "group", ConfigResourceType::kGroup},
                                 {"client-metrics", "client-metrics", ConfigResourceType::kClientMetrics}};

absl::Status WrongEntity(std::string_view message) {
  return absl::InvalidArgumentError(ToAbsl(message));
}

absl::StatusOr<Entity> EntityOf(const Flags& flags) {
  std::vector<Entity> found;
  for (const EntityKind& kind : kKinds) {
    if (flags.has(kind.shortcut))
      found.push_back({.type = kind.type, .plural = kind.plural, .name = flags.Get(kind.shortcut)});
  }
  if (flags.has("broker-defaults")) {
    found.push_back({.type = ConfigResourceType::kBroker, .plural = "brokers", .is_default = true});
  }
  if (flags.has("entity-type")) {
    const std::string type = flags.Get("entity-type");
    const auto* const kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                          [&](const EntityKind& one) { return one.plural == type; });
    if (kind == std::end(kKinds)) {
      return WrongEntity(StrCat("Invalid entity type ", type,
                                ", the entity type must be one of topics, brokers, groups, client-metrics"));
    }
    found.push_back({.type = kind->type,
                     .plural = kind->plural,
                     .name = flags.Get("entity-name"),
                     .is_default = flags.has("entity-default")});
  }
  if (found.size() != 1)
    return WrongEntity("Exactly one entity is wanted: --entity-type, or --topic, --broker, ...");
  const Entity& entity = found[0];
  if (entity.is_default && (entity.type != ConfigResourceType::kBroker || !entity.name.empty())) {
    return WrongEntity("--entity-default goes with brokers, and without a name");
  }
  if (flags.has("alter") && entity.name.empty() && !entity.is_default) {
    return WrongEntity("An entity-name or entity-default must be specified with --alter");
  }
  return found[0];
}

// "k=v,k=[a,b]": commas inside square brackets do not part.
absl::StatusOr<Properties> ParsePairs(std::string_view text) {
  Properties pairs;
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else if (c != '[' && c != ']') {
      parts.back().push_back(c);
    }
  }
  for (const std::string& part : parts) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos || Trim(part.substr(0, equals)).empty()) {
      return WrongEntity("Invalid entity config: all configs to be added must be in the format \"key=val\".");
    }
    pairs.emplace_back(Trim(std::string_view(part).substr(0, equals)),
                       Trim(std::string_view(part).substr(equals + 1)));
  }
  return pairs;
}

std::string_view SourceName(int8_t source) {
  constexpr std::string_view kNames[] = {"UNKNOWN",
                                         "DYNAMIC_TOPIC_CONFIG",
                                         "DYNAMIC_BROKER_CONFIG",
                                         "DYNAMIC_DEFAULT_BROKER_CONFIG",
                                         "STATIC_BROKER_CONFIG",
                                         "DEFAULT_CONFIG",
                                         "DYNAMIC_BROKER_LOGGER_CONFIG",
                                         "DYNAMIC_CLIENT_METRICS_CONFIG",
                                         "DYNAMIC_GROUP_CONFIG"};
  const auto index = static_cast<uint8_t>(source);
  return index < std::size(kNames) ? kNames[index] : kNames[0];
}

bool IsDynamic(const Entity& entity, int8_t source) {
  switch (static_cast<ConfigSource>(source)) {
    case ConfigSource::kDynamicTopic:
      return entity.type == ConfigResourceType::kTopic;
    case ConfigSource::kDynamicBroker:
      return entity.type == ConfigResourceType::kBroker && !entity.is_default;
    case ConfigSource::kDynamicDefaultBroker:
      return entity.type == ConfigResourceType::kBroker && entity.is_default;
    case ConfigSource::kClientMetrics:
      return entity.type == ConfigResourceType::kClientMetrics;
    case ConfigSource::kGroup:
      return entity.type == ConfigResourceType::kGroup;
    default:
      return false;
  }
}

absl::Status DescribeEntity(Call& call, WireCaller& wire, const Entity& entity) {
  const bool all = call.flags.has("all");
  absl::StatusOr<ConfigEntries> configs = DescribeConfigs(wire, entity.type, entity.name, /*synonyms=*/true);
  if (!configs.ok()) return configs.status();
  if (entity.is_default) {
    call.out() << "Default configs for " << entity.plural << " in the cluster are:\n";
  } else {
    call.out() << (all ? "All" : "Dynamic") << " configs for " << entity.Singular() << ' ' << entity.name
               << " are:\n";
  }
  for (const auto& config : *configs) {
    if (!all && !IsDynamic(entity, config.config_source)) continue;
    call.out() << "  " << config.name << '=' << config.value.value_or("null")
               << " sensitive=" << (config.is_sensitive ? "true" : "false") << " synonyms={";
    std::string_view comma;
    for (const auto& synonym : config.synonyms) {
      call.out() << comma << SourceName(synonym.source) << ':' << synonym.name << '='
                 << synonym.value.value_or("null");
      comma = ", ";
    }
    call.out() << "}\n";
  }
  return absl::OkStatus();
}

// The entities that --describe means without a name: all there are.
absl::StatusOr<std::vector<Entity>> Expand(WireCaller& wire, const Entity& entity) {
  if (!entity.name.empty() || entity.is_default) return std::vector<Entity>{entity};
  std::vector<Entity> all;
  Entity one = entity;
  if (entity.type == ConfigResourceType::kTopic) {
    absl::StatusOr<std::vector<TopicView>> topics = ListTopicViews(wire);
    if (!topics.ok()) return topics.status();
    for (const TopicView& topic : *topics) {
      one.name = topic.name;
      all.push_back(one);
    }
    return all;
  }
  if (entity.type != ConfigResourceType::kBroker) return WrongEntity("An entity-name must be specified");
  absl::StatusOr<std::vector<WireNode>> nodes = wire.Nodes();
  if (!nodes.ok()) return nodes.status();
  for (const WireNode& node : *nodes) {
    one.name = StrCat(node.id);
    all.push_back(one);
  }
  one.name.clear();
  one.is_default = true;
  all.push_back(one);
  return all;
}

using Changes = std::vector<wire::IncrementalAlterConfigsRequest::Config>;

absl::StatusOr<Changes> ChangesOf(const Call& call) {
  constexpr int8_t kSet = 0;
  constexpr int8_t kDelete = 1;
  Properties pairs;
  if (call.flags.has("add-config-file")) {
    absl::StatusOr<std::string> text = ReadFile(call.host.env, call.flags.Get("add-config-file"));
    if (!text.ok()) return text.status();
    pairs = ParseProperties(*text);
  }
  if (call.flags.has("add-config")) {
    absl::StatusOr<Properties> parsed = ParsePairs(call.flags.Get("add-config"));
    if (!parsed.ok()) return parsed.status();
    pairs.insert(pairs.end(), parsed->begin(), parsed->end());
  }
  Changes changes;
  for (auto& [name, value] : pairs)
    changes.push_back({.name = name, .config_operation = kSet, .value = value});
  if (call.flags.has("delete-config")) {
    for (const std::string& name : Split(call.flags.Get("delete-config"), ',')) {
      changes.push_back(
          {.name = std::string(Trim(name)), .config_operation = kDelete, .value = std::nullopt});
    }
  }
  if (changes.empty())
    return WrongEntity(
        "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter");
  return changes;
}

// Settings that are to be deleted must have been set.
absl::Status CheckDeletions(WireCaller& wire, const Entity& entity, const Changes& changes) {
  std::string missing;
  absl::StatusOr<ConfigEntries> configs = ConfigEntries();
  for (const auto& change : changes) {
    if (change.value.has_value()) continue;
    if (configs->empty()) configs = DescribeConfigs(wire, entity.type, entity.name);
    if (!configs.ok()) return configs.status();
    const bool is_set = std::any_of(configs->begin(), configs->end(), [&](const auto& config) {
      return config.name == change.name && IsDynamic(entity, config.config_source);
    });
    if (!is_set) StrAppend(&missing, missing.empty() ? "" : ",", change.name);
  }
  if (missing.empty()) return absl::OkStatus();
  return Error(ErrorCode::kInvalidConfig, StrCat("Invalid config(s): ", missing));
}

int AlterEntity(Call& call, WireCaller& wire, const Entity& entity, Changes changes) {
  if (absl::Status checked = CheckDeletions(wire, entity, changes); !checked.ok()) return call.Fail(checked);
  wire::IncrementalAlterConfigsRequest request;
  request.resources.push_back({.resource_type = static_cast<int8_t>(entity.type),
                               .resource_name = entity.name,
                               .configs = std::move(changes)});
  int32_t node = kAnyNode;
  if (entity.type == ConfigResourceType::kBroker && !entity.is_default) {
    absl::StatusOr<int64_t> id = ParseInt("entity-name", entity.name, 0, INT32_MAX);
    if (!id.ok()) return call.Usage(id.status());
    node = static_cast<int32_t>(*id);
  }
  auto answer = wire.Ask<wire::IncrementalAlterConfigsResponse>(request, node);
  if (!answer.ok()) return call.Fail(answer.status());
  for (const auto& result : answer->responses) {
    absl::Status status = AnswerStatus(result.error_code, result.error_message.value_or(""));
    if (!status.ok()) return call.Fail(status);
  }
  if (entity.is_default) {
    call.out() << "Completed updating default config for " << entity.plural << " in the cluster.\n";
  } else {
    call.out() << "Completed updating config for " << entity.Singular() << ' ' << entity.name << ".\n";
  }
  return kExitOk;
}

int RunConfigs(Call& call) {
  if (call.flags.has("alter") == call.flags.has("describe")) {
    return call.Usage("Command must include exactly one action: --describe, --alter");
  }
  absl::StatusOr<Entity> entity = EntityOf(call.flags);
  if (!entity.ok()) return call.Usage(entity.status());
  absl::StatusOr<Changes> changes = Changes();
  if (call.flags.has("alter")) changes = ChangesOf(call);
  if (!changes.ok()) return call.Usage(changes.status());
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  WireCaller& wire = (*cluster)->wire();
  if (call.flags.has("alter")) return AlterEntity(call, wire, *entity, *std::move(changes));
  absl::StatusOr<std::vector<Entity>> entities = Expand(wire, *entity);
  if (!entities.ok()) return call.Fail(entities.status());
  for (const Entity& one : *entities) {
    absl::Status described = DescribeEntity(call, wire, one);
    if (!described.ok()) return call.Fail(StrCat(one.Singular(), " ", one.name), described);
  }
  return kExitOk;
}

}  // namespace

const Tool kConfigsTool{.name = "configs",
                        .script = "kafka-configs.sh",
                        .summary = "Show and change the settings of topics and brokers.",
                        .flags = kConfigsFlags,
                        .run = RunConfigs};

}  // namespace millrace::inline v0::tools
