// The headers of requests and responses. A frame is an int32 that tells its size, a header and a body; which
// version of the header, api_keys.h knows.

#ifndef MILLRACE_WIRE_MESSAGES_HEADERS_H_
#define MILLRACE_WIRE_MESSAGES_HEADERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

// Versions:
//   2: flexible, but for the client id, so that a broker can read it whatever the version.
struct RequestHeader {
  static constexpr Api kApi{.name = "RequestHeader", .valid = {1, 2}, .flexible = 2};

  int16_t request_api_key = 0;
  int16_t request_api_version = 0;
  // The response bears the same.
  int32_t correlation_id = 0;
  std::optional<std::string> client_id = "";

  static constexpr void Fields(auto&& f) {
    using M = RequestHeader;
    f(&M::request_api_key, {.name = "request_api_key"});
    f(&M::request_api_version, {.name = "request_api_version"});
    f(&M::correlation_id, {.name = "correlation_id"});
    f(&M::client_id, {.name = "client_id", .flexible = kNeverFlexible});
  }
};
MILLRACE_WIRE_MESSAGE(RequestHeader);

// Versions:
//   1: flexible.
struct ResponseHeader {
  static constexpr Api kApi{.name = "ResponseHeader", .valid = {0, 1}, .flexible = 1};

  int32_t correlation_id = 0;

  static constexpr void Fields(auto&& f) { f(&ResponseHeader::correlation_id, {.name = "correlation_id"}); }
};
MILLRACE_WIRE_MESSAGE(ResponseHeader);

// Reads the header at the front of a request: `request` is a frame without its size, and the body starts at
// `*used`. kInvalidRequest for malformed bytes and for a number that is no API key. A version that is not
// valid is no error here.
MILLRACE_EXPORT absl::StatusOr<RequestHeader> DecodeRequestHeader(std::span<const std::byte> request,
                                                                  size_t* used);

// Appends the header of a response to a request with `header`. kInvalidRequest for a number that is no API
// key.
MILLRACE_EXPORT absl::Status EncodeResponseHeader(const RequestHeader& header, Bytes* to);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_HEADERS_H_
