// Requests and responses of consumer groups: Kafka's fields without its wire versions. A broker maps wire
// messages to them; the in-process consumer fills them itself.

#ifndef MILLRACE_COORDINATOR_GROUP_TYPES_H_
#define MILLRACE_COORDINATOR_GROUP_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "coordinator/partition_map.h"
#include "millrace/admin.h"
#include "millrace/status.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Opaque bytes: what group members tell one another. The coordinator never looks inside, but for the topics
// of protocol type "consumer".
using GroupBytes = std::vector<std::byte>;

// The result part of every response. `message` adds to the code where there is more to say (a disk that is
// full, a bound that was exceeded); it may be empty.
struct GroupResult {
  ErrorCode error = ErrorCode::kNone;
  std::string message = {};

  bool ok() const { return error == ErrorCode::kNone; }
  // OK, or a status with the code, and a text naming the group and what to do.
  absl::Status ToStatus(std::string_view group) const;
};

struct GroupProtocol {
  std::string name = {};
  GroupBytes metadata = {};
  bool operator==(const GroupProtocol&) const = default;
};

// JoinGroup (key 11). Answered when the rebalance is through, which may take up to the rebalance time-out.
struct JoinGroupRequest {
  std::string group = {};
  // Empty: a new member.
  std::string member_id = {};
  std::optional<std::string> group_instance_id = std::nullopt;
  int32_t session_timeout_ms = 45000;
  // -1: the session time-out.
  int32_t rebalance_timeout_ms = -1;
  std::string protocol_type = "consumer";
  // Preferred first.
  std::vector<GroupProtocol> protocols = {};
  std::string client_id = {};
  std::string client_host = {};
  std::string reason = {};
  // KIP-394: a new dynamic member is answered kMemberIdRequired with its id first, and joins with that. For
  // clients on a network, whose lost first answer would leave a ghost member; in-process members need not.
  bool require_known_member_id = false;
  // JoinGroup version 9 (KIP-814): a static leader that comes back to a stable group is told to skip the
  // assignment instead of being shown as a follower.
  bool supports_skipping_assignment = true;
  // Told, in any thread, that a rebalance has begun which the member (of that generation) has not joined yet.
  // For members in this process: others learn it from their next heartbeat, as these do after a restart.
  std::function<void(int32_t generation)> on_rebalance = nullptr;
};

struct JoinGroupMember {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = std::nullopt;
  GroupBytes metadata = {};
};

struct JoinGroupResponse {
  GroupResult result = {};
  int32_t generation = -1;
  std::string protocol_type = {};
  std::string protocol = {};
  std::string leader = {};
  // True: you are the leader, but the assignment stands; sync with none.
  bool skip_assignment = false;
  // Yours; given with kMemberIdRequired too.
  std::string member_id = {};
  // For the leader alone, empty for the others.
  std::vector<JoinGroupMember> members = {};
};

// SyncGroup (key 14). `assignments` come from the leader and are empty from the others.
struct SyncGroupRequest {
  struct Assignment {
    std::string member_id = {};
    GroupBytes assignment = {};
  };
  std::string group = {};
  int32_t generation = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = std::nullopt;
  // Checked where given (KIP-559).
  std::optional<std::string> protocol_type = std::nullopt;
  std::optional<std::string> protocol = std::nullopt;
  std::vector<Assignment> assignments = {};
};

struct SyncGroupResponse {
  GroupResult result = {};
  std::string protocol_type = {};
  std::string protocol = {};
  GroupBytes assignment = {};
};

// Heartbeat (key 12). kRebalanceInProgress: rejoin.
struct HeartbeatRequest {
  std::string group = {};
  int32_t generation = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = std::nullopt;
};
struct HeartbeatResponse {
  GroupResult result = {};
};

// LeaveGroup (key 13), many members at once (KIP-345).
struct LeaveGroupRequest {
  struct Member {
    // May be empty where an instance id is given.
    std::string member_id = {};
    std::optional<std::string> group_instance_id = std::nullopt;
    std::string reason = {};
  };
  std::string group = {};
  std::vector<Member> members = {};
};
struct LeaveGroupResponse {
  struct Member {
    std::string member_id = {};
    std::optional<std::string> group_instance_id = std::nullopt;
    GroupResult result = {};
  };
  GroupResult result = {};
  std::vector<Member> members = {};
};

// ConsumerGroupHeartbeat (key 68): a member of a group of the consumer protocol joins, stays, or leaves.
struct ConsumerHeartbeatRequest {
  std::string group = {};
  // Empty (version 0): the coordinator makes one up.
  std::string member_id = {};
  // 0: join; -1: leave; -2: leave as a static member that will be back.
  int32_t member_epoch = 0;
  // Of what follows, what is absent has not changed since the last one.
  std::optional<std::string> instance_id = std::nullopt;
  std::optional<std::string> rack_id = std::nullopt;
  int32_t rebalance_timeout_ms = -1;
  std::optional<std::vector<std::string>> subscribed_topic_names = std::nullopt;
  std::optional<std::string> subscribed_topic_regex = std::nullopt;
  std::optional<std::string> server_assignor = std::nullopt;
  std::optional<PartitionMap> owned = std::nullopt;
  std::string client_id = {};
  std::string client_host = {};
  // Since version 1: KIP-1082.
  bool chooses_member_id = true;
};
struct ConsumerHeartbeatResponse {
  GroupResult result = {};
  std::string member_id = {};
  int32_t member_epoch = 0;
  int32_t heartbeat_interval_ms = 0;
  // Absent: as it was.
  std::optional<PartitionMap> assignment = std::nullopt;
};

// ConsumerGroupDescribe (key 69), of one group. kGroupIdNotFound for those that are not of this protocol.
struct DescribeConsumerGroupResponse {
  struct Partitions {
    TopicId topic_id = {};
    std::string topic_name = {};
    std::vector<int32_t> partitions = {};
  };
  struct Member {
    std::string member_id = {};
    std::optional<std::string> instance_id = std::nullopt;
    std::optional<std::string> rack_id = std::nullopt;
    int32_t member_epoch = 0;
    std::string client_id = {};
    std::string client_host = {};
    std::vector<std::string> subscribed_topic_names = {};
    std::optional<std::string> subscribed_topic_regex = std::nullopt;
    std::vector<Partitions> assignment = {};
    std::vector<Partitions> target = {};
    bool is_classic = false;
  };
  GroupResult result = {};
  GroupState state = GroupState::kDead;
  int32_t group_epoch = 0;
  int32_t assignment_epoch = 0;
  std::string assignor = {};
  std::vector<Member> members = {};
};

// One committed offset. Also what OffsetFetch gives: offset -1 where nothing is committed.
struct GroupOffset {
  TopicPartition partition = {};
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::string metadata = {};
};

// OffsetCommit (key 8). Generation -1 with an empty member id: a simple consumer, or an operator; allowed
// while the group has no members.
struct OffsetCommitRequest {
  std::string group = {};
  // Or the member's epoch, in a group of the consumer protocol.
  int32_t generation = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = std::nullopt;
  // Since version 9: whoever asks understands kStaleMemberEpoch, and kGroupIdNotFound where a member's group
  // is gone (else kIllegalGeneration).
  bool knows_member_epochs = true;
  std::vector<GroupOffset> offsets = {};
};
struct PartitionResult {
  TopicPartition partition = {};
  GroupResult result = {};
};
// One for each partition asked for, in the order asked.
struct OffsetCommitResponse {
  std::vector<PartitionResult> partitions = {};
};

// OffsetFetch (key 9). Without `partitions`: everything the group has.
struct OffsetFetchRequest {
  std::string group = {};
  std::optional<std::vector<TopicPartition>> partitions = std::nullopt;
  // Unstable offsets of open transactions are then reported as kUnstableOffsetCommit.
  bool require_stable = false;
  // Checked where given, in groups of the consumer protocol (since version 9): kStaleMemberEpoch.
  std::optional<std::string> member_id = std::nullopt;
  int32_t member_epoch = -1;
};
struct OffsetFetchResponse {
  struct Entry {
    GroupOffset offset = {};
    GroupResult result = {};
  };
  GroupResult result = {};
  std::vector<Entry> offsets = {};
};

// OffsetDelete (key 47): kGroupSubscribedToTopic for topics that the group's members read.
struct OffsetDeleteRequest {
  std::string group = {};
  std::vector<TopicPartition> partitions = {};
};
struct OffsetDeleteResponse {
  GroupResult result = {};
  std::vector<PartitionResult> partitions = {};
};

// ListGroups (key 16).
struct ListGroupsRequest {
  // Empty: all.
  std::vector<GroupState> states = {};
};
struct ListGroupsResponse {
  GroupResult result = {};
  std::vector<GroupListing> groups = {};
};

// DescribeGroups (key 15), of one group. A group that does not exist is kDead, without an error, as in Kafka
// before version 6; callers that want to tell look at `exists`.
struct DescribedMember {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = std::nullopt;
  std::string client_id = {};
  std::string client_host = {};
  GroupBytes metadata = {};
  GroupBytes assignment = {};
};
struct DescribeGroupResponse {
  GroupResult result = {};
  bool exists = false;
  std::string group = {};
  GroupState state = GroupState::kDead;
  std::string protocol_type = {};
  std::string protocol = {};
  int32_t generation = -1;
  std::vector<DescribedMember> members = {};
};

// DeleteGroups (key 42), of one group: kNonEmptyGroup, kGroupIdNotFound.
struct DeleteGroupResponse {
  GroupResult result = {};
};

// Called once each, outside every lock, in the thread that completed the request: the caller's own (before
// the call returns), another member's, or the executor's. They may call the service again.
using JoinGroupDone = absl::AnyInvocable<void(JoinGroupResponse)>;
using SyncGroupDone = absl::AnyInvocable<void(SyncGroupResponse)>;
using HeartbeatDone = absl::AnyInvocable<void(HeartbeatResponse)>;
using ConsumerHeartbeatDone = absl::AnyInvocable<void(ConsumerHeartbeatResponse)>;
using DescribeConsumerGroupDone = absl::AnyInvocable<void(DescribeConsumerGroupResponse)>;
using LeaveGroupDone = absl::AnyInvocable<void(LeaveGroupResponse)>;
using OffsetCommitDone = absl::AnyInvocable<void(OffsetCommitResponse)>;
using OffsetFetchDone = absl::AnyInvocable<void(OffsetFetchResponse)>;
using OffsetDeleteDone = absl::AnyInvocable<void(OffsetDeleteResponse)>;
using ListGroupsDone = absl::AnyInvocable<void(ListGroupsResponse)>;
using DescribeGroupDone = absl::AnyInvocable<void(DescribeGroupResponse)>;
using DeleteGroupDone = absl::AnyInvocable<void(DeleteGroupResponse)>;

// Bounds and defaults. Kafka's names in quotes.
struct GroupConfig {
  // "group.min.session.timeout.ms", "group.max.session.timeout.ms": outside: kInvalidSessionTimeout.
  int32_t min_session_timeout_ms = 6000;
  int32_t max_session_timeout_ms = 1800000;
  // "group.initial.rebalance.delay.ms": how long an empty group waits for more members, again with each that
  // comes, up to the rebalance time-out.
  int32_t initial_rebalance_delay_ms = 3000;
  // Of groups of the consumer protocol: "group.consumer.session.timeout.ms",
  // "group.consumer.heartbeat.interval.ms", "group.consumer.max.size", "group.consumer.migration.policy".
  int32_t consumer_session_timeout_ms = 45000;
  int32_t consumer_heartbeat_interval_ms = 5000;
  int32_t consumer_max_size = INT32_MAX;
  GroupMigrationPolicy consumer_migration_policy = GroupMigrationPolicy::kBidirectional;
  // "group.max.size": one more: kGroupMaxSizeReached.
  int32_t max_size = INT32_MAX;
  // "offset.metadata.max.bytes": longer: kOffsetMetadataTooLarge.
  int32_t offset_metadata_max_bytes = 4096;
  // "offsets.retention.minutes": how long offsets are kept of a group without members.
  int64_t offsets_retention_ms = int64_t{7} * 24 * 3600 * 1000;
  // "offsets.retention.check.interval.ms".
  int64_t offsets_retention_check_interval_ms = 600000;

  // OK, or kInvalidConfig naming the field.
  absl::Status Validate() const;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_GROUP_TYPES_H_
