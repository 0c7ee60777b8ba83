// CreateTopics (key 19): each topic by itself, with Kafka's checks. Versions 2 to 7.
//
// -1 partitions are the engine's num_partitions; the replication factor is -1 or 1, there being one broker. A
// manual assignment names every partition from 0 on, each on this broker. A name twice in one request is
// INVALID_REQUEST, and one that differs from a topic's only by '.' for '_' INVALID_TOPIC_EXCEPTION, as in
// Kafka. `validate_only` changes nothing, and answers no id. From 5 on the answer holds partitions,
// replication factor and configs; from 7 on the id.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "engine/admin_impl.h"
#include "millrace/wire/messages/create_topics.h"

namespace millrace::inline v0 {
namespace {

using TopicToCreate = wire::CreateTopicsRequest::Topic;

// Kafka's numbers for where a value comes from.
constexpr int8_t kFromTopic = 1;
constexpr int8_t kFromBroker = 4;
constexpr int8_t kFromDefault = 5;

absl::Status CheckManualAssignment(const TopicToCreate& topic, int32_t node_id) {
  if (topic.replication_factor != -1 || topic.num_partitions != -1) {
    return Error(ErrorCode::kInvalidRequest,
                 "with a manual assignment, partitions and replication factor must both be -1");
  }
  std::set<int32_t> seen;
  for (const auto& one : topic.assignments) {
    if (!seen.insert(one.partition_index).second) {
      return Error(ErrorCode::kInvalidReplicaAssignment,
                   StrCat("partition ", one.partition_index, " is assigned twice"));
    }
    MILLRACE_RETURN_IF_ERROR(CheckReplicas(one.broker_ids, node_id));
  }
  if (*seen.begin() == 0 && *seen.rbegin() == static_cast<int32_t>(seen.size()) - 1) return absl::OkStatus();
  return Error(ErrorCode::kInvalidReplicaAssignment, "the partitions assigned must be 0, 1, 2 and so on");
}

absl::Status CheckNumbers(const TopicToCreate& topic, int32_t node_id) {
  if (!topic.assignments.empty()) return CheckManualAssignment(topic, node_id);
  if (topic.replication_factor != -1 && topic.replication_factor != 1) {
    return Error(ErrorCode::kInvalidReplicationFactor, StrCat("replication factor ", topic.replication_factor,
                                                              ": there is one broker; use 1 or -1"));
  }
  if (topic.num_partitions >= 1 || topic.num_partitions == -1) return absl::OkStatus();
  return Error(ErrorCode::kInvalidPartitions,
               StrCat(topic.num_partitions, " partitions: use 1 or more, or -1 for the broker's default"));
}

// Metric names have '_' for '.', so Kafka keeps such names apart.
std::string Unified(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

absl::StatusOr<CreateTopicRequest> ToEngine(BrokerImpl& broker, const TopicToCreate& topic) {
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic.name));
  if (broker.engine().topics().Find(std::string_view(topic.name)) != nullptr) {
    return Error(ErrorCode::kTopicAlreadyExists, StrCat("topic \"", topic.name, "\" exists already"));
  }
  MILLRACE_RETURN_IF_ERROR(CheckCollision(broker, topic.name));
  MILLRACE_RETURN_IF_ERROR(CheckNumbers(topic, broker.options().node_id));
  CreateTopicRequest request{.name = topic.name};
  request.options.partitions = !topic.assignments.empty()   ? static_cast<int32_t>(topic.assignments.size())
                               : topic.num_partitions == -1 ? broker.engine().options().num_partitions
                                                            : topic.num_partitions;
  for (const auto& config : topic.configs) {
    if (!config.value.has_value())
      return Error(ErrorCode::kInvalidConfig, StrCat("config ", config.name, " has no value"));
    MILLRACE_RETURN_IF_ERROR(request.options.config.Set(config.name, *config.value));
  }
  return request;
}

void AddConfigs(BrokerImpl& broker, const TopicToCreate& asked, const TopicConfig& own,
                wire::CreateTopicsResponse::Topic* answer) {
  const TopicConfig config = broker.engine().WithDefaults(own);
  const TopicConfig kafka;
  for (const std::string_view name : TopicConfig::Names()) {
    const bool set = std::ranges::any_of(asked.configs, [&](const auto& one) { return one.name == name; });
    const std::optional<std::string> value = config.Get(name);
    const bool is_default = value == kafka.Get(name);
    answer->configs->push_back({.name = std::string(name),
                                .value = value,
                                .config_source = set          ? kFromTopic
                                                 : is_default ? kFromDefault
                                                              : kFromBroker});
  }
}

}  // namespace

absl::Status CheckCollision(BrokerImpl& broker, const std::string& name) {
  if (name.find_first_of("._") == std::string::npos) return absl::OkStatus();
  const std::string unified = Unified(name);
  for (const std::shared_ptr<Topic>& topic : broker.engine().topics().All()) {
    if (topic->name() != name && Unified(topic->name()) == unified) {
      return Error(ErrorCode::kInvalidTopicException,
                   StrCat("topic \"", name, "\" collides with topic \"", topic->name(), "\""));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReplicas(const std::vector<int32_t>& broker_ids, int32_t node_id) {
  if (broker_ids.size() == 1 && broker_ids.front() == node_id) return absl::OkStatus();
  return Error(ErrorCode::kInvalidReplicaAssignment,
               StrCat("a partition has one replica here, on broker ", node_id));
}

void HandleCreateTopics(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::CreateTopicsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  std::map<std::string, int> counts;
  for (const TopicToCreate& topic : asked->topics) ++counts[topic.name];
  wire::CreateTopicsResponse response;
  std::vector<CreateTopicRequest> creations;
  // Of what is created: where its answer is, and what was asked.
  std::vector<std::pair<size_t, const TopicToCreate*>> places;
  for (const TopicToCreate& topic : asked->topics) {
    int& count = counts[topic.name];
    if (count == 0) continue;
    absl::StatusOr<CreateTopicRequest> creation =
        count == 1 ? ToEngine(broker, topic)
                   : Error(ErrorCode::kInvalidRequest, StrCat("topic \"", topic.name, "\" is there twice"));
    // Answered, also for those of the same name that follow.
    count = 0;
    response.topics.push_back({.name = topic.name,
                               .error_code = CodeOf(creation.status()),
                               .error_message = MessageOf(creation.status())});
    if (!creation.ok()) continue;
    creations.push_back(*std::move(creation));
    places.emplace_back(response.topics.size() - 1, &topic);
  }
  const auto results = broker.engine().admin_impl().CreateTopics(creations, asked->validate_only);
  for (size_t i = 0; i < results.size(); ++i) {
    wire::CreateTopicsResponse::Topic& answer = response.topics[places[i].first];
    answer.error_code = CodeOf(results[i].status());
    answer.error_message = MessageOf(results[i].status());
    if (!results[i].ok()) continue;
    answer.topic_id = *results[i];
    answer.num_partitions = creations[i].options.partitions;
    answer.replication_factor = 1;
    AddConfigs(broker, *places[i].second, creations[i].options.config, &answer);
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
