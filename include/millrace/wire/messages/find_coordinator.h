// FindCoordinator (key 10): which broker looks after a group, a transactional id or a share group's
// partition.
//
// Versions:
//   1: key types (KIP-98).
//   3: flexible.
//   4: several keys at once (KIP-699).
//   5: TRANSACTION_ABORTABLE (KIP-890).
//   6: share groups (KIP-932).

#ifndef MILLRACE_WIRE_MESSAGES_FIND_COORDINATOR_H_
#define MILLRACE_WIRE_MESSAGES_FIND_COORDINATOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct FindCoordinatorRequest {
  static constexpr Api kApi{.key = 10, .name = "FindCoordinatorRequest", .valid = {0, 6}, .flexible = 3};

  std::string key = {};
  // 0: group, 1: transactional id, 2: share group.
  int8_t key_type = 0;
  std::vector<std::string> coordinator_keys = {};

  static constexpr void Fields(auto&& f) {
    using M = FindCoordinatorRequest;
    f(&M::key, {.name = "key", .versions = Until(3)});
    f(&M::key_type, {.name = "key_type", .versions = Since(1)});
    f(&M::coordinator_keys, {.name = "coordinator_keys", .versions = Since(4)});
  }
};
MILLRACE_WIRE_MESSAGE(FindCoordinatorRequest);

struct FindCoordinatorResponse {
  static constexpr Api kApi{.key = 10, .name = "FindCoordinatorResponse", .valid = {0, 6}, .flexible = 3};

  struct Coordinator {
    std::string key = {};
    int32_t node_id = 0;
    std::string host = {};
    int32_t port = 0;
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";

    static constexpr void Fields(auto&& f) {
      f(&Coordinator::key, {.name = "key"});
      f(&Coordinator::node_id, {.name = "node_id"});
      f(&Coordinator::host, {.name = "host"});
      f(&Coordinator::port, {.name = "port"});
      f(&Coordinator::error_code, {.name = "error_code"});
      f(&Coordinator::error_message, {.name = "error_message"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  // -1 on an error.
  int32_t node_id = 0;
  std::string host = {};
  int32_t port = 0;
  std::vector<Coordinator> coordinators = {};

  static constexpr void Fields(auto&& f) {
    using M = FindCoordinatorResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f(&M::error_code, {.name = "error_code", .versions = Until(3)});
    f(&M::error_message, {.name = "error_message", .versions = Between(1, 3), .ignorable = true});
    f(&M::node_id, {.name = "node_id", .versions = Until(3)});
    f(&M::host, {.name = "host", .versions = Until(3)});
    f(&M::port, {.name = "port", .versions = Until(3)});
    f(&M::coordinators, {.name = "coordinators", .versions = Since(4)});
  }
};
MILLRACE_WIRE_MESSAGE(FindCoordinatorResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_FIND_COORDINATOR_H_
