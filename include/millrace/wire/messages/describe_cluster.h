// DescribeCluster (key 60): the brokers and the controller, without topics (KIP-700).
//
// Versions:
//   1: the endpoints of controllers (KIP-919).
//   2: fenced brokers (KIP-1073).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_CLUSTER_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_CLUSTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeClusterRequest {
  static constexpr Api kApi{.key = 60, .name = "DescribeClusterRequest", .valid = {0, 2}, .flexible = 0};

  bool include_cluster_authorized_operations = false;
  // 1: brokers. 2: controllers.
  int8_t endpoint_type = 1;
  bool include_fenced_brokers = false;

  static constexpr void Fields(auto&& f) {
    using M = DescribeClusterRequest;
    f(&M::include_cluster_authorized_operations, {.name = "include_cluster_authorized_operations"});
    f(&M::endpoint_type, {.name = "endpoint_type", .versions = Since(1)});
    f(&M::include_fenced_brokers, {.name = "include_fenced_brokers", .versions = Since(2)});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeClusterRequest);

struct DescribeClusterResponse {
  static constexpr Api kApi{.key = 60, .name = "DescribeClusterResponse", .valid = {0, 2}, .flexible = 0};

  struct Broker {
    int32_t broker_id = 0;
    std::string host = {};
    int32_t port = 0;
    std::optional<std::string> rack = {};
    bool is_fenced = false;

    static constexpr void Fields(auto&& f) {
      f(&Broker::broker_id, {.name = "broker_id"});
      f(&Broker::host, {.name = "host"});
      f(&Broker::port, {.name = "port"});
      f(&Broker::rack, {.name = "rack"});
      f(&Broker::is_fenced, {.name = "is_fenced", .versions = Since(2)});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> error_message = {};
  // 1: brokers. 2: controllers.
  int8_t endpoint_type = 1;
  std::string cluster_id = {};
  int32_t controller_id = -1;
  std::vector<Broker> brokers = {};
  // A bit for each AclOperation that the client may do; INT32_MIN: not asked for.
  int32_t cluster_authorized_operations = INT32_MIN;

  static constexpr void Fields(auto&& f) {
    using M = DescribeClusterResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::endpoint_type, {.name = "endpoint_type", .versions = Since(1)});
    f(&M::cluster_id, {.name = "cluster_id"});
    f(&M::controller_id, {.name = "controller_id"});
    f(&M::brokers, {.name = "brokers"});
    f(&M::cluster_authorized_operations, {.name = "cluster_authorized_operations"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeClusterResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_CLUSTER_H_
