// Clock: where the engine takes the time from. The host may inject its own; the simulator does.

#ifndef MILLRACE_ENV_CLOCK_H_
#define MILLRACE_ENV_CLOCK_H_

#include <cstdint>

#include "millrace/export.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// A point on the monotonic clock, in nanoseconds from an arbitrary start. Never goes back.
using MonotonicNanos = StrongId<struct MonotonicTag, int64_t>;
inline constexpr MonotonicNanos kNever{INT64_MAX};

// Thread-safe. Sessions, time-outs and lingering run on Monotonic(); record timestamps and retention on
// Wall().
class MILLRACE_EXPORT Clock {
 public:
  virtual ~Clock() = default;

  // Exact. About 25 ns.
  virtual MonotonicNanos Monotonic() = 0;
  // Milliseconds since 1970. May jump either way when somebody sets the clock.
  virtual Timestamp Wall() = 0;
  // Wall(), but up to one scheduler tick (10 ms) late and about ten times cheaper: for stamping records.
  virtual Timestamp CoarseWall() { return Wall(); }

  // The clock of the machine. Lives for ever.
  static Clock* System();
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_CLOCK_H_
