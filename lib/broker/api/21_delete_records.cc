// DeleteRecords (key 21): moves the start of partitions up. Versions 0 to 2.
//
// -1: everything committed. Refused for internal topics (INVALID_TOPIC_EXCEPTION) and for those that are only
// compacted (POLICY_VIOLATION).

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/delete_records.h"

namespace millrace::inline v0 {
namespace {

absl::StatusOr<Offset> DeleteBefore(BrokerImpl& broker, const TopicPartition& partition, int64_t offset) {
  if (partition.topic.empty())
    return Error(ErrorCode::kUnknownTopicOrPartition, "there is no topic without a name");
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> topic, FindTopic(broker, partition.topic, {}));
  if (topic->internal())
    return Error(ErrorCode::kInvalidTopicException, StrCat("topic \"", partition.topic, "\" is internal"));
  MILLRACE_RETURN_IF_ERROR(topic->partition(partition.partition).status());
  if (!topic->config()->cleanup_policy.remove) {
    return Error(ErrorCode::kPolicyViolation,
                 StrCat("the cleanup.policy of topic \"", partition.topic, "\" is without \"delete\""));
  }
  return broker.engine().admin().DeleteRecordsBefore(partition, Offset(offset));
}

}  // namespace

void HandleDeleteRecords(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DeleteRecordsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::DeleteRecordsResponse response;
  for (const auto& topic : asked->topics) {
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    for (const auto& one : topic.partitions) {
      const auto start = DeleteBefore(broker, {topic.name, PartitionId(one.partition_index)}, one.offset);
      answers.partitions.push_back({.partition_index = one.partition_index,
                                    .low_watermark = start.ok() ? start->value() : -1,
                                    .error_code = CodeOf(start.status())});
    }
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
