// ListOffsets (key 2): finds offsets by time, or the ends of a partition.
//
// Versions:
//   2: isolation levels (KIP-98).
//   4: leader epochs (KIP-320).
//   6: flexible.
//   7: the record with the largest timestamp (-3; KIP-734).
//   8: the first offset on local disk (-4; KIP-405).
//   9: the last offset in tiered storage (-5; KIP-1005).
//   10: timeout (KIP-1075).
//   11: the first offset that waits for tiering (-6; KIP-1023).

#ifndef MILLRACE_WIRE_MESSAGES_LIST_OFFSETS_H_
#define MILLRACE_WIRE_MESSAGES_LIST_OFFSETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ListOffsetsRequest {
  static constexpr Api kApi{.key = 2, .name = "ListOffsetsRequest", .valid = {1, 11}, .flexible = 6};

  struct Partition {
    int32_t partition_index = 0;
    // The leader's epoch as the client knows it; -1: do not check.
    int32_t current_leader_epoch = -1;
    // The earliest record of this time or later; -1: the log's end, -2: its start; lower ones as above.
    int64_t timestamp = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::current_leader_epoch,
        {.name = "current_leader_epoch", .versions = Since(4), .ignorable = true});
      f(&Partition::timestamp, {.name = "timestamp"});
    }
  };

  struct Topic {
    std::string name = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  // -1 from consumers. -2 from tools: followers may answer too.
  int32_t replica_id = 0;
  // 0: read uncommitted. 1: read committed.
  int8_t isolation_level = 0;
  std::vector<Topic> topics = {};
  // How long to wait for answers that come from remote storage.
  int32_t timeout_ms = 0;

  static constexpr void Fields(auto&& f) {
    using M = ListOffsetsRequest;
    f(&M::replica_id, {.name = "replica_id"});
    f(&M::isolation_level, {.name = "isolation_level", .versions = Since(2)});
    f(&M::topics, {.name = "topics"});
    f(&M::timeout_ms, {.name = "timeout_ms", .versions = Since(10), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(ListOffsetsRequest);

struct ListOffsetsResponse {
  static constexpr Api kApi{.key = 2, .name = "ListOffsetsResponse", .valid = {1, 11}, .flexible = 6};

  struct Partition {
    int32_t partition_index = 0;
    int16_t error_code = 0;
    // Of the record that was found; -1: none, or not asked by time.
    int64_t timestamp = -1;
    // -1: no such record.
    int64_t offset = -1;
    int32_t leader_epoch = -1;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::timestamp, {.name = "timestamp"});
      f(&Partition::offset, {.name = "offset"});
      f(&Partition::leader_epoch, {.name = "leader_epoch", .versions = Since(4)});
    }
  };

  struct Topic {
    std::string name = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = ListOffsetsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(2), .ignorable = true});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(ListOffsetsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_LIST_OFFSETS_H_
