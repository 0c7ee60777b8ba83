// GroupBudget: how many groups all coordinators of an engine may hold together.

#ifndef MILLRACE_COORDINATOR_GROUP_BUDGET_H_
#define MILLRACE_COORDINATOR_GROUP_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace millrace::inline v0 {

// Thread-safe. Coordinators that make groups at the same time may pass the limit by one each: it bounds
// memory, and takes no lock for that.
class GroupBudget {
 public:
  explicit GroupBudget(int64_t groups_max) : groups_max_(groups_max) {}

  // Whether there may be one more; counts the refusal if not.
  bool Admits() {
    if (groups_.load(std::memory_order_relaxed) < groups_max_) return true;
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  // Groups that came (or went, below 0), whether they were asked for or read from the log.
  void Add(int64_t groups) { groups_.fetch_add(groups, std::memory_order_relaxed); }

  int64_t groups() const { return groups_.load(std::memory_order_relaxed); }
  int64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  const int64_t groups_max_;
  std::atomic<int64_t> groups_{0};
  std::atomic<int64_t> refused_{0};
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_GROUP_BUDGET_H_
