// The encoding visitor of the schema codec; see schema.h.

#ifndef MILLRACE_WIRE_ENCODER_H_
#define MILLRACE_WIRE_ENCODER_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "millrace/export.h"
#include "millrace/types.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0::wire {

// Piece: bytes that belong into an encoded message and were not copied there.
struct Piece {
  // Where: as many bytes of the buffer come before it.
  size_t at = 0;
  // What the message's member pointed to; valid as long as that is.
  std::span<const std::byte> bytes = {};
};

// Encoder: a visitor that writes one message at one version. Use Encode() or EncodePieces().
class Encoder {
 public:
  // With `pieces`, views of `piece_bytes_min` bytes and more are put there and not copied.
  Encoder(Bytes* to, int16_t version, int16_t flexible, std::vector<Piece>* pieces = nullptr,
          size_t piece_bytes_min = 0)
      : to_(to),
        sink_(to),
        pieces_(pieces),
        piece_bytes_min_(piece_bytes_min),
        version_(version),
        flexible_from_(flexible) {}

  const absl::Status& status() const { return status_; }

  template <typename S>
  void Message(const S& message) {
    Body(message);
  }

 private:
  bool flexible() const { return version_ >= flexible_from_; }

  // What does not depend on a message's type is compiled once, in encoder.cc.
  struct TaggedField {
    uint32_t tag = 0;
    Bytes body = {};
  };
  MILLRACE_EXPORT void WriteTagged(std::vector<TaggedField>* fields);
  MILLRACE_EXPORT static void Add(std::vector<TaggedField>* fields, uint32_t tag, Bytes&& body);
  MILLRACE_EXPORT void Length(size_t n, size_t max, bool wide, const Field& field);
  MILLRACE_EXPORT void Null(bool wide);
  MILLRACE_EXPORT void Text(std::string_view text, const Field& field);
  MILLRACE_EXPORT void Blob(std::span<const std::byte> bytes, bool may_be_piece, const Field& field);
  MILLRACE_EXPORT void Fail(const Field& field, std::string_view what);

  // Visits the fields of one struct: first the plain ones as they come, the tagged ones gathered for the end.
  template <typename S>
  struct Visitor {
    Encoder& encoder;
    const S& message;
    std::vector<TaggedField> tagged = {};

    template <typename M>
    void operator()(M S::* member, const Field& field) {
      encoder.Plain(message, member, field);
    }
    template <typename M>
    void Tagged(uint32_t tag, M S::* member, const Field& field) {
      if (!encoder.status_.ok()) return;
      if (!field.versions.Has(encoder.version_) || !encoder.flexible()) {
        return encoder.Absent(message, member, field);
      }
      if (internal::IsDefault(message, member)) return;
      Bytes body;
      Encoder inner(&body, encoder.version_, field.flexible.value_or(encoder.flexible_from_));
      inner.Value(message.*member, field);
      if (!inner.status_.ok()) encoder.status_ = inner.status_;
      Add(&tagged, tag, std::move(body));
    }
  };

  template <typename S>
  void Body(const S& message) {
    Visitor<S> visitor{*this, message};
    S::Fields(visitor);
    if (!flexible() || !status_.ok()) return;
    WriteTagged(&visitor.tagged);
  }

  template <typename S, typename M>
  void Absent(const S& message, M S::* member, const Field& field) {
    if (field.ignorable || internal::IsDefault(message, member)) return;
    Fail(field, "has a value, which this version cannot carry");
  }

  template <typename S, typename M>
  void Plain(const S& message, M S::* member, const Field& field) {
    if (!status_.ok()) return;
    if (!field.versions.Has(version_)) return Absent(message, member, field);
    const int16_t outer = flexible_from_;
    flexible_from_ = field.flexible.value_or(outer);
    Value(message.*member, field);
    flexible_from_ = outer;
  }

  template <typename T>
  void Value(const T& value, const Field& field) {
    if (!status_.ok()) return;
    if constexpr (internal::Optional<T>) {
      using Inner = typename T::value_type;
      const bool nullable = field.nullable.Has(version_);
      if (!value.has_value() && !nullable) {
        Fail(field, "is null, which this version does not allow");
      } else if constexpr (internal::Struct<Inner>) {
        if (nullable) sink_.Big(static_cast<uint8_t>(value.has_value() ? 1 : -1));
        if (value.has_value()) Body(*value);
      } else if (value.has_value()) {
        Value(*value, field);
      } else {
        Null(!internal::Text<Inner>);
      }
    } else if constexpr (internal::Number<T>) {
      Scalar(value);
    } else if constexpr (std::same_as<T, TopicId>) {
      sink_.Raw(value.bytes.data(), value.bytes.size());
    } else if constexpr (internal::Text<T>) {
      Text(value, field);
    } else if constexpr (internal::Blob<T>) {
      Blob(value, std::same_as<T, std::span<const std::byte>>, field);
    } else if constexpr (internal::Array<T>) {
      Length(value.size(), INT32_MAX - 1, true, field);
      for (const auto& element : value) Value(element, field);
    } else {
      static_assert(internal::Struct<T>, "a member of a type that the wire has not");
      Body(value);
    }
  }
  template <typename T>
  void Scalar(T value) {
    if constexpr (std::same_as<T, bool>) {
      sink_.Big(static_cast<uint8_t>(value));
    } else if constexpr (std::same_as<T, double>) {
      sink_.Big(std::bit_cast<uint64_t>(value));
    } else {
      sink_.Big(static_cast<std::make_unsigned_t<T>>(value));
    }
  }

  Bytes* to_;
  internal::Sink sink_;
  std::vector<Piece>* pieces_;  // null: everything is copied, as in a tagged field, whose size comes first
  size_t piece_bytes_min_;
  int16_t version_;
  int16_t flexible_from_;
  absl::Status status_ = absl::OkStatus();
};

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_ENCODER_H_
