// Serdes: turn values into bytes and back, chosen at compile time.
//
//   template <> struct millrace::Serde<Order> { ... };      // see the concept below
//   TypedProducer<std::string, Order> orders(producer.get(), *producer->Topic("orders"));
//   orders.Send("42", order);

#ifndef MILLRACE_SERDE_H_
#define MILLRACE_SERDE_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/producer.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// Serde<T>: specialise it for your own types with
//   static void Serialize(const T& value, std::string* out);              // appends
//   static absl::StatusOr<T> Deserialize(std::string_view bytes);
// Shipped: strings as they are, integers and floating-point numbers big-endian as Kafka's own serializers
// write them.
template <typename T>
struct Serde;

template <typename T>
concept HasSerde = requires(const T& value, std::string* out, std::string_view bytes) {
  Serde<T>::Serialize(value, out);
  { Serde<T>::Deserialize(bytes) } -> std::convertible_to<absl::StatusOr<T>>;
};

template <>
struct Serde<std::string> {
  static void Serialize(const std::string& value, std::string* out) { out->append(value); }
  static absl::StatusOr<std::string> Deserialize(std::string_view bytes) { return std::string(bytes); }
};

// Borrows: a deserialized view is valid as long as the record's bytes are.
template <>
struct Serde<std::string_view> {
  static void Serialize(std::string_view value, std::string* out) { out->append(value); }
  static absl::StatusOr<std::string_view> Deserialize(std::string_view bytes) { return bytes; }
};

template <typename T>
  requires(std::integral<T> || std::floating_point<T>) && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8)
struct Serde<T> {
  static void Serialize(T value, std::string* out) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    if constexpr (std::endian::native == std::endian::little) Reverse(bytes);
    out->append(bytes, sizeof(T));
  }
  static absl::StatusOr<T> Deserialize(std::string_view from) {
    if (from.size() != sizeof(T)) {
      return Error(ErrorCode::kInvalidRecord, "cannot read a number: the value has " +
                                                  std::to_string(from.size()) + " bytes, expected " +
                                                  std::to_string(sizeof(T)));
    }
    char bytes[sizeof(T)];
    from.copy(bytes, sizeof(T));
    if constexpr (std::endian::native == std::endian::little) Reverse(bytes);
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }

 private:
  static void Reverse(char (&bytes)[sizeof(T)]) {
    for (size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
};

// TypedProducer: sends keys and values of given types through a Producer. Keeps two buffers: single-threaded;
// make one for each thread over the same Producer, which is borrowed and must outlive it.
template <HasSerde K, HasSerde V>
class TypedProducer {
 public:
  TypedProducer(Producer* producer, TopicHandle topic) : producer_(producer), topic_(std::move(topic)) {}

  absl::Status Send(const K& key, const V& value) { return producer_->Send(topic_, Encode(key, value)); }
  absl::Status Send(const K& key, const V& value, SendCallback done) {
    return producer_->Send(topic_, Encode(key, value), std::move(done));
  }
  // A tombstone.
  absl::Status Delete(const K& key) {
    key_.clear();
    Serde<K>::Serialize(key, &key_);
    return producer_->Send(topic_, Record{.key = key_});
  }

 private:
  Record Encode(const K& key, const V& value) {
    key_.clear();
    value_.clear();
    Serde<K>::Serialize(key, &key_);
    Serde<V>::Serialize(value, &value_);
    return Record{.key = key_, .value = value_};
  }

  Producer* producer_;
  TopicHandle topic_;
  std::string key_;
  std::string value_;
};

// A record's key or value as a T; nullopt where it is null.
template <HasSerde T>
absl::StatusOr<std::optional<T>> Decode(std::optional<std::string_view> bytes) {
  if (!bytes.has_value()) return std::optional<T>();
  absl::StatusOr<T> value = Serde<T>::Deserialize(*bytes);
  if (!value.ok()) return value.status();
  return std::optional<T>(*std::move(value));
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_SERDE_H_
