// The schema codec: Kafka messages as plain structs.
//
// A message is a struct and one `Fields` function that names each member once, in wire order, with the
// versions that have it. Encoder, decoder and schema dump are visitors over it.
//
//   struct FetchRequest {
//     static constexpr wire::Api kApi{.key = 1, .name = "Fetch", .valid = {4, 17}, .flexible = 12};
//     std::optional<std::string> cluster_id = {};
//     int32_t replica_id = -1;                                   // the member initializer is Kafka's default
//     std::vector<Topic> topics = {};
//     static constexpr void Fields(auto&& f) {
//       f.Tagged(0, &FetchRequest::cluster_id, {.name = "cluster_id", .versions = wire::Since(12)});
//       f(&FetchRequest::replica_id, {.name = "replica_id", .versions = wire::Until(14)});
//       f(&FetchRequest::topics, {.name = "topics"});
//     }
//   };
//
//   std::vector<std::byte> bytes;
//   absl::Status encoded = wire::Encode(request, /*version=*/12, &bytes);
//   absl::StatusOr<FetchRequest> request = wire::Decode<FetchRequest>(bytes, 12);
//
// Member types, and what they are on the wire (big-endian):
//   bool, int8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, double
//   std::string, std::string_view            string: int16 length; compact: unsigned varint of length + 1
//   wire::Bytes, std::span<const std::byte>  bytes or records: int32 length; compact as above
//   wire::Uuid, which is TopicId             uuid: 16 bytes
//   a struct with Fields                     its fields; flexible versions end with its tagged fields
//   std::vector<T>                           array: int32 count; compact as above
//   std::optional<T> of string, bytes, vector or struct: nullable. A struct has an int8 ahead: 1, or -1 for
//   null.
// string_view and span members borrow from the bytes that were decoded; the others own.
//
// Sources: Kafka's protocol guide; KIP-482 (flexible versions, tagged fields). Everything here is
// thread-compatible, allocates only what it stores, and never throws.
//
// A message costs about a second of compile time: instantiate Encode and Decode in one .cc each. Kafka's
// requests and responses are in millrace/wire/messages/, so instantiated.

#ifndef MILLRACE_WIRE_SCHEMA_H_
#define MILLRACE_WIRE_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/wire/decoder.h"
#include "millrace/wire/encoder.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0::wire {

// Appends `message` at `version` to `to`. kUnsupportedVersion outside S::kApi.valid; kInvalidRequest for a
// value that the version cannot carry, a null it does not allow, or a string over 32,767 bytes. On error `to`
// is as it was.
template <typename S>
absl::Status Encode(const S& message, int16_t version, Bytes* to) {
  if (!S::kApi.valid.Has(version)) return internal::VersionError(S::kApi, version);
  const size_t before = to->size();
  Encoder encoder(to, version, S::kApi.flexible);
  encoder.Message(message);
  if (!encoder.status().ok()) to->resize(before);
  return encoder.status();
}

// As Encode, without copying what the message only points to (records): views of `piece_bytes_min` bytes and
// more go to the end of `pieces`, with their places in `to`; shorter ones are copied, which costs less than
// a place of their own in a vectored write. What was in `to` before counts as part of the message, so a
// frame's head may be there already. On error both are as they were.
template <typename S>
absl::Status EncodePieces(const S& message, int16_t version, Bytes* to, std::vector<Piece>* pieces,
                          size_t piece_bytes_min = 256) {
  if (!S::kApi.valid.Has(version)) return internal::VersionError(S::kApi, version);
  const size_t bytes_before = to->size();
  const size_t pieces_before = pieces->size();
  Encoder encoder(to, version, S::kApi.flexible, pieces, piece_bytes_min);
  encoder.Message(message);
  if (!encoder.status().ok()) {
    to->resize(bytes_before);
    pieces->resize(pieces_before);
  }
  return encoder.status();
}

// How many bytes `bytes` with `pieces` in their places are.
MILLRACE_EXPORT size_t WholeSize(std::span<const std::byte> bytes, std::span<const Piece> pieces);

// What a vectored write takes: the parts of `bytes` and the pieces, in order, none of them empty. They borrow
// from both.
MILLRACE_EXPORT std::vector<std::span<const std::byte>> Gather(std::span<const std::byte> bytes,
                                                               std::span<const Piece> pieces);

// True if two messages are the same in every member, whether or not a version carries it. Views are compared
// by what they show, doubles by their bits.
template <typename S>
bool Equal(const S& a, const S& b) {
  return internal::Same(a, b);
}

// Reads a message from the front of `bytes`; `used` (may be null) says how many bytes it took.
// kUnsupportedVersion; kInvalidRequest for malformed bytes, naming the field and the place.
template <typename S>
absl::StatusOr<S> DecodePrefix(std::span<const std::byte> bytes, int16_t version, size_t* used) {
  if (!S::kApi.valid.Has(version)) return internal::VersionError(S::kApi, version);
  absl::StatusOr<S> message{S{}};
  Decoder decoder(bytes, version, S::kApi.flexible);
  decoder.Message(*message);
  if (!decoder.status().ok()) return decoder.status();
  if (used != nullptr) *used = decoder.position();
  return message;
}

// As DecodePrefix, and bytes left over are malformed too.
template <typename S>
absl::StatusOr<S> Decode(std::span<const std::byte> bytes, int16_t version) {
  size_t used = 0;
  absl::StatusOr<S> message = DecodePrefix<S>(bytes, version, &used);
  if (message.ok() && used != bytes.size()) {
    return internal::DecodeError(S::kApi.name, version, used, "has bytes left over");
  }
  return message;
}

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_SCHEMA_H_
