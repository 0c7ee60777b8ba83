// FaultTable: the faults that a host has asked for, and what becomes of the requests that meet them.

#ifndef MILLRACE_BROKER_FAULT_TABLE_H_
#define MILLRACE_BROKER_FAULT_TABLE_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "broker/request.h"
#include "millrace/broker_faults.h"

namespace millrace::inline v0 {

class BrokerImpl;

// Thread-safe. Its mutex is a leaf.
class FaultTable final : public BrokerFaults {
 public:
  // Borrowed.
  explicit FaultTable(BrokerImpl* broker) : broker_(broker) {}

  // --- BrokerFaults
  absl::StatusOr<FaultId> Add(Fault fault) override;
  bool Remove(FaultId id) override;
  void Clear() override;
  uint64_t met(FaultId id) const override;
  void DropConnections() override;
  void RefuseConnections(bool refuse) override { refuses_connections_.store(refuse); }

  // --- For the broker
  // False: no request meets anything.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  bool refuses_connections() const { return refuses_connections_.load(); }
  // The fault that this request meets; counts it.
  std::optional<Fault> Take(const Request& request);

 private:
  struct Entry {
    FaultId id;
    Fault fault;
    // How many requests it was for.
    uint64_t seen = 0;
  };

  bool IsFor(const Fault& fault, const Request& request) const;

  BrokerImpl* const broker_;
  std::atomic<bool> active_ = false;
  std::atomic<bool> refuses_connections_ = false;

  mutable Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, uint64_t> met_ ABSL_GUARDED_BY(mutex_);
};

// Lets `request`, which `handle` would take, meet `fault`.
void MeetFault(BrokerImpl& broker, const Fault& fault, void (*handle)(BrokerImpl&, Request), Request request);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_FAULT_TABLE_H_
