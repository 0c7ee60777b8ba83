// kafka-topics.sh: create, list, describe, change and delete topics.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/create_partitions.h"
#include "millrace/wire/messages/create_topics.h"
#include "millrace/wire/messages/delete_topics.h"
#include "tools/all_tools.h"
#include "tools/topic_view.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kTopicsFlags[] = {
    kBootstrapServerFlag,
    kCommandConfigFlag,
    {.name = "create", .help = "Create a topic."},
    {.name = "list", .help = "List the topics."},
    {.name = "describe", .help = "Show topics with their partitions."},
    {.name = "alter", .help = "Raise the number of partitions."},
    {.name = "delete", .help = "Delete topics."},
    {.name = "topic",
     .takes = Takes::kValue,
     .value = "TOPIC",
     .help = "The topic. A regular expression, or several separated by commas, except with --create."},
    {.name = "topic-id",
     .takes = Takes::kValue,
     .value = "ID",
     .help = "With --describe: the topic of this id."},
    {.name = "partitions",
     .takes = Takes::kValue,
     .value = "N",
     .help = "How many partitions. Default: as the broker is set."},
    {.name = "replication-factor",
     .takes = Takes::kValue,
     .value = "N",
     .help = "How many replicas. Default: as the broker is set."},
    {.name = "replica-assignment",
     .takes = Takes::kValue,
     .value = "IDS",
     .help = "Brokers of each partition: '1:2,2:3' for two partitions of two replicas."},
    {.name = "config",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "With --create: a setting of the topic. May be repeated.",
     .repeated = true},
    {.name = "if-exists",
     .help = "With --alter, --delete, --describe: no error where the topic is not there."},
    {.name = "if-not-exists", .help = "With --create: no error where the topic is there already."},
    {.name = "exclude-internal", .help = "Leave out internal topics."},
    {.name = "under-replicated-partitions",
     .help = "With --describe: only partitions with fewer in-sync replicas than replicas."},
    {.name = "unavailable-partitions", .help = "With --describe: only partitions without a live leader."},
    {.name = "under-min-isr-partitions",
     .help = "With --describe: only partitions with fewer in-sync replicas than min.insync.replicas."},
    {.name = "at-min-isr-partitions",
     .help = "With --describe: only partitions with just min.insync.replicas."},
    {.name = "topics-with-overrides",
     .help = "With --describe: only topics with settings of their own, without their partitions."},
};

absl::Status FailWith(std::string_view why) {
  return absl::InvalidArgumentError(ToAbsl(why));
}

using Assignments = std::vector<wire::CreateTopicsRequest::Assignment>;

absl::StatusOr<Assignments> ParseAssignment(std::string_view text) {
  Assignments all;
  for (const std::string& partition : Split(text, ',')) {
    wire::CreateTopicsRequest::Assignment one{.partition_index = static_cast<int32_t>(all.size())};
    for (const std::string& id : Split(partition, ':')) {
      absl::StatusOr<int64_t> broker = ParseInt("replica-assignment", Trim(id), 0, INT32_MAX);
      if (!broker.ok()) return broker.status();
      one.broker_ids.push_back(static_cast<int32_t>(*broker));
    }
    if (std::set<int32_t>(one.broker_ids.begin(), one.broker_ids.end()).size() != one.broker_ids.size()) {
      return FailWith(StrCat("Partition replica lists may not contain duplicate entries: ", partition));
    }
    if (!all.empty() && one.broker_ids.size() != all[0].broker_ids.size()) {
      return absl::InvalidArgumentError(
          ToAbsl(StrCat("Partition ", all.size(), " has different replication factor: ", partition)));
    }
    all.push_back(std::move(one));
  }
  return all;
}

absl::StatusOr<wire::CreateTopicsRequest::Topic> CreationOf(const Flags& flags) {
  wire::CreateTopicsRequest::Topic topic{
      .name = flags.Get("topic"), .num_partitions = -1, .replication_factor = -1};
  absl::StatusOr<Properties> configs = flags.KeyValues("config");
  if (!configs.ok()) return configs.status();
  for (auto& [name, value] : *configs) {
    topic.configs.push_back({.name = std::string(Trim(name)), .value = std::string(Trim(value))});
  }
  if (flags.has("replica-assignment")) {
    if (flags.has("partitions"))
      return FailWith("Option \"[partitions]\" can't be used with option \"[replica-assignment]\"");
    if (flags.has("replication-factor")) {
      return FailWith("Option \"[replication-factor]\" can't be used with option \"[replica-assignment]\"");
    }
    absl::StatusOr<Assignments> assignments = ParseAssignment(flags.Get("replica-assignment"));
    if (!assignments.ok()) return assignments.status();
    topic.assignments = *std::move(assignments);
    return topic;
  }
  absl::StatusOr<int64_t> partitions = flags.IntOr("partitions", -1, 1, INT32_MAX);
  if (!partitions.ok()) return partitions.status();
  absl::StatusOr<int64_t> replicas = flags.IntOr("replication-factor", -1, 1, INT16_MAX);
  if (!replicas.ok()) return replicas.status();
  topic.num_partitions = static_cast<int32_t>(*partitions);
  topic.replication_factor = static_cast<int16_t>(*replicas);
  return topic;
}

int CreateTopic(Call& call) {
  absl::StatusOr<wire::CreateTopicsRequest::Topic> topic = CreationOf(call.flags);
  if (!topic.ok()) return call.Usage(topic.status());
  if (topic->name.find_first_of("._") != std::string::npos) {
    call.out() << "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore "
                  "('_') could "
                  "collide. To avoid issues it is best to use either, but not both.\n";
  }
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<int32_t> controller = (*cluster)->wire().Controller();
  if (!controller.ok()) return call.Fail(controller.status());
  wire::CreateTopicsRequest request{.topics = {*topic}};
  auto answer = (*cluster)->wire().Ask<wire::CreateTopicsResponse>(request, *controller);
  if (!answer.ok()) return call.Fail(answer.status());
  for (const wire::CreateTopicsResponse::Topic& made : answer->topics) {
    const bool exists = static_cast<ErrorCode>(made.error_code) == ErrorCode::kTopicAlreadyExists;
    if (exists && call.flags.has("if-not-exists")) return kExitOk;
    if (exists) {
      return call.Fail(
          StrCat("Error while executing topic command: Topic '", topic->name, "' already exists."));
    }
    absl::Status status = AnswerStatus(made.error_code, made.error_message.value_or(""));
    if (!status.ok()) return call.Fail("Error while executing topic command", status);
  }
  call.out() << "Created topic " << topic->name << ".\n";
  return kExitOk;
}

// The names that --topic means, of those that are there.
absl::StatusOr<std::vector<TopicView>> Selected(Call& call, WireCaller& wire) {
  absl::StatusOr<std::vector<TopicView>> all = ListTopicViews(wire);
  if (!all.ok()) return all.status();
  const bool exclude = call.flags.has("exclude-internal");
  if (exclude) std::erase_if(*all, [](const TopicView& topic) { return topic.internal; });
  if (call.flags.has("topic-id") && call.flags.has("describe")) {
    const std::string wanted = call.flags.Get("topic-id");
    std::erase_if(*all, [&](const TopicView& topic) { return topic.id.ToString() != wanted; });
    if (all->empty() && !call.flags.has("if-exists")) {
      return absl::NotFoundError(ToAbsl(StrCat("TopicId '", wanted, "' does not exist as expected")));
    }
    return all;
  }
  if (!call.flags.has("topic")) return all;
  absl::StatusOr<TopicFilter> filter = TopicFilter::Make(call.flags.Get("topic"));
  if (!filter.ok()) return filter.status();
  std::erase_if(*all, [&](const TopicView& topic) { return !filter->Matches(topic.name); });
  if (all->empty() && !call.flags.has("if-exists") && !call.flags.has("list")) {
    return absl::NotFoundError(
        ToAbsl(StrCat("Topic '", call.flags.Get("topic"), "' does not exist as expected")));
  }
  return all;
}

int ListTopics(Call& call, Cluster& cluster) {
  absl::StatusOr<std::vector<TopicView>> topics = Selected(call, cluster.wire());
  if (!topics.ok()) return call.Fail("Error while executing topic command", topics.status());
  for (const TopicView& topic : *topics) call.out() << topic.name << '\n';
  // Kafka's tool ends with a line of its own where there is none.
  if (topics->empty()) call.out() << '\n';
  return kExitOk;
}

bool Reports(const Flags& flags) {
  return flags.has("under-replicated-partitions") || flags.has("unavailable-partitions") ||
         flags.has("under-min-isr-partitions") || flags.has("at-min-isr-partitions");
}

void PrintTopicLine(std::ostream& out, const TopicView& topic, const ConfigEntries& configs) {
  out << "Topic: " << topic.name;
  if (!topic.id.IsZero()) out << "\tTopicId: " << topic.id.ToString();
  out << "\tPartitionCount: " << topic.partitions.size()
      << "\tReplicationFactor: " << (topic.partitions.empty() ? 0 : topic.partitions[0].replicas.size())
      << "\tConfigs: ";
  std::string_view separator;
  for (const auto& config : configs) {
    if (static_cast<ConfigSource>(config.config_source) == ConfigSource::kDefault) continue;
    out << separator << config.name << '=' << config.value.value_or("null");
    separator = ",";
  }
  out << '\n';
}

void PrintPartitionLine(std::ostream& out, const std::string& topic, const PartitionView& partition) {
  out << "\tTopic: " << topic << "\tPartition: " << partition.partition << "\tLeader: ";
  if (partition.leader < 0) {
    out << "none";
  } else {
    out << partition.leader;
  }
  const auto eligible = [](const std::optional<std::vector<int32_t>>& ids) {
    return ids.has_value() ? JoinIds(*ids) : std::string("N/A");
  };
  out << "\tReplicas: " << JoinIds(partition.replicas) << "\tIsr: " << JoinIds(partition.isr)
      << "\tElr: " << eligible(partition.eligible_leaders)
      << "\tLastKnownElr: " << eligible(partition.last_known_eligible) << '\n';
}

// Whether --describe's report flags ask for this partition.
bool Reported(const Flags& flags, const PartitionView& partition, size_t min_isr,
              const std::set<int32_t>& live) {
  const bool led = partition.leader >= 0;
  return (flags.has("under-replicated-partitions") && partition.isr.size() < partition.replicas.size()) ||
         (flags.has("unavailable-partitions") && (!led || !live.contains(partition.leader))) ||
         (flags.has("under-min-isr-partitions") && (!led || partition.isr.size() < min_isr)) ||
         (flags.has("at-min-isr-partitions") && partition.isr.size() == min_isr);
}

size_t MinIsr(const ConfigEntries& configs) {
  for (const auto& config : configs) {
    if (config.name != "min.insync.replicas") continue;
    absl::StatusOr<int64_t> value = ParseInt(config.name, config.value.value_or(""), 0);
    if (value.ok()) return static_cast<size_t>(*value);
  }
  return 1;
}

bool HasOverrides(const ConfigEntries& configs) {
  return std::any_of(configs.begin(), configs.end(), [](const auto& config) {
    return static_cast<ConfigSource>(config.config_source) != ConfigSource::kDefault;
  });
}

int DescribeTopics(Call& call, Cluster& cluster) {
  WireCaller& wire = cluster.wire();
  absl::StatusOr<std::vector<TopicView>> selected = Selected(call, wire);
  if (!selected.ok()) return call.Fail("Error while executing topic command", selected.status());
  std::vector<std::string> names;
  for (const TopicView& topic : *selected) names.push_back(topic.name);
  absl::StatusOr<std::vector<TopicView>> topics = DescribeTopicViews(wire, names);
  if (!topics.ok()) return call.Fail("Error while executing topic command", topics.status());
  std::set<int32_t> live;
  if (Reports(call.flags)) {
    absl::StatusOr<std::vector<WireNode>> nodes = wire.Nodes();
    if (!nodes.ok()) return call.Fail(nodes.status());
    for (const WireNode& node : *nodes) live.insert(node.id);
  }
  const bool overrides_only = call.flags.has("topics-with-overrides");
  for (const TopicView& topic : *topics) {
    absl::StatusOr<ConfigEntries> configs = DescribeConfigs(wire, ConfigResourceType::kTopic, topic.name);
    if (!configs.ok()) return call.Fail("Error while executing topic command", configs.status());
    if (Reports(call.flags)) {
      for (const PartitionView& partition : topic.partitions) {
        if (!Reported(call.flags, partition, MinIsr(*configs), live)) continue;
        PrintPartitionLine(call.out(), topic.name, partition);
      }
      continue;
    }
    if (overrides_only && !HasOverrides(*configs)) continue;
    PrintTopicLine(call.out(), topic, *configs);
    if (overrides_only) continue;
    for (const PartitionView& partition : topic.partitions)
      PrintPartitionLine(call.out(), topic.name, partition);
  }
  return kExitOk;
}

int AlterTopics(Call& call, Cluster& cluster) {
  absl::StatusOr<int64_t> partitions = call.flags.IntOr("partitions", 0, 1, INT32_MAX);
  if (!partitions.ok()) return call.Usage(partitions.status());
  Assignments assignments;
  if (call.flags.has("replica-assignment")) {
    absl::StatusOr<Assignments> parsed = ParseAssignment(call.flags.Get("replica-assignment"));
    if (!parsed.ok()) return call.Usage(parsed.status());
    assignments = *std::move(parsed);
  }
  absl::StatusOr<std::vector<TopicView>> topics = Selected(call, cluster.wire());
  if (!topics.ok()) return call.Fail("Error while executing topic command", topics.status());
  wire::CreatePartitionsRequest request{.timeout_ms = 60'000};
  for (const TopicView& topic : *topics) {
    wire::CreatePartitionsRequest::Topic change{
        .name = topic.name, .count = static_cast<int32_t>(*partitions), .assignments = std::nullopt};
    for (size_t i = topic.partitions.size(); i < assignments.size(); ++i) {
      if (!change.assignments.has_value()) change.assignments.emplace();
      change.assignments->push_back({.broker_ids = assignments[i].broker_ids});
    }
    request.topics.push_back(std::move(change));
  }
  if (request.topics.empty()) return kExitOk;
  absl::StatusOr<int32_t> controller = cluster.wire().Controller();
  if (!controller.ok()) return call.Fail(controller.status());
  auto answer = cluster.wire().Ask<wire::CreatePartitionsResponse>(request, *controller);
  if (!answer.ok()) return call.Fail(answer.status());
  for (const auto& result : answer->results) {
    absl::Status status = AnswerStatus(result.error_code, result.error_message.value_or(""));
    if (!status.ok()) return call.Fail("Error while executing topic command", status);
  }
  return kExitOk;
}

int DeleteTopics(Call& call, Cluster& cluster) {
  absl::StatusOr<std::vector<TopicView>> topics = Selected(call, cluster.wire());
  if (!topics.ok()) return call.Fail("Error while executing topic command", topics.status());
  if (topics->empty()) return kExitOk;
  wire::DeleteTopicsRequest request{.timeout_ms = 60'000};
  for (const TopicView& topic : *topics) {
    request.topics.push_back({.name = topic.name});
  }
  absl::StatusOr<int32_t> controller = cluster.wire().Controller();
  if (!controller.ok()) return call.Fail(controller.status());
  auto answer = cluster.wire().Ask<wire::DeleteTopicsResponse>(request, *controller);
  if (!answer.ok()) return call.Fail(answer.status());
  for (const auto& result : answer->responses) {
    absl::Status status = AnswerStatus(result.error_code, result.error_message.value_or(""));
    if (!status.ok())
      return call.Fail(StrCat("Error while executing topic command: ", result.name.value_or("")), status);
  }
  return kExitOk;
}

int RunTopics(Call& call) {
  const Flags& flags = call.flags;
  int actions = 0;
  for (const std::string_view action : {"list", "describe", "create", "alter", "delete"})
    actions += flags.has(action) ? 1 : 0;
  if (actions != 1) {
    return call.Usage(
        "Command must include exactly one action: --list, --describe, --create, --alter or --delete");
  }
  const bool needs_topic = flags.has("create") || flags.has("alter") || flags.has("delete");
  if (needs_topic && !flags.has("topic")) return call.Usage("Missing required argument \"[topic]\"");
  if (flags.has("alter") && !flags.has("partitions"))
    return call.Usage("Missing required argument \"[partitions]\"");
  if (flags.has("config") && !flags.has("create")) {
    return call.Usage(
        "Option \"[config]\" goes with --create; settings of a topic are changed by kafka-configs.sh");
  }
  if (flags.has("create")) return CreateTopic(call);
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  if (flags.has("list")) return ListTopics(call, **cluster);
  if (flags.has("describe")) return DescribeTopics(call, **cluster);
  if (flags.has("alter")) return AlterTopics(call, **cluster);
  return DeleteTopics(call, **cluster);
}

}  // namespace

const Tool kTopicsTool{.name = "topics",
                       .script = "kafka-topics.sh",
                       .summary = "Create, list, describe, change and delete topics.",
                       .flags = kTopicsFlags,
                       .run = RunTopics};

}  // namespace millrace::inline v0::tools
