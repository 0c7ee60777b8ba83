// Heartbeat: keeps a member in its group while its thread is busy with what it polled.

#ifndef MILLRACE_ENGINE_HEARTBEAT_H_
#define MILLRACE_ENGINE_HEARTBEAT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "coordinator/group_service.h"
#include "millrace/env/clock.h"
#include "millrace/env/executor.h"

namespace millrace::inline v0 {

// Sends heartbeats from the executor, as the background thread of Kafka's client does. Thread-safe. Made with
// std::make_shared: its timer task holds it.
class Heartbeat : public std::enable_shared_from_this<Heartbeat> {
 public:
  // Told of an answer that is not kNone, or (kUnknownMemberId) that the poll interval ran out and the member
  // has left. `generation`: the one it concerns. In any thread.
  using Trouble = std::function<void(ErrorCode error, int32_t generation)>;

  struct Options {
    std::string group = {};
    std::optional<std::string> group_instance_id = std::nullopt;
    int64_t interval_nanos = 3'000'000'000;
    int64_t max_poll_interval_nanos = 300'000'000'000;
    // Borrowed; outlive the last timer task, which Stop() cancels or outwaits by its lock.
    GroupService* service = nullptr;
    Executor* executor = nullptr;
    Clock* clock = nullptr;
    Trouble trouble = {};
  };
  explicit Heartbeat(Options options) : options_(std::move(options)) {}

  // Begins, for a member that has just become part of `generation`.
  void Start(std::string member_id, int32_t generation);
  // The member has polled.
  void Polled(MonotonicNanos now);
  // No heartbeat is sent after it.
  void Stop();

 private:
  void Schedule(MonotonicNanos now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Beat();

  const Options options_;
  Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool awaiting_answer_ ABSL_GUARDED_BY(mutex_) = false;
  TimerId timer_ ABSL_GUARDED_BY(mutex_){0};
  std::string member_id_ ABSL_GUARDED_BY(mutex_);
  int32_t generation_ ABSL_GUARDED_BY(mutex_) = -1;
  MonotonicNanos last_poll_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_HEARTBEAT_H_
