// DeleteAcls (key 31): deletes the ACLs that pass a filter.
//
// Versions:
//   1: patterns (KIP-290).
//   2: flexible.
//   3: users as resources.

#ifndef MILLRACE_WIRE_MESSAGES_DELETE_ACLS_H_
#define MILLRACE_WIRE_MESSAGES_DELETE_ACLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DeleteAclsRequest {
  static constexpr Api kApi{.key = 31, .name = "DeleteAclsRequest", .valid = {1, 3}, .flexible = 2};

  struct Filter {
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
      f(&Filter::resource_type_filter, {.name = "resource_type_filter"});
      f(&Filter::resource_name_filter, {.name = "resource_name_filter"});
      f(&Filter::pattern_type_filter, {.name = "pattern_type_filter"});
      f(&Filter::principal_filter, {.name = "principal_filter"});
      f(&Filter::host_filter, {.name = "host_filter"});
      f(&Filter::operation, {.name = "operation"});
      f(&Filter::permission_type, {.name = "permission_type"});
    }
  };

  std::vector<Filter> filters = {};

  static constexpr void Fields(auto&& f) { f(&DeleteAclsRequest::filters, {.name = "filters"}); }
};
MILLRACE_WIRE_MESSAGE(DeleteAclsRequest);

struct DeleteAclsResponse {
  static constexpr Api kApi{.key = 31, .name = "DeleteAclsResponse", .valid = {1, 3}, .flexible = 2};

  // One that passed the filter.
  struct Acl {
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    int8_t resource_type = 0;
    std::string resource_name = {};
    int8_t pattern_type = 3;
    std::string principal = {};
    std::string host = {};
    int8_t operation = 0;
    int8_t permission_type = 0;

    static constexpr void Fields(auto&& f) {
      f(&Acl::error_code, {.name = "error_code"});
      f(&Acl::error_message, {.name = "error_message"});
      f(&Acl::resource_type, {.name = "resource_type"});
      f(&Acl::resource_name, {.name = "resource_name"});
      f(&Acl::pattern_type, {.name = "pattern_type"});
      f(&Acl::principal, {.name = "principal"});
      f(&Acl::host, {.name = "host"});
      f(&Acl::operation, {.name = "operation"});
      f(&Acl::permission_type, {.name = "permission_type"});
    }
  };

  // One for each filter, in their order.
  struct FilterResult {
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::vector<Acl> matching_acls = {};

    static constexpr void Fields(auto&& f) {
      f(&FilterResult::error_code, {.name = "error_code"});
      f(&FilterResult::error_message, {.name = "error_message"});
      f(&FilterResult::matching_acls, {.name = "matching_acls"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<FilterResult> filter_results = {};

  static constexpr void Fields(auto&& f) {
    using M = DeleteAclsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::filter_results, {.name = "filter_results"});
  }
};
MILLRACE_WIRE_MESSAGE(DeleteAclsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DELETE_ACLS_H_
