// Topics and records.

#include "remote/remote_admin.h"

#include <array>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "remote/partition_lists.h"

namespace millrace::inline v0 {
namespace {

using NewTopicObject = std::unique_ptr<rd_kafka_NewTopic_t, rdk::Deleter<rd_kafka_NewTopic_destroy>>;
using DeleteTopicObject = std::unique_ptr<rd_kafka_DeleteTopic_t, rdk::Deleter<rd_kafka_DeleteTopic_destroy>>;
using NewPartitionsObject =
    std::unique_ptr<rd_kafka_NewPartitions_t, rdk::Deleter<rd_kafka_NewPartitions_destroy>>;
using ConfigResource =
    std::unique_ptr<rd_kafka_ConfigResource_t, rdk::Deleter<rd_kafka_ConfigResource_destroy>>;
using DeleteRecordsObject =
    std::unique_ptr<rd_kafka_DeleteRecords_t, rdk::Deleter<rd_kafka_DeleteRecords_destroy>>;

std::string_view TextOr(const char* text, std::string_view otherwise = {}) {
  return text == nullptr ? otherwise : std::string_view(text);
}

absl::Status FirstError(const rd_kafka_topic_result_t** results, size_t count, std::string_view what) {
  for (size_t i = 0; i < count; ++i) {
    MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_topic_result_error(results[i]), what,
                                           TextOr(rd_kafka_topic_result_error_string(results[i]))));
  }
  return absl::OkStatus();
}

absl::Status NotOverACluster(std::string_view what) {
  return Error(
      ErrorCode::kUnsupportedVersion,
      StrCat(what, " is not to be had over a cluster: there is no such request; ask an embedded engine"));
}

bool IsInternal(std::string_view topic) {
  return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state";
}

}  // namespace

absl::StatusOr<rdk::Event> RemoteAdmin::Ask(
    rd_kafka_admin_op_t op, std::string_view what,
    const std::function<void(rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& start) {
  const rdk::AdminOptions options(rd_kafka_AdminOptions_new(client_, op));
  std::array<char, 512> why{};
  const int timeout = rdk::ToMilliseconds(std::min(options_.timeout, absl::Hours(1)));
  MILLRACE_RETURN_IF_ERROR(
      rdk::ToStatus(rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, why.data(), why.size()),
                    what, why.data()));
  if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_DELETETOPICS ||
      op == RD_KAFKA_ADMIN_OP_CREATEPARTITIONS || op == RD_KAFKA_ADMIN_OP_DELETERECORDS) {
    // Until every node knows.
    MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(
        rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout, why.data(), why.size()), what,
        why.data()));
  }
  const rdk::Queue queue(rd_kafka_queue_new(client_));
  start(options.get(), queue.get());
  // librdkafka answers at its own time-out.
  rdk::Event event(rd_kafka_queue_poll(queue.get(), timeout + 5000));
  if (event == nullptr) return Error(ErrorCode::kRequestTimedOut, StrCat(what, ": no answer came"));
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_event_error(event.get()), what,
                                         TextOr(rd_kafka_event_error_string(event.get()))));
  return event;
}

absl::StatusOr<TopicId> RemoteAdmin::CreateTopic(std::string_view name, const TopicOptions& options) {
  return std::move(CreateTopics({{.name = std::string(name), .options = options}}).front());
}

std::vector<absl::StatusOr<TopicId>> RemoteAdmin::CreateTopics(
    const std::vector<CreateTopicRequest>& topics) {
  std::vector<absl::StatusOr<TopicId>> results(topics.size(), TopicId{});
  std::vector<NewTopicObject> made;
  std::vector<rd_kafka_NewTopic_t*> asked;
  // Which of `topics` each of `asked` is.
  std::vector<size_t> indexes;
  for (size_t i = 0; i < topics.size(); ++i) {
    const TopicOptions& options = topics[i].options;
    absl::Status valid = ValidateTopicName(topics[i].name);
    if (valid.ok() && options.partitions < 1) {
      valid = Error(ErrorCode::kInvalidPartitions,
                    StrCat("topic \"", topics[i].name, "\" with ", options.partitions,
                           " partitions: there must be at least one"));
    }
    if (valid.ok()) valid = options.config.Validate();
    if (!valid.ok()) {
      results[i] = valid;
      continue;
    }
    std::array<char, 512> why{};
    // As many replicas as the cluster's default says.
    NewTopicObject topic(
        rd_kafka_NewTopic_new(topics[i].name.c_str(), options.partitions, -1, why.data(), why.size()));
    if (topic == nullptr) {
      results[i] = Error(ErrorCode::kInvalidRequest, why.data());
      continue;
    }
    for (const auto& [name, value] : options.config.Overrides()) {
      rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
    }
    asked.push_back(topic.get());
    indexes.push_back(i);
    made.push_back(std::move(topic));
  }
  if (asked.empty()) return results;
  const auto event = Ask(RD_KAFKA_ADMIN_OP_CREATETOPICS, "creating topics", [&](auto* options, auto* queue) {
    rd_kafka_CreateTopics(client_, asked.data(), asked.size(), options, queue);
  });
  size_t count = 0;
  const rd_kafka_topic_result_t** const answers =
      event.ok()
          ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count)
          : nullptr;
  for (size_t i = 0; i < indexes.size(); ++i) {
    absl::StatusOr<TopicId>& result = results[indexes[i]];
    if (!event.ok()) {
      result = event.status();
    } else if (i >= count) {
      result = Error(ErrorCode::kUnknownServerError, "the cluster said nothing of this topic");
    } else if (absl::Status status = rdk::ToStatus(rd_kafka_topic_result_error(answers[i]),
                                                   StrCat("creating topic \"", topics[indexes[i]].name, "\""),
                                                   TextOr(rd_kafka_topic_result_error_string(answers[i])));
               !status.ok()) {
      result = status;
    }
  }
  return results;
}

absl::Status RemoteAdmin::DeleteTopic(std::string_view name) {
  const std::string what = StrCat("deleting topic \"", name, "\"");
  const DeleteTopicObject topic(rd_kafka_DeleteTopic_new(std::string(name).c_str()));
  rd_kafka_DeleteTopic_t* asked[] = {topic.get()};
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_DELETETOPICS, what, [&](auto* options, auto* queue) {
                              rd_kafka_DeleteTopics(client_, asked, 1, options, queue);
                            }));
  size_t count = 0;
  const rd_kafka_topic_result_t** const answers =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  return FirstError(answers, count, what);
}

absl::Status RemoteAdmin::AddPartitions(std::string_view name, int32_t partitions) {
  const std::string what = StrCat("raising topic \"", name, "\" to ", partitions, " partitions");
  if (partitions < 1)
    return Error(ErrorCode::kInvalidPartitions, StrCat(what, ": there must be at least one"));
  std::array<char, 512> why{};
  const NewPartitionsObject more(rd_kafka_NewPartitions_new(
      std::string(name).c_str(), static_cast<size_t>(partitions), why.data(), why.size()));
  if (more == nullptr)
    return Error(ErrorCode::kInvalidPartitions, StrCat(what, ": ", std::string_view(why.data())));
  rd_kafka_NewPartitions_t* asked[] = {more.get()};
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, what, [&](auto* options, auto* queue) {
                              rd_kafka_CreatePartitions(client_, asked, 1, options, queue);
                            }));
  size_t count = 0;
  const rd_kafka_topic_result_t** const answers =
      rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event.get()), &count);
  return FirstError(answers, count, what);
}

absl::StatusOr<std::map<std::string, std::string>> RemoteAdmin::ConfigOf(std::string_view name,
                                                                         bool only_own) {
  const std::string what = StrCat("asking for the settings of topic \"", name, "\"");
  const ConfigResource resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, std::string(name).c_str()));
  rd_kafka_ConfigResource_t* asked[] = {resource.get()};
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, what, [&](auto* options, auto* queue) {
                              rd_kafka_DescribeConfigs(client_, asked, 1, options, queue);
                            }));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** const resources =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  std::map<std::string, std::string> config;
  for (size_t i = 0; i < count; ++i) {
    MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_ConfigResource_error(resources[i]), what,
                                           TextOr(rd_kafka_ConfigResource_error_string(resources[i]))));
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** const all = rd_kafka_ConfigResource_configs(resources[i], &entries);
    for (size_t k = 0; k < entries; ++k) {
      const char* const value = rd_kafka_ConfigEntry_value(all[k]);
      const bool own = rd_kafka_ConfigEntry_source(all[k]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
      if (value != nullptr && (own || !only_own)) config[rd_kafka_ConfigEntry_name(all[k])] = value;
    }
  }
  return config;
}

absl::Status RemoteAdmin::AlterTopicConfig(std::string_view name, const std::vector<ConfigChange>& changes) {
  const std::string what = StrCat("changing settings of topic \"", name, "\"");
  // The request sets all of a topic's settings, so those that are to stay are sent along.
  MILLRACE_ASSIGN_OR_RETURN(auto config, ConfigOf(name, /*only_own=*/true));
  for (const ConfigChange& change : changes) {
    if (change.value.has_value()) {
      config[change.name] = *change.value;
    } else {
      config.erase(change.name);
    }
  }
  const ConfigResource resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, std::string(name).c_str()));
  for (const auto& [key, value] : config) {
    MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(
        rd_kafka_ConfigResource_set_config(resource.get(), key.c_str(), value.c_str()), what, key));
  }
  rd_kafka_ConfigResource_t* asked[] = {resource.get()};
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_ALTERCONFIGS, what, [&](auto* options, auto* queue) {
                              rd_kafka_AlterConfigs(client_, asked, 1, options, queue);
                            }));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** const resources =
      rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_ConfigResource_error(resources[i]), what,
                                           TextOr(rd_kafka_ConfigResource_error_string(resources[i]))));
  }
  return absl::OkStatus();
}

std::vector<std::string> RemoteAdmin::ListTopics(bool with_internal) {
  std::vector<std::string> names;
  const struct rd_kafka_metadata* raw = nullptr;
  if (rd_kafka_metadata(client_, /*all_topics=*/1, nullptr, &raw, rdk::ToMilliseconds(options_.timeout)) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return names;
  }
  const rdk::Metadata metadata(raw);
  for (int i = 0; i < raw->topic_cnt; ++i) {
    if (with_internal || !IsInternal(raw->topics[i].topic)) names.emplace_back(raw->topics[i].topic);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<rdk::Metadata> RemoteAdmin::MetadataOf(std::string_view name) {
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(name));
  // Of all topics: asking for one by name may create it.
  const struct rd_kafka_metadata* raw = nullptr;
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(
      rd_kafka_metadata(client_, /*all_topics=*/1, nullptr, &raw, rdk::ToMilliseconds(options_.timeout)),
      StrCat("asking for topic \"", name, "\"")));
  return rdk::Metadata(raw);
}

absl::StatusOr<TopicDescription> RemoteAdmin::DescribeTopic(std::string_view name) {
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Metadata metadata, MetadataOf(name));
  const rd_kafka_metadata_topic_t* topic = nullptr;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    if (metadata->topics[i].topic == name) topic = &metadata->topics[i];
  }
  if (topic == nullptr) {
    return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("the cluster has no topic \"", name, "\""));
  }
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(topic->err, StrCat("asking for topic \"", name, "\"")));
  TopicDescription description = {.name = std::string(name), .internal = IsInternal(name)};
  MILLRACE_ASSIGN_OR_RETURN(const auto config, ConfigOf(name, /*only_own=*/false));
  for (const auto& [key, value] : config) {
    description.config.Set(key, value).IgnoreError();  // what this library does not know stays out
  }
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < topic->partition_cnt; ++i) {
    partitions.push_back({.topic = std::string(name), .partition = PartitionId(topic->partitions[i].id)});
  }
  std::sort(partitions.begin(), partitions.end());
  MILLRACE_ASSIGN_OR_RETURN(const auto begin,
                            rdk::FindOffsets(client_, partitions, rdk::kEarliestTime, options_.timeout));
  MILLRACE_ASSIGN_OR_RETURN(const auto end,
                            rdk::FindOffsets(client_, partitions, rdk::kLatestTime, options_.timeout));
  for (const TopicPartition& partition : partitions) {
    description.partitions.push_back({.partition = partition.partition,
                                      .log_start_offset = begin.at(partition),
                                      .high_watermark = end.at(partition),
                                      .log_end_offset = end.at(partition),
                                      .size_bytes = -1});
  }
  return description;
}

absl::StatusOr<TopicDescription> RemoteAdmin::DescribeTopic(TopicId id) {
  return NotOverACluster(StrCat("the topic of id ", id.ToString()));
}

absl::StatusOr<Offset> RemoteAdmin::DeleteRecordsBefore(const TopicPartition& partition, Offset before) {
  const std::string what = StrCat("deleting records of ", partition.ToString());
  const rdk::PartitionList list = rdk::ListOf(std::vector<TopicPartition>{partition});
  list->elems[0].offset = before == kNoOffset ? RD_KAFKA_OFFSET_END : before.value();
  const DeleteRecordsObject request(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* asked[] = {request.get()};
  MILLRACE_ASSIGN_OR_RETURN(const rdk::Event event,
                            Ask(RD_KAFKA_ADMIN_OP_DELETERECORDS, what, [&](auto* options, auto* queue) {
                              rd_kafka_DeleteRecords(client_, asked, 1, options, queue);
                            }));
  const rd_kafka_topic_partition_list_t* const answer =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  MILLRACE_RETURN_IF_ERROR(rdk::StatusOf(*answer, "deleting records of"));
  if (answer->cnt != 1) return Error(ErrorCode::kUnknownServerError, StrCat(what, ": no answer"));
  return Offset(answer->elems[0].offset);
}

absl::StatusOr<Offset> RemoteAdmin::BeginningOffset(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, rdk::FindOffsets(client_, std::vector{partition},
                                                                 rdk::kEarliestTime, options_.timeout));
  return offsets.begin()->second;
}

absl::StatusOr<Offset> RemoteAdmin::EndOffset(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, rdk::FindOffsets(client_, std::vector{partition},
                                                                 rdk::kLatestTime, options_.timeout));
  return offsets.begin()->second;
}

absl::StatusOr<std::optional<Log::TimestampOffset>> RemoteAdmin::OffsetForTime(
    const TopicPartition& partition, Timestamp timestamp) {
  if (timestamp < Timestamp(0)) {
    return Error(ErrorCode::kInvalidTimestamp,
                 StrCat("asked for ", partition.ToString(), " at the time ", timestamp));
  }
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, rdk::FindOffsets(client_, std::vector{partition},
                                                                 timestamp.value(), options_.timeout));
  const Offset offset = offsets.begin()->second;
  if (offset == kNoOffset) return std::optional<Log::TimestampOffset>();
  return Log::TimestampOffset{.timestamp = timestamp, .offset = offset};
}

absl::Status RemoteAdmin::FlushTopic(std::string_view name) {
  return NotOverACluster(StrCat("flushing topic \"", name, "\""));
}

absl::StatusOr<std::map<TopicPartition, std::vector<DamagedRange>>> RemoteAdmin::Verify() {
  return NotOverACluster("verifying the logs");
}

absl::Status RemoteAdmin::ClearFenced(const TopicPartition& partition, DamagedRange range) {
  (void)range;
  return NotOverACluster(StrCat("clearing a damaged range of ", partition.ToString()));
}

absl::StatusOr<RecoveryReport> RemoteAdmin::Revive(const TopicPartition& partition) {
  return NotOverACluster(StrCat("reviving ", partition.ToString()));
}

absl::Status RemoteAdmin::Checkpoint(std::string_view directory) {
  return NotOverACluster(StrCat("a checkpoint in ", directory));
}

}  // namespace millrace::inline v0
