#include "millrace/wire/printer.h"

#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace millrace::inline v0::wire {
namespace {

constexpr size_t kTextBytesMax = 64;

}  // namespace

std::string QuoteForLog(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text.substr(0, kTextBytesMax)) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c >= ' ' && c <= '~') {
      quoted += c;
    } else {
      StrAppend(&quoted, absl::StrFormat("\\x%02x", static_cast<unsigned char>(c)));
    }
  }
  quoted += '"';
  if (text.size() > kTextBytesMax) StrAppend(&quoted, "...(", text.size(), " bytes)");
  return quoted;
}

void Printer::Double(double value) {
  StrAppend(&line_, absl::StrFormat("%.17g", value));
}

void Printer::Size(size_t bytes) {
  StrAppend(&line_, "<", bytes, " bytes>");
}

void Printer::More(size_t elements) {
  StrAppend(&line_, line_.ends_with('[') ? "" : ", ", "...", elements, " more");
}

}  // namespace millrace::inline v0::wire
