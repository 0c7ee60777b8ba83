#include <time.h>

#include "millrace/env/clock.h"

namespace millrace::inline v0 {
namespace {

int64_t Nanos(clockid_t id) {
  struct ::timespec now = {};
  ::clock_gettime(id, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  MonotonicNanos Monotonic() override { return MonotonicNanos(Nanos(CLOCK_MONOTONIC)); }
  Timestamp Wall() override { return Timestamp(Nanos(CLOCK_REALTIME) / 1'000'000); }
  Timestamp CoarseWall() override { return Timestamp(Nanos(CLOCK_REALTIME_COARSE) / 1'000'000); }
};

}  // namespace

Clock* Clock::System() {
  static Clock* const clock = new SystemClock;
  return clock;
}

}  // namespace millrace::inline v0
