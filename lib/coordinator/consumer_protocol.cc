#include "coordinator/consumer_protocol.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/return_if_error.h"
#include "coordinator/consumer_messages.h"
#include "coordinator/topic_lists.h"
#include "millrace/status.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0 {
namespace {

using TopicPartitions = ConsumerProtocolSubscription::TopicPartitions;

template <typename T>
std::vector<std::byte> WithVersion(const T& body, int16_t version) {
  std::vector<std::byte> bytes;
  ByteWriter(&bytes).Write<int16_t>(version);
  // Topic names are bounded at 249 characters and versions are ours: nothing can be refused.
  MILLRACE_CHECK(wire::Encode(body, version, &bytes).ok());
  return bytes;
}

template <typename T>
absl::StatusOr<T> Versioned(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto version = reader.Read<int16_t>();
  if (!reader.ok() || version < 0) {
    return Error(ErrorCode::kInvalidRequest, "group member sent malformed bytes: no version ahead of them");
  }
  const auto body = bytes.subspan(2);
  if (version > kConsumerProtocolVersion)
    return wire::DecodePrefix<T>(body, kConsumerProtocolVersion, nullptr);
  // Kafka's own reader does not mind trailing bytes of known versions either.
  return wire::DecodePrefix<T>(body, version, nullptr);
}

}  // namespace

std::vector<TopicPartitions> GroupByTopic(std::span<const TopicPartition> partitions) {
  std::map<std::string, std::vector<int32_t>> by_topic;
  for (const TopicPartition& p : partitions) by_topic[p.topic].push_back(p.partition.value());
  std::vector<TopicPartitions> grouped;
  for (auto& [topic, ids] : by_topic) grouped.push_back({.topic = topic, .partitions = std::move(ids)});
  return grouped;
}

std::vector<TopicPartition> Flatten(std::span<const TopicPartitions> grouped) {
  std::vector<TopicPartition> partitions;
  for (const TopicPartitions& topic : grouped) {
    for (const int32_t id : topic.partitions) {
      partitions.push_back({.topic = topic.topic, .partition = PartitionId(id)});
    }
  }
  return partitions;
}

std::vector<std::byte> EncodeSubscription(const MemberSubscription& subscription, int16_t version) {
  MILLRACE_CHECK(version >= 0 && version <= kConsumerProtocolVersion);
  ConsumerProtocolSubscription body{.topics = subscription.topics,
                                    .user_data = subscription.user_data,
                                    .owned_partitions = GroupByTopic(subscription.owned_partitions),
                                    .generation_id = subscription.generation,
                                    .rack_id = subscription.rack_id};
  std::ranges::sort(body.topics);
  return WithVersion(body, version);
}

std::vector<std::byte> EncodeAssignment(const MemberAssignment& assignment, int16_t version) {
  MILLRACE_CHECK(version >= 0 && version <= kConsumerProtocolVersion);
  return WithVersion(ConsumerProtocolAssignment{.assigned_partitions = GroupByTopic(assignment.partitions),
                                                .user_data = assignment.user_data},
                     version);
}

absl::StatusOr<MemberSubscription> DecodeSubscription(std::span<const std::byte> bytes) {
  MILLRACE_ASSIGN_OR_RETURN(ConsumerProtocolSubscription body,
                            Versioned<ConsumerProtocolSubscription>(bytes));
  return MemberSubscription{.topics = std::move(body.topics),
                            .user_data = std::move(body.user_data),
                            .owned_partitions = Flatten(body.owned_partitions),
                            .generation = body.generation_id,
                            .rack_id = std::move(body.rack_id)};
}

absl::StatusOr<MemberAssignment> DecodeAssignment(std::span<const std::byte> bytes) {
  if (bytes.empty()) return MemberAssignment{};
  MILLRACE_ASSIGN_OR_RETURN(ConsumerProtocolAssignment body, Versioned<ConsumerProtocolAssignment>(bytes));
  return MemberAssignment{.partitions = Flatten(body.assigned_partitions),
                          .user_data = std::move(body.user_data)};
}

}  // namespace millrace::inline v0
