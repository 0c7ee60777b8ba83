#include "millrace/wire/messages/headers.h"

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/api_keys.h"
#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(RequestHeader);
MILLRACE_WIRE_INSTANTIATE(ResponseHeader);

namespace {

absl::Status NoApiKey(int16_t key) {
  return Error(ErrorCode::kInvalidRequest, StrCat("malformed request: ", key, " is no API key"));
}

}  // namespace

absl::StatusOr<RequestHeader> DecodeRequestHeader(std::span<const std::byte> request, size_t* used) {
  // Key and version come first at either version.
  if (request.size() < 4) {
    return Error(ErrorCode::kInvalidRequest,
                 StrCat("malformed request: ", request.size(), " bytes are too few for a header"));
  }
  const auto number = [&](size_t at) {
    return static_cast<int16_t>(std::to_integer<int>(request[at]) << 8 |
                                std::to_integer<int>(request[at + 1]));
  };
  const auto versions = HeaderVersionsOf(number(0), number(2));
  if (!versions.has_value()) return NoApiKey(number(0));
  return DecodePrefix<RequestHeader>(request, versions->request, used);
}

absl::Status EncodeResponseHeader(const RequestHeader& header, Bytes* to) {
  const auto versions = HeaderVersionsOf(header.request_api_key, header.request_api_version);
  if (!versions.has_value()) return NoApiKey(header.request_api_key);
  return Encode(ResponseHeader{.correlation_id = header.correlation_id}, versions->response, to);
}

}  // namespace millrace::inline v0::wire
