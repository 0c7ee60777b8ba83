// The little of HTTP/1.1 that serves a page (RFC 9112): the head of a request, and an answer. No I/O.

#ifndef MILLRACE_BROKER_HTTP_H_
#define MILLRACE_BROKER_HTTP_H_

#include <optional>
#include <string>
#include <string_view>

namespace millrace::inline v0 {

struct HttpRequest {
  // 0: it is one to be answered. Else the status to refuse it with: 400, 405, 414, 431, 505.
  int refused = 0;
  // Without the query.
  std::string path = {};
};

// Reads the head of a request from all bytes that have come; nullopt: it is not complete. Not so when `full`,
// as no more will come. Strict: lines end with CR LF, the method is GET, HTTP/1.1 has a Host.
std::optional<HttpRequest> ParseHttpRequest(std::string_view bytes, bool full);

// The whole answer, after which the connection ends.
std::string HttpAnswer(int status, std::string_view content_type, std::string_view body);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_HTTP_H_
