// OffsetForLeaderEpoch (key 23): where a leader epoch ended, for clients that look whether what they read is
// still so (KIP-320). Versions 2 to 4.
//
// There has been one epoch, 0, unless a replicator counts others; that of now ends where the log does. An
// epoch that has not been is answered with -1 and -1.

#include "base/return_if_error.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/offset_for_leader_epoch.h"

namespace millrace::inline v0 {
namespace {

absl::Status AnswerEpochEnd(BrokerImpl& broker, const std::string& topic,
                            const wire::OffsetForLeaderEpochRequest::Partition& asked,
                            wire::OffsetForLeaderEpochResponse::Partition* answer) {
  if (topic.empty()) return Error(ErrorCode::kUnknownTopicOrPartition, "there is no topic without a name");
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition,
                            FindPartition(broker, topic, {}, asked.partition));
  MILLRACE_RETURN_IF_ERROR(CheckLeaderEpoch(asked.current_leader_epoch));
  MILLRACE_ASSIGN_OR_RETURN(Log * log, partition->OpenLog());
  const EpochEnd end = FindEpochEnd(*log, asked.leader_epoch);
  answer->leader_epoch = end.epoch;
  answer->end_offset = end.end_offset;
  return absl::OkStatus();
}

}  // namespace

void HandleOffsetForLeaderEpoch(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::OffsetForLeaderEpochRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::OffsetForLeaderEpochResponse response;
  for (const auto& topic : asked->topics) {
    auto& answers = response.topics.emplace_back();
    answers.topic = topic.topic;
    for (const auto& one : topic.partitions) {
      wire::OffsetForLeaderEpochResponse::Partition answer{.partition = one.partition};
      answer.error_code = CodeOf(AnswerEpochEnd(broker, topic.topic, one, &answer));
      answers.partitions.push_back(answer);
    }
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
