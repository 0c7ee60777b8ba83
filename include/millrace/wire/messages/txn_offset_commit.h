// TxnOffsetCommit (key 28): stores a group's offsets, which count once the transaction is committed (KIP-98).
//
// Versions:
//   2: leader epochs (KIP-320).
//   3: flexible; the member is checked too (KIP-447).
//   4: TRANSACTION_ABORTABLE (KIP-890).
//   5: the group joins the transaction by this request, without AddOffsetsToTxn (KIP-890).
//   6: topics by id (KIP-1319).

#ifndef MILLRACE_WIRE_MESSAGES_TXN_OFFSET_COMMIT_H_
#define MILLRACE_WIRE_MESSAGES_TXN_OFFSET_COMMIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct TxnOffsetCommitRequest {
  static constexpr Api kApi{.key = 28, .name = "TxnOffsetCommitRequest", .valid = {0, 6}, .flexible = 3};

  struct Partition {
    int32_t partition_index = 0;
    int64_t committed_offset = 0;
    // Of the last record that was consumed; -1: unknown.
    int32_t committed_leader_epoch = -1;
    // Whatever the client wants to keep with the offset.
    std::optional<std::string> committed_metadata = "";

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::committed_offset, {.name = "committed_offset"});
      f(&Partition::committed_leader_epoch,
        {.name = "committed_leader_epoch", .versions = Since(2), .ignorable = true});
      f(&Partition::committed_metadata, {.name = "committed_metadata"});
    }
  };

  struct Topic {
    std::string name = {};
    TopicId topic_id = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name", .versions = Until(5), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(6), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  std::string transactional_id = {};
  std::string group_id = {};
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  // The generation of a classic group, or the member's epoch in a group of the consumer protocol; -1:
  // neither, as from admin tools.
  int32_t generation_id_or_member_epoch = -1;
  std::string member_id = {};
  // Names a static member, which keeps its place when it restarts (KIP-345); null: a dynamic one.
  std::optional<std::string> group_instance_id = {};
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = TxnOffsetCommitRequest;
    f(&M::transactional_id, {.name = "transactional_id"});
    f(&M::group_id, {.name = "group_id"});
    f(&M::producer_id, {.name = "producer_id"});
    f(&M::producer_epoch, {.name = "producer_epoch"});
    f(&M::generation_id_or_member_epoch, {.name = "generation_id_or_member_epoch", .versions = Since(3)});
    f(&M::member_id, {.name = "member_id", .versions = Since(3)});
    f(&M::group_instance_id, {.name = "group_instance_id", .versions = Since(3)});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(TxnOffsetCommitRequest);

struct TxnOffsetCommitResponse {
  static constexpr Api kApi{.key = 28, .name = "TxnOffsetCommitResponse", .valid = {0, 6}, .flexible = 3};

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
      f(&Topic::name, {.name = "name", .versions = Until(5), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(6), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = TxnOffsetCommitResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(TxnOffsetCommitResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_TXN_OFFSET_COMMIT_H_
