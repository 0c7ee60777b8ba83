#include "engine/engine_metrics.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "engine/engine_impl.h"
#include "engine/offsets_topic.h"
#include "metrics/limit_reached.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {
namespace {

void AddSample(MetricsSnapshot* snapshot, std::string_view name, std::string_view help, MetricType type,
               Labels labels, int64_t value) {
  snapshot->samples.push_back({.name = std::string(name),
                               .help = std::string(help),
                               .type = type,
                               .labels = std::move(labels),
                               .value = value});
}
void AddGauge(MetricsSnapshot* snapshot, std::string_view name, std::string_view help, Labels labels,
              int64_t value) {
  AddSample(snapshot, name, help, MetricType::kGauge, std::move(labels), value);
}

Labels PartitionLabels(const std::string& topic, int32_t partition) {
  return {{"topic", topic}, {"partition", std::to_string(partition)}};
}

// Kafka's BrokerTopicMetrics, as Prometheus' JMX exporter spells them.
struct MeterColumn {
  std::string_view name;
  std::string_view help;
  std::atomic<int64_t> TopicMeter::* member;
};
template <typename M>
constexpr std::atomic<int64_t> TopicMeter::* Column(M member) {
  return static_cast<std::atomic<int64_t> TopicMeter::*>(member);
}
constexpr MeterColumn kMeterColumns[] = {
    {"kafka_server_brokertopicmetrics_messagesin_total",
     "Records appended, up to the last second; without a topic: of all.", Column(&TopicMeter::messages_in)},
    {"kafka_server_brokertopicmetrics_bytesin_total",
     "Bytes of batches appended, up to the last second; without a topic: of all.",
     Column(&TopicMeter::bytes_in)},
    {"kafka_server_brokertopicmetrics_bytesout_total",
     "Bytes of batches that consumers were given; without a topic: of all.", Column(&TopicMeter::bytes_out)},
    {"kafka_server_brokertopicmetrics_totalproducerequests_total",
     "Partitions that clients asked to produce to; without a topic: of all.",
     Column(&TopicMeter::produce_requests)},
    {"kafka_server_brokertopicmetrics_failedproducerequests_total",
     "Of those the ones answered with an error; without a topic: of all.",
     Column(&TopicMeter::produce_failed)},
    {"kafka_server_brokertopicmetrics_totalfetchrequests_total",
     "Partitions that clients asked to fetch from; without a topic: of all.",
     Column(&TopicMeter::fetch_requests)},
    {"kafka_server_brokertopicmetrics_failedfetchrequests_total",
     "Of those the ones answered with an error; without a topic: of all.", Column(&TopicMeter::fetch_failed)},
};

// Those of each protocol that are in each state, under Kafka's names for either.
void CollectGroupStates(MetricsSnapshot* snapshot, const std::vector<GroupListing>& groups) {
  using State = GroupState;
  constexpr State kClassic[] = {State::kEmpty, State::kPreparingRebalance, State::kCompletingRebalance,
                                State::kStable, State::kDead};
  constexpr State kConsumer[] = {State::kEmpty, State::kAssigning, State::kReconciling, State::kStable,
                                 State::kDead};
  const auto count = [&](GroupType type, std::optional<State> state) {
    return std::ranges::count_if(groups, [&](const GroupListing& group) {
      return group.type == type && (!state.has_value() || group.state == *state);
    });
  };
  const std::string classic = "kafka_coordinator_group_groupmetadatamanager_numgroups";
  AddGauge(snapshot, classic, "Groups of the classic protocol.", {},
           count(GroupType::kClassic, std::nullopt));
  for (const State state : kClassic) {
    AddGauge(snapshot, StrCat(classic, absl::AsciiStrToLower(ToAbsl(GroupStateName(state)))),
             "Groups of the classic protocol in that state.", {}, count(GroupType::kClassic, state));
  }
  const std::string coordinator = "kafka_server_group_coordinator_metrics_";
  for (const GroupType type : {GroupType::kClassic, GroupType::kConsumer}) {
    AddGauge(snapshot, coordinator + "group_count", "Groups, by their protocol.",
             {{"protocol", std::string(GroupTypeName(type))}}, count(type, std::nullopt));
  }
  for (const State state : kConsumer) {
    AddGauge(snapshot, coordinator + "consumer_group_count",
             "Groups of the consumer protocol, by their state.",
             {{"state", absl::AsciiStrToLower(ToAbsl(GroupStateName(state)))}},
             count(GroupType::kConsumer, state));
  }
}

}  // namespace

EngineMetrics::EngineMetrics(EngineImpl* engine, MetricsRegistry* registry)
    : engine_(engine), registry_(registry) {
  collector_ = registry_->AddCollector([this](MetricsSnapshot* snapshot) { Collect(snapshot); });
}

EngineMetrics::~EngineMetrics() {
  registry_->RemoveCollector(collector_);
}

std::shared_ptr<TopicMeter> EngineMetrics::MeterOf(std::string_view topic) {
  MutexLock lock(&mutex_);
  const auto found = meters_.find(topic);
  if (found != meters_.end()) return found->second;
  return meters_.emplace(std::string(topic), std::make_shared<TopicMeter>()).first->second;
}

void EngineMetrics::Collect(MetricsSnapshot* snapshot) {
  if (!engine_->started()) return;
  CollectClients(snapshot);
  CollectMeters(snapshot);
  CollectTopics(snapshot);
  CollectGroups(snapshot);
  CollectLimits(snapshot);
}

void EngineMetrics::CollectLimits(MetricsSnapshot* snapshot) {
  const auto add = [&](std::string_view limit, int64_t refused) {
    AddSample(snapshot, kLimitReachedName, kLimitReachedHelp, MetricType::kCounter,
              {{"limit", std::string(limit)}}, refused);
  };
  const TopicRegistry::Refusals& topics = engine_->topics().refusals();
  add("topics", topics.topics.load(std::memory_order_relaxed));
  add("partitions", topics.partitions.load(std::memory_order_relaxed));
  add("groups", engine_->group_budget().refused());
}

void EngineMetrics::CollectClients(MetricsSnapshot* snapshot) {
  const ClientTotals totals = engine_->ObserveClients();
  AddGauge(snapshot, "millrace_producers", "Producers in the process.", {}, totals.producers);
  AddGauge(
      snapshot, "millrace_producer_buffer_bytes",
      "Buffer space that producers in the process hold, for batches that linger or await acknowledgement.",
      {}, totals.buffered_bytes);
  AddGauge(snapshot, "millrace_consumers", "Consumers in the process.", {}, totals.consumers);
}

void EngineMetrics::CollectMeters(MetricsSnapshot* snapshot) {
  std::map<std::string, std::shared_ptr<TopicMeter>> meters;
  {
    MutexLock lock(&mutex_);
    for (auto it = meters_.begin(); it != meters_.end();) {
      if (engine_->topics().Find(std::string_view(it->first)) != nullptr) {
        meters.emplace(it->first, it->second);
        ++it;
        continue;
      }
      for (const MeterColumn& column : kMeterColumns)
        gone_.*column.member += (*it->second.*column.member).load(std::memory_order_relaxed);
      meters_.erase(it++);
    }
  }
  for (const MeterColumn& column : kMeterColumns) {
    int64_t all = gone_.*column.member;
    for (const auto& [topic, meter] : meters) {
      const int64_t value = (*meter.*column.member).load(std::memory_order_relaxed);
      all += value;
      AddSample(snapshot, column.name, column.help, MetricType::kCounter, {{"topic", topic}}, value);
    }
    AddSample(snapshot, column.name, column.help, MetricType::kCounter, {}, all);
  }
}

void EngineMetrics::CollectTopics(MetricsSnapshot* snapshot) {
  int64_t partitions = 0;
  int64_t offline = 0;
  int32_t shown = 0;
  const std::vector<std::shared_ptr<Topic>> topics = engine_->topics().All();
  for (const std::shared_ptr<Topic>& topic : topics) {
    const int32_t count = topic->partition_count();
    partitions += count;
    AddGauge(snapshot, "kafka_topic_partitions", "Partitions of the topic.", {{"topic", topic->name()}},
             count);
    for (int32_t i = 0; i < count; ++i) {
      const std::shared_ptr<Partition> partition = topic->partition_if_used(PartitionId(i));
      const Log* const log = partition == nullptr ? nullptr : partition->log_if_open();
      if (log == nullptr) continue;
      const LogStats stats = log->stats();
      offline += stats.poisoned ? 1 : 0;
      if (++shown > engine_->options().metrics_partitions_max) continue;
      const Labels labels = PartitionLabels(topic->name(), i);
      AddGauge(snapshot, "kafka_log_log_size", "Bytes of the partition's segments.", labels,
               stats.size_bytes);
      AddGauge(snapshot, "kafka_log_log_numlogsegments", "The partition's segments.", labels, stats.segments);
      AddGauge(snapshot, "kafka_log_log_logstartoffset", "The partition's first offset.", labels,
               stats.log_start_offset.value());
      AddGauge(snapshot, "kafka_log_log_logendoffset", "The offset after the partition's last.", labels,
               stats.log_end_offset.value());
    }
  }
  AddGauge(snapshot, "kafka_controller_kafkacontroller_globaltopiccount", "Topics.", {},
           static_cast<int64_t>(topics.size()));
  AddGauge(snapshot, "kafka_controller_kafkacontroller_globalpartitioncount", "Partitions of all topics.", {},
           partitions);
  AddGauge(snapshot, "kafka_controller_kafkacontroller_offlinepartitionscount",
           "Partitions that take no appends, because a flush or write of theirs has failed.", {}, offline);
}

void EngineMetrics::CollectGroups(MetricsSnapshot* snapshot) {
  // Nobody has used a group yet, if its topic is not there: it is not made for this.
  if (engine_->closed() || engine_->options().read_only) return;
  if (engine_->topics().Find(kOffsetsTopicName) == nullptr) return;
  const absl::StatusOr<std::vector<GroupListing>> groups = engine_->admin().ListGroups();
  if (!groups.ok()) return;  // still loading
  int32_t shown = 0;
  for (const GroupListing& group : *groups) {
    if (shown >= engine_->options().metrics_partitions_max) continue;
    const auto described = engine_->admin().DescribeGroup(group.group);
    AddGauge(snapshot, "kafka_consumergroup_members", "Members of the group.",
             {{"consumergroup", group.group}},
             described.ok() ? static_cast<int64_t>(described->members.size()) : 0);
    const auto offsets = engine_->admin().ListGroupOffsets(group.group);
    if (!offsets.ok()) continue;
    std::map<std::string, int64_t> lag_of;
    for (const auto& [name, committed] : *offsets) {
      const auto partition = engine_->FindPartition(name);
      // After a start nobody may have looked at it yet, and just then its lag matters.
      if (!partition.ok() || !(*partition)->OpenLog().ok()) continue;
      const int64_t end = (*partition)->high_watermark().value();
      const int64_t lag = std::max<int64_t>(0, end - committed.offset.value());
      lag_of[name.topic] += lag;
      if (++shown > engine_->options().metrics_partitions_max) continue;
      Labels labels = PartitionLabels(name.topic, name.partition.value());
      labels.emplace_back("consumergroup", group.group);
      AddGauge(snapshot, "kafka_consumergroup_current_offset", "What the group has committed.", labels,
               committed.offset.value());
      AddGauge(snapshot, "kafka_consumergroup_lag", "Offsets that the group has yet to commit.",
               std::move(labels), lag);
    }
    for (const auto& [topic, lag] : lag_of) {
      AddGauge(snapshot, "kafka_consumergroup_lag_sum",
               "The group's lag, all partitions of a topic together.",
               {{"consumergroup", group.group}, {"topic", topic}}, lag);
    }
  }
  CollectGroupStates(snapshot, *groups);
}

}  // namespace millrace::inline v0
