// Executor: where the engine's background work runs: lingering batches, flushes, retention, heartbeats,
// compaction, the preparation of segments. The engine starts no thread but through one of these.

#ifndef MILLRACE_ENV_EXECUTOR_H_
#define MILLRACE_ENV_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "millrace/env/clock.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

using TimerId = StrongId<struct TimerIdTag, uint64_t>;

// Runs tasks. Thread-safe. Tasks posted from one thread start in the order posted; an executor with several
// threads may run them side by side (the engine's tasks lock what they touch).
class MILLRACE_EXPORT Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  virtual ~Executor() = default;

  // Runs `task` soon, never inside this call.
  virtual void Post(Task task) = 0;
  // Runs `task` at `when` or a little later. The id is never 0.
  virtual TimerId PostAt(MonotonicNanos when, Task task) = 0;
  // True: the task was removed and will not run. False: it has run, runs now, or never existed.
  virtual bool Cancel(TimerId id) = 0;
};

struct ThreadExecutorOptions {
  // Threads at the most; each starts with the first task that needs it.
  int threads = 1;
  // Threads are named "<name>-0", "<name>-1", ... (15 characters at most).
  std::string name = "millrace";
  // Time for PostAt. Borrowed; null: Clock::System().
  Clock* clock = nullptr;
};

// Owns threads. The destructor drops tasks that have not started and joins the threads. It must not be run by
// a task of its own.
MILLRACE_EXPORT std::unique_ptr<Executor> NewThreadExecutor(ThreadExecutorOptions options = {});

// ManualExecutor: no thread at all; tasks run inside RunOnce(), called by the host from its own loop.
class MILLRACE_EXPORT ManualExecutor : public Executor {
 public:
  // Runs what is due (at most `tasks_max` tasks) and returns how many tasks ran. May be called from any one
  // thread at a time.
  virtual size_t RunOnce(size_t tasks_max = SIZE_MAX) = 0;
  // When the next task is due: now or earlier if one waits, kNever if none does. For the host's poll
  // time-out.
  virtual MonotonicNanos NextDue() = 0;
};

// `clock` is borrowed; null: Clock::System().
MILLRACE_EXPORT std::unique_ptr<ManualExecutor> NewManualExecutor(Clock* clock = nullptr);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_EXECUTOR_H_
