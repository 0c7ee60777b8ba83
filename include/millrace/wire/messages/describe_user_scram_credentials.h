// DescribeUserScramCredentials (key 50): which SCRAM credentials users have (KIP-554).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_USER_SCRAM_CREDENTIALS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_USER_SCRAM_CREDENTIALS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeUserScramCredentialsRequest {
  static constexpr Api kApi{
      .key = 50, .name = "DescribeUserScramCredentialsRequest", .valid = {0, 0}, .flexible = 0};

  struct User {
    std::string name = {};

    static constexpr void Fields(auto&& f) { f(&User::name, {.name = "name"}); }
  };

  // Null or empty: all.
  std::optional<std::vector<User>> users = std::vector<User>();

  static constexpr void Fields(auto&& f) {
    f(&DescribeUserScramCredentialsRequest::users, {.name = "users"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeUserScramCredentialsRequest);

struct DescribeUserScramCredentialsResponse {
  static constexpr Api kApi{
      .key = 50, .name = "DescribeUserScramCredentialsResponse", .valid = {0, 0}, .flexible = 0};

  struct Credential {
    // 1: SCRAM-SHA-256. 2: SCRAM-SHA-512.
    int8_t mechanism = 0;
    int32_t iterations = 0;

    static constexpr void Fields(auto&& f) {
      f(&Credential::mechanism, {.name = "mechanism"});
      f(&Credential::iterations, {.name = "iterations"});
    }
  };

  struct User {
    std::string user = {};
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::vector<Credential> credential_infos = {};

    static constexpr void Fields(auto&& f) {
      f(&User::user, {.name = "user"});
      f(&User::error_code, {.name = "error_code"});
      f(&User::error_message, {.name = "error_message"});
      f(&User::credential_infos, {.name = "credential_infos"});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<User> results = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeUserScramCredentialsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeUserScramCredentialsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_USER_SCRAM_CREDENTIALS_H_
