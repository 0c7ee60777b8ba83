#include "log/offset_map.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "base/endian.h"

namespace millrace::inline v0 {
namespace {

struct SipState {
  uint64_t v0;
  uint64_t v1;
  uint64_t v2;
  uint64_t v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Take(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
  uint64_t Squeeze() {
    for (int i = 0; i < 4; ++i) Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

Hash128 SipHash128(std::array<uint64_t, 2> seed, std::span<const std::byte> bytes) {
  SipState state{seed[0] ^ 0x736f6d6570736575ull, seed[1] ^ 0x646f72616e646f6dull ^ 0xee,
                 seed[0] ^ 0x6c7967656e657261ull, seed[1] ^ 0x7465646279746573ull};
  const size_t whole = bytes.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) state.Take(LoadLittle<uint64_t>(bytes.data() + i));
  uint64_t last = static_cast<uint64_t>(bytes.size()) << 56;
  for (size_t i = whole; i < bytes.size(); ++i) {
    last |= static_cast<uint64_t>(bytes[i]) << (8 * (i - whole));
  }
  state.Take(last);
  state.v2 ^= 0xee;
  Hash128 hash;
  hash.low = state.Squeeze();
  state.v1 ^= 0xdd;
  hash.high = state.Squeeze();
  return hash;
}

OffsetMap::OffsetMap(size_t memory_bytes, uint64_t keys_max, double load_factor, std::array<uint64_t, 2> seed)
    : seed_(seed) {
  load_factor = std::clamp(load_factor, 0.01, 0.99);
  const uint64_t affordable = std::max<uint64_t>(memory_bytes / kEntryBytes, 2);
  const double wanted = static_cast<double>(std::min<uint64_t>(keys_max, uint64_t{1} << 40)) / load_factor;
  slots_ = std::min(affordable, std::max<uint64_t>(static_cast<uint64_t>(wanted) + 1, 2));
  // One slot always stays free: a search ends there.
  capacity_ =
      std::clamp<size_t>(static_cast<size_t>(static_cast<double>(slots_) * load_factor), 1, slots_ - 1);
  table_ = std::make_unique<Slot[]>(slots_);
}

OffsetMap::Slot* OffsetMap::Find(std::string_view key) const {
  static_assert(sizeof(Slot) == kEntryBytes);
  const Hash128 hash = SipHash128(seed_, AsBytes(key));
  size_t at =
      static_cast<size_t>((static_cast<unsigned __int128>(hash.low) * static_cast<uint64_t>(slots_)) >> 64);
  while (table_[at].offset >= 0 && table_[at].hash != hash) {
    if (++at == slots_) at = 0;
  }
  Slot* const slot = &table_[at];
  if (slot->offset < 0) slot->hash = hash;
  return slot;
}

bool OffsetMap::Put(std::string_view key, Offset offset) {
  MILLRACE_CHECK(offset.value() >= 0);
  Slot* const slot = Find(key);
  if (slot->offset < 0) {
    if (size_ == capacity_) return false;
    ++size_;
  }
  slot->offset = offset.value();
  return true;
}

Offset OffsetMap::Get(std::string_view key) const {
  return Offset(Find(key)->offset);
}

void OffsetMap::Clear() {
  std::fill_n(table_.get(), slots_, Slot{});
  size_ = 0;
}

}  // namespace millrace::inline v0
