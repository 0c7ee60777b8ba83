// Budget: what the logs of one directory may take from their host.

#ifndef MILLRACE_LOG_BUDGET_H_
#define MILLRACE_LOG_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// Thread-safe. Counts descriptors and mappings of open segments, and bytes of files.
class Budget {
 public:
  struct Limits {
    int64_t descriptors = INT64_MAX;
    int64_t mappings = INT64_MAX;
    int64_t disk_bytes = INT64_MAX;
  };
  explicit Budget(Limits limits) : limits_(limits) {}

  // Called when a limit is met, without a lock of the budget's: closes what is idle. True if anything was
  // freed. Set before use.
  void set_evict(std::function<bool()> evict) { evict_ = std::move(evict); }

  // Called, with locks of a log held, when a limit comes near, and not again before Swept(): asks for a sweep
  // somewhere else. Set before use.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }
  void Swept() { woken_.store(false, std::memory_order_relaxed); }

  // For one more open segment. kResourceExhausted, naming the limit, where eviction does not help. The caller
  // must hold no lock that the eviction may want; where it does, `may_evict` is false.
  absl::Status AcquireSegment(bool mapped, bool may_evict) {
    while (true) {
      const bool fits = descriptors_.load(std::memory_order_relaxed) < limits_.descriptors &&
                        (!mapped || mappings_.load(std::memory_order_relaxed) < limits_.mappings);
      if (fits) break;
      if (may_evict && evict_ && evict_()) continue;
      // Those that must be opened under a lock, and some while a sweep is under way, go beyond the limit; the
      // sweep that Wake() asks for closes the difference.
      if (evict_ && (!may_evict || !far())) break;
      return absl::ResourceExhaustedError(absl::StrFormat(
          "the budget of %d descriptors and %d mappings is used up and nothing is idle: raise Budgets",
          limits_.descriptors, limits_.mappings));
    }
    descriptors_.fetch_add(1, std::memory_order_relaxed);
    if (mapped) mappings_.fetch_add(1, std::memory_order_relaxed);
    WakeIfTight();
    return absl::OkStatus();
  }
  // One more, beyond the limit if need be.
  void TakeDescriptor() {
    descriptors_.fetch_add(1, std::memory_order_relaxed);
    WakeIfTight();
  }
  void ReleaseDescriptor() { descriptors_.fetch_sub(1, std::memory_order_relaxed); }
  void ReleaseMapping() { mappings_.fetch_sub(1, std::memory_order_relaxed); }

  // Bytes allocated to, or cut from, files.
  absl::Status AcquireDisk(int64_t bytes) {
    if (disk_bytes_.load(std::memory_order_relaxed) + bytes > limits_.disk_bytes) {
      return Error(
          ErrorCode::kKafkaStorageError,
          absl::StrFormat(
              "the disk budget of %d bytes is used up: raise Budgets::disk_bytes or shorten the retention",
              limits_.disk_bytes));
    }
    disk_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  void ReleaseDisk(int64_t bytes) { disk_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  // Bytes found on opening: counted, whatever the limit.
  void CountDisk(int64_t bytes) { disk_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  int64_t descriptors() const { return descriptors_.load(std::memory_order_relaxed); }
  int64_t mappings() const { return mappings_.load(std::memory_order_relaxed); }
  int64_t disk_bytes() const { return disk_bytes_.load(std::memory_order_relaxed); }
  const Limits& limits() const { return limits_; }
  // A quarter beyond a limit, and then some.
  bool far() const {
    return descriptors() > limits_.descriptors + limits_.descriptors / 4 + 16 ||
           mappings() > limits_.mappings + limits_.mappings / 4 + 16;
  }
  bool full() const { return descriptors() >= limits_.descriptors || mappings() >= limits_.mappings; }
  // Within an eighth of a limit: time for a sweep.
  bool tight() const {
    return descriptors() > limits_.descriptors - limits_.descriptors / 8 ||
           mappings() > limits_.mappings - limits_.mappings / 8;
  }

 private:
  void WakeIfTight() {
    if (wake_ && tight() && !woken_.exchange(true, std::memory_order_relaxed)) wake_();
  }

  const Limits limits_;
  std::function<bool()> evict_;
  std::function<void()> wake_;
  std::atomic<bool> woken_{false};
  std::atomic<int64_t> descriptors_{0};
  std::atomic<int64_t> mappings_{0};
  std::atomic<int64_t> disk_bytes_{0};
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_BUDGET_H_
