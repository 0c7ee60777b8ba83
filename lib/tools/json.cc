#include "tools/json.h"

#include <charconv>
#include <optional>

#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  absl::StatusOr<Json> Whole() {
    absl::StatusOr<Json> value = Value(0);
    if (!value.ok()) return value;
    SkipBlanks();
    if (at_ != text_.size()) return Fail("something follows the value");
    return value;
  }

 private:
  static constexpr int kDepthMax = 64;

  absl::Status Fail(std::string_view why) const {
    return absl::InvalidArgumentError(ToAbsl(StrCat("not JSON at byte ", at_, ": ", why)));
  }
  void SkipBlanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  absl::StatusOr<Json> Value(int depth) {
    if (depth > kDepthMax) return Fail("it is nested too deep");
    SkipBlanks();
    if (at_ >= text_.size()) return Fail("a value is missing");
    const char c = text_[at_];
    if (c == '{') return ObjectAt(depth);
    if (c == '[') return ArrayAt(depth);
    if (c == '"') {
      absl::StatusOr<std::string> text = String();
      if (!text.ok()) return text.status();
      return Json{*std::move(text)};
    }
    if (TakeWord("true")) return Json{true};
    if (TakeWord("false")) return Json{false};
    if (TakeWord("null")) return Json{nullptr};
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (error != std::errc()) return Fail("a whole number, a text, an array or an object is wanted");
    at_ = static_cast<size_t>(end - text_.data());
    return Json{number};
  }

  absl::StatusOr<Json> ObjectAt(int depth) {
    Json::Object object;
    ++at_;
    if (Take('}')) return Json{std::move(object)};
    do {
      SkipBlanks();
      absl::StatusOr<std::string> name = String();
      if (!name.ok()) return name.status();
      if (!Take(':')) return Fail("':' is missing");
      absl::StatusOr<Json> value = Value(depth + 1);
      if (!value.ok()) return value.status();
      object.emplace_back(*std::move(name), *std::move(value));
    } while (Take(','));
    if (!Take('}')) return Fail("'}' is missing");
    return Json{std::move(object)};
  }

  absl::StatusOr<Json> ArrayAt(int depth) {
    Json::Array array;
    ++at_;
    if (Take(']')) return Json{std::move(array)};
    do {
      absl::StatusOr<Json> value = Value(depth + 1);
      if (!value.ok()) return value.status();
      array.push_back(*std::move(value));
    } while (Take(','));
    if (!Take(']')) return Fail("']' is missing");
    return Json{std::move(array)};
  }

  absl::StatusOr<std::string> String() {
    if (at_ >= text_.size() || text_[at_] != '"') return Fail("'\"' is missing");
    ++at_;
    std::string text;
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (c == '\\') {
        if (at_ >= text_.size()) break;
        c = text_[at_++];
        if (c == 'u') {
          absl::Status taken = Escaped(&text);
          if (!taken.ok()) return taken;
          continue;
        }
        constexpr std::string_view kFrom = "nrtbf\"\\/";
        constexpr std::string_view kTo = "\n\r\t\b\f\"\\/";
        const size_t which = kFrom.find(c);
        if (which == std::string_view::npos) return Fail("no such escape");
        c = kTo[which];
      }
      text.push_back(c);
    }
    if (at_ >= text_.size()) return Fail("a text does not end");
    ++at_;
    return text;
  }

  // Four hex digits, as UTF-8. What lies beyond 0xFFFF comes as two, which names of topics never have.
  absl::Status Escaped(std::string* to) {
    uint32_t code = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + 4) return Fail("four hex digits are wanted");
    at_ += 4;
    if (code >= 0xD800 && code < 0xE000) return Fail("a character beyond U+FFFF");
    if (code < 0x80) {
      to->push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      to->push_back(static_cast<char>(0xC0 | (code >> 6)));
      to->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      to->push_back(static_cast<char>(0xE0 | (code >> 12)));
      to->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      to->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
    return absl::OkStatus();
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const Json* Json::Find(std::string_view name) const {
  const Object* const object = std::get_if<Object>(&value);
  if (object == nullptr) return nullptr;
  for (const auto& [key, member] : *object) {
    if (key == name) return &member;
  }
  return nullptr;
}

absl::StatusOr<Json> ParseJson(std::string_view text) {
  return JsonParser(text).Whole();
}

}  // namespace millrace::inline v0::tools
