// Metadata (key 3): the brokers, and the partitions of topics with their leaders.
//
// Versions:
//   1: null topics ask for all; racks, the controller.
//   2: cluster id (KIP-78).
//   4: creation of topics can be refused.
//   5: offline replicas (KIP-112).
//   7: leader epochs (KIP-320).
//   8: authorized operations (KIP-430).
//   9: flexible.
//   10: topic ids (KIP-516).
//   11: the cluster's authorized operations have gone; DescribeCluster has them (KIP-700).
//   12: a topic may be asked for by id.
//   13: an error for the whole response (KIP-1102).

#ifndef MILLRACE_WIRE_MESSAGES_METADATA_H_
#define MILLRACE_WIRE_MESSAGES_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/types.h"
#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct MetadataRequest {
  static constexpr Api kApi{.key = 3, .name = "MetadataRequest", .valid = {0, 13}, .flexible = 9};

  struct Topic {
    TopicId topic_id = {};
    // Null where the id is given.
    std::optional<std::string> name = "";

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(10), .ignorable = true});
      f(&Topic::name, {.name = "name", .nullable = Since(10)});
    }
  };

  // Null: all topics. Version 0 has an empty array for that; later an empty one asks for none.
  std::optional<std::vector<Topic>> topics = std::vector<Topic>();
  // Topics that are not there are created, if the broker's configuration agrees.
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static constexpr void Fields(auto&& f) {
    using M = MetadataRequest;
    f(&M::topics, {.name = "topics", .nullable = Since(1)});
    f(&M::allow_auto_topic_creation, {.name = "allow_auto_topic_creation", .versions = Since(4)});
    f(&M::include_cluster_authorized_operations,
      {.name = "include_cluster_authorized_operations", .versions = Between(8, 10)});
    f(&M::include_topic_authorized_operations,
      {.name = "include_topic_authorized_operations", .versions = Since(8)});
  }
};
MILLRACE_WIRE_MESSAGE(MetadataRequest);

struct MetadataResponse {
  static constexpr Api kApi{.key = 3, .name = "MetadataResponse", .valid = {0, 13}, .flexible = 9};

  struct Broker {
    int32_t node_id = 0;
    std::string host = {};
    int32_t port = 0;
    std::optional<std::string> rack = {};

    static constexpr void Fields(auto&& f) {
      f(&Broker::node_id, {.name = "node_id"});
      f(&Broker::host, {.name = "host"});
      f(&Broker::port, {.name = "port"});
      f(&Broker::rack, {.name = "rack", .versions = Since(1), .ignorable = true});
    }
  };

  struct Partition {
    int16_t error_code = 0;
    int32_t partition_index = 0;
    // -1: no leader.
    int32_t leader_id = 0;
    int32_t leader_epoch = -1;
    // Node ids, the preferred leader first.
    std::vector<int32_t> replica_nodes = {};
    std::vector<int32_t> isr_nodes = {};
    std::vector<int32_t> offline_replicas = {};

    static constexpr void Fields(auto&& f) {
      f(&Partition::error_code, {.name = "error_code"});
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::leader_id, {.name = "leader_id"});
      f(&Partition::leader_epoch, {.name = "leader_epoch", .versions = Since(7), .ignorable = true});
      f(&Partition::replica_nodes, {.name = "replica_nodes"});
      f(&Partition::isr_nodes, {.name = "isr_nodes"});
      f(&Partition::offline_replicas, {.name = "offline_replicas", .versions = Since(5), .ignorable = true});
    }
  };

  struct Topic {
    int16_t error_code = 0;
    // Null where an unknown id was asked for.
    std::optional<std::string> name = "";
    TopicId topic_id = {};
    bool is_internal = false;
    std::vector<Partition> partitions = {};
    // A bit for each AclOperation that the client may do; INT32_MIN: not asked for.
    int32_t topic_authorized_operations = INT32_MIN;

    static constexpr void Fields(auto&& f) {
      f(&Topic::error_code, {.name = "error_code"});
      f(&Topic::name, {.name = "name", .nullable = Since(12)});
      f(&Topic::topic_id, {.name = "topic_id", .versions = Since(10), .ignorable = true});
      f(&Topic::is_internal, {.name = "is_internal", .versions = Since(1), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
      f(&Topic::topic_authorized_operations, {.name = "topic_authorized_operations", .versions = Since(8)});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers = {};
  std::optional<std::string> cluster_id = {};
  // -1: unknown. Under KRaft any broker that forwards to it.
  int32_t controller_id = -1;
  std::vector<Topic> topics = {};
  // A bit for each AclOperation that the client may do; INT32_MIN: not asked for.
  int32_t cluster_authorized_operations = INT32_MIN;
  int16_t error_code = 0;

  static constexpr void Fields(auto&& f) {
    using M = MetadataResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(3), .ignorable = true});
    f(&M::brokers, {.name = "brokers"});
    f(&M::cluster_id, {.name = "cluster_id", .versions = Since(2), .ignorable = true});
    f(&M::controller_id, {.name = "controller_id", .versions = Since(1), .ignorable = true});
    f(&M::topics, {.name = "topics"});
    f(&M::cluster_authorized_operations,
      {.name = "cluster_authorized_operations", .versions = Between(8, 10)});
    f(&M::error_code, {.name = "error_code", .versions = Since(13), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(MetadataResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_METADATA_H_
