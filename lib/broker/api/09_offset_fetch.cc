// OffsetFetch (key 9): how far groups have read. Versions 1 to 10.
//
// 2: all topics by null, and an error of the group as a whole (in 1 each partition bears it). 7: stable
// offsets alone (KIP-447; without transactions all are). 8: several groups (KIP-709). 9: the member's epoch,
// in groups of the consumer protocol (KIP-848). 10: topics by id.

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/offset_fetch.h"

namespace millrace::inline v0 {
namespace {

using Fetched = wire::OffsetFetchResponse;
using AskedGroup = wire::OffsetFetchRequest::Group;

// One request; its answer is complete when its last group's is.
struct FetchingOffsets {
  FetchingOffsets(Request from, wire::OffsetFetchRequest message)
      : request(std::move(from)), asked(std::move(message)) {}

  void Done() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    Fetched response;
    if (request.version() >= 8) {
      response.groups = std::move(groups);
      return request.Respond(response);
    }
    // The one group, in the words of older versions.
    const Fetched::Group& group = groups.front();
    if (request.version() >= 2) response.error_code = group.error_code;
    if (request.version() < 2 && group.error_code != 0) {
      FailPartitions(group.error_code, &response);
      return request.Respond(response);
    }
    for (const auto& topic : group.topics) {
      auto& legacy = response.topics.emplace_back();
      legacy.name = topic.name;
      for (const auto& one : topic.partitions) {
        legacy.partitions.push_back({.partition_index = one.partition_index,
                                     .committed_offset = one.committed_offset,
                                     .committed_leader_epoch = one.committed_leader_epoch,
                                     .metadata = one.metadata,
                                     .error_code = one.error_code});
      }
    }
    request.Respond(response);
  }

  void FailPartitions(int16_t code, Fetched* response) const {
    for (const auto& topic : asked.topics.value_or(std::vector<wire::OffsetFetchRequest::LegacyTopic>())) {
      auto& answers = response->topics.emplace_back();
      answers.name = topic.name;
      for (const int32_t index : topic.partition_indexes)
        answers.partitions.push_back({.partition_index = index, .committed_offset = -1, .error_code = code});
    }
  }

  Request request;
  const wire::OffsetFetchRequest asked;
  std::vector<Fetched::Group> groups;
  std::atomic<size_t> left = 0;
};

std::vector<AskedGroup> GroupsOf(const wire::OffsetFetchRequest& asked, int16_t version) {
  if (version >= 8) return asked.groups;
  AskedGroup group{.group_id = asked.group_id, .topics = std::nullopt};
  if (asked.topics.has_value()) {
    group.topics.emplace();
    for (const auto& topic : *asked.topics)
      group.topics->push_back({.name = topic.name, .partition_indexes = topic.partition_indexes});
  }
  return {std::move(group)};
}

// The partitions that are asked for by id or name; what is not there is answered at once.
std::optional<std::vector<TopicPartition>> PartitionsOf(BrokerImpl& broker, const AskedGroup& group,
                                                        Fetched::Group* answer) {
  if (!group.topics.has_value()) return std::nullopt;
  std::vector<TopicPartition> partitions;
  for (const auto& topic : *group.topics) {
    std::string name = topic.name;
    if (name.empty()) {
      const auto found = FindTopic(broker, "", topic.topic_id);
      if (!found.ok()) {
        auto& unknown = answer->topics.emplace_back();
        unknown.topic_id = topic.topic_id;
        for (const int32_t index : topic.partition_indexes)
          unknown.partitions.push_back(
              {.partition_index = index, .committed_offset = -1, .error_code = CodeOf(found.status())});
        continue;
      }
      name = (*found)->name();
    }
    for (const int32_t index : topic.partition_indexes) partitions.push_back({name, PartitionId(index)});
  }
  return partitions;
}

void Fill(EngineImpl& engine, const OffsetFetchResponse& from, Fetched::Group* answer) {
  answer->error_code = CodeOf(from.result.error);
  std::map<std::string, Fetched::Topic> topics;
  for (const auto& entry : from.offsets) {
    auto& topic = topics[entry.offset.partition.topic];
    topic.partitions.push_back({.partition_index = entry.offset.partition.partition.value(),
                                .committed_offset = entry.offset.offset,
                                .committed_leader_epoch = entry.offset.leader_epoch,
                                .metadata = entry.offset.metadata,
                                .error_code = CodeOf(entry.result.error)});
  }
  for (auto& [name, topic] : topics) {
    topic.name = name;
    if (const auto found = engine.topics().Find(std::string_view(name)); found != nullptr)
      topic.topic_id = found->id();
    answer->topics.push_back(std::move(topic));
  }
}

}  // namespace

void HandleOffsetFetch(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::OffsetFetchRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const std::vector<AskedGroup> groups = GroupsOf(*asked, request.version());
  const auto work = std::make_shared<FetchingOffsets>(std::move(request), *std::move(asked));
  work->groups.resize(groups.size());
  work->left = groups.size() + 1;
  EngineImpl& engine = broker.engine();
  const absl::StatusOr<GroupService*> service = engine.Groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    Fetched::Group* const answer = &work->groups[i];
    answer->group_id = groups[i].group_id;
    if (!service.ok()) {
      answer->error_code = CodeOf(service.status());
      work->Done();
      continue;
    }
    OffsetFetchRequest fetch{.group = groups[i].group_id,
                             .partitions = PartitionsOf(broker, groups[i], answer),
                             .require_stable = work->asked.require_stable,
                             .member_id = groups[i].member_id,
                             .member_epoch = groups[i].member_epoch};
    (*service)->FetchOffsets(std::move(fetch), [&engine, work, answer](const OffsetFetchResponse& response) {
      Fill(engine, response, answer);
      work->Done();
    });
  }
  work->Done();
}

}  // namespace millrace::inline v0
