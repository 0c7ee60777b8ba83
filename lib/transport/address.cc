#include "transport/address.h"

#include "base/parse_number.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

absl::Status Refused(std::string_view address, std::string_view why) {
  return absl::InvalidArgumentError(ToAbsl(StrCat(
      "address '", address, "': ", why, "; expected host:port, [ipv6]:port, or :port for all addresses")));
}

bool IsHost(std::string_view host) {
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '[' || c == ']' || c == '\x7f') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return Refused(address, "no port");
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 3) return Refused(address, "its brackets hold no IPv6 address");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Refused(address, "an IPv6 address needs brackets");
  }
  if (!IsHost(host)) return Refused(address, "its host has a character that no host has");

  const auto number = ParseNumber<decltype(HostPort::port)>(port);
  if (!number.has_value()) return Refused(address, StrCat("'", port, "' is no port (0 to 65535)"));
  return HostPort{.host = std::string(host), .port = *number};
}

std::string FormatHostPort(const HostPort& address) {
  if (address.host.find(':') == std::string::npos) return StrCat(address.host, ":", address.port);
  return StrCat("[", address.host, "]:", address.port);
}

}  // namespace millrace::inline v0
