// Lists of partitions and offsets, there and back; and the one request that finds offsets.

#ifndef MILLRACE_REMOTE_PARTITION_LISTS_H_
#define MILLRACE_REMOTE_PARTITION_LISTS_H_

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace/consumer.h"
#include "millrace/types.h"
#include "remote/rdkafka_handles.h"

namespace millrace::inline v0::rdk {

// What ListOffsets takes in the place of a time.
inline constexpr int64_t kLatestTime = -1;
inline constexpr int64_t kEarliestTime = -2;

TopicPartition NameOf(const rd_kafka_topic_partition_t& entry);
PartitionList ListOf(const std::vector<TopicPartition>& partitions);
// With offsets and metadata.
PartitionList ListOf(const Consumer::Offsets& offsets);
std::vector<TopicPartition> NamesOf(const rd_kafka_topic_partition_list_t& list);
// Those that have an offset. The first entry with an error is the status.
absl::StatusOr<Consumer::Offsets> OffsetsOf(const rd_kafka_topic_partition_list_t& list,
                                            std::string_view what);
// The first entry's error, if any has one.
absl::Status StatusOf(const rd_kafka_topic_partition_list_t& list, std::string_view what);

// For each partition the offset of the first record at or after its time, or at one of the two ends;
// kNoOffset where there is none.
absl::StatusOr<std::map<TopicPartition, Offset>> FindOffsets(rd_kafka_t* client,
                                                             const std::map<TopicPartition, int64_t>& times,
                                                             absl::Duration timeout);
// All of them at the same time.
absl::StatusOr<std::map<TopicPartition, Offset>> FindOffsets(rd_kafka_t* client,
                                                             const std::vector<TopicPartition>& partitions,
                                                             int64_t time, absl::Duration timeout);

// What the cluster tells of one topic. kUnknownTopicOrPartition; waits for a leader until `deadline`.
absl::StatusOr<Metadata> DescribeOne(rd_kafka_t* client, rd_kafka_topic_t* topic, MonotonicNanos deadline);

}  // namespace millrace::inline v0::rdk

#endif  // MILLRACE_REMOTE_PARTITION_LISTS_H_
