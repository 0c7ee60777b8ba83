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

void Printer::Name(const Field& field, bool is_first) {
  if (!is_first) line_ += ' ';
  line_ += field.name;
  line_ += '=';
}

void Printer::Word(std::string_view word) {
  line_ += word;
}

void Printer::Integer(int64_t value) {
  StrAppend(&line_, value);
}

void Printer::Text(std::string_view text, const Field& field) {
  if (field.secret) return Size(text.size());
  line_ += QuoteForLog(text);
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
