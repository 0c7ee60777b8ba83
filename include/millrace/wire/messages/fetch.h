// Fetch (key 1): reads record batches, waiting for up to max_wait_ms until min_bytes are there. Consumers and
// followers send it.
//
// Versions:
//   4: batches of format 2, isolation levels (KIP-98).
//   5: log start offsets (KIP-107).
//   7: sessions, in which a request names what has changed since the one before (KIP-227).
//   9: leader epochs, to fence old ones (KIP-320).
//   10: zstd (KIP-110).
//   11: reading from the closest replica (KIP-392).
//   12: flexible; divergence is told in the answer (KIP-595).
//   13: topics by id (KIP-516).
//   14: OFFSET_MOVED_TO_TIERED_STORAGE (KIP-405).
//   15: a replica names its epoch too (KIP-903).
//   16: the new leader, where the partition has moved (KIP-951).
//   17: a replica names its directory (KIP-853).
//   18: a replica tells its high watermark (KIP-1166).

#ifndef MILLRACE_WIRE_MESSAGES_FETCH_H_
#define MILLRACE_WIRE_MESSAGES_FETCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct FetchRequest {
  static constexpr Api kApi{.key = 1, .name = "FetchRequest", .valid = {4, 18}, .flexible = 12};

  // A follower; -1 for consumers.
  struct ReplicaState {
    int32_t replica_id = -1;
    int64_t replica_epoch = -1;

    static constexpr void Fields(auto&& f) {
      f(&ReplicaState::replica_id, {.name = "replica_id"});
      f(&ReplicaState::replica_epoch, {.name = "replica_epoch"});
    }
  };

  struct Partition {
    int32_t partition = 0;
    // The leader's epoch as the client knows it; -1: do not check.
    int32_t current_leader_epoch = -1;
    int64_t fetch_offset = 0;
    // The epoch of the last record that a follower has; -1: none.
    int32_t last_fetched_epoch = -1;
    // The follower's; -1 from consumers.
    int64_t log_start_offset = -1;
    // Not absolute either, as max_bytes.
    int32_t partition_max_bytes = 0;
    Uuid replica_directory_id = {};
    // The follower's; INT64_MAX where it is not known.
    int64_t high_watermark = INT64_MAX;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition, {.name = "partition"});
      f(&Partition::current_leader_epoch,
        {.name = "current_leader_epoch", .versions = Since(9), .ignorable = true});
      f(&Partition::fetch_offset, {.name = "fetch_offset"});
      f(&Partition::last_fetched_epoch, {.name = "last_fetched_epoch", .versions = Since(12)});
      f(&Partition::log_start_offset, {.name = "log_start_offset", .versions = Since(5), .ignorable = true});
      f(&Partition::partition_max_bytes, {.name = "partition_max_bytes"});
      f.Tagged(0, &Partition::replica_directory_id,
               {.name = "replica_directory_id", .versions = Since(17), .ignorable = true});
      f.Tagged(1, &Partition::high_watermark,
               {.name = "high_watermark", .versions = Since(18), .ignorable = true});
    }
  };

  struct Topic {
    std::string topic = {};
    TopicId topic_id = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic", .versions = Until(12), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(13), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  // Partitions that leave the session.
  struct ForgottenTopic {
    std::string topic = {};
    TopicId topic_id = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&ForgottenTopic::topic, {.name = "topic", .versions = Until(12), .ignorable = true});
      f(&ForgottenTopic::topic_id, {.name = "topic_id", .versions = Since(13), .ignorable = true});
      f(&ForgottenTopic::partitions, {.name = "partitions"});
    }
  };

  // Set by replicas of the metadata log; others leave null.
  std::optional<std::string> cluster_id = {};
  // -1 for consumers.
  int32_t replica_id = -1;
  ReplicaState replica_state = {};
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 0;
  // Of the whole response. Not absolute: the first batch comes whole however large it is.
  int32_t max_bytes = INT32_MAX;
  // 0: read uncommitted. 1: read committed.
  int8_t isolation_level = 0;
  // 0 with session_epoch -1: no session. 0 with 0: a new one.
  int32_t session_id = 0;
  int32_t session_epoch = -1;
  // What to read; in a session, what is new or has changed.
  std::vector<Topic> topics = {};
  std::vector<ForgottenTopic> forgotten_topics_data = {};
  // The consumer's.
  std::string rack_id = {};

  static constexpr void Fields(auto&& f) {
    using M = FetchRequest;
    f.Tagged(0, &M::cluster_id, {.name = "cluster_id", .versions = Since(12), .ignorable = true});
    f(&M::replica_id, {.name = "replica_id", .versions = Until(14)});
    f.Tagged(1, &M::replica_state, {.name = "replica_state", .versions = Since(15)});
    f(&M::max_wait_ms, {.name = "max_wait_ms"});
    f(&M::min_bytes, {.name = "min_bytes"});
    f(&M::max_bytes, {.name = "max_bytes"});
    f(&M::isolation_level, {.name = "isolation_level"});
    f(&M::session_id, {.name = "session_id", .versions = Since(7), .ignorable = true});
    f(&M::session_epoch, {.name = "session_epoch", .versions = Since(7), .ignorable = true});
    f(&M::topics, {.name = "topics"});
    f(&M::forgotten_topics_data, {.name = "forgotten_topics_data", .versions = Since(7)});
    f(&M::rack_id, {.name = "rack_id", .versions = Since(11), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(FetchRequest);

struct FetchResponse {
  static constexpr Api kApi{.key = 1, .name = "FetchResponse", .valid = {4, 18}, .flexible = 12};

  // The largest epoch, and its end, up to which the reader's log and this one agree. Set if they part.
  struct DivergingEpoch {
    int32_t epoch = -1;
    int64_t end_offset = -1;

    static constexpr void Fields(auto&& f) {
      f(&DivergingEpoch::epoch, {.name = "epoch"});
      f(&DivergingEpoch::end_offset, {.name = "end_offset"});
    }
  };

  // Filled with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH.
  struct Leader {
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;

    static constexpr void Fields(auto&& f) {
      f(&Leader::leader_id, {.name = "leader_id"});
      f(&Leader::leader_epoch, {.name = "leader_epoch"});
    }
  };

  // The snapshot to fetch instead, for replicas of the metadata log that have fallen behind.
  struct SnapshotId {
    int64_t end_offset = -1;
    int32_t epoch = -1;

    static constexpr void Fields(auto&& f) {
      f(&SnapshotId::end_offset, {.name = "end_offset"});
      f(&SnapshotId::epoch, {.name = "epoch"});
    }
  };

  // A transaction that was aborted: a reader of committed records skips this producer from first_offset on.
  struct AbortedTransaction {
    int64_t producer_id = 0;
    int64_t first_offset = 0;

    static constexpr void Fields(auto&& f) {
      f(&AbortedTransaction::producer_id, {.name = "producer_id"});
      f(&AbortedTransaction::first_offset, {.name = "first_offset"});
    }
  };

  struct Partition {
    int32_t partition_index = 0;
    int16_t error_code = 0;
    int64_t high_watermark = 0;
    int64_t last_stable_offset = -1;
    int64_t log_start_offset = -1;
    DivergingEpoch diverging_epoch = {};
    Leader current_leader = {};
    SnapshotId snapshot_id = {};
    // Null for readers of uncommitted records.
    std::optional<std::vector<AbortedTransaction>> aborted_transactions = std::vector<AbortedTransaction>();
    // The replica to read from next time; -1: this one.
    int32_t preferred_read_replica = -1;
    // Batches, the last of which may be cut off. Borrows from the bytes that were decoded.
    std::optional<std::span<const std::byte>> records = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::high_watermark, {.name = "high_watermark"});
      f(&Partition::last_stable_offset, {.name = "last_stable_offset"});
      f(&Partition::log_start_offset, {.name = "log_start_offset", .versions = Since(5), .ignorable = true});
      f.Tagged(0, &Partition::diverging_epoch, {.name = "diverging_epoch", .versions = Since(12)});
      f.Tagged(1, &Partition::current_leader, {.name = "current_leader", .versions = Since(12)});
      f.Tagged(2, &Partition::snapshot_id, {.name = "snapshot_id", .versions = Since(12)});
      f(&Partition::aborted_transactions, {.name = "aborted_transactions"});
      f(&Partition::preferred_read_replica, {.name = "preferred_read_replica", .versions = Since(11)});
      f(&Partition::records, {.name = "records"});
    }
  };

  struct Topic {
    std::string topic = {};
    TopicId topic_id = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic", .versions = Until(12), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(13), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  struct NodeEndpoint {
    int32_t node_id = 0;
    std::string host = {};
    int32_t port = 0;
    std::optional<std::string> rack = {};

    static constexpr void Fields(auto&& f) {
      f(&NodeEndpoint::node_id, {.name = "node_id"});
      f(&NodeEndpoint::host, {.name = "host"});
      f(&NodeEndpoint::port, {.name = "port"});
      f(&NodeEndpoint::rack, {.name = "rack"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  // 0: no session.
  int32_t session_id = 0;
  std::vector<Topic> responses = {};
  // Where the leaders named above listen.
  std::vector<NodeEndpoint> node_endpoints = {};

  static constexpr void Fields(auto&& f) {
    using M = FetchResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code", .versions = Since(7), .ignorable = true});
    f(&M::session_id, {.name = "session_id", .versions = Since(7)});
    f(&M::responses, {.name = "responses"});
    f.Tagged(0, &M::node_endpoints, {.name = "node_endpoints", .versions = Since(16)});
  }
};
MILLRACE_WIRE_MESSAGE(FetchResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_FETCH_H_
