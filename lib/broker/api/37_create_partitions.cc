// CreatePartitions (key 37): a topic gets more partitions, never fewer. Versions 0 to 3.
//
// `count` is what there will be. Assignments, where given, are one for each partition that is added, on this
// broker. A name twice in one request is INVALID_REQUEST. `validate_only` changes nothing.

#include <map>
#include <string>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "engine/admin_impl.h"
#include "millrace/wire/messages/create_partitions.h"

namespace millrace::inline v0 {
namespace {

absl::Status AddTo(BrokerImpl& broker, const wire::CreatePartitionsRequest::Topic& asked,
                   bool validate_only) {
  if (asked.name.empty())
    return Error(ErrorCode::kUnknownTopicOrPartition, "there is no topic without a name");
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> topic, FindTopic(broker, asked.name, {}));
  const int32_t count = topic->partition_count();
  if (asked.assignments.has_value() && asked.count > count) {
    const auto added = static_cast<size_t>(asked.count - count);
    if (asked.assignments->size() != added) {
      return Error(ErrorCode::kInvalidReplicaAssignment,
                   StrCat(added, " partitions are added, and ", asked.assignments->size(), " assigned"));
    }
    for (const auto& one : *asked.assignments)
      MILLRACE_RETURN_IF_ERROR(CheckReplicas(one.broker_ids, broker.options().node_id));
  }
  return broker.engine().admin_impl().AddPartitions(asked.name, asked.count, validate_only);
}

}  // namespace

void HandleCreatePartitions(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::CreatePartitionsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  std::map<std::string, int> counts;
  for (const auto& topic : asked->topics) ++counts[topic.name];
  wire::CreatePartitionsResponse response;
  for (const auto& topic : asked->topics) {
    int& count = counts[topic.name];
    if (count == 0) continue;
    const absl::Status status =
        count == 1 ? AddTo(broker, topic, asked->validate_only)
                   : Error(ErrorCode::kInvalidRequest, StrCat("topic \"", topic.name, "\" is there twice"));
    count = 0;
    response.results.push_back(
        {.name = topic.name, .error_code = CodeOf(status), .error_message = MessageOf(status)});
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
