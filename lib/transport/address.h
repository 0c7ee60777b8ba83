// HostPort: an address as Kafka's listeners write it.

#ifndef MILLRACE_TRANSPORT_ADDRESS_H_
#define MILLRACE_TRANSPORT_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

struct HostPort {
  // A name, an IPv4 address, an IPv6 address without its brackets, or empty: all addresses.
  std::string host = {};
  uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

// Reads "host:port", "[ipv6]:port" or ":port". kInvalidArgument, naming `address`, for anything else.
MILLRACE_EXPORT absl::StatusOr<HostPort> ParseHostPort(std::string_view address);

// Writes it: with brackets around what has a colon in it.
MILLRACE_EXPORT std::string FormatHostPort(const HostPort& address);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_ADDRESS_H_
