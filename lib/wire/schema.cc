#include "millrace/wire/schema.h"

#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0::wire::internal {

absl::Status EncodeError(std::string_view field, int16_t version, std::string_view what) {
  return Error(ErrorCode::kInvalidRequest,
               StrCat("cannot encode version ", version, ": field ", field, " ", what));
}

absl::Status DecodeError(std::string_view field, int16_t version, size_t at, std::string_view what) {
  return Error(ErrorCode::kInvalidRequest,
               StrCat("malformed message of version ", version, ": ", field, " at byte ", at, " ", what));
}

absl::Status VersionError(const Api& api, int16_t version) {
  return Error(ErrorCode::kUnsupportedVersion,
               StrCat(api.name, " has no version ", version, "; supported are ", api.valid.first, " to ",
                      api.valid.last));
}

}  // namespace millrace::inline v0::wire::internal
