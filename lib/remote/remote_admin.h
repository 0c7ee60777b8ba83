// RemoteAdmin: an Admin over a cluster.

#ifndef MILLRACE_REMOTE_REMOTE_ADMIN_H_
#define MILLRACE_REMOTE_REMOTE_ADMIN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/remote.h"
#include "remote/rdkafka_handles.h"

namespace millrace::inline v0 {

class RemoteAdmin final : public Admin {
 public:
  // Both are borrowed.
  RemoteAdmin(rd_kafka_t* client, const RemoteOptions* options) : client_(client), options_(*options) {}

  absl::StatusOr<TopicId> CreateTopic(std::string_view name, const TopicOptions& options) override;
  std::vector<absl::StatusOr<TopicId>> CreateTopics(const std::vector<CreateTopicRequest>& topics) override;
  absl::Status DeleteTopic(std::string_view name) override;
  absl::Status AddPartitions(std::string_view name, int32_t partitions) override;
  absl::Status AlterTopicConfig(std::string_view name, const std::vector<ConfigChange>& changes) override;
  std::vector<std::string> ListTopics(bool with_internal) override;
  absl::StatusOr<TopicDescription> DescribeTopic(std::string_view name) override;
  absl::StatusOr<TopicDescription> DescribeTopic(TopicId id) override;

  absl::StatusOr<Offset> DeleteRecordsBefore(const TopicPartition& partition, Offset before) override;
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition) override;
  absl::StatusOr<Offset> EndOffset(const TopicPartition& partition) override;
  absl::StatusOr<std::optional<Log::TimestampOffset>> OffsetForTime(const TopicPartition& partition,
                                                                    Timestamp timestamp) override;
  absl::Status FlushTopic(std::string_view name) override;

  absl::StatusOr<std::vector<GroupListing>> ListGroups() override;
  absl::StatusOr<GroupDescription> DescribeGroup(std::string_view group) override;
  absl::StatusOr<Consumer::Offsets> ListGroupOffsets(std::string_view group) override;
  absl::Status AlterGroupOffsets(std::string_view group, const Consumer::Offsets& offsets) override;
  absl::Status DeleteGroupOffsets(std::string_view group, const std::vector<TopicPartition>& of) override;
  absl::Status DeleteGroup(std::string_view group) override;

  absl::StatusOr<std::map<TopicPartition, std::vector<DamagedRange>>> Verify() override;
  absl::Status ClearFenced(const TopicPartition& partition, DamagedRange range) override;
  absl::StatusOr<RecoveryReport> Revive(const TopicPartition& partition) override;
  absl::Status Checkpoint(std::string_view directory) override;

  // The topic as the cluster's nodes hold it.
  absl::StatusOr<rdk::Metadata> MetadataOf(std::string_view name);

 private:
  // Whose value differs from the default for this topic alone, or all.
  absl::StatusOr<std::map<std::string, std::string>> ConfigOf(std::string_view name, bool only_own);
  // Starts a request and waits for its result.
  absl::StatusOr<rdk::Event> Ask(
      rd_kafka_admin_op_t op, std::string_view what,
      const std::function<void(rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& start);

  rd_kafka_t* const client_;
  const RemoteOptions& options_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_REMOTE_ADMIN_H_
