// JSON, as much as the tools need: reading plans that are handed in.

#ifndef MILLRACE_TOOLS_JSON_H_
#define MILLRACE_TOOLS_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::inline v0::tools {

// A value. Numbers are whole: the plans have no others.
struct Json {
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;
  std::variant<std::nullptr_t, bool, int64_t, std::string, Array, Object> value = nullptr;

  // The member of an object; null where there is none, or this is no object.
  const Json* Find(std::string_view name) const;
};

// kInvalidArgument says what is wrong, and at which byte. At most 64 levels deep.
absl::StatusOr<Json> ParseJson(std::string_view text);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_JSON_H_
