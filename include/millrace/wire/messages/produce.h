// Produce (key 0): appends record batches to partitions.
//
// Versions:
//   3: batches of format 2 alone (KIP-98).
//   5: log start offset (KIP-107).
//   7: zstd (KIP-110).
//   8: the records that were at fault (KIP-467).
//   9: flexible.
//   10: the new leader, where the partition has moved (KIP-951).
//   11: TRANSACTION_ABORTABLE (KIP-890).
//   12: partitions join a transaction by being written to (KIP-890).
//   13: topics by id (KIP-516).

#ifndef MILLRACE_WIRE_MESSAGES_PRODUCE_H_
#define MILLRACE_WIRE_MESSAGES_PRODUCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ProduceRequest {
  static constexpr Api kApi{.key = 0, .name = "ProduceRequest", .valid = {3, 13}, .flexible = 9};

  struct Partition {
    int32_t index = 0;
    // One batch. Borrows from the bytes that were decoded.
    std::optional<std::span<const std::byte>> records = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::index, {.name = "index"});
      f(&Partition::records, {.name = "records"});
    }
  };

  struct Topic {
    std::string name = {};
    TopicId topic_id = {};
    std::vector<Partition> partition_data = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name", .versions = Until(12), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(13), .ignorable = true});
      f(&Topic::partition_data, {.name = "partition_data"});
    }
  };

  // Null outside transactions.
  std::optional<std::string> transactional_id = {};
  // 0: no response at all. 1: once the leader has it. -1: once all in-sync replicas have it.
  int16_t acks = 0;
  // How long the replicas may take.
  int32_t timeout_ms = 0;
  std::vector<Topic> topic_data = {};

  static constexpr void Fields(auto&& f) {
    using M = ProduceRequest;
    f(&M::transactional_id, {.name = "transactional_id"});
    f(&M::acks, {.name = "acks"});
    f(&M::timeout_ms, {.name = "timeout_ms"});
    f(&M::topic_data, {.name = "topic_data"});
  }
};
MILLRACE_WIRE_MESSAGE(ProduceRequest);

struct ProduceResponse {
  static constexpr Api kApi{.key = 0, .name = "ProduceResponse", .valid = {3, 13}, .flexible = 9};

  // A record that caused its batch to be refused; batch_index is its place in the batch.
  struct RecordError {
    int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message = {};

    static constexpr void Fields(auto&& f) {
      f(&RecordError::batch_index, {.name = "batch_index"});
      f(&RecordError::batch_index_error_message, {.name = "batch_index_error_message"});
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

  struct Partition {
    int32_t index = 0;
    int16_t error_code = 0;
    // The offset of the first record.
    int64_t base_offset = 0;
    // -1 unless the topic stamps records with the time of their append.
    int64_t log_append_time_ms = -1;
    int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors = {};
    std::optional<std::string> error_message = {};
    Leader current_leader = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::index, {.name = "index"});
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::base_offset, {.name = "base_offset"});
      f(&Partition::log_append_time_ms, {.name = "log_append_time_ms"});
      f(&Partition::log_start_offset, {.name = "log_start_offset", .versions = Since(5), .ignorable = true});
      f(&Partition::record_errors, {.name = "record_errors", .versions = Since(8), .ignorable = true});
      f(&Partition::error_message, {.name = "error_message", .versions = Since(8), .ignorable = true});
      f.Tagged(0, &Partition::current_leader, {.name = "current_leader", .versions = Since(10)});
    }
  };

  struct Topic {
    std::string name = {};
    TopicId topic_id = {};
    std::vector<Partition> partition_responses = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name", .versions = Until(12), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(13), .ignorable = true});
      f(&Topic::partition_responses, {.name = "partition_responses"});
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

  std::vector<Topic> responses = {};
  int32_t throttle_time_ms = 0;
  // Where the leaders named above listen.
  std::vector<NodeEndpoint> node_endpoints = {};

  static constexpr void Fields(auto&& f) {
    using M = ProduceResponse;
    f(&M::responses, {.name = "responses"});
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f.Tagged(0, &M::node_endpoints, {.name = "node_endpoints", .versions = Since(10)});
  }
};
MILLRACE_WIRE_MESSAGE(ProduceResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_PRODUCE_H_
