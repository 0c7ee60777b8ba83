// The partition of a key, as Kafka's Java client chooses it.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "base/endian.h"
#include "millrace/producer.h"

namespace millrace::inline v0 {

// org.apache.kafka.common.utils.Utils.murmur2: MurmurHash2 by Austin Appleby with the seed 0x9747b28c, over
// little-endian words.
uint32_t Murmur2(std::string_view bytes) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kM = 0x5bd1e995;
  constexpr int kR = 24;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  uint32_t h = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; left -= 4, at += 4) {
    uint32_t k = uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
    k *= kM;
    k ^= k >> kR;
    k *= kM;
    h *= kM;
    h ^= k;
  }
  switch (left) {
    case 3:
      h ^= uint32_t{at[2]} << 16;
      [[fallthrough]];
    case 2:
      h ^= uint32_t{at[1]} << 8;
      [[fallthrough]];
    case 1:
      h ^= at[0];
      h *= kM;
      break;
    default:
      break;
  }
  h ^= h >> 13;
  h *= kM;
  h ^= h >> 15;
  return h;
}

PartitionId PartitionForKey(std::string_view key, int32_t partitions) {
  MILLRACE_CHECK(partitions > 0);
  return PartitionId(static_cast<int32_t>((Murmur2(key) & 0x7fffffffu) % static_cast<uint32_t>(partitions)));
}

}  // namespace millrace::inline v0
