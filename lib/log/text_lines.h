// Reading Kafka's checkpoint texts: lines, and numbers that must fill their word.

#ifndef MILLRACE_LOG_TEXT_LINES_H_
#define MILLRACE_LOG_TEXT_LINES_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/parse_number.h"

namespace millrace::inline v0 {

// Hands out what lies between separators. "a\nb\n" has two lines; a missing last separator is no matter.
class TextLines {
 public:
  explicit TextLines(std::string_view text, char separator = '\n') : rest_(text), separator_(separator) {}

  bool AtEnd() const { return rest_.empty(); }
  std::string_view Next() {
    const size_t end = rest_.find(separator_);
    const std::string_view line = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    return line;
  }
  template <typename T>
  std::optional<T> NextNumber() {
    return ParseNumber<T>(Next());
  }

 private:
  std::string_view rest_;
  char separator_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_TEXT_LINES_H_
