// StoppableExecutor: the engine's own threads, which end when the engine is closed although producers and
// consumers may still hold the executor.

#ifndef MILLRACE_ENGINE_STOPPABLE_EXECUTOR_H_
#define MILLRACE_ENGINE_STOPPABLE_EXECUTOR_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "millrace/env/executor.h"

namespace millrace::inline v0 {

// Thread-safe.
class StoppableExecutor final : public Executor {
 public:
  explicit StoppableExecutor(std::unique_ptr<Executor> inner) : inner_(std::move(inner)) {}

  void Post(Task task) override {
    if (const std::shared_ptr<Executor> inner = Inner(); inner != nullptr) inner->Post(std::move(task));
  }
  TimerId PostAt(MonotonicNanos when, Task task) override {
    const std::shared_ptr<Executor> inner = Inner();
    // Stopped: an id that no timer has.
    return inner == nullptr ? TimerId(UINT64_MAX) : inner->PostAt(when, std::move(task));
  }
  bool Cancel(TimerId id) override {
    const std::shared_ptr<Executor> inner = Inner();
    return inner != nullptr && inner->Cancel(id);
  }

  // Drops what has not started, waits for what runs, ends the threads. Later tasks are dropped. Must not be
  // called by a task. Idempotent.
  void Stop() {
    std::shared_ptr<Executor> last;
    {
      MutexLock lock(&mutex_);
      last.swap(inner_);
      // A call that is under way in another thread holds it as well, for a moment; a task must not be the one
      // that lets it go.
      while (last != nullptr && users_ != 0) idle_.Wait(&mutex_);
    }
  }

 private:
  struct Leave {
    StoppableExecutor* self;
    void operator()(Executor*) const {
      MutexLock lock(&self->mutex_);
      if (--self->users_ == 0) self->idle_.SignalAll();
    }
  };
  std::shared_ptr<Executor> Inner() {
    MutexLock lock(&mutex_);
    if (inner_ == nullptr) return nullptr;
    ++users_;
    return std::shared_ptr<Executor>(inner_.get(), Leave{this});
  }

  Mutex mutex_;
  CondVar idle_;
  int users_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<Executor> inner_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_STOPPABLE_EXECUTOR_H_
