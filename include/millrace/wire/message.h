// What each header of Kafka's messages (millrace/wire/messages/) includes: the codec, the printer, and
// MILLRACE_WIRE_MESSAGE.

#ifndef MILLRACE_WIRE_MESSAGE_H_
#define MILLRACE_WIRE_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/wire/printer.h"
#include "millrace/wire/schema.h"

// Says that the codec of message S is compiled already, in lib/wire/messages/, so that no includer compiles
// it again. PREFIX is `extern template MILLRACE_EXPORT` here and `template` in that one .cc.
#define MILLRACE_WIRE_CODEC(PREFIX, S)                                                                       \
  PREFIX absl::Status Encode(const S& message, int16_t version, Bytes* to);                                  \
  PREFIX absl::Status EncodePieces(const S& message, int16_t version, Bytes* to, std::vector<Piece>* pieces, \
                                   size_t piece_bytes_min);                                                  \
  PREFIX absl::StatusOr<S> DecodePrefix(std::span<const std::byte> bytes, int16_t version, size_t* used);    \
  PREFIX absl::StatusOr<S> Decode(std::span<const std::byte> bytes, int16_t version);                        \
  PREFIX bool Equal(const S& a, const S& b);                                                                 \
  PREFIX std::string Print(const S& message, int16_t version)

#define MILLRACE_WIRE_MESSAGE(S) MILLRACE_WIRE_CODEC(extern template MILLRACE_EXPORT, S)

#endif  // MILLRACE_WIRE_MESSAGE_H_
