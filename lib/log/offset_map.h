// OffsetMap: the last offset of each key of the stretch that a cleaning looks at. Keys are kept as keyed
// 128-bit hashes (SipHash-2-4-128), so that an entry takes 24 bytes whatever its key is, and nobody who does
// not know the seed can make two keys collide. Source of the idea: Kafka's SkimpyOffsetMap.

#ifndef MILLRACE_LOG_OFFSET_MAP_H_
#define MILLRACE_LOG_OFFSET_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "millrace/types.h"

namespace millrace::inline v0 {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};
// SipHash-2-4 with 128 bits of result (Aumasson and Bernstein), keyed with `seed`.
Hash128 SipHash128(std::array<uint64_t, 2> seed, std::span<const std::byte> bytes);

// Open addressing, fixed size. Single-threaded.
class OffsetMap {
 public:
  static constexpr size_t kEntryBytes = 24;

  // Takes at most `memory_bytes` (at least enough for one key), and no more than `keys_max` keys need.
  // `load_factor`: the share of the slots that may be taken (Kafka's log.cleaner.io.buffer.load.factor).
  OffsetMap(size_t memory_bytes, uint64_t keys_max, double load_factor, std::array<uint64_t, 2> seed);

  // Sets the offset of `key`; false if the key is new and the map is full. Offsets are not negative.
  bool Put(std::string_view key, Offset offset);
  // kNoOffset for a key that was never put.
  Offset Get(std::string_view key) const;
  void Clear();

  size_t size() const { return size_; }
  // Keys it takes.
  size_t capacity() const { return capacity_; }
  size_t memory_bytes() const { return slots_ * kEntryBytes; }
  // The stretch that was looked at ends before this offset; kept for the caller.
  Offset end_offset() const { return end_offset_; }
  void set_end_offset(Offset offset) { end_offset_ = offset; }

 private:
  struct Slot {
    Hash128 hash = {};
    int64_t offset = -1;
  };
  Slot* Find(std::string_view key) const;

  size_t slots_ = 0;
  size_t capacity_ = 0;
  size_t size_ = 0;
  std::array<uint64_t, 2> seed_;
  Offset end_offset_{0};
  std::unique_ptr<Slot[]> table_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_OFFSET_MAP_H_
