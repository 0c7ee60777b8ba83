#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "env/posix_thread.h"
#include "env/task_queue.h"
#include "millrace/env/executor.h"

namespace millrace::inline v0 {
namespace {

class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(ThreadExecutorOptions options)
      : threads_max_(static_cast<size_t>(std::max(options.threads, 1))),
        name_(std::move(options.name)),
        clock_(options.clock != nullptr ? options.clock : Clock::System()) {}

  ~ThreadExecutor() override {
    std::vector<PosixThread> threads;  // joined by their destructors
    MutexLock lock(&mutex_);
    stopping_ = true;
    threads.swap(threads_);
    changed_.SignalAll();
  }

  void Post(Task task) override {
    MutexLock lock(&mutex_);
    if (stopping_) return Drop(std::move(task));
    queue_.Post(clock_->Monotonic(), std::move(task));
    if (queue_.posted() > idle_) StartThread();
    changed_.Signal();
  }

  TimerId PostAt(MonotonicNanos when, Task task) override {
    MutexLock lock(&mutex_);
    const MonotonicNanos now = clock_->Monotonic();
    const TimerId id = queue_.PostAt(now, when, std::move(task));
    if (idle_ == 0) StartThread();
    // The thread that watches the time must see that there is an earlier one; it cannot be told apart. Timers
    // that are canceled in time, as most are, wake nobody so.
    if (when < watched_until_) changed_.SignalAll();
    return id;
  }

  bool Cancel(TimerId id) override {
    std::optional<Task> removed;  // destroyed after the lock is let go
    MutexLock lock(&mutex_);
    removed = queue_.Cancel(id);
    return removed.has_value();
  }

 private:
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (threads_.size() >= threads_max_ || stopping_) return;
    absl::StatusOr<PosixThread> thread = PosixThread::Start(name_, threads_.size(), [this] { Run(); });
    // Where the limit of threads is reached, the task waits for a running thread, or for the next call to try
    // again.
    if (thread.ok()) threads_.push_back(*std::move(thread));
  }

  void Run() {
    mutex_.Lock();
    while (!stopping_) {
      const MonotonicNanos now = clock_->Monotonic();
      if (std::optional<Task> task = queue_.Take(now); task.has_value()) {
        // Hand the watch over the time to a thread that has nothing to do.
        if (idle_ > 0 && watched_until_ == kNever && !queue_.empty()) changed_.Signal();
        mutex_.Unlock();
        (*task)();
        task.reset();
        mutex_.Lock();
      } else {
        Idle(now);
      }
    }
    mutex_.Unlock();
  }

  // Waits for a change; one thread of the idle ones wakes in time for the next timer.
  void Idle(MonotonicNanos now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    constexpr int64_t kWaitMaxNanos = int64_t{3600} * 1'000'000'000;
    const MonotonicNanos due = queue_.NextDue();
    ++idle_;
    if (due == kNever || watched_until_ != kNever) {
      changed_.Wait(&mutex_);
    } else {
      const int64_t wait = std::min(due - now, kWaitMaxNanos);
      watched_until_ = now + wait;
      changed_.WaitFor(&mutex_, std::chrono::nanoseconds(wait));
      watched_until_ = kNever;
    }
    --idle_;
  }

  // A task that came too late. Its captures must not be destroyed under the lock.
  void Drop(Task task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    mutex_.Unlock();
    task = nullptr;
    mutex_.Lock();
  }

  const size_t threads_max_;
  const std::string name_;
  Clock* const clock_;

  Mutex mutex_;
  CondVar changed_;
  TaskQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<PosixThread> threads_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  // A thread of the idle ones wakes at this time at the latest; kNever: none watches the time.
  MonotonicNanos watched_until_ ABSL_GUARDED_BY(mutex_) = kNever;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Executor> NewThreadExecutor(ThreadExecutorOptions options) {
  return std::make_unique<ThreadExecutor>(std::move(options));
}

}  // namespace millrace::inline v0
