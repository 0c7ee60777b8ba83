#include "broker/http.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

std::string_view StatusPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

// RFC 9110, 5.6.2.
bool IsHttpToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || kMarks.find(c) != std::string_view::npos;
  });
}

bool IsVisible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

// The first line. 0 or a status.
int ReadRequestLine(std::string_view line, HttpRequest* request, bool* needs_host) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return 400;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsHttpToken(method) || !IsVisible(target)) return 400;
  const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                           absl::ascii_isdigit(static_cast<unsigned char>(version[5])) &&
                           absl::ascii_isdigit(static_cast<unsigned char>(version[7]));
  if (!well_formed) return 400;
  if (version[5] != '1') return 505;
  if (method != "GET") return 405;
  if (target[0] != '/') return 400;
  *needs_host = version[7] != '0';
  request->path = std::string(target.substr(0, target.find('?')));
  return 0;
}

// The lines after it, each with its CR LF. 0 or a status.
int ReadHeaders(std::string_view lines, bool needs_host) {
  int hosts = 0;
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsHttpToken(line.substr(0, colon))) return 400;
    const auto bad = [](char c) { return (c < ' ' && c != '\t') || c == 127; };
    if (std::ranges::any_of(line, bad)) return 400;
    if (absl::AsciiStrToLower(ToAbsl(line.substr(0, colon))) == "host") ++hosts;
  }
  return hosts > 1 || (needs_host && hosts == 0) ? 400 : 0;
}

}  // namespace

std::optional<HttpRequest> ParseHttpRequest(std::string_view bytes, bool full) {
  const size_t line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos) {
    // A lone line feed will not become a line.
    if (bytes.find('\n') != std::string_view::npos) return HttpRequest{.refused = 400};
    return full ? std::optional(HttpRequest{.refused = 414}) : std::nullopt;
  }
  HttpRequest request;
  bool needs_host = true;
  request.refused = ReadRequestLine(bytes.substr(0, line_end), &request, &needs_host);
  if (request.refused != 0) return request;
  const size_t head_end = bytes.find("\r\n\r\n", line_end);
  if (head_end == std::string_view::npos)
    return full ? std::optional(HttpRequest{.refused = 431}) : std::nullopt;
  request.refused = ReadHeaders(bytes.substr(line_end + 2, head_end - line_end), needs_host);
  return request;
}

std::string HttpAnswer(int status, std::string_view content_type, std::string_view body) {
  return StrCat("HTTP/1.1 ", status, " ", StatusPhrase(status), "\r\nContent-Type: ", content_type,
                "\r\nContent-Length: ", body.size(), status == 405 ? "\r\nAllow: GET" : "",
                "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", body);
}

}  // namespace millrace::inline v0
