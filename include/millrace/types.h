// Strong types for the numbers that Kafka would otherwise pass around as plain integers.
//
// Each wraps one integer, costs nothing at run time, and does not convert to another: an offset cannot be
// handed over where an epoch is asked for. `value()` gives the integer.

#ifndef MILLRACE_TYPES_H_
#define MILLRACE_TYPES_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/export.h"

namespace millrace::inline v0 {

// StrongId: an integer with a meaning. `Tag` makes the type unique; `Rep` is what is stored.
// Ordered, hashable, printed by its `value()`. Thread-compatible, trivially copyable.
template <typename Tag, typename Rep>
class StrongId {
 public:
  using rep = Rep;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }

  constexpr auto operator<=>(const StrongId&) const = default;

  constexpr StrongId& operator++() {
    ++value_;
    return *this;
  }
  constexpr StrongId operator+(Rep delta) const { return StrongId(static_cast<Rep>(value_ + delta)); }
  constexpr StrongId operator-(Rep delta) const { return StrongId(static_cast<Rep>(value_ - delta)); }
  constexpr Rep operator-(StrongId other) const { return static_cast<Rep>(value_ - other.value_); }

  template <typename H>
  friend H AbslHashValue(H h, const StrongId& id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_ = 0;
};

// The place of a record in its partition, counted from 0. Never reused, never renumbered.
using Offset = StrongId<struct OffsetTag, int64_t>;
// The number of a partition in its topic, from 0.
using PartitionId = StrongId<struct PartitionIdTag, int32_t>;
// Counts the leaders a partition has had. Stamped into each batch. -1: none.
using LeaderEpoch = StrongId<struct LeaderEpochTag, int32_t>;
// Names an idempotent or transactional producer. -1: a producer without idempotence.
using ProducerId = StrongId<struct ProducerIdTag, int64_t>;
// Fences older incarnations of one ProducerId. -1: none.
using ProducerEpoch = StrongId<struct ProducerEpochTag, int16_t>;
// Counts the rebalances of a consumer group.
using GenerationId = StrongId<struct GenerationIdTag, int32_t>;
// Milliseconds since 1970-01-01 UTC, as Kafka stores them. -1: none.
using Timestamp = StrongId<struct TimestampTag, int64_t>;

inline constexpr Offset kNoOffset{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};
inline constexpr Timestamp kNoTimestamp{-1};

// TopicId: the 16 bytes that tell a topic from another of the same name created later (KIP-516).
// Written as Kafka writes it: 22 characters of unpadded URL-safe base64.
struct TopicId {
  std::array<std::byte, 16> bytes{};

  auto operator<=>(const TopicId&) const = default;
  bool IsZero() const { return *this == TopicId{}; }

  // The 22-character text form.
  MILLRACE_EXPORT std::string ToString() const;
  // Reads the 22-character text form; nullopt for anything else.
  MILLRACE_EXPORT static std::optional<TopicId> FromString(std::string_view text);

  template <typename H>
  friend H AbslHashValue(H h, const TopicId& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

// TopicPartition: a topic's name and the number of one of its partitions.
struct TopicPartition {
  std::string topic;
  PartitionId partition{0};

  auto operator<=>(const TopicPartition&) const = default;
  // "orders-3", as Kafka names the directory.
  MILLRACE_EXPORT std::string ToString() const;

  template <typename H>
  friend H AbslHashValue(H h, const TopicPartition& tp) {
    return H::combine(std::move(h), tp.topic, tp.partition);
  }
};

// What an acknowledged record survives. Named for the worst failure it outlives.
enum class Durability : uint8_t {
  // The record is in the page cache: it survives `kill -9` of the process, not a power loss. The default.
  kProcess = 0,
  // As kProcess, and flushed to the disk every `flush_ms` or `flush_messages`: a power loss costs at most
  // that.
  kInterval = 1,
  // Flushed to the disk before the acknowledgement: survives a power loss. Appends in flight share a flush.
  kPowerLoss = 2,
};

}  // namespace millrace::inline v0

template <typename Tag, typename Rep>
struct std::hash<millrace::StrongId<Tag, Rep>> {
  size_t operator()(millrace::StrongId<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value()); }
};

#endif  // MILLRACE_TYPES_H_
