// What messages say of themselves and their fields; see schema.h.

#ifndef MILLRACE_WIRE_FIELDS_H_
#define MILLRACE_WIRE_FIELDS_H_

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "millrace/export.h"
#include "millrace/types.h"

namespace millrace::inline v0::wire {

using Bytes = std::vector<std::byte>;
// Any of Kafka's uuids: a topic's, a directory's, an incarnation's.
using Uuid = TopicId;

// A range of versions, both ends included. None: first > last.
struct Versions {
  int16_t first = 0;
  int16_t last = INT16_MAX;
  constexpr bool Has(int16_t version) const { return first <= version && version <= last; }
  constexpr bool operator==(const Versions&) const = default;
};
inline constexpr Versions kAllVersions{0, INT16_MAX};
inline constexpr Versions kNoVersions{1, 0};
constexpr Versions Since(int16_t first) {
  return {first, INT16_MAX};
}
constexpr Versions Until(int16_t last) {
  return {0, last};
}
constexpr Versions Between(int16_t first, int16_t last) {
  return {first, last};
}
constexpr Versions Only(int16_t version) {
  return {version, version};
}

inline constexpr int16_t kNeverFlexible = INT16_MAX;

// What a top-level message says of itself, as `static constexpr Api kApi`.
struct Api {
  // Kafka's API key; -1 for data that is no request.
  int16_t key = -1;
  std::string_view name = {};
  Versions valid = {};
  // The first flexible version; kNeverFlexible for none.
  int16_t flexible = kNeverFlexible;
};

// What a message says of one field.
struct Field {
  std::string_view name = {};
  // Versions that have the field. In others the decoder leaves the default.
  Versions versions = kAllVersions;
  // For std::optional members: versions in which null is allowed. In others a null is refused, and a nullable
  // struct has no marker byte.
  Versions nullable = kAllVersions;
  // True: a value that the version cannot carry is dropped. False: it must have its default, or Encode
  // refuses.
  bool ignorable = false;
  // Field-level override of the message's flexible versions (the request header's client id is never
  // compact).
  std::optional<int16_t> flexible = std::nullopt;
  // True: may be a password. Print shows its size alone.
  bool secret = false;
};

namespace internal {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <>
struct IsVector<Bytes> : std::false_type {};  // bytes are a scalar here

template <typename T>
concept Number = std::same_as<T, bool> || std::same_as<T, int8_t> || std::same_as<T, int16_t> ||
                 std::same_as<T, uint16_t> || std::same_as<T, int32_t> || std::same_as<T, uint32_t> ||
                 std::same_as<T, int64_t> || std::same_as<T, double>;
template <typename T>
concept Text = std::same_as<T, std::string> || std::same_as<T, std::string_view>;
template <typename T>
concept Blob = std::same_as<T, Bytes> || std::same_as<T, std::span<const std::byte>>;
template <typename T>
concept Array = IsVector<T>::value;
template <typename T>
concept Optional = IsOptional<T>::value;

struct Probe {
  void operator()(auto, const Field&) {}
  void Tagged(uint32_t, auto, const Field&) {}
};
template <typename T>
concept Struct = std::is_class_v<T> && requires(Probe p) { T::Fields(p); };

// Wire size at the least, so that an array's count can be held against the bytes that are there.
template <typename T>
constexpr size_t MinSize() {
  if constexpr (std::same_as<T, bool>) {
    return 1;
  } else if constexpr (Number<T>) {
    return sizeof(T);
  } else if constexpr (std::same_as<T, TopicId>) {
    return 16;
  } else {
    return 1;  // a compact length, or the tag count of an empty struct
  }
}

template <typename S>
struct Comparison;

template <typename A, typename B>
bool Same(const A& a, const B& b) {
  if constexpr (Blob<A>) {
    return std::ranges::equal(a, b);
  } else if constexpr (Optional<A>) {
    return a.has_value() == b.has_value() && (!a.has_value() || Same(*a, *b));
  } else if constexpr (Array<A>) {
    return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return Same(x, y); });
  } else if constexpr (std::same_as<A, double>) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
  } else if constexpr (Struct<A>) {
    Comparison<A> comparison{a, b};
    A::Fields(comparison);
    return comparison.same;
  } else {
    return a == b;
  }
}

// Visits two structs member by member.
template <typename S>
struct Comparison {
  const S& a;
  const S& b;
  bool same = true;
  void operator()(auto member, const Field&) { same = same && Same(a.*member, b.*member); }
  void Tagged(uint32_t, auto member, const Field&) { same = same && Same(a.*member, b.*member); }
};

// True if a member still has its initializer's value.
template <typename S, typename M>
bool IsDefault(const S& message, M S::* member) {
  const S fresh{};
  return Same(message.*member, fresh.*member);
}

// Appends to a vector.
class Sink {
 public:
  explicit Sink(Bytes* to) : to_(to) {}
  MILLRACE_EXPORT void Raw(const void* data, size_t size);
  template <typename U>
  void Big(U bits) {
    static_assert(std::is_unsigned_v<U>);
    std::byte bytes[sizeof(U)];
    for (size_t i = 0; i < sizeof(U); ++i) {
      bytes[i] = static_cast<std::byte>((bits >> (8 * (sizeof(U) - 1 - i))) & 0xff);
    }
    Raw(bytes, sizeof(U));
  }
  MILLRACE_EXPORT void Uvarint(uint32_t n);

 private:
  Bytes* to_;
};

MILLRACE_EXPORT absl::Status EncodeError(std::string_view field, int16_t version, std::string_view what);
MILLRACE_EXPORT absl::Status DecodeError(std::string_view field, int16_t version, size_t at,
                                         std::string_view what);
MILLRACE_EXPORT absl::Status VersionError(const Api& api, int16_t version);

}  // namespace internal

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_FIELDS_H_
