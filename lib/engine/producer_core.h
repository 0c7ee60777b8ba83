// ProducerCore: what the partitions of one producer share: settings, buffer space, batch builders, errors,
// and the word that blocked callers wait on. It lives until the last acknowledgement has come.

#ifndef MILLRACE_ENGINE_PRODUCER_CORE_H_
#define MILLRACE_ENGINE_PRODUCER_CORE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/engine_metrics.h"
#include "engine/light_lock.h"
#include "millrace/env/env.h"
#include "millrace/producer.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Thread-safe.
class ProducerCore {
 public:
  // `counts` is borrowed: nothing is counted once the engine is closed.
  ProducerCore(const ProducerOptions& options, const Env& env, ProducerId producer_id, EngineMetrics* counts)
      : options_(options), env_(env), producer_id_(producer_id), counts_(counts) {}

  const ProducerOptions& options() const { return options_; }
  const Env& env() const { return env_; }
  ProducerId producer_id() const { return producer_id_; }
  EngineMetrics& counts() const { return *counts_; }

  // Set once; read under the lock of each accumulator, so that whoever empties it afterwards is the last.
  bool closed() const { return closed_.load(std::memory_order_relaxed); }
  void MarkClosed() { closed_.store(true, std::memory_order_relaxed); }

  // Takes `bytes` of ProducerOptions::buffer_bytes; false if they are not free.
  bool TryReserve(size_t bytes) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > options_.buffer_bytes - std::min(used, options_.buffer_bytes)) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void Release(size_t bytes) {
    used_.fetch_sub(bytes, std::memory_order_release);
    Progress();
  }
  size_t buffered_bytes() const { return used_.load(std::memory_order_relaxed); }

  // An empty builder, one used lately if there is one.
  std::unique_ptr<BatchBuilder> TakeBuilder() {
    {
      LightLockHolder hold(&builders_lock_);
      if (!builders_.empty()) {
        std::unique_ptr<BatchBuilder> builder = std::move(builders_.back());
        builders_.pop_back();
        return builder;
      }
    }
    return std::make_unique<BatchBuilder>();
  }
  void GiveBuilder(std::unique_ptr<BatchBuilder> builder) {
    LightLockHolder hold(&builders_lock_);
    // What a burst over many partitions needed is not kept for ever.
    if (builders_.size() < kBuildersKept) builders_.push_back(std::move(builder));
  }

  void CountErrors(int64_t records, const absl::Status& status) {
    LightLockHolder hold(&error_lock_);
    if (errors_.fetch_add(records, std::memory_order_relaxed) == 0) first_error_ = status;
  }
  int64_t errors() const { return errors_.load(std::memory_order_relaxed); }
  absl::Status first_error() const {
    LightLockHolder hold(&error_lock_);
    return first_error_;
  }

  // Something that a blocked caller may wait for has happened. Cheap when nobody waits.
  void Progress() {
    progress_.fetch_add(1, std::memory_order_seq_cst);
    if (waiters_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      env_.parker->UnparkAll(progress_);
  }
  // Counts a waiter while it lives. The waiter reads progress() first, its condition then, and parks on the
  // value it read.
  class Waiter {
   public:
    explicit Waiter(ProducerCore* core) : core_(core) {
      core_->waiters_.fetch_add(1, std::memory_order_seq_cst);
    }
    ~Waiter() { core_->waiters_.fetch_sub(1, std::memory_order_seq_cst); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    ProducerCore* const core_;
  };
  const std::atomic<uint32_t>& progress() const { return progress_; }

 private:
  static constexpr size_t kBuildersKept = 256;

  const ProducerOptions options_;
  const Env env_;
  const ProducerId producer_id_;
  EngineMetrics* const counts_;
  std::atomic<bool> closed_ = false;

  alignas(64) std::atomic<size_t> used_ = 0;
  std::atomic<uint32_t> progress_ = 0;
  std::atomic<uint32_t> waiters_ = 0;

  LightLock builders_lock_{env_};
  std::vector<std::unique_ptr<BatchBuilder>> builders_ ABSL_GUARDED_BY(builders_lock_);

  mutable LightLock error_lock_{env_};
  std::atomic<int64_t> errors_ = 0;
  absl::Status first_error_ ABSL_GUARDED_BY(error_lock_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_PRODUCER_CORE_H_
