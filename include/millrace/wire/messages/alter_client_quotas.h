// AlterClientQuotas (key 49): changes the quotas of users, client ids and addresses (KIP-546). Version 1 is
// flexible.

#ifndef MILLRACE_WIRE_MESSAGES_ALTER_CLIENT_QUOTAS_H_
#define MILLRACE_WIRE_MESSAGES_ALTER_CLIENT_QUOTAS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct AlterClientQuotasRequest {
  static constexpr Api kApi{.key = 49, .name = "AlterClientQuotasRequest", .valid = {0, 1}, .flexible = 1};

  struct Entity {
    // "user", "client-id" or "ip".
    std::string entity_type = {};
    // Null: the default.
    std::optional<std::string> entity_name = "";

    static constexpr void Fields(auto&& f) {
      f(&Entity::entity_type, {.name = "entity_type"});
      f(&Entity::entity_name, {.name = "entity_name"});
    }
  };

  struct Op {
    // The name of a quota: "producer_byte_rate", ...
    std::string key = {};
    double value = 0;
    bool remove = false;

    static constexpr void Fields(auto&& f) {
      f(&Op::key, {.name = "key"});
      f(&Op::value, {.name = "value"});
      f(&Op::remove, {.name = "remove"});
    }
  };

  struct Entry {
    std::vector<Entity> entity = {};
    std::vector<Op> ops = {};

    static constexpr void Fields(auto&& f) {
      f(&Entry::entity, {.name = "entity"});
      f(&Entry::ops, {.name = "ops"});
    }
  };

  std::vector<Entry> entries = {};
  // Check, and change nothing.
  bool validate_only = false;

  static constexpr void Fields(auto&& f) {
    using M = AlterClientQuotasRequest;
    f(&M::entries, {.name = "entries"});
    f(&M::validate_only, {.name = "validate_only"});
  }
};
MILLRACE_WIRE_MESSAGE(AlterClientQuotasRequest);

struct AlterClientQuotasResponse {
  static constexpr Api kApi{.key = 49, .name = "AlterClientQuotasResponse", .valid = {0, 1}, .flexible = 1};

  struct Entity {
    std::string entity_type = {};
    // Null: the default.
    std::optional<std::string> entity_name = "";

    static constexpr void Fields(auto&& f) {
      f(&Entity::entity_type, {.name = "entity_type"});
      f(&Entity::entity_name, {.name = "entity_name"});
    }
  };

  struct Entry {
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::vector<Entity> entity = {};

    static constexpr void Fields(auto&& f) {
      f(&Entry::error_code, {.name = "error_code"});
      f(&Entry::error_message, {.name = "error_message"});
      f(&Entry::entity, {.name = "entity"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<Entry> entries = {};

  static constexpr void Fields(auto&& f) {
    using M = AlterClientQuotasResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::entries, {.name = "entries"});
  }
};
MILLRACE_WIRE_MESSAGE(AlterClientQuotasResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_ALTER_CLIENT_QUOTAS_H_
