// AdminImpl: the engine's Admin.

#ifndef MILLRACE_ENGINE_ADMIN_IMPL_H_
#define MILLRACE_ENGINE_ADMIN_IMPL_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/engine_impl.h"
#include "millrace/admin.h"

namespace millrace::inline v0 {

// Thread-safe; has no state of its own.
// What a broker keeps in the engine's directory of its own: settings that were changed while it ran. It is
// replaced as a whole, so it can be copied at any time.
inline constexpr std::string_view kBrokerConfigsFileName = "millrace.configs";

class AdminImpl final : public Admin {
 public:
  explicit AdminImpl(EngineImpl* engine) : engine_(engine) {}

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

  // --- For the broker: the same, or with `validate_only` what would come of it, while nothing changes (ids
  // are zeros then).
  std::vector<absl::StatusOr<TopicId>> CreateTopics(const std::vector<CreateTopicRequest>& topics,
                                                    bool validate_only);
  absl::Status AddPartitions(std::string_view name, int32_t partitions, bool validate_only);

 private:
  absl::StatusOr<TopicDescription> Describe(Topic& topic);
  // The log of a partition, opened.
  struct Opened {
    std::shared_ptr<Partition> partition = nullptr;
    Log* log = nullptr;
  };
  absl::StatusOr<Opened> Open(const TopicPartition& partition);
  absl::Status CopyTo(std::string_view directory);

  EngineImpl* const engine_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_ADMIN_IMPL_H_
