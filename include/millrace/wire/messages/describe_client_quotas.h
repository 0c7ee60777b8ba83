// DescribeClientQuotas (key 48): the quotas of users, client ids and addresses (KIP-546). Version 1 is
// flexible.

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_CLIENT_QUOTAS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_CLIENT_QUOTAS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeClientQuotasRequest {
  static constexpr Api kApi{.key = 48, .name = "DescribeClientQuotasRequest", .valid = {0, 1}, .flexible = 1};

  struct Component {
    // "user", "client-id" or "ip".
    std::string entity_type = {};
    // 0: the name in match. 1: the default entity. 2: any name.
    int8_t match_type = 0;
    // Null unless match_type is 0.
    std::optional<std::string> match = "";

    static constexpr void Fields(auto&& f) {
      f(&Component::entity_type, {.name = "entity_type"});
      f(&Component::match_type, {.name = "match_type"});
      f(&Component::match, {.name = "match"});
    }
  };

  std::vector<Component> components = {};
  // Leave out entities that have other components too.
  bool strict = false;

  static constexpr void Fields(auto&& f) {
    using M = DescribeClientQuotasRequest;
    f(&M::components, {.name = "components"});
    f(&M::strict, {.name = "strict"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeClientQuotasRequest);

struct DescribeClientQuotasResponse {
  static constexpr Api kApi{
      .key = 48, .name = "DescribeClientQuotasResponse", .valid = {0, 1}, .flexible = 1};

  struct Entity {
    std::string entity_type = {};
    // Null: the default.
    std::optional<std::string> entity_name = "";

    static constexpr void Fields(auto&& f) {
      f(&Entity::entity_type, {.name = "entity_type"});
      f(&Entity::entity_name, {.name = "entity_name"});
    }
  };

  struct Value {
    std::string key = {};
    double value = 0;

    static constexpr void Fields(auto&& f) {
      f(&Value::key, {.name = "key"});
      f(&Value::value, {.name = "value"});
    }
  };

  struct Entry {
    std::vector<Entity> entity = {};
    std::vector<Value> values = {};

    static constexpr void Fields(auto&& f) {
      f(&Entry::entity, {.name = "entity"});
      f(&Entry::values, {.name = "values"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::optional<std::vector<Entry>> entries = std::vector<Entry>();

  static constexpr void Fields(auto&& f) {
    using M = DescribeClientQuotasResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::entries, {.name = "entries"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeClientQuotasResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_CLIENT_QUOTAS_H_
