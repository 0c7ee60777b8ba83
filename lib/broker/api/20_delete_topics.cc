// DeleteTopics (key 20): topics go, with their records and what groups have committed of them. Versions 1
// to 6.
//
// By name; from 6 on by name or id, never both for one topic. A topic that is named twice is INVALID_REQUEST,
// and stays. The topic that holds all groups' offsets cannot be deleted (in Kafka it can, and they are lost).
// Files go one by one, so it is done on the engine's executor, not on the event loop.

#include <map>
#include <string>
#include <utility>

#include "base/strings.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/delete_topics.h"

namespace millrace::inline v0 {
namespace {

using TopicToDelete = wire::DeleteTopicsRequest::Topic;

absl::Status DeleteFound(BrokerImpl& broker, const Topic& topic) {
  absl::Status status = broker.engine().admin().DeleteTopic(topic.name());
  // Gone, though offsets of some groups may be left: they expire.
  return topic.deleted() ? absl::OkStatus() : status;
}

absl::StatusOr<std::shared_ptr<Topic>> FindToDelete(BrokerImpl& broker, const TopicToDelete& asked) {
  if (asked.name.has_value() == !asked.topic_id.IsZero()) {
    return Error(ErrorCode::kInvalidRequest, "a topic is deleted by its name or by its id, one of the two");
  }
  if (asked.name.has_value() && asked.name->empty())
    return Error(ErrorCode::kUnknownTopicOrPartition, "there is no topic without a name");
  return FindTopic(broker, asked.name.value_or(""), asked.topic_id);
}

wire::DeleteTopicsResponse DeleteAll(BrokerImpl& broker, wire::DeleteTopicsRequest* asked) {
  for (const std::string& name : asked->topic_names) asked->topics.push_back({.name = name});
  // Each topic once, however it is called; what is not there counts by what it was called.
  std::vector<absl::StatusOr<std::shared_ptr<Topic>>> found;
  std::map<TopicId, int> times;
  std::map<std::pair<std::string, TopicId>, int> calls;
  for (const TopicToDelete& topic : asked->topics) {
    found.push_back(FindToDelete(broker, topic));
    if (found.back().ok()) ++times[(**found.back()).id()];
    ++calls[{topic.name.value_or(""), topic.topic_id}];
  }
  wire::DeleteTopicsResponse response;
  for (size_t i = 0; i < found.size(); ++i) {
    const TopicToDelete& topic = asked->topics[i];
    int& call = calls[{topic.name.value_or(""), topic.topic_id}];
    if (call == 0) continue;
    absl::Status status = found[i].status();
    if (call > 1 || (status.ok() && times[(**found[i]).id()] > 1)) {
      status = Error(ErrorCode::kInvalidRequest, "the topic is there twice");
    } else if (status.ok()) {
      status = DeleteFound(broker, **found[i]);
    }
    call = 0;
    auto& answer = response.responses.emplace_back();
    answer.name = topic.name;
    answer.topic_id = topic.topic_id;
    if (status.ok()) {
      answer.name = (**found[i]).name();
      answer.topic_id = (**found[i]).id();
    }
    answer.error_code = CodeOf(status);
    answer.error_message = MessageOf(status);
  }
  return response;
}

}  // namespace

void HandleDeleteTopics(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::DeleteTopicsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  broker.Post([&broker, asked = *std::move(asked), request = std::move(request)]() mutable {
    request.Respond(DeleteAll(broker, &asked));
  });
}

}  // namespace millrace::inline v0
