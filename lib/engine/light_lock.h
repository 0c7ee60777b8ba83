// LightLock: a lock of four bytes for sections of some nanoseconds that threads seldom meet in. Taking it
// costs one atomic exchange, letting it go a plain store. Not recursive, not fair.

#ifndef MILLRACE_ENGINE_LIGHT_LOCK_H_
#define MILLRACE_ENGINE_LIGHT_LOCK_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "env/spin.h"
#include "millrace/env/clock.h"
#include "millrace/env/env.h"
#include "millrace/env/parker.h"

namespace millrace::inline v0 {

// Who cannot have the lock spins, and then looks again from time to time: the holder wakes nobody, so that
// letting go needs no second atomic exchange. `env` is borrowed.
class ABSL_LOCKABLE LightLock {
 public:
  explicit LightLock(const Env& env) : parker_(env.parker), clock_(env.clock) {}
  LightLock(const LightLock&) = delete;
  LightLock& operator=(const LightLock&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (word_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]
      LockSlow();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { word_.store(0, std::memory_order_release); }

 private:
  static constexpr int kTurns = 40;
  // How long to sleep between looks: doubled from the one to the other.
  static constexpr int64_t kSleepMinNanos = 20'000;
  static constexpr int64_t kSleepMaxNanos = 1'000'000;

  bool TryTake() {
    return word_.load(std::memory_order_relaxed) == 0 && word_.exchange(1, std::memory_order_acquire) == 0;
  }

  [[gnu::noinline]] void LockSlow() {
    // Longer and longer between two looks, each of which takes the line from the holder.
    for (int turn = 0, pauses = 1; turn < kTurns; ++turn, pauses = std::min(2 * pauses, 64)) {
      if (TryTake()) return;
      for (int pause = 0; pause < pauses; ++pause) SpinPause();
      // The holder may have been taken off his processor.
      if (turn >= 8) YieldProcessor();
    }
    for (int64_t sleep = kSleepMinNanos; !TryTake(); sleep = std::min(2 * sleep, kSleepMaxNanos)) {
      parker_->Park(word_, 1, clock_->Monotonic() + sleep);
    }
  }

  std::atomic<uint32_t> word_ = 0;
  Parker* const parker_;
  Clock* const clock_;
};

class ABSL_SCOPED_LOCKABLE LightLockHolder {
 public:
  explicit LightLockHolder(LightLock* lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_->Lock();
  }
  ~LightLockHolder() ABSL_UNLOCK_FUNCTION() { lock_->Unlock(); }
  LightLockHolder(const LightLockHolder&) = delete;
  LightLockHolder& operator=(const LightLockHolder&) = delete;

 private:
  LightLock* const lock_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_LIGHT_LOCK_H_
