#include "broker/http.h"

#include <catch2/catch.hpp>
#include <string>

namespace millrace::inline v0 {
namespace {

const std::string kHost = "Host: x\r\n\r\n";

int Refused(const std::string& bytes, bool full = false) {
  const auto request = ParseHttpRequest(bytes, full);
  REQUIRE(request.has_value());
  return request->refused;
}

TEST_CASE("a request is read when its head is complete, and not before") {
  const std::string whole = "GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:1\r\nAccept: */*\r\nX:\t\r\n\r\n";
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK_FALSE(ParseHttpRequest(whole.substr(0, size), false).has_value());
  }
  const auto request = ParseHttpRequest(whole, false);
  REQUIRE(request.has_value());
  CHECK(request->refused == 0);
  CHECK(request->path == "/metrics");
  CHECK(Refused("GET / HTTP/1.0\r\n\r\n") == 0);
  CHECK(Refused("GET / HTTP/1.1\r\n" + kHost + "a body") == 0);
}

TEST_CASE("what is no request of ours is refused with its status") {
  CHECK(Refused("POST /metrics HTTP/1.1\r\n" + kHost) == 405);
  CHECK(Refused("HEAD /metrics HTTP/1.1\r\n" + kHost) == 405);
  CHECK(Refused("get / HTTP/1.1\r\n" + kHost) == 405);
  CHECK(Refused("GET / HTTP/2.0\r\n" + kHost) == 505);
  for (const std::string line :
       {"", "GET", "GET /", "GET  HTTP/1.1", "GET / HTTP/1", "GET / HTTP/1.1 ", "GET /a b HTTP/1.1",
        "GET x HTTP/1.1", "G(T / HTTP/1.1", "GET / http/1.1", "GET /\x01 HTTP/1.1", " GET / HTTP/1.1"}) {
    INFO(line);
    CHECK(Refused(line + "\r\n" + kHost) == 400);
  }
  CHECK(Refused("GET / HTTP/1.1\n") == 400);
  CHECK(Refused("GET / HTTP/1.1\r\n\r\n") == 400);  // no host
  CHECK(Refused("GET / HTTP/1.1\r\nHost: a\r\n" + kHost) == 400);
  CHECK(Refused("GET / HTTP/1.1\r\nNo colon\r\n" + kHost) == 400);
  CHECK(Refused("GET / HTTP/1.1\r\nA : b\r\n" + kHost) == 400);
  CHECK(Refused("GET / HTTP/1.1\r\n: b\r\n" + kHost) == 400);
  CHECK(Refused("GET / HTTP/1.1\r\nA: \x7f\r\n" + kHost) == 400);
}

TEST_CASE("no more room is no request") {
  CHECK(Refused("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true) == 414);
  CHECK(Refused("GET / HTTP/1.1\r\nHost: aaaaaaaaaa", true) == 431);
  CHECK(Refused("GET / HTTP/1.1\r\n" + kHost, true) == 0);
}

TEST_CASE("an answer says how long it is, and that it is the last") {
  CHECK(HttpAnswer(200, "text/plain", "ok\n") ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\n"
        "Connection: close\r\n\r\nok\n");
  CHECK(HttpAnswer(405, "text/plain", "").find("405 Method Not Allowed\r\n") != std::string::npos);
  CHECK(HttpAnswer(405, "text/plain", "").find("\r\nAllow: GET\r\n") != std::string::npos);
}

}  // namespace
}  // namespace millrace::inline v0
