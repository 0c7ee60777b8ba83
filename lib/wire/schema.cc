#include "millrace/wire/schema.h"

#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0::wire {

size_t WholeSize(std::span<const std::byte> bytes, std::span<const Piece> pieces) {
  size_t size = bytes.size();
  for (const Piece& piece : pieces) size += piece.bytes.size();
  return size;
}

std::vector<std::span<const std::byte>> Gather(std::span<const std::byte> bytes,
                                               std::span<const Piece> pieces) {
  std::vector<std::span<const std::byte>> parts;
  parts.reserve(2 * pieces.size() + 1);
  size_t at = 0;
  for (const Piece& piece : pieces) {
    if (piece.at > at) parts.push_back(bytes.subspan(at, piece.at - at));
    if (!piece.bytes.empty()) parts.push_back(piece.bytes);
    at = piece.at;
  }
  if (at < bytes.size()) parts.push_back(bytes.subspan(at));
  return parts;
}

namespace internal {

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

}  // namespace internal
}  // namespace millrace::inline v0::wire
