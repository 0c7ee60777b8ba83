// WakeUps: what appends have woken, run by the thread that appended once its handler is through. Another
// thread would have to be woken first, which takes longer than all the rest of an answer to a long poll.

#ifndef MILLRACE_BROKER_WAKE_UPS_H_
#define MILLRACE_BROKER_WAKE_UPS_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace millrace::inline v0 {

// Something that an append may wake. Thread-safe.
class Wakeable {
 public:
  virtual ~Wakeable() = default;
  virtual void OnWoken() = 0;
};

// Thread-safe; its lock is a leaf.
class WakeUps {
 public:
  // While one lives, a handler runs.
  class Scope {
   public:
    explicit Scope(WakeUps* wake_ups) : wake_ups_(wake_ups) { wake_ups_->Enter(); }
    ~Scope() { wake_ups_->Leave(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    WakeUps* const wake_ups_;
  };

  // OnWoken() is called when the first handler that runs now ends. False: none runs, and nothing was kept.
  bool Add(std::shared_ptr<Wakeable> woken) {
    MutexLock lock(&mutex_);
    if (running_ == 0) return false;
    woken_.push_back(std::move(woken));
    return true;
  }

 private:
  void Enter() {
    MutexLock lock(&mutex_);
    ++running_;
  }
  void Leave() {
    std::vector<std::shared_ptr<Wakeable>> woken;
    {
      MutexLock lock(&mutex_);
      --running_;
      woken.swap(woken_);
    }
    for (const auto& one : woken) one->OnWoken();
  }

  Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Wakeable>> woken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_WAKE_UPS_H_
