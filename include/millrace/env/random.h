// Random: the engine's only source of chance (topic ids, jitter, sticky partitions), so that a seed replays a
// run.

#ifndef MILLRACE_ENV_RANDOM_H_
#define MILLRACE_ENV_RANDOM_H_

#include <cstdint>
#include <memory>

#include "millrace/export.h"

namespace millrace::inline v0 {

// Thread-safe.
class MILLRACE_EXPORT Random {
 public:
  virtual ~Random() = default;

  // 64 uniformly distributed bits.
  virtual uint64_t Next() = 0;
  // Uniform in [0, bound). Requires bound > 0.
  uint64_t Below(uint64_t bound) {
    __extension__ typedef unsigned __int128 Wide;
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }

  // Seeded from the operating system. Lives for ever.
  static Random* System();
  // A reproducible sequence: equal seeds give equal numbers on every machine.
  static std::unique_ptr<Random> Seeded(uint64_t seed);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_RANDOM_H_
