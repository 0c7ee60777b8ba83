// Text as a string of JSON.

#ifndef MILLRACE_BASE_JSON_QUOTE_H_
#define MILLRACE_BASE_JSON_QUOTE_H_

#include <string>
#include <string_view>

#include "absl/strings/str_format.h"

namespace millrace::inline v0 {

// In quotes, escaped; what is no ASCII stays as it is.
inline std::string JsonQuote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_JSON_QUOTE_H_
