// AlterUserScramCredentials (key 51): sets and deletes SCRAM credentials (KIP-554).

#ifndef MILLRACE_WIRE_MESSAGES_ALTER_USER_SCRAM_CREDENTIALS_H_
#define MILLRACE_WIRE_MESSAGES_ALTER_USER_SCRAM_CREDENTIALS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct AlterUserScramCredentialsRequest {
  static constexpr Api kApi{
      .key = 51, .name = "AlterUserScramCredentialsRequest", .valid = {0, 0}, .flexible = 0};

  struct Deletion {
    std::string name = {};
    // 1: SCRAM-SHA-256. 2: SCRAM-SHA-512.
    int8_t mechanism = 0;

    static constexpr void Fields(auto&& f) {
      f(&Deletion::name, {.name = "name"});
      f(&Deletion::mechanism, {.name = "mechanism"});
    }
  };

  struct Upsertion {
    std::string name = {};
    // 1: SCRAM-SHA-256. 2: SCRAM-SHA-512.
    int8_t mechanism = 0;
    int32_t iterations = 0;
    Bytes salt = {};
    Bytes salted_password = {};

    static constexpr void Fields(auto&& f) {
      f(&Upsertion::name, {.name = "name"});
      f(&Upsertion::mechanism, {.name = "mechanism"});
      f(&Upsertion::iterations, {.name = "iterations"});
      f(&Upsertion::salt, {.name = "salt"});
      f(&Upsertion::salted_password, {.name = "salted_password"});
    }
  };

  std::vector<Deletion> deletions = {};
  std::vector<Upsertion> upsertions = {};

  static constexpr void Fields(auto&& f) {
    using M = AlterUserScramCredentialsRequest;
    f(&M::deletions, {.name = "deletions"});
    f(&M::upsertions, {.name = "upsertions"});
  }
};
MILLRACE_WIRE_MESSAGE(AlterUserScramCredentialsRequest);

struct AlterUserScramCredentialsResponse {
  static constexpr Api kApi{
      .key = 51, .name = "AlterUserScramCredentialsResponse", .valid = {0, 0}, .flexible = 0};

  struct User {
    std::string user = {};
    int16_t error_code = 0;
    std::optional<std::string> error_message = "";

    static constexpr void Fields(auto&& f) {
      f(&User::user, {.name = "user"});
      f(&User::error_code, {.name = "error_code"});
      f(&User::error_message, {.name = "error_message"});
    }
  };

  int32_t throttle_time_ms = 0;
  std::vector<User> results = {};

  static constexpr void Fields(auto&& f) {
    using M = AlterUserScramCredentialsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(AlterUserScramCredentialsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_ALTER_USER_SCRAM_CREDENTIALS_H_
