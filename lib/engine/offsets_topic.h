// OffsetsTopic: __consumer_offsets, as the group service writes and reads it.

#ifndef MILLRACE_ENGINE_OFFSETS_TOPIC_H_
#define MILLRACE_ENGINE_OFFSETS_TOPIC_H_

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "coordinator/group_service.h"
#include "millrace/topic.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {

inline constexpr std::string_view kOffsetsTopicName = "__consumer_offsets";

// As Kafka's broker makes it, with the engine's durability.
TopicConfig OffsetsTopicConfig(Durability durability);

// Thread-safe.
class OffsetsTopic final : public OffsetsStore {
 public:
  explicit OffsetsTopic(std::shared_ptr<Topic> topic) : topic_(std::move(topic)) {}

  int32_t partitions() const { return topic_->partition_count(); }

  void Append(int32_t partition, std::span<const CoordinatorRecord> records, Timestamp timestamp,
              absl::AnyInvocable<void(absl::Status)> done) override;
  // Replays every partition into `service`. Damaged stretches are passed over and reported to `logger`: what
  // they held is lost, the rest is not.
  absl::Status Load(GroupService* service, Logger* logger);

 private:
  absl::Status LoadPartition(GroupService* service, int32_t partition, Logger* logger);

  const std::shared_ptr<Topic> topic_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_OFFSETS_TOPIC_H_
