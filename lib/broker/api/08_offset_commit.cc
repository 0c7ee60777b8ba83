// OffsetCommit (key 8): keeps how far a group has read. Versions 2 to 10.
//
// 6: leader epochs. 7: static members (KIP-345). 9: members of the consumer protocol, in their epoch
// (KIP-848). 10: topics by id (KIP-848). A retention time of its own (2 to 4) is not kept: the broker's
// counts, as in Kafka since 2.1 for clients that send -1. Offsets of partitions that are not there are
// refused one by one.

#include <map>
#include <utility>
#include <vector>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/offset_commit.h"

namespace millrace::inline v0 {
namespace {

using Message = wire::OffsetCommitRequest;

// Makes the answer of what the coordinator said of the partitions that were there.
wire::OffsetCommitResponse ToWire(const Message& asked, const std::vector<std::vector<absl::Status>>& refused,
                                  const OffsetCommitResponse& from) {
  wire::OffsetCommitResponse response;
  auto next = from.partitions.begin();
  for (size_t t = 0; t < asked.topics.size(); ++t) {
    const Message::Topic& topic = asked.topics[t];
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    for (size_t p = 0; p < topic.partitions.size(); ++p) {
      const absl::Status& status = refused[t][p];
      const int16_t code = status.ok() ? CodeOf((next++)->result.error) : CodeOf(status);
      answers.partitions.push_back(
          {.partition_index = topic.partitions[p].partition_index, .error_code = code});
    }
  }
  return response;
}

}  // namespace

void HandleOffsetCommit(BrokerImpl& broker, Request request) {
  auto decoded = request.Decode<Message>();
  if (!decoded.ok()) return request.Refuse(decoded.status());
  Message asked = *std::move(decoded);
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  OffsetCommitRequest commit{.group = asked.group_id,
                             .generation = asked.generation_id_or_member_epoch,
                             .member_id = asked.member_id,
                             .group_instance_id = asked.group_instance_id,
                             .knows_member_epochs = request.version() >= 9};
  // In the shape of the request; OK goes to the coordinator.
  std::vector<std::vector<absl::Status>> refused;
  for (const Message::Topic& topic : asked.topics) {
    const auto found = FindTopic(broker, topic.name, topic.topic_id);
    auto& here = refused.emplace_back();
    for (const Message::Partition& one : topic.partitions) {
      absl::Status& status = here.emplace_back(groups.ok() ? found.status() : groups.status());
      if (!status.ok()) continue;
      if (one.partition_index < 0 || one.partition_index >= (*found)->partition_count()) {
        status = Error(ErrorCode::kUnknownTopicOrPartition, "no such partition");
        continue;
      }
      commit.offsets.push_back({.partition = {(*found)->name(), PartitionId(one.partition_index)},
                                .offset = one.committed_offset,
                                .leader_epoch = one.committed_leader_epoch,
                                .metadata = one.committed_metadata.value_or("")});
    }
  }
  if (commit.offsets.empty()) return request.Respond(ToWire(asked, refused, {}));
  (*groups)->CommitOffsets(std::move(commit),
                           [request = std::move(request), asked = std::move(asked),
                            refused = std::move(refused)](const OffsetCommitResponse& response) mutable {
                             request.Respond(ToWire(asked, refused, response));
                           });
}

}  // namespace millrace::inline v0
