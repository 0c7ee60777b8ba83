#include "broker/config/properties.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

bool IsPropertyBlank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

// Lines as the reader of properties sees them: without comments and blank ones, joined where one goes on.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : rest_(text) {}

  // False: there are no more. `line` is where it begins.
  bool Next(std::string* text, int* line) {
    while (!rest_.empty()) {
      std::string_view natural = NextNatural();
      if (natural.empty() || natural[0] == '#' || natural[0] == '!') continue;
      *line = line_;
      text->assign(natural);
      while (GoesOn(*text)) {
        text->pop_back();
        if (rest_.empty()) break;
        text->append(NextNatural());
      }
      return true;
    }
    return false;
  }

 private:
  // Without its end and the blanks before.
  std::string_view NextNatural() {
    ++line_;
    const size_t end = rest_.find_first_of("\r\n");
    std::string_view natural = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      rest_ = {};
    } else {
      rest_.remove_prefix(end + (rest_.substr(end).starts_with("\r\n") ? 2 : 1));
    }
    while (!natural.empty() && IsPropertyBlank(natural[0])) natural.remove_prefix(1);
    return natural;
  }
  // An odd number of backslashes at its end.
  static bool GoesOn(std::string_view text) {
    size_t backslashes = 0;
    while (backslashes < text.size() && text[text.size() - 1 - backslashes] == '\\') ++backslashes;
    return backslashes % 2 == 1;
  }

  std::string_view rest_;
  int line_ = 0;
};

void AppendUtf8(uint32_t code, std::string* to) {
  const auto byte = [&](uint32_t bits) { to->push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

// Four hexadecimal digits at the start of `text`.
std::optional<uint32_t> Hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const bool digit = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!digit && (lower < 'a' || lower > 'f')) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit ? c - '0' : lower - 'a' + 10);
  }
  return value;
}

// The character that `text` begins with after "\u", and its partner where it is half of a pair. Nullopt: bad
// digits, or half a pair.
std::optional<uint32_t> TakeUnicode(std::string_view* text) {
  const std::optional<uint32_t> first = Hex4(*text);
  if (!first.has_value() || (*first >= 0xdc00 && *first <= 0xdfff)) return std::nullopt;
  text->remove_prefix(4);
  if (*first < 0xd800 || *first > 0xdbff) return first;
  if (!text->starts_with("\\u")) return std::nullopt;
  const std::optional<uint32_t> second = Hex4(text->substr(2));
  if (!second.has_value() || *second < 0xdc00 || *second > 0xdfff) return std::nullopt;
  text->remove_prefix(6);
  return 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00);
}

// Nullopt: a bad \u.
std::optional<std::string> UnescapeProperty(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
      plain.push_back(c);
      continue;
    }
    c = text[0];
    text.remove_prefix(1);
    if (c == 'u') {
      const std::optional<uint32_t> code = TakeUnicode(&text);
      if (!code.has_value()) return std::nullopt;
      AppendUtf8(*code, &plain);
      continue;
    }
    plain.push_back(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c);
  }
  return plain;
}

// Where the name ends: at the first separator or blank that is not escaped.
size_t EndOfName(std::string_view line) {
  size_t end = 0;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !IsPropertyBlank(line[end]))
    end += line[end] == '\\' ? 2 : 1;
  return end < line.size() ? end : line.size();
}

}  // namespace

std::vector<Property> ReadProperties(std::string_view text, std::vector<std::string>* errors) {
  std::vector<Property> properties;
  LogicalLines lines(text);
  std::string line;
  for (int number = 0; lines.Next(&line, &number);) {
    const size_t end = EndOfName(line);
    std::string_view value = std::string_view(line).substr(end);
    bool separated = false;
    while (!value.empty() &&
           (IsPropertyBlank(value[0]) || (!separated && (value[0] == '=' || value[0] == ':')))) {
      separated = separated || !IsPropertyBlank(value[0]);
      value.remove_prefix(1);
    }
    std::optional<std::string> name = UnescapeProperty(std::string_view(line).substr(0, end));
    std::optional<std::string> plain = UnescapeProperty(value);
    if (!name.has_value() || !plain.has_value()) {
      errors->push_back(StrCat("line ", number, ": ", line,
                               ": after \\u there must be four hexadecimal digits", " of a character"));
      continue;
    }
    properties.push_back({.name = *std::move(name), .value = *std::move(plain), .line = number});
  }
  return properties;
}

}  // namespace millrace::inline v0
