// ElectLeaders (key 43): of one broker, which leads every partition already. Versions 0 to 2.
//
// ELECTION_NOT_NEEDED for each partition that is named; where all are meant (null), those that need no
// election are left out, as in Kafka: all of them. 1: the type, preferred (0) or unclean (1).

#include "base/strings.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/elect_leaders.h"

namespace millrace::inline v0 {

void HandleElectLeaders(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::ElectLeadersRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::ElectLeadersResponse response;
  if (asked->election_type != 0 && asked->election_type != 1) {
    response.error_code = CodeOf(ErrorCode::kInvalidRequest);
    return request.Respond(response);
  }
  if (!asked->topic_partitions.has_value()) return request.Respond(response);
  for (const auto& topic : *asked->topic_partitions) {
    auto& answers = response.replica_election_results.emplace_back();
    answers.topic = topic.topic;
    for (const int32_t index : topic.partitions) {
      const bool is_there = !topic.topic.empty() && FindPartition(broker, topic.topic, {}, index).ok();
      const absl::Status status =
          is_there ? Error(ErrorCode::kElectionNotNeeded, "the preferred leader leads already")
                   : Error(ErrorCode::kUnknownTopicOrPartition,
                           StrCat("there is no partition ", index, " of topic \"", topic.topic, "\""));
      answers.partition_result.push_back(
          {.partition_id = index, .error_code = CodeOf(status), .error_message = MessageOf(status)});
    }
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
