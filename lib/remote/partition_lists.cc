#include "remote/partition_lists.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0::rdk {

TopicPartition NameOf(const rd_kafka_topic_partition_t& entry) {
  return {.topic = entry.topic, .partition = PartitionId(entry.partition)};
}

PartitionList ListOf(const std::vector<TopicPartition>& partitions) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition.value());
  }
  return list;
}

PartitionList ListOf(const Consumer::Offsets& offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, at] : offsets) {
    rd_kafka_topic_partition_t* const entry =
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition.value());
    entry->offset = at.offset.value();
    if (at.metadata.empty()) continue;
    // The list frees it.
    entry->metadata = std::malloc(at.metadata.size());
    if (entry->metadata == nullptr) continue;
    std::memcpy(entry->metadata, at.metadata.data(), at.metadata.size());
    entry->metadata_size = at.metadata.size();
  }
  return list;
}

std::vector<TopicPartition> NamesOf(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> names;
  names.reserve(static_cast<size_t>(list.cnt));
  for (int i = 0; i < list.cnt; ++i) names.push_back(NameOf(list.elems[i]));
  return names;
}

absl::Status StatusOf(const rd_kafka_topic_partition_list_t& list, std::string_view what) {
  for (int i = 0; i < list.cnt; ++i) {
    if (list.elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return ToStatus(list.elems[i].err, StrCat(what, " ", NameOf(list.elems[i]).ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Consumer::Offsets> OffsetsOf(const rd_kafka_topic_partition_list_t& list,
                                            std::string_view what) {
  if (absl::Status status = StatusOf(list, what); !status.ok()) return status;
  Consumer::Offsets offsets;
  for (int i = 0; i < list.cnt; ++i) {
    const rd_kafka_topic_partition_t& entry = list.elems[i];
    if (entry.offset < 0) continue;
    OffsetAndMetadata at = {.offset = Offset(entry.offset)};
    if (entry.metadata_size > 0) {
      at.metadata.assign(static_cast<const char*>(entry.metadata), entry.metadata_size);
    }
    offsets.emplace(NameOf(entry), std::move(at));
  }
  return offsets;
}

namespace {

// A leader is being made, or has just moved: Kafka's own clients ask again.
bool IsMoving(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

bool IsAnyMoving(const rd_kafka_topic_partition_list_t& list) {
  return std::any_of(list.elems, list.elems + list.cnt,
                     [](const rd_kafka_topic_partition_t& one) { return IsMoving(one.err); });
}

}  // namespace

absl::StatusOr<std::map<TopicPartition, Offset>> FindOffsets(rd_kafka_t* client,
                                                             const std::map<TopicPartition, int64_t>& times,
                                                             absl::Duration timeout) {
  std::map<TopicPartition, Offset> found;
  if (times.empty()) return found;
  const MonotonicNanos deadline = DeadlineIn(timeout);
  while (true) {
    const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(times.size())));
    for (const auto& [partition, time] : times) {
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition.value())
          ->offset = time;
    }
    const rd_kafka_resp_err_t error =
        rd_kafka_offsets_for_times(client, list.get(), ToMilliseconds(Left(deadline)));
    if ((IsMoving(error) || IsAnyMoving(*list)) && Left(deadline) > absl::ZeroDuration()) {
      WaitFor(absl::Milliseconds(20));
      continue;
    }
    constexpr std::string_view kWhat = "finding offsets of";
    if (absl::Status status = StatusOf(*list, kWhat); !status.ok()) return status;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return ToStatus(
          error, StrCat(kWhat, " ", times.begin()->first.ToString(), times.size() > 1 ? " and others" : ""));
    }
    for (int i = 0; i < list->cnt; ++i) {
      const int64_t offset = list->elems[i].offset;
      found.emplace(NameOf(list->elems[i]), offset < 0 ? kNoOffset : Offset(offset));
    }
    return found;
  }
}

absl::StatusOr<std::map<TopicPartition, Offset>> FindOffsets(rd_kafka_t* client,
                                                             const std::vector<TopicPartition>& partitions,
                                                             int64_t time, absl::Duration timeout) {
  std::map<TopicPartition, int64_t> times;
  for (const TopicPartition& partition : partitions) times.emplace(partition, time);
  return FindOffsets(client, times, timeout);
}

absl::StatusOr<Metadata> DescribeOne(rd_kafka_t* client, rd_kafka_topic_t* topic, MonotonicNanos deadline) {
  const std::string what = StrCat("asking for topic \"", std::string_view(rd_kafka_topic_name(topic)), "\"");
  while (true) {
    const struct rd_kafka_metadata* raw = nullptr;
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(client, /*all_topics=*/0, topic, &raw, ToMilliseconds(Left(deadline)));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(error, what);
    Metadata metadata(raw);
    error = raw->topic_cnt == 1 ? raw->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && raw->topics[0].partition_cnt > 0) return metadata;
    const bool being_made =
        error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!being_made || Left(deadline) <= absl::ZeroDuration()) {
      return ToStatus(being_made ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : error, what);
    }
    WaitFor(absl::Milliseconds(20));
  }
}

}  // namespace millrace::inline v0::rdk
