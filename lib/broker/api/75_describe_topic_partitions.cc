// DescribeTopicPartitions (key 75): topics and their partitions, a page at a time (KIP-966). Version 0.
//
// No topics: all. They come by name; at most 2000 partitions or response_partition_limit, whichever is less,
// and a cursor to where it goes on. Topics before the request's cursor are passed over.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/describe_topic_partitions.h"

namespace millrace::inline v0 {
namespace {

constexpr int32_t kPartitionsMax = 2000;

using TopicPage = wire::DescribeTopicPartitionsResponse::Topic;

// Up to `room` partitions from `first` on; returns the partition after them.
int32_t AddPage(const Topic& topic, int32_t first, int32_t room, int32_t node_id, TopicPage* page) {
  page->topic_id = topic.id();
  page->is_internal = topic.internal();
  const int32_t left = std::max(0, topic.partition_count() - first);
  const int32_t end = first + std::min(left, room);
  for (int32_t i = first; i < end; ++i) {
    page->partitions.push_back({.partition_index = i,
                                .leader_id = node_id,
                                .leader_epoch = kLeaderEpoch,
                                .replica_nodes = {node_id},
                                .isr_nodes = {node_id},
                                .eligible_leader_replicas = std::vector<int32_t>(),
                                .last_known_elr = std::vector<int32_t>()});
  }
  return end;
}

wire::DescribeTopicPartitionsResponse DescribePages(BrokerImpl& broker, const std::set<std::string>& names,
                                                    const wire::DescribeTopicPartitionsRequest& asked) {
  wire::DescribeTopicPartitionsResponse response;
  int32_t room = std::clamp(asked.response_partition_limit, 1, kPartitionsMax);
  for (const std::string& name : names) {
    if (asked.cursor.has_value() && name < asked.cursor->topic_name) continue;
    if (room == 0) {
      response.next_cursor = {.topic_name = name, .partition_index = 0};
      break;
    }
    const bool continued = asked.cursor.has_value() && name == asked.cursor->topic_name;
    const int32_t first = continued ? asked.cursor->partition_index : 0;
    TopicPage& page = response.topics.emplace_back();
    page.name = name;
    page.topic_authorized_operations = kTopicOperations;
    const std::shared_ptr<Topic> topic = broker.engine().topics().Find(std::string_view(name));
    if (topic == nullptr) {
      const absl::Status valid = ValidateTopicName(name);
      page.error_code = valid.ok() ? CodeOf(ErrorCode::kUnknownTopicOrPartition) : CodeOf(valid);
      continue;
    }
    const int32_t end = AddPage(*topic, first, room, broker.options().node_id, &page);
    room -= end - first;
    if (end < topic->partition_count()) {
      response.next_cursor = {.topic_name = name, .partition_index = end};
      break;
    }
  }
  return response;
}

}  // namespace

void HandleDescribeTopicPartitions(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DescribeTopicPartitionsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  std::set<std::string> names;
  for (const auto& topic : asked->topics) names.insert(topic.name);
  if (asked->cursor.has_value() && asked->cursor->partition_index < 0) {
    wire::DescribeTopicPartitionsResponse response;
    for (const std::string& name : names) {
      auto& page = response.topics.emplace_back();
      page.name = name;
      page.error_code = CodeOf(ErrorCode::kInvalidRequest);
    }
    return request.Respond(response);
  }
  if (names.empty()) {
    for (const std::shared_ptr<Topic>& topic : broker.engine().topics().All()) names.insert(topic->name());
  }
  request.Respond(DescribePages(broker, names, *asked));
}

}  // namespace millrace::inline v0
