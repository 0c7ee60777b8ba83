// TaskQueue: what waits in an executor, and in which order it runs. Shared by all executors, so that they
// agree.

#ifndef MILLRACE_ENV_TASK_QUEUE_H_
#define MILLRACE_ENV_TASK_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "millrace/env/executor.h"

namespace millrace::inline v0 {

// Tasks run in the order of the time at which they became due: posted ones when they were posted, timed ones
// at their time or when they were posted, whichever is later; equals in the order in which they came. So
// neither kind can starve the other. Thread-compatible: the executor's mutex guards it.
class TaskQueue {
 public:
  using Task = Executor::Task;

  // The number that the next task will get; see Take.
  uint64_t next_sequence() const { return next_sequence_; }
  // Tasks that wait without a time.
  size_t posted() const { return posted_.size(); }
  bool empty() const { return posted_.empty() && timed_.empty(); }

  // `now`: the executor's time, which never goes back between calls.
  void Post(MonotonicNanos now, Task task);
  TimerId PostAt(MonotonicNanos now, MonotonicNanos when, Task task);
  // The removed task (for the caller to destroy outside its lock), or nothing.
  std::optional<Task> Cancel(TimerId id);
  // The next task that is due at `now` and was added before the task numbered `sequence_end`.
  std::optional<Task> Take(MonotonicNanos now, uint64_t sequence_end = UINT64_MAX);
  // When the next task is due; kNever if there is none.
  MonotonicNanos NextDue() const;

 private:
  // When it is due, and its number.
  using Key = std::pair<MonotonicNanos, uint64_t>;

  uint64_t next_sequence_ = 1;
  std::deque<std::pair<Key, Task>> posted_;
  std::map<Key, Task> timed_;
  absl::flat_hash_map<uint64_t, MonotonicNanos> due_of_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_TASK_QUEUE_H_
