// SaslHandshake (key 17): chooses a SASL mechanism. After version 0 the tokens follow as they are, after
// version 1 in SaslAuthenticate (KIP-152).

#ifndef MILLRACE_WIRE_MESSAGES_SASL_HANDSHAKE_H_
#define MILLRACE_WIRE_MESSAGES_SASL_HANDSHAKE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct SaslHandshakeRequest {
  static constexpr Api kApi{.key = 17, .name = "SaslHandshakeRequest", .valid = {0, 1}};

  std::string mechanism = {};

  static constexpr void Fields(auto&& f) { f(&SaslHandshakeRequest::mechanism, {.name = "mechanism"}); }
};
MILLRACE_WIRE_MESSAGE(SaslHandshakeRequest);

struct SaslHandshakeResponse {
  static constexpr Api kApi{.key = 17, .name = "SaslHandshakeResponse", .valid = {0, 1}};

  int16_t error_code = 0;
  // Those that the broker has enabled.
  std::vector<std::string> mechanisms = {};

  static constexpr void Fields(auto&& f) {
    using M = SaslHandshakeResponse;
    f(&M::error_code, {.name = "error_code"});
    f(&M::mechanisms, {.name = "mechanisms"});
  }
};
MILLRACE_WIRE_MESSAGE(SaslHandshakeResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_SASL_HANDSHAKE_H_
