// OffsetForLeaderEpoch (key 23): where a leader epoch ends, so that a reader finds out whether its log has
// parted from the leader's (KIP-320). Version 4 is flexible.

#ifndef MILLRACE_WIRE_MESSAGES_OFFSET_FOR_LEADER_EPOCH_H_
#define MILLRACE_WIRE_MESSAGES_OFFSET_FOR_LEADER_EPOCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct OffsetForLeaderEpochRequest {
  static constexpr Api kApi{.key = 23, .name = "OffsetForLeaderEpochRequest", .valid = {2, 4}, .flexible = 4};

  struct Partition {
    int32_t partition = 0;
    // The leader's epoch as the client knows it; -1: do not check.
    int32_t current_leader_epoch = -1;
    // The epoch whose end is asked for.
    int32_t leader_epoch = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition, {.name = "partition"});
      f(&Partition::current_leader_epoch, {.name = "current_leader_epoch"});
      f(&Partition::leader_epoch, {.name = "leader_epoch"});
    }
  };

  struct Topic {
    std::string topic = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  // -1 from consumers; -2 where the version cannot tell.
  int32_t replica_id = -2;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetForLeaderEpochRequest;
    f(&M::replica_id, {.name = "replica_id", .versions = Since(3), .ignorable = true});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetForLeaderEpochRequest);

struct OffsetForLeaderEpochResponse {
  static constexpr Api kApi{
      .key = 23, .name = "OffsetForLeaderEpochResponse", .valid = {2, 4}, .flexible = 4};

  struct Partition {
    int16_t error_code = 0;
    int32_t partition = 0;
    // The largest epoch up to the one that was asked for; -1: none.
    int32_t leader_epoch = -1;
    // The offset after its last record.
    int64_t end_offset = -1;

    static constexpr void Fields(auto&& f) {
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::partition, {.name = "partition"});
      f(&Partition::leader_epoch, {.name = "leader_epoch"});
      f(&Partition::end_offset, {.name = "end_offset"});
    }
  };

  struct Topic {
    std::string topic = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = OffsetForLeaderEpochResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(OffsetForLeaderEpochResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_OFFSET_FOR_LEADER_EPOCH_H_
