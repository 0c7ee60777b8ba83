#include "tools/topic_view.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/describe_topic_partitions.h"
#include "millrace/wire/messages/metadata.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {
namespace {

void SortByName(std::vector<TopicView>* topics) {
  std::sort(topics->begin(), topics->end(),
            [](const TopicView& a, const TopicView& b) { return a.name < b.name; });
  for (TopicView& topic : *topics) {
    std::sort(topic.partitions.begin(), topic.partitions.end(),
              [](const PartitionView& a, const PartitionView& b) { return a.partition < b.partition; });
  }
}

absl::Status TopicError(int16_t code, const std::string& topic) {
  if (static_cast<ErrorCode>(code) == ErrorCode::kUnknownTopicOrPartition) {
    return Error(ErrorCode::kUnknownTopicOrPartition,
                 StrCat("Topic '", topic, "' does not exist as expected"));
  }
  return AnswerStatus(code, StrCat("topic '", topic, "': ", ErrorCodeName(static_cast<ErrorCode>(code))));
}

absl::StatusOr<std::vector<TopicView>> FromMetadata(WireCaller& wire, const wire::MetadataRequest& request) {
  absl::StatusOr<wire::MetadataResponse> answer = wire.Ask<wire::MetadataResponse>(request);
  if (!answer.ok()) return answer.status();
  std::vector<TopicView> topics;
  for (wire::MetadataResponse::Topic& topic : answer->topics) {
    std::string name = topic.name.value_or("");
    if (topic.error_code != 0) return TopicError(topic.error_code, name);
    TopicView view{.name = std::move(name), .id = topic.topic_id, .internal = topic.is_internal};
    for (wire::MetadataResponse::Partition& partition : topic.partitions) {
      view.partitions.push_back({.partition = partition.partition_index,
                                 .leader = partition.leader_id,
                                 .replicas = std::move(partition.replica_nodes),
                                 .isr = std::move(partition.isr_nodes)});
    }
    topics.push_back(std::move(view));
  }
  SortByName(&topics);
  return topics;
}

// One page of DescribeTopicPartitions, added to `topics`; where the next begins.
using DescribePage = wire::DescribeTopicPartitionsResponse;
absl::Status AddPage(DescribePage& page, std::vector<TopicView>* topics) {
  for (DescribePage::Topic& topic : page.topics) {
    const std::string name = topic.name.value_or("");
    if (topic.error_code != 0) return TopicError(topic.error_code, name);
    if (topics->empty() || topics->back().name != name) {
      topics->push_back({.name = name, .id = topic.topic_id, .internal = topic.is_internal});
    }
    for (DescribePage::Partition& partition : topic.partitions) {
      topics->back().partitions.push_back({.partition = partition.partition_index,
                                           .leader = partition.leader_id,
                                           .replicas = std::move(partition.replica_nodes),
                                           .isr = std::move(partition.isr_nodes),
                                           .eligible_leaders = std::move(partition.eligible_leader_replicas),
                                           .last_known_eligible = std::move(partition.last_known_elr)});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<TopicView>> ListTopicViews(WireCaller& wire) {
  return FromMetadata(wire, {.topics = std::nullopt, .allow_auto_topic_creation = false});
}

absl::StatusOr<std::vector<TopicView>> DescribeTopicViews(WireCaller& wire,
                                                          const std::vector<std::string>& names) {
  wire::DescribeTopicPartitionsRequest request;
  for (const std::string& name : names) request.topics.push_back({.name = name});
  std::vector<TopicView> topics;
  if (names.empty()) return topics;
  for (;;) {
    absl::StatusOr<DescribePage> page = wire.Ask<DescribePage>(request);
    if (!page.ok()) {
      if (ErrorCodeOf(page.status()) != ErrorCode::kUnsupportedVersion) return page.status();
      break;  // before Kafka 3.7
    }
    if (absl::Status added = AddPage(*page, &topics); !added.ok()) return added;
    if (!page->next_cursor.has_value()) {
      SortByName(&topics);
      return topics;
    }
    request.cursor = {.topic_name = page->next_cursor->topic_name,
                      .partition_index = page->next_cursor->partition_index};
  }
  wire::MetadataRequest older{.allow_auto_topic_creation = false};
  for (const std::string& name : names) older.topics->push_back({.name = name});
  return FromMetadata(wire, older);
}

absl::StatusOr<ConfigEntries> DescribeConfigs(WireCaller& wire, ConfigResourceType type,
                                              std::string_view name, bool synonyms) {
  wire::DescribeConfigsRequest request{.include_synonyms = synonyms};
  request.resources.push_back({.resource_type = static_cast<int8_t>(type),
                               .resource_name = std::string(name),
                               .configuration_keys = std::nullopt});
  int32_t node = kAnyNode;
  if (type == ConfigResourceType::kBroker && !name.empty()) {
    absl::StatusOr<int64_t> id = ParseInt("entity-name", name, 0, INT32_MAX);
    if (!id.ok()) return id.status();
    node = static_cast<int32_t>(*id);
  }
  absl::StatusOr<wire::DescribeConfigsResponse> answer =
      wire.Ask<wire::DescribeConfigsResponse>(request, node);
  if (!answer.ok()) return answer.status();
  if (answer->results.size() != 1)
    return absl::UnavailableError("the broker's answer leaves out the settings");
  wire::DescribeConfigsResponse::Resource& result = answer->results[0];
  absl::Status status = AnswerStatus(result.error_code, result.error_message.value_or(""));
  if (!status.ok()) return status;
  std::sort(result.configs.begin(), result.configs.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return std::move(result.configs);
}

absl::StatusOr<TopicFilter> TopicFilter::Make(std::string_view expressions) {
  // As Kafka's: a comma is an alternative, quotes and blanks around the whole are dropped.
  std::string text(Trim(expressions));
  if (text.size() > 1 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0]) {
    text = text.substr(1, text.size() - 2);
  }
  std::replace(text.begin(), text.end(), ',', '|');
  std::erase(text, ' ');
  TopicFilter filter;
  try {
    filter.pattern_ = std::regex(text, std::regex::ECMAScript);
  } catch (const std::regex_error&) {
    return absl::InvalidArgumentError(ToAbsl(StrCat(expressions, " is an invalid regex.")));
  }
  return filter;
}

bool TopicFilter::Matches(const std::string& name) const {
  return std::regex_match(name, pattern_);
}

std::string JoinIds(const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) StrAppend(&text, text.empty() ? "" : ",", id);
  return text;
}

}  // namespace millrace::inline v0::tools
