// LightLock: a lock of four bytes for sections of some nanoseconds that threads seldom meet in. Spins a
// little, then sleeps. Not recursive, not fair.

#ifndef MILLRACE_ENGINE_LIGHT_LOCK_H_
#define MILLRACE_ENGINE_LIGHT_LOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"

namespace millrace::inline v0 {

class ABSL_LOCKABLE LightLock {
 public:
  LightLock() = default;
  LightLock(const LightLock&) = delete;
  LightLock& operator=(const LightLock&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    uint32_t free = kFree;
    if (word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed))
        [[likely]] {
      return;
    }
    LockSlow();
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    uint32_t free = kFree;
    return word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (word_.exchange(kFree, std::memory_order_release) == kAwaited) [[unlikely]]
      word_.notify_one();
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kAwaited = 2;  // held, and somebody sleeps
  static constexpr int kSpins = 200;

  static void Pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
  }

  [[gnu::noinline]] void LockSlow() {
    for (int i = 0; i < kSpins; ++i) {
      uint32_t free = kFree;
      if (word_.load(std::memory_order_relaxed) == kFree &&
          word_.compare_exchange_weak(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) {
        return;
      }
      Pause();
    }
    // From here on the word says that somebody sleeps; whoever gets the lock this way leaves it so, because
    // others may sleep still.
    while (word_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      word_.wait(kAwaited, std::memory_order_relaxed);
    }
  }

  std::atomic<uint32_t> word_ = kFree;
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
