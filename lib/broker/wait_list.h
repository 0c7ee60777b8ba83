// WaitList: what waits on clients' behalf until something happens: the broker tells it to give up when it
// closes.

#ifndef MILLRACE_BROKER_WAIT_LIST_H_
#define MILLRACE_BROKER_WAIT_LIST_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace millrace::inline v0 {

// Something that waits for the engine on a client's behalf, for longer than a call. Thread-safe.
class Waiting {
 public:
  virtual ~Waiting() = default;
  // Answer now: the broker closes, or the client is gone. Returns when whatever is under way in it is over:
  // the broker is gone soon.
  virtual void GiveUp() = 0;
  // A fetch: Kafka counts those in its purgatory.
  virtual bool is_fetch() const { return false; }
};

// Outlives the broker where an answer is late. Thread-safe; calls nobody under its lock.
class WaitList {
 public:
  // False: the broker closes, nothing was added.
  bool Add(const std::shared_ptr<Waiting>& waiting) {
    MutexLock lock(&mutex_);
    if (!closing_) waiting_.insert(waiting);
    return !closing_;
  }
  // The last thing that one does with the broker it waits for.
  void Remove(const std::shared_ptr<Waiting>& waiting) {
    MutexLock lock(&mutex_);
    waiting_.erase(waiting);
  }
  // Takes no more. Returns what is to give up.
  std::set<std::shared_ptr<Waiting>> Close() {
    MutexLock lock(&mutex_);
    closing_ = true;
    std::set<std::shared_ptr<Waiting>> waiting;
    waiting.swap(waiting_);
    return waiting;
  }
  int64_t fetches() const {
    MutexLock lock(&mutex_);
    return std::ranges::count_if(waiting_, [](const auto& one) { return one->is_fetch(); });
  }

 private:
  mutable Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<Waiting>> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_WAIT_LIST_H_
