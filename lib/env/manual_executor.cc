#include <utility>

#include "base/mutex.h"
#include "env/task_queue.h"
#include "millrace/env/executor.h"

namespace millrace::inline v0 {
namespace {

class ManualExecutorImpl final : public ManualExecutor {
 public:
  explicit ManualExecutorImpl(Clock* clock) : clock_(clock) {}

  void Post(Task task) override {
    MutexLock lock(&mutex_);
    queue_.Post(clock_->Monotonic(), std::move(task));
  }
  TimerId PostAt(MonotonicNanos when, Task task) override {
    MutexLock lock(&mutex_);
    return queue_.PostAt(clock_->Monotonic(), when, std::move(task));
  }
  bool Cancel(TimerId id) override {
    std::optional<Task> removed;  // destroyed after the lock is let go
    MutexLock lock(&mutex_);
    removed = queue_.Cancel(id);
    return removed.has_value();
  }

  // Tasks that are added meanwhile wait for the next call, so that a task which posts itself cannot hold the
  // host.
  size_t RunOnce(size_t tasks_max) override {
    const MonotonicNanos now = clock_->Monotonic();
    uint64_t end = 0;
    {
      MutexLock lock(&mutex_);
      end = queue_.next_sequence();
    }
    size_t ran = 0;
    for (; ran < tasks_max; ++ran) {
      std::optional<Task> task;
      {
        MutexLock lock(&mutex_);
        task = queue_.Take(now, end);
      }
      if (!task.has_value()) break;
      (*task)();
    }
    return ran;
  }

  MonotonicNanos NextDue() override {
    MutexLock lock(&mutex_);
    return queue_.NextDue();
  }

 private:
  Clock* const clock_;
  Mutex mutex_;
  TaskQueue queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ManualExecutor> NewManualExecutor(Clock* clock) {
  return std::make_unique<ManualExecutorImpl>(clock != nullptr ? clock : Clock::System());
}

}  // namespace millrace::inline v0
