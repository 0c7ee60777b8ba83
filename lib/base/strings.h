// Small helpers around strings: bridges between std::string_view and absl::string_view (which are two types
// in some builds of Abseil and one in others), StrCat over both, and hash containers that are searched by
// view.

#ifndef MILLRACE_BASE_STRINGS_H_
#define MILLRACE_BASE_STRINGS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace millrace::inline v0 {

// The same characters as the other kind of view. No copy; both are the identity where the two are one type.
constexpr absl::string_view ToAbsl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}
constexpr std::string_view ToStd(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

namespace strings_internal {

// What absl::StrCat is given for one argument of StrCat.
template <typename T>
constexpr auto Piece(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return ToAbsl(std::string_view(value));
  } else if constexpr (std::is_convertible_v<const T&, absl::string_view>) {
    return absl::string_view(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? absl::string_view("true", 4) : absl::string_view("false", 5);
  } else if constexpr (std::is_arithmetic_v<T>) {
    static_assert(!std::is_same_v<T, char>, "pass a character as a string");
    // Promotes the 8 and 16 bit integers, which would otherwise be taken for characters.
    return +value;
  } else {
    return +value.value();  // the strong ids of millrace/types.h
  }
}

}  // namespace strings_internal

// Joins text (anything that converts to either kind of string view), numbers, bools and strong ids.
template <typename... Args>
std::string StrCat(const Args&... args) {
  return absl::StrCat(strings_internal::Piece(args)...);
}

// Appends the same to `to`, which must not be one of the arguments.
template <typename... Args>
void StrAppend(std::string* to, const Args&... args) {
  absl::StrAppend(to, strings_internal::Piece(args)...);
}

// Hash and equality of std::string keys that also take std::string_view, absl::string_view and literals.
struct StringHash {
  using is_transparent = void;
  template <typename T>
  size_t operator()(const T& text) const {
    return absl::Hash<absl::string_view>{}(strings_internal::Piece(text));
  }
};
struct StringEq {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return strings_internal::Piece(a) == strings_internal::Piece(b);
  }
};

// Maps and sets of std::string that are searched by view without a copy: map.find(view).
template <typename V>
using StringMap = absl::flat_hash_map<std::string, V, StringHash, StringEq>;
using StringSet = absl::flat_hash_set<std::string, StringHash, StringEq>;

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_STRINGS_H_
