// OffsetCommit (key 8): stores how far a consumer group has come.
//
// Versions:
//   2: one retention time for all.
//   3: throttle time.
//   5: retention is the broker's affair (KIP-211).
//   6: leader epochs (KIP-320).
//   7: static members (KIP-345).
//   8: flexible.
//   9: groups of the consumer protocol (KIP-848).
//   10: topics by id (KIP-848).

#ifndef MILLRACE_WIRE_MESSAGES_OFFSET_COMMIT_H_
#define MILLRACE_WIRE_MESSAGES_OFFSET_COMMIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct OffsetCommitRequest {
  static constexpr Api kApi{.key = 8, .name = "OffsetCommitRequest", .valid = {2, 10}, .flexible = 8};

  struct Partition {
    int32_t partition_index = 0;
    // Of the next record to consume.
    int64_t committed_offset = 0;
    // Of the last record that was consumed; -1: unknown.
    int32_t committed_leader_epoch = -1;
    // Whatever the client wants to keep with the offset.
    std::optional<std::string> committed_metadata = "";

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::committed_offset, {.name = "committed_offset"});
      f(&Partition::committed_leader_epoch,
        {.name = "committed_leader_epoch", .versions = Since(6), .ignorable = true});
      f(&Partition::committed_metadata, {.name = "committed_metadata"});
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

  std::string group_id = {};
  // The generation of a classic group, or the member's epoch in a group of the consumer protocol; -1:
  // neither, as from admin tools.
  int32_t generation_id_or_member_epoch = -1;
  std::string member_id = {};
  // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
  std::optional<std::string> group_instance_id = {};
  // -1: the broker's.
  int64_t retention_time_ms = -1;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetCommitRequest;
    f(&M::group_id, {.name = "group_id"});
    f(&M::generation_id_or_member_epoch, {.name = "generation_id_or_member_epoch"});
    f(&M::member_id, {.name = "member_id"});
    f(&M::group_instance_id, {.name = "group_instance_id", .versions = Since(7)});
    f(&M::retention_time_ms, {.name = "retention_time_ms", .versions = Until(4), .ignorable = true});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetCommitRequest);

struct OffsetCommitResponse {
  static constexpr Api kApi{.key = 8, .name = "OffsetCommitResponse", .valid = {2, 10}, .flexible = 8};

  struct Partition {
    int32_t partition_index = 0;
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
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

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetCommitResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(3), .ignorable = true});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetCommitResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_OFFSET_COMMIT_H_
