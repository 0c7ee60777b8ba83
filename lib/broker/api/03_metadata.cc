// Metadata (key 3): which brokers, topics and partitions there are. Versions 0 to 13.
//
// There is one broker, at the address of the listener the client came in by, and it leads everything. Topics
// that are not there are created where client (version 4) and configuration agree; the first answer says
// LEADER_NOT_AVAILABLE in Kafka, while here the topic is there at once. Version 0 asks for all topics by an
// empty list, later ones by null; from 10 on by id too, and 12 means it. A topic asked for twice is told
// once. Which operations are allowed (8 on, of the cluster to 10): all there are, without an authorizer.

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/return_if_error.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/metadata.h"

namespace millrace::inline v0 {
namespace {

wire::MetadataResponse::Topic Describe(const Topic& topic, int32_t node_id, bool with_operations) {
  wire::MetadataResponse::Topic described{
      .name = topic.name(), .topic_id = topic.id(), .is_internal = topic.internal()};
  if (with_operations) described.topic_authorized_operations = kTopicOperations;
  for (int32_t i = 0; i < topic.partition_count(); ++i) {
    described.partitions.push_back({.partition_index = i,
                                    .leader_id = node_id,
                                    .leader_epoch = kLeaderEpoch,
                                    .replica_nodes = {node_id},
                                    .isr_nodes = {node_id}});
  }
  return described;
}

absl::StatusOr<std::shared_ptr<Topic>> FindOrCreate(BrokerImpl& broker,
                                                    const wire::MetadataRequest::Topic& asked,
                                                    bool may_create) {
  const std::string name = asked.name.value_or("");
  if (!name.empty()) MILLRACE_RETURN_IF_ERROR(ValidateTopicName(name));
  auto topic = FindTopic(broker, name, asked.topic_id);
  if (topic.ok() || name.empty() || !may_create) return topic;
  const auto created = broker.engine().admin().CreateTopic(
      name, {.partitions = broker.engine().options().num_partitions, .config = {}});
  // Somebody else may have been faster.
  if (!created.ok() && ErrorCodeOf(created.status()) != ErrorCode::kTopicAlreadyExists)
    return created.status();
  return FindTopic(broker, name, asked.topic_id);
}

}  // namespace

void HandleMetadata(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::MetadataRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const BrokerOptions& options = broker.options();
  wire::MetadataResponse response{.cluster_id = broker.cluster_id(), .controller_id = options.node_id};
  response.brokers.push_back({.node_id = options.node_id,
                              .host = request.endpoint().host,
                              .port = request.endpoint().port,
                              .rack = options.rack.empty() ? std::nullopt : std::optional(options.rack)});
  if (asked->include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  const bool with_operations = asked->include_topic_authorized_operations;
  const bool all = !asked->topics.has_value() || (request.version() == 0 && asked->topics->empty());
  if (all) {
    for (const std::shared_ptr<Topic>& topic : broker.engine().topics().All())
      response.topics.push_back(Describe(*topic, options.node_id, with_operations));
    return request.Respond(response);
  }
  const bool may_create = options.auto_create_topics && asked->allow_auto_topic_creation;
  std::set<std::pair<std::string, TopicId>> told;
  for (const auto& one : *asked->topics) {
    if (!told.emplace(one.name.value_or(""), one.topic_id).second) continue;
    const auto topic = FindOrCreate(broker, one, may_create);
    if (topic.ok()) {
      response.topics.push_back(Describe(**topic, options.node_id, with_operations));
      continue;
    }
    const bool nullable = request.version() >= 12;
    auto& missing = response.topics.emplace_back(
        wire::MetadataResponse::Topic{.error_code = CodeOf(topic.status()),
                                      .name = one.name.has_value() || nullable ? one.name : "",
                                      .topic_id = one.topic_id});
    if (asked->include_topic_authorized_operations && one.name.has_value())
      missing.topic_authorized_operations = kTopicOperations;
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
