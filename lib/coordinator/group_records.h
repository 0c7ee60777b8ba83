// The records of __consumer_offsets, in Kafka's format: the key is an int16 record type and the key's fields,
// the value an int16 version and the value's fields. (kafka-dump-log --offsets-decoder reads them.)

#ifndef MILLRACE_COORDINATOR_GROUP_RECORDS_H_
#define MILLRACE_COORDINATOR_GROUP_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/consumer_group_records.h"
#include "coordinator/coordinator_record.h"
#include "millrace/record.h"
#include "millrace/types.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0 {

// Record types 0 (old writers) and 1.
struct OffsetCommitKey {
  static constexpr wire::Api kApi{.key = 1, .name = "OffsetCommitKey", .valid = {0, 0}};
  std::string group = {};
  std::string topic = {};
  int32_t partition = 0;
  bool operator==(const OffsetCommitKey&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&OffsetCommitKey::group, {.name = "group"});
    f(&OffsetCommitKey::topic, {.name = "topic"});
    f(&OffsetCommitKey::partition, {.name = "partition"});
  }
};

struct OffsetCommitValue {
  static constexpr wire::Api kApi{.key = 1, .name = "OffsetCommitValue", .valid = {0, 4}, .flexible = 4};
  int64_t offset = 0;
  int32_t leader_epoch = -1;
  std::string metadata = {};
  int64_t commit_timestamp = 0;
  // Version 1 alone: when the offset goes, whatever the retention. -1: not set.
  int64_t expire_timestamp = -1;
  TopicId topic_id = {};
  bool operator==(const OffsetCommitValue&) const = default;
  static constexpr void Fields(auto&& f) {
    using V = OffsetCommitValue;
    f(&V::offset, {.name = "offset"});
    f(&V::leader_epoch, {.name = "leader_epoch", .versions = wire::Since(3), .ignorable = true});
    f(&V::metadata, {.name = "metadata"});
    f(&V::commit_timestamp, {.name = "commit_timestamp"});
    f(&V::expire_timestamp, {.name = "expire_timestamp", .versions = wire::Only(1), .ignorable = true});
    f.Tagged(0, &V::topic_id, {.name = "topic_id", .versions = wire::Since(4), .ignorable = true});
  }
};

// Record type 2.
struct GroupMetadataKey {
  static constexpr wire::Api kApi{.key = 2, .name = "GroupMetadataKey", .valid = {0, 0}};
  std::string group = {};
  bool operator==(const GroupMetadataKey&) const = default;
  static constexpr void Fields(auto&& f) { f(&GroupMetadataKey::group, {.name = "group"}); }
};

struct GroupMetadataValue {
  static constexpr wire::Api kApi{.key = 2, .name = "GroupMetadataValue", .valid = {0, 4}, .flexible = 4};
  struct Member {
    std::string member_id = {};
    std::optional<std::string> group_instance_id = {};
    std::string client_id = {};
    std::string client_host = {};
    int32_t rebalance_timeout = -1;
    int32_t session_timeout = 0;
    wire::Bytes subscription = {};
    wire::Bytes assignment = {};
    bool operator==(const Member&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&Member::member_id, {.name = "member_id"});
      f(&Member::group_instance_id,
        {.name = "group_instance_id", .versions = wire::Since(3), .ignorable = true});
      f(&Member::client_id, {.name = "client_id"});
      f(&Member::client_host, {.name = "client_host"});
      f(&Member::rebalance_timeout,
        {.name = "rebalance_timeout", .versions = wire::Since(1), .ignorable = true});
      f(&Member::session_timeout, {.name = "session_timeout"});
      f(&Member::subscription, {.name = "subscription"});
      f(&Member::assignment, {.name = "assignment"});
    }
  };
  std::string protocol_type = {};
  int32_t generation = 0;
  std::optional<std::string> protocol = std::string();
  std::optional<std::string> leader = std::string();
  int64_t current_state_timestamp = -1;
  std::vector<Member> members = {};
  bool operator==(const GroupMetadataValue&) const = default;
  static constexpr void Fields(auto&& f) {
    using V = GroupMetadataValue;
    f(&V::protocol_type, {.name = "protocol_type"});
    f(&V::generation, {.name = "generation"});
    f(&V::protocol, {.name = "protocol"});
    f(&V::leader, {.name = "leader"});
    f(&V::current_state_timestamp,
      {.name = "current_state_timestamp", .versions = wire::Since(2), .ignorable = true});
    f(&V::members, {.name = "members"});
  }
};

inline constexpr int16_t kOffsetCommitRecord = 1;
inline constexpr int16_t kGroupMetadataRecord = 2;
// Versions that are written, as Kafka writes them.
inline constexpr int16_t kOffsetCommitValueVersion = 3;
inline constexpr int16_t kGroupMetadataValueVersion = 3;

// kInvalidRequest if a name does not fit its field. `value` absent: a tombstone.
absl::StatusOr<CoordinatorRecord> MakeOffsetRecord(const OffsetCommitKey& key,
                                                   const std::optional<OffsetCommitValue>& value);
absl::StatusOr<CoordinatorRecord> MakeGroupRecord(const GroupMetadataKey& key,
                                                  const std::optional<GroupMetadataValue>& value);

struct OffsetRecord {
  OffsetCommitKey key = {};
  std::optional<OffsetCommitValue> value = {};
};
struct GroupRecord {
  GroupMetadataKey key = {};
  std::optional<GroupMetadataValue> value = {};
};
// Of a type that this version does not know (share and streams groups, and later): passed over.
struct UnknownRecord {
  int16_t type = 0;
};
using ParsedRecord = std::variant<UnknownRecord, OffsetRecord, GroupRecord, ConsumerRecord>;

// kInvalidRecord for malformed bytes or a version of a known type that is too new.
absl::StatusOr<ParsedRecord> ParseCoordinatorRecord(std::optional<std::span<const std::byte>> key,
                                                    std::optional<std::span<const std::byte>> value);

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_GROUP_RECORDS_H_
