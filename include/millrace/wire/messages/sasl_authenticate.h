// SaslAuthenticate (key 36): one round of a SASL exchange (KIP-152).
//
// Versions:
//   1: session lifetime (KIP-368).
//   2: flexible.

#ifndef MILLRACE_WIRE_MESSAGES_SASL_AUTHENTICATE_H_
#define MILLRACE_WIRE_MESSAGES_SASL_AUTHENTICATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct SaslAuthenticateRequest {
  static constexpr Api kApi{.key = 36, .name = "SaslAuthenticateRequest", .valid = {0, 2}, .flexible = 2};

  Bytes auth_bytes = {};

  static constexpr void Fields(auto&& f) { f(&SaslAuthenticateRequest::auth_bytes, {.name = "auth_bytes"}); }
};
MILLRACE_WIRE_MESSAGE(SaslAuthenticateRequest);

struct SaslAuthenticateResponse {
  static constexpr Api kApi{.key = 36, .name = "SaslAuthenticateResponse", .valid = {0, 2}, .flexible = 2};

  int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  Bytes auth_bytes = {};
  // After this the client must authenticate again; 0: never.
  int64_t session_lifetime_ms = 0;

  static constexpr void Fields(auto&& f) {
    using M = SaslAuthenticateResponse;
    f(&M::error_code, {.name = "error_code"});
    f(&M::error_message, {.name = "error_message"});
    f(&M::auth_bytes, {.name = "auth_bytes"});
    f(&M::session_lifetime_ms, {.name = "session_lifetime_ms", .versions = Since(1), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(SaslAuthenticateResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_SASL_AUTHENTICATE_H_
