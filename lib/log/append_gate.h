// AppendGate: the lock that appends to one log take turns by, and whether anybody waits to hear of them.
//
// An append that nobody waits for pays for one atomic operation, to lock. Unlocking is a store and a look at
// who is waiting; between the two a barrier would be due, or somebody who says that he waits, looks at the
// log's end once more and sleeps could be missed. Who waits is seldom, and about to sleep: he takes the
// barrier for both (ProcessFence). Where the system has none, unlocking is a second atomic operation, of the
// very word that waiting changes: the two are ordered, and either the appender sees the other's mark, or the
// other's second look sees the append.

#ifndef MILLRACE_LOG_APPEND_GATE_H_
#define MILLRACE_LOG_APPEND_GATE_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "env/process_fence.h"
#include "env/spin.h"

namespace millrace::inline v0 {

// Thread-safe. Not recursive. Spins shortly under contention, then sleeps.
class ABSL_LOCKABLE AppendGate {
 public:
  explicit AppendGate(bool fences = ProcessFence::Available()) : fences_(fences) {}

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!TryLock()) [[unlikely]]
      LockSlow();
  }
  // Returns true, and disarms, if listeners were armed: the caller must tell them.
  [[nodiscard]] bool UnlockAndCheck() ABSL_UNLOCK_FUNCTION() {
    const uint32_t waiting = Open();
    if (waiting == 0) [[likely]]
      return false;
    if (waiting >= kSleeper) WakeSleepers();
    // Of several who see the mark one takes it.
    return (waiting & kArmed) != 0 && (waiting_.fetch_and(~kArmed, std::memory_order_acq_rel) & kArmed) != 0;
  }
  // For changes that are no appends: leaves the listeners armed.
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (Open() >= kSleeper) [[unlikely]]
      WakeSleepers();
  }
  // Asks to be told of the next append. Look at the end of the log after it.
  void Arm() { Announce(kArmed); }

 private:
  // In waiting_: a mark, and a count.
  static constexpr uint32_t kArmed = 1;
  static constexpr uint32_t kSleeper = 2;

  bool TryLock() {
    uint32_t open = 0;
    return locked_.load(std::memory_order_relaxed) == 0 &&
           locked_.compare_exchange_strong(open, 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  // Unlocks; who is waiting.
  uint32_t Open() {
    locked_.store(0, std::memory_order_release);
    if (!fences_) [[unlikely]]
      return waiting_.fetch_add(0, std::memory_order_acq_rel);
    // In this order for the compiler; for the processor by the fences of those who wait.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return waiting_.load(std::memory_order_relaxed);
  }
  // After it, who unlocks sees `what`, or his stores before that are seen here.
  void Announce(uint32_t what) {
    if (what == kArmed) {
      waiting_.fetch_or(kArmed, std::memory_order_acq_rel);
    } else {
      waiting_.fetch_add(what, std::memory_order_acq_rel);
    }
    if (fences_) ProcessFence::Run();
  }
  void WakeSleepers() {
    // notify_all looks for sleepers of its own, which must not come before the unlocking.
    waiting_.fetch_add(0, std::memory_order_seq_cst);
    locked_.notify_all();
  }

  void LockSlow() {
    // Longer and longer between two looks: each look takes the line from the thread that appends, which gets
    // more done in turns of many records than of one.
    for (int turn = 0, pauses = 1; turn < 40; ++turn, pauses = pauses < 64 ? pauses * 2 : pauses) {
      if (TryLock()) return;
      for (int pause = 0; pause < pauses; ++pause) SpinPause();
      // Who holds it may have been taken off his processor.
      if (turn >= 8) YieldProcessor();
    }
    Announce(kSleeper);
    while (!TryLock()) locked_.wait(1, std::memory_order_relaxed);
    waiting_.fetch_sub(kSleeper, std::memory_order_acq_rel);
  }

  const bool fences_;
  std::atomic<uint32_t> locked_{0};
  std::atomic<uint32_t> waiting_{0};
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
