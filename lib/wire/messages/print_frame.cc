#include "millrace/wire/print_frame.h"

#include <optional>

#include "base/strings.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages.h"

namespace millrace::inline v0::wire {
namespace {

template <typename S>
std::string PrintBody(std::span<const std::byte> body, int16_t version) {
  const absl::StatusOr<S> message = Decode<S>(body, version);
  return message.ok() ? Print(*message, version) : std::string(message.status().message());
}

// `Fetch v12 #7`
std::string Name(const RequestHeader& header) {
  const ApiKeyInfo* info = FindApiKey(header.request_api_key);
  return StrCat(info == nullptr ? "?" : info->name, " v", header.request_api_version, " #",
                header.correlation_id);
}

// As print(Exchange<...>{}) for the exchange that `header` names; just the size where there is none.
template <typename F>
std::string Body(const RequestHeader& header, std::span<const std::byte> body, F&& print) {
  std::string line = StrCat("<", body.size(), " bytes of an unknown message>");
  Exchanges::AnyOf([&]<typename E>(E exchange) {
    if (E::kKey != header.request_api_key) return false;
    line = print(exchange);
    return true;
  });
  return line;
}

}  // namespace

std::string PrintRequest(std::span<const std::byte> request) {
  size_t used = 0;
  const absl::StatusOr<RequestHeader> header = DecodeRequestHeader(request, &used);
  if (!header.ok()) return std::string(header.status().message());
  const auto rest = request.subspan(used);
  const std::string client =
      header->client_id.has_value() ? StrCat(" from ", QuoteForLog(*header->client_id)) : std::string();
  return StrCat(Name(*header), client, ": ", Body(*header, rest, [&]<typename E>(E) {
                  return PrintBody<typename E::Request>(rest, header->request_api_version);
                }));
}

std::string PrintResponse(const RequestHeader& header, std::span<const std::byte> response) {
  const auto versions = HeaderVersionsOf(header.request_api_key, header.request_api_version);
  if (!versions.has_value()) return StrCat(Name(header), ": <", response.size(), " bytes>");
  size_t used = 0;
  const auto decoded = DecodePrefix<ResponseHeader>(response, versions->response, &used);
  if (!decoded.ok()) return StrCat(Name(header), ": ", decoded.status().message());
  std::string line = Name(header);
  if (decoded->correlation_id != header.correlation_id) {
    StrAppend(&line, " answered as #", decoded->correlation_id);
  }
  const auto rest = response.subspan(used);
  return StrCat(line, ": ", Body(header, rest, [&]<typename E>(E) {
                  return PrintBody<typename E::Response>(rest, header.request_api_version);
                }));
}

}  // namespace millrace::inline v0::wire
