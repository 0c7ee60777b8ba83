#include "transport/address.h"

#include <catch2/catch.hpp>

namespace millrace {
namespace {

TEST_CASE("Addresses are read and written") {
  for (const auto& [text, host, port] : std::vector<std::tuple<std::string, std::string, uint16_t>>{
           {"127.0.0.1:9092", "127.0.0.1", 9092},
           {"localhost:0", "localhost", 0},
           {"[::1]:65535", "::1", 65535},
           {"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
           {":9092", "", 9092},
           {"broker-1.example.org:80", "broker-1.example.org", 80}}) {
    INFO(text);
    const auto parsed = ParseHostPort(text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == HostPort{.host = host, .port = port});
    CHECK(FormatHostPort(*parsed) == text);
  }
}

TEST_CASE("What is no address is refused by name") {
  for (const char* text : {"", ":", "host", "host:", "host:65536", "host:-1", "host:+1", "host: 1", "host:1 ",
                           "ho st:1", "::1:9092", "[::1:9092", "::1]:9092", "[]:1", "[::1]9092", "a/b:1",
                           "PLAINTEXT://host:1", "host:99999999999999999999"}) {
    INFO(text);
    const auto parsed = ParseHostPort(text);
    CHECK(absl::IsInvalidArgument(parsed.status()));
    CHECK(parsed.status().message().find(text) != absl::string_view::npos);
  }
}

}  // namespace
}  // namespace millrace
