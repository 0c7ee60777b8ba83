// Metadata (key 3): which brokers, topics and partitions there are. Versions 0 to 13.
//
// There is one broker, at the address of the listener the client came in by, and it leads everything. Topics
// that are not there are created where client (version 4) and configuration agree; the first answer says
// LEADER_NOT_AVAILABLE in Kafka, while here the topic is there at once. Version 0 asks for all topics by an
// empty list, later ones by null; from 12 on by id too (10 and 11 have the field, but an id, like a name that
// is null, makes every topic INVALID_REQUEST). A topic is answered once, however often it is there. 8: which
// operations are allowed, which are all there are, without an authorizer; 11 leaves out the cluster's.

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/return_if_error.h"
#include "broker/api/handlers.h"
#include "engine/offsets_topic.h"
#include "millrace/wire/messages/metadata.h"

namespace millrace::inline v0 {
namespace {

using DescribedTopic = wire::MetadataResponse::Topic;

DescribedTopic Describe(const Topic& topic, int32_t node_id) {
  DescribedTopic described{.name = topic.name(), .topic_id = topic.id(), .is_internal = topic.internal()};
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
  auto topic = FindTopic(broker, name, asked.topic_id);
  if (topic.ok() || !asked.topic_id.IsZero()) return topic;
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(name));
  if (!may_create) return topic;
  if (name == kOffsetsTopicName) {
    // Not as any other topic: as the coordinator of groups needs it.
    MILLRACE_RETURN_IF_ERROR(broker.engine().Groups().status());
    return FindTopic(broker, name, asked.topic_id);
  }
  MILLRACE_RETURN_IF_ERROR(CheckCollision(broker, name));
  const auto created = broker.engine().admin().CreateTopic(
      name, {.partitions = broker.engine().options().num_partitions, .config = {}});
  // Somebody else may have been faster.
  if (!created.ok() && ErrorCodeOf(created.status()) != ErrorCode::kTopicAlreadyExists)
    return created.status();
  return FindTopic(broker, name, asked.topic_id);
}

// Before version 12, topics go by their names.
bool AsksRightly(const wire::MetadataRequest& asked, int16_t version) {
  return version >= 12 || std::ranges::all_of(*asked.topics, [](const auto& one) {
           return one.name.has_value() && one.topic_id.IsZero();
         });
}

std::vector<DescribedTopic> DescribeAsked(BrokerImpl& broker, const wire::MetadataRequest& asked,
                                          int16_t version) {
  const bool may_create = broker.options().auto_create_topics && asked.allow_auto_topic_creation;
  const bool rightly = AsksRightly(asked, version);
  std::vector<DescribedTopic> topics;
  std::set<std::pair<std::string, TopicId>> seen;
  for (const auto& one : *asked.topics) {
    if (!seen.emplace(one.name.value_or(""), one.topic_id).second) continue;
    const auto topic = rightly ? FindOrCreate(broker, one, may_create)
                               : Error(ErrorCode::kInvalidRequest, "topics go by their names");
    if (topic.ok()) {
      topics.push_back(Describe(**topic, broker.options().node_id));
      continue;
    }
    const bool nullable = version >= 12;
    topics.push_back({.error_code = CodeOf(topic.status()),
                      .name = one.name.has_value() || nullable ? one.name : "",
                      .topic_id = one.topic_id});
  }
  return topics;
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
  const bool all = !asked->topics.has_value() || (request.version() == 0 && asked->topics->empty());
  if (all) {
    for (const std::shared_ptr<Topic>& topic : broker.engine().topics().All())
      response.topics.push_back(Describe(*topic, options.node_id));
  } else {
    response.topics = DescribeAsked(broker, *asked, request.version());
  }
  if (asked->include_topic_authorized_operations) {
    for (DescribedTopic& topic : response.topics) topic.topic_authorized_operations = kTopicOperations;
  }
  if (asked->include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  request.Respond(response);
}

}  // namespace millrace::inline v0
