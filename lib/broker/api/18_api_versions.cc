// ApiVersions (key 18): what the broker serves. Versions 0 to 4.
//
// Clients send it first, in the newest version they know; where that is not one of ours, the answer is in
// version 0, says UNSUPPORTED_VERSION, and which versions of this one API there are (KIP-511). The header of
// the answer is always version 0.

#include "broker/api/handlers.h"
#include "millrace/wire/messages/api_versions.h"

namespace millrace::inline v0 {
namespace {

wire::ApiVersionsResponse::ApiVersion VersionsOf(const ApiHandler& handler) {
  return {.api_key = static_cast<int16_t>(handler.key),
          .min_version = handler.advertised_from,
          .max_version = handler.served.last};
}

// As Kafka's: a letter or digit at both ends, and letters, digits, dots and dashes between.
bool IsSoftwareName(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (name.empty() || !plain(name.front()) || !plain(name.back())) return false;
  for (const char c : name) {
    if (!plain(c) && c != '.' && c != '-') return false;
  }
  return true;
}

int16_t ToSupportedMin(int16_t version) {
  return version >= 4 ? 0 : 1;
}

}  // namespace

void HandleApiVersions(BrokerImpl&, Request request) {
  const auto asked = request.Decode<wire::ApiVersionsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::ApiVersionsResponse response;
  if (request.version() >= 3 &&
      !(IsSoftwareName(asked->client_software_name) && IsSoftwareName(asked->client_software_version))) {
    response.error_code = CodeOf(ErrorCode::kInvalidRequest);
    return request.Respond(response);
  }
  for (const ApiHandler& handler : Handlers()) response.api_keys.push_back(VersionsOf(handler));
  // Clients use the consumer protocol (KIP-848) where this is finalized. Level 0 exists too, which clients
  // before version 4 cannot read: they are told of level 1 alone.
  response.supported_features = {
      {.name = "group.version", .min_version = ToSupportedMin(request.version()), .max_version = 1}};
  response.finalized_features_epoch = 1;
  response.finalized_features = {{.name = "group.version", .max_version_level = 1, .min_version_level = 1}};
  request.Respond(response);
}

void RefuseApiVersions(Request request) {
  wire::ApiVersionsResponse response;
  response.error_code = CodeOf(ErrorCode::kUnsupportedVersion);
  response.api_keys.push_back(VersionsOf(*FindHandler(wire::ApiKey::kApiVersions)));
  request.RespondAs(response, 0);
}

}  // namespace millrace::inline v0
