// Mailbox: carries completions from whatever thread they happen in to the one thread of a consumer.

#ifndef MILLRACE_ENGINE_MAILBOX_H_
#define MILLRACE_ENGINE_MAILBOX_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "base/mutex.h"
#include "millrace/env/parker.h"

namespace millrace::inline v0 {

// WakeWord: what a blocked consumer sleeps on. Thread-safe.
class WakeWord {
 public:
  explicit WakeWord(Parker* parker) : parker_(parker) {}

  // The value to wait for a change of: take it, look for news, sleep on word() if there are none.
  uint32_t value() const { return word_.load(std::memory_order_acquire); }
  const std::atomic<uint32_t>& word() const { return word_; }
  void Wake() {
    word_.fetch_add(1, std::memory_order_acq_rel);
    parker_->UnparkAll(word_);
    if (EventDescriptor* descriptor = descriptor_.load(std::memory_order_acquire)) descriptor->Signal();
  }
  // Signalled with each Wake from now on. Once, by the consumer's own thread; lives as long as this.
  void SetDescriptor(std::unique_ptr<EventDescriptor> descriptor) {
    owned_descriptor_ = std::move(descriptor);
    descriptor_.store(owned_descriptor_.get(), std::memory_order_release);
  }
  EventDescriptor* descriptor() const { return descriptor_.load(std::memory_order_acquire); }

 private:
  Parker* const parker_;
  std::atomic<uint32_t> word_{0};
  std::unique_ptr<EventDescriptor> owned_descriptor_;
  std::atomic<EventDescriptor*> descriptor_{nullptr};
};

// Thread-safe. Shared by the consumer and the callbacks it hands out, which may outlive it.
class Mailbox {
 public:
  using Letter = absl::AnyInvocable<void()>;

  explicit Mailbox(std::shared_ptr<WakeWord> wake) : wake_(std::move(wake)) {}

  // Keeps `letter` for the next Drain and wakes the consumer; drops it once closed.
  void Post(Letter letter) {
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      letters_.push_back(std::move(letter));
      pending_.store(true, std::memory_order_release);
    }
    wake_->Wake();
  }
  bool pending() const { return pending_.load(std::memory_order_acquire); }
  // Runs what came, in the calling thread, in the order it came.
  void Drain() {
    while (pending()) {
      std::vector<Letter> letters;
      {
        MutexLock lock(&mutex_);
        letters.swap(letters_);
        pending_.store(false, std::memory_order_release);
      }
      for (Letter& letter : letters) std::move(letter)();
    }
  }
  void Close() {
    std::vector<Letter> dropped;
    MutexLock lock(&mutex_);
    closed_ = true;
    dropped.swap(letters_);
    pending_.store(false, std::memory_order_release);
  }

 private:
  const std::shared_ptr<WakeWord> wake_;
  std::atomic<bool> pending_{false};
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Letter> letters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_MAILBOX_H_
