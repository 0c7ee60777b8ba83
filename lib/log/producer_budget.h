// ProducerBudget: how many idempotent producers the logs of one directory may remember together.

#ifndef MILLRACE_LOG_PRODUCER_BUDGET_H_
#define MILLRACE_LOG_PRODUCER_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "millrace/metrics.h"

namespace millrace::inline v0 {

// Thread-safe. Tables that take in a producer at the same time may pass the limit by one each.
class ProducerBudget {
 public:
  // Counts the producers that there are, and those that had to go for others. Borrowed.
  ProducerBudget(int64_t producers_max, Gauge* producers, Counter* forgotten)
      : producers_max_(producers_max), producers_(producers), forgotten_(forgotten) {}

  bool has_room() const { return producers_->value() < producers_max_; }
  void Add(int64_t producers) { producers_->Add(producers); }
  void AddForgotten(int64_t producers) { forgotten_->Add(producers); }

 private:
  const int64_t producers_max_;
  Gauge* const producers_;
  Counter* const forgotten_;
};

// What one table holds of it; gives it back at its end. Null: no budget. Thread-compatible.
class ProducerShare {
 public:
  explicit ProducerShare(std::shared_ptr<ProducerBudget> budget) : budget_(std::move(budget)) {}
  ~ProducerShare() { Set(0); }
  ProducerShare(const ProducerShare&) = delete;
  ProducerShare& operator=(const ProducerShare&) = delete;

  bool has_room() const { return budget_ == nullptr || budget_->has_room(); }
  // The table has so many now.
  void Set(size_t producers) {
    const auto now = static_cast<int64_t>(producers);
    if (budget_ != nullptr && now != held_) budget_->Add(now - held_);
    held_ = now;
  }
  void AddForgotten(size_t producers) {
    if (budget_ != nullptr) budget_->AddForgotten(static_cast<int64_t>(producers));
  }

 private:
  const std::shared_ptr<ProducerBudget> budget_;
  int64_t held_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_PRODUCER_BUDGET_H_
