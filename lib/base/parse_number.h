// A number that must fill its text.

#ifndef MILLRACE_BASE_PARSE_NUMBER_H_
#define MILLRACE_BASE_PARSE_NUMBER_H_

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace millrace::inline v0 {

// All of `text` as a decimal number without a plus sign; nullopt for anything else, and for one that T does
// not hold.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_PARSE_NUMBER_H_
