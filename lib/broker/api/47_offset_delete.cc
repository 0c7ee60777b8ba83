// OffsetDelete (key 47): forgets what a group has committed of some partitions. Version 0.
//
// GROUP_SUBSCRIBED_TO_TOPIC for topics that members of the group read; NON_EMPTY_GROUP, for the whole, where
// that cannot be told.

#include <map>
#include <utility>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/offset_delete.h"

namespace millrace::inline v0 {

void HandleOffsetDelete(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::OffsetDeleteRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const absl::StatusOr<GroupService*> groups = broker.engine().Groups();
  absl::Status status = groups.status();
  if (asked->group_id.empty()) status = Error(ErrorCode::kInvalidGroupId, "a group has a name");
  if (!status.ok()) return request.Respond(wire::OffsetDeleteResponse{.error_code = CodeOf(status)});
  OffsetDeleteRequest deletion{.group = asked->group_id};
  std::map<TopicPartition, int16_t> codes;
  for (const auto& topic : asked->topics) {
    for (const auto& one : topic.partitions) {
      const TopicPartition name{topic.name, PartitionId(one.partition_index)};
      const bool is_there =
          !topic.name.empty() && FindPartition(broker, topic.name, {}, one.partition_index).ok();
      codes[name] = CodeOf(is_there ? ErrorCode::kNone : ErrorCode::kUnknownTopicOrPartition);
      if (is_there) deletion.partitions.push_back(name);
    }
  }
  (*groups)->DeleteOffsets(
      std::move(deletion), [request = std::move(request), asked = *std::move(asked),
                            codes = std::move(codes)](const OffsetDeleteResponse& from) mutable {
        wire::OffsetDeleteResponse response{.error_code = CodeOf(from.result.error)};
        if (!from.result.ok()) return request.Respond(response);
        for (const PartitionResult& one : from.partitions) codes[one.partition] = CodeOf(one.result.error);
        for (const auto& topic : asked.topics) {
          auto& answers = response.topics.emplace_back();
          answers.name = topic.name;
          for (const auto& one : topic.partitions)
            answers.partitions.push_back(
                {one.partition_index, codes[{topic.name, PartitionId(one.partition_index)}]});
        }
        request.Respond(response);
      });
}

}  // namespace millrace::inline v0
