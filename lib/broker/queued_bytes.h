// QueuedBytes: the bytes of all requests that were not answered yet. Above the limit no connection is read
// from until half of them are gone: what clients have sent waits in their sockets, and nothing is refused.

#ifndef MILLRACE_BROKER_QUEUED_BYTES_H_
#define MILLRACE_BROKER_QUEUED_BYTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "millrace/metrics.h"

namespace millrace::inline v0 {

// Thread-safe. Lock order: its mutex before those of its readers. Outlives the broker where a request does.
class QueuedBytes {
 public:
  // Somebody who reads requests. Called under the mutex of this.
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual void HoldReading() = 0;
    virtual void ReleaseReading() = 0;
  };

  // Zero or less: no limit. Borrowed, and used by readers and requests that come alone: how much there is;
  // how often the limit was reached.
  QueuedBytes(int64_t bytes_max, Gauge* bytes, Counter* reached)
      : bytes_max_(bytes_max), bytes_gauge_(bytes), reached_(reached) {}

  // Is told from now on, at once if reading is held up; until Leave, after which it is not called any more.
  void Join(Reader* reader) {
    MutexLock lock(&mutex_);
    readers_.insert(reader);
    if (held_.load(std::memory_order_relaxed)) reader->HoldReading();
  }
  void Leave(Reader* reader) {
    MutexLock lock(&mutex_);
    readers_.erase(reader);
  }

  void Add(size_t bytes) {
    bytes_gauge_->Add(static_cast<int64_t>(bytes));
    const int64_t now = bytes_.fetch_add(static_cast<int64_t>(bytes)) + static_cast<int64_t>(bytes);
    if (bytes_max_ > 0 && now > bytes_max_ && !held_.load()) Change();
  }
  void Remove(size_t bytes) {
    bytes_gauge_->Add(-static_cast<int64_t>(bytes));
    const int64_t now = bytes_.fetch_sub(static_cast<int64_t>(bytes)) - static_cast<int64_t>(bytes);
    if (held_.load() && now <= bytes_max_ / 2) Change();
  }
  int64_t bytes() const { return bytes_.load(); }

 private:
  // Holds up or releases, as it is now. Looks again after it has: who changed the bytes meanwhile may have
  // seen the old state, and left it at that.
  void Change() {
    MutexLock lock(&mutex_);
    for (;;) {
      const bool held = held_.load();
      const int64_t now = bytes_.load();
      if (held ? now > bytes_max_ / 2 : now <= bytes_max_) return;
      held_.store(!held);
      if (!held) reached_->Add();
      for (Reader* const reader : readers_) {
        if (held) {
          reader->ReleaseReading();
        } else {
          reader->HoldReading();
        }
      }
    }
  }

  const int64_t bytes_max_;
  Gauge* const bytes_gauge_;
  Counter* const reached_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<bool> held_{false};
  Mutex mutex_;
  std::set<Reader*> readers_ ABSL_GUARDED_BY(mutex_);
};

// One request's part of them, from when it came until it is gone. Movable.
class QueuedRequest {
 public:
  QueuedRequest() = default;
  QueuedRequest(std::shared_ptr<QueuedBytes> queue, size_t bytes) : queue_(std::move(queue)), bytes_(bytes) {
    queue_->Add(bytes_);
  }
  QueuedRequest(QueuedRequest&&) = default;
  QueuedRequest& operator=(QueuedRequest&&) = delete;
  ~QueuedRequest() {
    if (queue_ != nullptr) queue_->Remove(bytes_);
  }

 private:
  std::shared_ptr<QueuedBytes> queue_;
  size_t bytes_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_QUEUED_BYTES_H_
