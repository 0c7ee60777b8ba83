// OffsetFetch (key 9): how far consumer groups have come.
//
// Versions:
//   2: null topics ask for all; an error for the whole response.
//   3: throttle time.
//   5: leader epochs (KIP-320).
//   6: flexible.
//   7: require_stable (KIP-447).
//   8: several groups at once (KIP-709).
//   9: groups of the consumer protocol (KIP-848).
//   10: topics by id (KIP-848).

#ifndef MILLRACE_WIRE_MESSAGES_OFFSET_FETCH_H_
#define MILLRACE_WIRE_MESSAGES_OFFSET_FETCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct OffsetFetchRequest {
  static constexpr Api kApi{.key = 9, .name = "OffsetFetchRequest", .valid = {1, 10}, .flexible = 6};

  // The topics of the one group of versions up to 7.
  struct LegacyTopic {
    std::string name = {};
    std::vector<int32_t> partition_indexes = {};

    static constexpr void Fields(auto&& f) {
      f(&LegacyTopic::name, {.name = "name"});
      f(&LegacyTopic::partition_indexes, {.name = "partition_indexes"});
    }
  };

  struct Topic {
    std::string name = {};
    TopicId topic_id = {};
    std::vector<int32_t> partition_indexes = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name", .versions = Until(9), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(10), .ignorable = true});
      f(&Topic::partition_indexes, {.name = "partition_indexes"});
    }
  };

  struct Group {
    std::string group_id = {};
    std::optional<std::string> member_id = {};
    // -1 unless the group has the consumer protocol.
    int32_t member_epoch = -1;
    // Null: all topics that have offsets.
    std::optional<std::vector<Topic>> topics = std::vector<Topic>();

    static constexpr void Fields(auto&& f) {
      f(&Group::group_id, {.name = "group_id"});
      f(&Group::member_id, {.name = "member_id", .versions = Since(9), .ignorable = true});
      f(&Group::member_epoch, {.name = "member_epoch", .versions = Since(9), .ignorable = true});
      f(&Group::topics, {.name = "topics"});
    }
  };

  std::string group_id = {};
  // Null: all topics that have offsets.
  std::optional<std::vector<LegacyTopic>> topics = std::vector<LegacyTopic>();
  std::vector<Group> groups = {};
  // Partitions with offsets in an open transaction answer UNSTABLE_OFFSET_COMMIT.
  bool require_stable = false;

  static constexpr void Fields(auto&& f) {
    using M = OffsetFetchRequest;
    f(&M::group_id, {.name = "group_id", .versions = Until(7)});
    f(&M::topics, {.name = "topics", .versions = Until(7), .nullable = Since(2)});
    f(&M::groups, {.name = "groups", .versions = Since(8)});
    f(&M::require_stable, {.name = "require_stable", .versions = Since(7)});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetFetchRequest);

struct OffsetFetchResponse {
  static constexpr Api kApi{.key = 9, .name = "OffsetFetchResponse", .valid = {1, 10}, .flexible = 6};

  // The answers for the one group of versions up to 7.
  struct LegacyPartition {
    int32_t partition_index = 0;
    // -1: none.
    int64_t committed_offset = 0;
    // Of the last record that was consumed; -1: unknown.
    int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = "";
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&LegacyPartition::partition_index, {.name = "partition_index"});
      f(&LegacyPartition::committed_offset, {.name = "committed_offset"});
      f(&LegacyPartition::committed_leader_epoch,
        {.name = "committed_leader_epoch", .versions = Since(5), .ignorable = true});
      f(&LegacyPartition::metadata, {.name = "metadata"});
      f(&LegacyPartition::error_code, {.name = "error_code"});
    }
  };

  struct LegacyTopic {
    std::string name = {};
    std::vector<LegacyPartition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&LegacyTopic::name, {.name = "name"});
      f(&LegacyTopic::partitions, {.name = "partitions"});
    }
  };

  struct Partition {
    int32_t partition_index = 0;
    // -1: none.
    int64_t committed_offset = 0;
    // Of the last record that was consumed; -1: unknown.
    int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = "";
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::committed_offset, {.name = "committed_offset"});
      f(&Partition::committed_leader_epoch, {.name = "committed_leader_epoch"});
      f(&Partition::metadata, {.name = "metadata"});
      f(&Partition::error_code, {.name = "error_code"});
    }
  };

  struct Topic {
    std::string name = {};
    TopicId topic_id = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name", .versions = Until(9), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(10), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  struct Group {
    std::string group_id = {};
    std::vector<Topic> topics = {};
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Group::group_id, {.name = "group_id"});
      f(&Group::topics, {.name = "topics"});
      f(&Group::error_code, {.name = "error_code"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<LegacyTopic> topics = {};
  int16_t error_code = 0;
  std::vector<Group> groups = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetFetchResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(3), .ignorable = true});
    f(&M::topics, {.name = "topics", .versions = Until(7)});
    f(&M::error_code, {.name = "error_code", .versions = Between(2, 7), .ignorable = true});
    f(&M::groups, {.name = "groups", .versions = Since(8)});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetFetchResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_OFFSET_FETCH_H_
