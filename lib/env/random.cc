#include "millrace/env/random.h"

#include <atomic>

namespace millrace::inline v0 {
namespace {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): a counter, mixed. The
// counter is atomic, so threads never get the same number, though which gets which is theirs.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() override {
    constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
    uint64_t bits = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace

std::unique_ptr<Random> Random::Seeded(uint64_t seed) {
  return std::make_unique<SeededRandom>(seed);
}

}  // namespace millrace::inline v0
