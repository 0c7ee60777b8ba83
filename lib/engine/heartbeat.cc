#include "engine/heartbeat.h"

#include <utility>

namespace millrace::inline v0 {

void Heartbeat::Start(std::string member_id, int32_t generation) {
  const MonotonicNanos now = options_.clock->Monotonic();
  MutexLock lock(&mutex_);
  member_id_ = std::move(member_id);
  generation_ = generation;
  last_poll_ = now;
  if (running_) return;
  running_ = true;
  Schedule(now);
}

void Heartbeat::Polled(MonotonicNanos now) {
  MutexLock lock(&mutex_);
  last_poll_ = now;
}

void Heartbeat::Stop() {
  MutexLock lock(&mutex_);
  running_ = false;
  if (timer_ != TimerId(0)) options_.executor->Cancel(timer_);
  timer_ = TimerId(0);
}

void Heartbeat::Schedule(MonotonicNanos now) {
  timer_ =
      options_.executor->PostAt(now + options_.interval_nanos, [self = shared_from_this()] { self->Beat(); });
}

void Heartbeat::Beat() {
  const MonotonicNanos now = options_.clock->Monotonic();
  HeartbeatRequest request;
  bool expired = false;
  {
    MutexLock lock(&mutex_);
    timer_ = TimerId(0);
    if (!running_) return;
    request = {.group = options_.group,
               .generation = generation_,
               .member_id = member_id_,
               .group_instance_id = options_.group_instance_id};
    expired = now - last_poll_ > options_.max_poll_interval_nanos;
    running_ = !expired;
    if (!expired) Schedule(now);
    if (!expired && std::exchange(awaiting_answer_, true)) return;
  }
  if (expired) {
    // The application is stuck: its partitions go to members that are not. A static member stays until its
    // session ends.
    options_.trouble(ErrorCode::kUnknownMemberId, request.generation);
    if (!options_.group_instance_id.has_value()) {
      options_.service->Leave(
          {.group = options_.group,
           .members = {{.member_id = request.member_id, .reason = "max.poll.interval.ms exceeded"}}},
          [](const LeaveGroupResponse&) {});
    }
    return;
  }
  const int32_t generation = request.generation;
  options_.service->Heartbeat(std::move(request),
                              [self = shared_from_this(), generation](const HeartbeatResponse& response) {
                                bool concerned = false;
                                {
                                  MutexLock lock(&self->mutex_);
                                  self->awaiting_answer_ = false;
                                  concerned = self->running_ && self->generation_ == generation;
                                }
                                if (concerned && !response.result.ok())
                                  self->options_.trouble(response.result.error, generation);
                              });
}

}  // namespace millrace::inline v0
