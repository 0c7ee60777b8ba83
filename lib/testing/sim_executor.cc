#include <optional>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "env/task_queue.h"
#include "millrace/testing/sim_env.h"

namespace millrace::inline v0 {
namespace {

class SimExecutorImpl final : public SimExecutor {
 public:
  explicit SimExecutorImpl(SimClock* clock) : clock_(clock) {}

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

  bool RunOne() override {
    std::optional<Task> task;
    {
      MutexLock lock(&mutex_);
      task = queue_.Take(clock_->Monotonic());
    }
    if (!task.has_value()) return false;
    (*task)();
    return true;
  }
  size_t RunReady(size_t tasks_max) override {
    size_t ran = 0;
    while (ran < tasks_max && RunOne()) ++ran;
    return ran;
  }
  bool RunNext(MonotonicNanos until) override {
    const MonotonicNanos due = NextDue();
    if (due == kNever || due > until) {
      if (until != kNever) clock_->AdvanceTo(until);
      return false;
    }
    clock_->AdvanceTo(due);
    return RunOne();
  }
  size_t RunFor(int64_t nanos) override {
    const MonotonicNanos until = clock_->Monotonic() + nanos;
    size_t ran = 0;
    while (RunNext(until)) ++ran;
    return ran;
  }
  MonotonicNanos NextDue() override {
    MutexLock lock(&mutex_);
    return queue_.NextDue();
  }
  size_t DropTasks() override {
    size_t dropped = 0;
    // One at a time, each without the lock: what a task holds may post or cancel others as it goes.
    while (true) {
      std::optional<Task> task;
      {
        MutexLock lock(&mutex_);
        task = queue_.Take(kNever);
      }
      if (!task.has_value()) return dropped;
      ++dropped;
    }
  }

 private:
  SimClock* const clock_;
  Mutex mutex_;
  TaskQueue queue_ ABSL_GUARDED_BY(mutex_);
};

class SimParkerImpl final : public SimParker {
 public:
  explicit SimParkerImpl(SimExecutor* executor) : executor_(executor) {}

  void Park(const std::atomic<uint32_t>& word, uint32_t expected, MonotonicNanos deadline) override {
    while (word.load() == expected) {
      if (executor_->RunNext(deadline)) {
        deadlocks_in_a_row_ = 0;
        continue;
      }
      if (deadline != kNever) return;
      ++deadlocks_;
      MILLRACE_CHECK(++deadlocks_in_a_row_ < 1000);
      return;
    }
  }
  void UnparkAll(std::atomic<uint32_t>&) override {}
  void Unpark(std::atomic<uint32_t>&, int) override {}
  absl::StatusOr<std::unique_ptr<EventDescriptor>> NewEventDescriptor() override {
    return absl::UnimplementedError("the simulation has no event descriptors; use Poll");
  }
  uint64_t deadlocks() const override { return deadlocks_; }

 private:
  SimExecutor* const executor_;
  uint64_t deadlocks_ = 0;
  uint64_t deadlocks_in_a_row_ = 0;
};

}  // namespace

std::unique_ptr<SimExecutor> NewSimExecutor(SimClock* clock) {
  return std::make_unique<SimExecutorImpl>(clock);
}

std::unique_ptr<SimParker> NewSimParker(SimExecutor* executor) {
  return std::make_unique<SimParkerImpl>(executor);
}

}  // namespace millrace::inline v0
