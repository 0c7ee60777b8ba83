// Admin: topics, offsets and groups from the operator's side.

#ifndef MILLRACE_ADMIN_H_
#define MILLRACE_ADMIN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/consumer.h"
#include "millrace/export.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct TopicOptions {
  int32_t partitions = 1;
  // Fields that have Kafka's default here get EngineOptions::topic_defaults'.
  TopicConfig config = {};
};

struct CreateTopicRequest {
  std::string name = {};
  TopicOptions options = {};
};

// A change of one setting: a value in Kafka's text form, or nullopt for back to the default.
struct ConfigChange {
  std::string name = {};
  std::optional<std::string> value = std::nullopt;
};

// Groups of the consumer protocol (KIP-848) are kAssigning and kReconciling where classic ones are
// kPreparingRebalance and kCompletingRebalance.
enum class GroupState : uint8_t {
  kEmpty,
  kPreparingRebalance,
  kCompletingRebalance,
  kStable,
  kDead,
  kAssigning,
  kReconciling
};
// Kafka's names: "Empty", "PreparingRebalance", ...
MILLRACE_EXPORT std::string_view GroupStateName(GroupState state);

// Which protocol the members of a group speak: the client-driven one (JoinGroup, SyncGroup), or the
// broker-driven one of KIP-848 (ConsumerGroupHeartbeat).
enum class GroupType : uint8_t { kClassic, kConsumer };
// Kafka's names: "classic", "consumer".
MILLRACE_EXPORT std::string_view GroupTypeName(GroupType type);

// Whether a group of classic consumers becomes one of the consumer protocol when a member of that joins, and
// one whose last member of that leaves becomes classic again.
enum class GroupMigrationPolicy : uint8_t { kDisabled, kUpgrade, kDowngrade, kBidirectional };

struct GroupListing {
  std::string group = {};
  std::string protocol_type = {};
  GroupState state = GroupState::kEmpty;
  GroupType type = GroupType::kClassic;
};

struct GroupMemberDescription {
  std::string member_id = {};
  std::string group_instance_id = {};
  std::string client_id = {};
  std::string client_host = {};
  std::vector<TopicPartition> assignment = {};
};

struct GroupDescription {
  std::string group = {};
  GroupState state = GroupState::kDead;
  GroupType type = GroupType::kClassic;
  std::string protocol_type = {};
  // The assignor in use.
  std::string protocol = {};
  GenerationId generation{-1};
  std::vector<GroupMemberDescription> members = {};
};

// Thread-safe. Lives as long as its engine, or cluster. What calls have changed survives on return what
// `EngineOptions::registry_durability` says. A closed engine answers kFailedPrecondition, and so does a
// read-only one to changes and to all about groups.
class MILLRACE_EXPORT Admin {
 public:
  virtual ~Admin() = default;

  // --- Topics

  // kTopicAlreadyExists, kInvalidTopicException, kInvalidPartitions, kInvalidConfig; nothing is created then.
  virtual absl::StatusOr<TopicId> CreateTopic(std::string_view name, const TopicOptions& options = {}) = 0;
  // Many at once, with one sync of the registry: the fast way to thousands. One result for each, in order.
  virtual std::vector<absl::StatusOr<TopicId>> CreateTopics(
      const std::vector<CreateTopicRequest>& topics) = 0;
  // kUnknownTopicOrPartition. Consumers that are reading keep the slices they hold; committed offsets are
  // deleted too.
  virtual absl::Status DeleteTopic(std::string_view name) = 0;
  // Raises the number of partitions to `partitions`; never lowers (kInvalidPartitions).
  virtual absl::Status AddPartitions(std::string_view name, int32_t partitions) = 0;
  // Changes settings by Kafka's names; those not named stay. All or nothing. kInvalidConfig names the
  // offender; kUnknownTopicOrPartition.
  virtual absl::Status AlterTopicConfig(std::string_view name, const std::vector<ConfigChange>& changes) = 0;
  // Names, sorted.
  virtual std::vector<std::string> ListTopics(bool with_internal = false) = 0;
  // kUnknownTopicOrPartition; of an id kUnknownTopicId.
  virtual absl::StatusOr<TopicDescription> DescribeTopic(std::string_view name) = 0;
  virtual absl::StatusOr<TopicDescription> DescribeTopic(TopicId id) = 0;

  // --- Records

  // These fail with kUnknownTopicOrPartition.

  // Deletes what lies before `before` (kNoOffset: all that consumers may read). Returns the new log start,
  // which survives what the topic's `durability` survives. kOffsetOutOfRange beyond the end.
  virtual absl::StatusOr<Offset> DeleteRecordsBefore(const TopicPartition& partition, Offset before) = 0;
  // The first offset, and the end of what consumers may read (the high watermark).
  virtual absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition) = 0;
  virtual absl::StatusOr<Offset> EndOffset(const TopicPartition& partition) = 0;
  // The first record at or after `timestamp`; nullopt if there is none.
  virtual absl::StatusOr<std::optional<Log::TimestampOffset>> OffsetForTime(const TopicPartition& partition,
                                                                            Timestamp timestamp) = 0;
  // Makes everything appended to the topic so far survive a power loss.
  virtual absl::Status FlushTopic(std::string_view name) = 0;

  // --- Groups

  virtual absl::StatusOr<std::vector<GroupListing>> ListGroups() = 0;
  // A group that is not there is kDead, without an error, as Kafka has it.
  virtual absl::StatusOr<GroupDescription> DescribeGroup(std::string_view group) = 0;
  // All committed offsets of a group; none for a group that is not there.
  virtual absl::StatusOr<Consumer::Offsets> ListGroupOffsets(std::string_view group) = 0;
  // Sets committed offsets, making the group if it is not there. kNonEmptyGroup (kUnknownMemberId in Kafka's
  // tools) while the group has members.
  virtual absl::Status AlterGroupOffsets(std::string_view group, const Consumer::Offsets& offsets) = 0;
  // kGroupSubscribedToTopic for topics that the group reads right now.
  virtual absl::Status DeleteGroupOffsets(std::string_view group, const std::vector<TopicPartition>& of) = 0;
  // kNonEmptyGroup, kGroupIdNotFound.
  virtual absl::Status DeleteGroup(std::string_view group) = 0;

  // --- Damage and copies

  // Reads everything and checks every batch; damage found is fenced and returned, by partition.
  virtual absl::StatusOr<std::map<TopicPartition, std::vector<DamagedRange>>> Verify() = 0;
  // Gives up a damaged range (see Log::ClearFenced).
  virtual absl::Status ClearFenced(const TopicPartition& partition, DamagedRange range) = 0;
  // Allows appends again after a failed flush or write (see Log::Revive).
  virtual absl::StatusOr<RecoveryReport> Revive(const TopicPartition& partition) = 0;
  // A consistent copy of the whole engine in `directory`, which must not exist, while everything goes on.
  // Opens as cleanly closed. On failure nothing of it is left.
  virtual absl::Status Checkpoint(std::string_view directory) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ADMIN_H_
