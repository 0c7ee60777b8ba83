// CreateAcls (key 30).
//
// Versions:
//   1: patterns (KIP-290).
//   2: flexible.
//   3: users as resources.

#ifndef MILLRACE_WIRE_MESSAGES_CREATE_ACLS_H_
#define MILLRACE_WIRE_MESSAGES_CREATE_ACLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct CreateAclsRequest {
  static constexpr Api kApi{.key = 30, .name = "CreateAclsRequest", .valid = {1, 3}, .flexible = 2};

  struct Acl {
    // 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    int8_t resource_type = 0;
    std::string resource_name = {};
    // 1 any, 2 match, 3 literal, 4 prefixed.
    int8_t resource_pattern_type = 3;
    // "User:alice"; "User:*" for everybody.
    std::string principal = {};
    // "*" for any.
    std::string host = {};
    // 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 describe
    // configs, 11 alter configs, 12 idempotent write.
    int8_t operation = 0;
    // 1 any, 2 deny, 3 allow.
    int8_t permission_type = 0;

    static constexpr void Fields(auto&& f) {
      f(&Acl::resource_type, {.name = "resource_type"});
      f(&Acl::resource_name, {.name = "resource_name"});
      f(&Acl::resource_pattern_type, {.name = "resource_pattern_type"});
      f(&Acl::principal, {.name = "principal"});
      f(&Acl::host, {.name = "host"});
      f(&Acl::operation, {.name = "operation"});
      f(&Acl::permission_type, {.name = "permission_type"});
    }
  };

  std::vector<Acl> creations = {};

  static constexpr void Fields(auto&& f) { f(&CreateAclsRequest::creations, {.name = "creations"}); }
};
MILLRACE_WIRE_MESSAGE(CreateAclsRequest);

struct CreateAclsResponse {
  static constexpr Api kApi{.key = 30, .name = "CreateAclsResponse", .valid = {1, 3}, .flexible = 2};

  // One for each that was to be created, in that order.
  struct Result {
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";

    static constexpr void Fields(auto&& f) {
      f(&Result::error_code, {.name = "error_code"});
      f(&Result::error_message, {.name = "error_message"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results = {};

  static constexpr void Fields(auto&& f) {
    using M = CreateAclsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(CreateAclsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_CREATE_ACLS_H_
