// The decoding visitor of the schema codec; see schema.h.

#ifndef MILLRACE_WIRE_DECODER_H_
#define MILLRACE_WIRE_DECODER_H_

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "millrace/export.h"
#include "millrace/types.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0::wire {

// Decoder: a visitor that reads one message at one version. Use Decode() or DecodePrefix(). Never asserts on
// what it reads; a length or count is believed only as far as bytes are there.
class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, int16_t version, int16_t flexible)
      : bytes_(bytes), version_(version), flexible_from_(flexible) {}

  const absl::Status& status() const { return status_; }
  size_t position() const { return at_; }

  template <typename S>
  void Message(S& message) {
    Body(message);
  }

 private:
  // Structs nest no deeper than their types do, so recursion is bounded by the schema.
  bool flexible() const { return version_ >= flexible_from_; }
  size_t left() const { return bytes_.size() - at_; }

  template <typename S>
  struct Visitor {
    Decoder& decoder;
    S& message;
    template <typename M>
    void operator()(M S::* member, const Field& field) {
      decoder.Plain(message.*member, field);
    }
    void Tagged(uint32_t, auto, const Field&) {}
  };
  // Looks for the member of one tag.
  template <typename S>
  struct TagVisitor {
    Decoder& decoder;
    S& message;
    uint32_t tag;
    bool found = false;
    void operator()(auto, const Field&) {}
    template <typename M>
    void Tagged(uint32_t number, M S::* member, const Field& field) {
      if (number != tag || !field.versions.Has(decoder.version_)) return;
      found = true;
      decoder.Plain(message.*member, field);
    }
  };

  template <typename S>
  void Body(S& message) {
    S::Fields(Visitor<S>{*this, message});
    if (!flexible() || !status_.ok()) return;
    const uint32_t count = Uvarint("tagged fields");
    int64_t previous = -1;
    for (uint32_t i = 0; i < count && status_.ok(); ++i) previous = Tag(message, previous);
  }

  template <typename S>
  int64_t Tag(S& message, int64_t previous) {
    const TagHead head = ReadTagHead(previous);
    if (!status_.ok()) return previous;
    const auto whole = bytes_;
    bytes_ = bytes_.first(head.end);
    TagVisitor<S> visitor{*this, message, head.tag};
    S::Fields(visitor);
    bytes_ = whole;
    if (!visitor.found) {
      at_ = head.end;  // a field of a later version
    } else if (status_.ok() && at_ != head.end) {
      Fail("tag size", "differs from the field's");
    }
    return head.tag;
  }

  template <typename M>
  void Plain(M& member, const Field& field) {
    if (!status_.ok() || !field.versions.Has(version_)) return;
    const int16_t outer = flexible_from_;
    flexible_from_ = field.flexible.value_or(outer);
    Value(member, field);
    flexible_from_ = outer;
  }

  // What does not depend on a message's type is compiled once, in decoder.cc.
  struct TagHead {
    uint32_t tag = 0;
    size_t end = 0;
  };
  MILLRACE_EXPORT TagHead ReadTagHead(int64_t previous);
  MILLRACE_EXPORT void Fail(std::string_view field, std::string_view what);
  bool Need(size_t n, std::string_view field) {
    if (n <= left()) return true;
    Fail(field, "goes past the end");
    return false;
  }
  // A number of so many bytes.
  MILLRACE_EXPORT uint64_t Big(size_t size, std::string_view field);
  MILLRACE_EXPORT uint32_t Uvarint(std::string_view field);
  // A length or count; -1: null.
  MILLRACE_EXPORT int64_t Length(bool wide, const Field& field);

  template <typename T>
  void Value(T& value, const Field& field) {
    if (!status_.ok()) return;
    if constexpr (internal::Optional<T>) {
      MaybeNull(value, field);
    } else if constexpr (internal::Number<T>) {
      Scalar(value, field);
    } else if constexpr (std::same_as<T, TopicId>) {
      if (!Need(16, field.name)) return;
      std::memcpy(value.bytes.data(), bytes_.data() + at_, 16);
      at_ += 16;
    } else if constexpr (internal::Struct<T>) {
      Body(value);
    } else {
      const int64_t n = Length(!internal::Text<T>, field);
      if (!status_.ok()) return;
      if (n < 0) return Fail(field.name, "is null, which this version does not allow");
      Sized(value, static_cast<size_t>(n), field);
    }
  }

  template <typename T>
  void MaybeNull(std::optional<T>& value, const Field& field) {
    const bool nullable = field.nullable.Has(version_);
    if constexpr (internal::Struct<T>) {
      const auto marker = nullable ? static_cast<int8_t>(Big(1, field.name)) : int8_t{1};
      if (!status_.ok()) return;
      value.reset();
      if (marker == 1) {
        // Not emplace(): Clang takes a struct nested in its message for one without a default constructor.
        value = T{};
        Body(*value);
      } else if (marker != -1) {
        Fail(field.name, "has a malformed null marker");
      }
    } else {
      const int64_t n = Length(!internal::Text<T>, field);
      if (!status_.ok()) return;
      value.reset();
      if (n >= 0) {
        value = T{};
        Sized(*value, static_cast<size_t>(n), field);
      } else if (!nullable) {
        Fail(field.name, "is null, which this version does not allow");
      }
    }
  }

  // What follows a length that was read.
  template <typename T>
  void Sized(T& value, size_t n, const Field& field) {
    if constexpr (internal::Array<T>) {
      using Element = typename T::value_type;
      // Each element takes MinSize at the least: a count beyond that is a lie, and nothing is allocated for
      // it.
      if (n > left() / internal::MinSize<Element>()) return Fail(field.name, "has more elements than bytes");
      value.clear();
      value.reserve(std::min(n, size_t{1024}));
      for (size_t i = 0; i < n && status_.ok(); ++i) Value(value.emplace_back(), field);
    } else {
      if (!Need(n, field.name)) return;
      using Unit = std::conditional_t<internal::Text<T>, char, std::byte>;
      const auto* data = reinterpret_cast<const Unit*>(bytes_.data() + at_);
      if constexpr (std::same_as<T, Bytes>) {
        value.assign(data, data + n);
      } else {
        value = T(data, n);
      }
      at_ += n;
    }
  }

  template <typename T>
  void Scalar(T& value, const Field& field) {
    if constexpr (std::same_as<T, bool>) {
      value = Big(1, field.name) != 0;
    } else if constexpr (std::same_as<T, double>) {
      value = std::bit_cast<double>(Big(8, field.name));
    } else {
      value = static_cast<T>(Big(sizeof(T), field.name));
    }
  }

  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  int16_t version_;
  int16_t flexible_from_;
  absl::Status status_ = absl::OkStatus();
};

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_DECODER_H_
