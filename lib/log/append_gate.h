// AppendGate: the lock that appends to one log take turns by, and, in the same word, whether anybody waits to
// hear of them.
//
// One atomic operation unlocks and asks "is anybody waiting?". A reader that is about to sleep arms the gate
// and then looks at the end of the log once more. Both are read-modify-writes of one word, so they are
// ordered: either the appender sees the flag, or the reader's second look sees the append. No fence, and no
// cost to an append that nobody waits for.

#ifndef MILLRACE_LOG_APPEND_GATE_H_
#define MILLRACE_LOG_APPEND_GATE_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"

namespace millrace::inline v0 {

// Thread-safe. Not recursive. Spins shortly under contention, then sleeps.
class ABSL_LOCKABLE AppendGate {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    uint32_t word = word_.load(std::memory_order_relaxed);
    if ((word & (kLocked | kContended)) == 0 &&
        word_.compare_exchange_strong(word, word | kLocked, std::memory_order_acquire,
                                      std::memory_order_relaxed)) [[likely]] {
      return;
    }
    LockSlow();
  }
  // Returns true, and disarms, if listeners were armed: the caller must tell them.
  [[nodiscard]] bool UnlockAndCheck() ABSL_UNLOCK_FUNCTION() {
    const uint32_t word = word_.exchange(0, std::memory_order_acq_rel);
    if ((word & kContended) != 0) [[unlikely]]
      word_.notify_all();
    return (word & kArmed) != 0;
  }
  // For changes that are no appends: leaves the listeners armed.
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    const uint32_t word = word_.fetch_and(kArmed, std::memory_order_acq_rel);
    if ((word & kContended) != 0) [[unlikely]]
      word_.notify_all();
  }
  // Asks to be told of the next append. Look at the end of the log after it.
  void Arm() { word_.fetch_or(kArmed, std::memory_order_acq_rel); }

 private:
  static constexpr uint32_t kLocked = 1;
  static constexpr uint32_t kContended = 2;
  static constexpr uint32_t kArmed = 4;

  void LockSlow() {
    // Longer and longer between two looks: each look takes the line from the thread that appends, which gets
    // more done in turns of many records than of one.
    for (int turn = 0, pauses = 1; turn < 40; ++turn, pauses = pauses < 64 ? pauses * 2 : pauses) {
      uint32_t word = word_.load(std::memory_order_relaxed);
      if ((word & kLocked) == 0 &&
          word_.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return;
      }
#if defined(__x86_64__) || defined(__i386__)
      for (int pause = 0; pause < pauses; ++pause) __builtin_ia32_pause();
#endif
    }
    while (true) {
      uint32_t word = word_.fetch_or(kContended, std::memory_order_relaxed) | kContended;
      if ((word & kLocked) == 0) {
        // Takes the lock and leaves the mark for those who may still sleep.
        if (word_.compare_exchange_strong(word, word | kLocked, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
          return;
        }
        continue;
      }
      word_.wait(word, std::memory_order_relaxed);
    }
  }

  std::atomic<uint32_t> word_{0};
};

// Holds the gate while it lives, for changes that are no appends.
class ABSL_SCOPED_LOCKABLE GateLock {
 public:
  explicit GateLock(AppendGate* gate) ABSL_EXCLUSIVE_LOCK_FUNCTION(gate) : gate_(gate) { gate_->Lock(); }
  ~GateLock() ABSL_UNLOCK_FUNCTION() { gate_->Unlock(); }
  GateLock(const GateLock&) = delete;
  GateLock& operator=(const GateLock&) = delete;

 private:
  AppendGate* const gate_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_APPEND_GATE_H_
