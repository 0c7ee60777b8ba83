// DescribeAcls (key 29): the ACLs that pass a filter.
//
// Versions:
//   1: patterns (KIP-290).
//   2: flexible.
//   3: users as resources.

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_ACLS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_ACLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeAclsRequest {
  static constexpr Api kApi{.key = 29, .name = "DescribeAclsRequest", .valid = {1, 3}, .flexible = 2};

  // 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
  int8_t resource_type_filter = 0;
  // Null: any.
  std::optional<std::string> resource_name_filter = "";
  // 1 any, 2 match, 3 literal, 4 prefixed.
  int8_t pattern_type_filter = 3;
  // Null: any.
  std::optional<std::string> principal_filter = "";
  // Null: any.
  std::optional<std::string> host_filter = "";
  // 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 describe
  // configs, 11 alter configs, 12 idempotent write.
  int8_t operation = 0;
  // 1 any, 2 deny, 3 allow.
  int8_t permission_type = 0;

  static constexpr void Fields(auto&& f) {
    using M = DescribeAclsRequest;
    f(&M::resource_type_filter, {.name = "resource_type_filter"});
    f(&M::resource_name_filter, {.name = "resource_name_filter"});
    f(&M::pattern_type_filter, {.name = "pattern_type_filter"});
    f(&M::principal_filter, {.name = "principal_filter"});
    f(&M::host_filter, {.name = "host_filter"});
    f(&M::operation, {.name = "operation"});
    f(&M::permission_type, {.name = "permission_type"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeAclsRequest);

struct DescribeAclsResponse {
  static constexpr Api kApi{.key = 29, .name = "DescribeAclsResponse", .valid = {1, 3}, .flexible = 2};

  struct Acl {
    std::string principal = {};
    std::string host = {};
    int8_t operation = 0;
    int8_t permission_type = 0;

    static constexpr void Fields(auto&& f) {
      f(&Acl::principal, {.name = "principal"});
      f(&Acl::host, {.name = "host"});
      f(&Acl::operation, {.name = "operation"});
      f(&Acl::permission_type, {.name = "permission_type"});
    }
  };

  struct Resource {
    int8_t resource_type = 0;
    std::string resource_name = {};
    int8_t pattern_type = 3;
    std::vector<Acl> acls = {};

    static constexpr void Fields(auto&& f) {
      f(&Resource::resource_type, {.name = "resource_type"});
      f(&Resource::resource_name, {.name = "resource_name"});
      f(&Resource::pattern_type, {.name = "pattern_type"});
      f(&Resource::acls, {.name = "acls"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Resource> resources = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeAclsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::resources, {.name = "resources"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeAclsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_ACLS_H_
