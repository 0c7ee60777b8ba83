#include "env/task_queue.h"

#include <algorithm>

namespace millrace::inline v0 {

void TaskQueue::Post(MonotonicNanos now, Task task) {
  posted_.emplace_back(Key(now, next_sequence_++), std::move(task));
}

TimerId TaskQueue::PostAt(MonotonicNanos now, MonotonicNanos when, Task task) {
  const Key key(std::max(now, when), next_sequence_++);
  due_of_.emplace(key.second, key.first);
  timed_.emplace(key, std::move(task));
  return TimerId(key.second);
}

std::optional<TaskQueue::Task> TaskQueue::Cancel(TimerId id) {
  const auto due = due_of_.find(id.value());
  if (due == due_of_.end()) return std::nullopt;
  const auto timed = timed_.find(Key(due->second, id.value()));
  std::optional<Task> task = std::move(timed->second);
  timed_.erase(timed);
  due_of_.erase(due);
  return task;
}

std::optional<TaskQueue::Task> TaskQueue::Take(MonotonicNanos now, uint64_t sequence_end) {
  const bool posted = !posted_.empty() && posted_.front().first.second < sequence_end;
  // Among the timers that are due, the first one old enough. Younger ones can only lie before it where their
  // time was in the past, so this looks at few.
  auto timed = timed_.begin();
  while (timed != timed_.end() && timed->first.first <= now && timed->first.second >= sequence_end) ++timed;
  const bool due = timed != timed_.end() && timed->first.first <= now;
  if (due && (!posted || timed->first < posted_.front().first)) {
    std::optional<Task> task = std::move(timed->second);
    due_of_.erase(timed->first.second);
    timed_.erase(timed);
    return task;
  }
  if (!posted) return std::nullopt;
  std::optional<Task> task = std::move(posted_.front().second);
  posted_.pop_front();
  return task;
}

MonotonicNanos TaskQueue::NextDue() const {
  MonotonicNanos due = kNever;
  if (!timed_.empty()) due = timed_.begin()->first.first;
  if (!posted_.empty()) due = std::min(due, posted_.front().first.first);
  return due;
}

}  // namespace millrace::inline v0
