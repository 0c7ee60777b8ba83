#include "millrace/testing/sim_network.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "testing/memory_raw_peer.h"
#include "transport/memory_network.h"

namespace millrace::inline v0 {
namespace {

using Pair = std::pair<std::string, std::string>;

// The same for both directions.
Pair PairOf(std::string_view a, std::string_view b) {
  return a < b ? Pair(a, b) : Pair(b, a);
}

}  // namespace

struct SimNetwork::Impl final : NetworkRules {
  explicit Impl(SimEnv& world) : random(world.random.get()) {}

  int64_t OnConnect(std::string_view, std::string_view) override {
    MutexLock lock(&mutex);
    return Delay();
  }

  Passage OnWrite(std::string_view, std::string_view, size_t bytes) override {
    MutexLock lock(&mutex);
    ++counts.writes;
    Passage passage{.delay_nanos = Delay()};
    if (counts.writes == cut_at_write) {
      passage.cut_after = std::min(cut_after, bytes - 1);
    } else if (Happens(options.cut_probability)) {
      passage.cut_after = random->Below(bytes);
    }
    if (passage.cut_after < bytes) ++counts.cuts;
    return passage;
  }

  size_t OnRead(size_t available) override {
    MutexLock lock(&mutex);
    if (!options.split) return available;
    // Small parts as often as large ones, whatever is there.
    const size_t most = size_t{1} << random->Below(17);
    const size_t part = 1 + random->Below(std::min(available, most));
    if (part < available) ++counts.split_reads;
    return part;
  }

  bool Blocked(std::string_view from, std::string_view to) override {
    MutexLock lock(&mutex);
    return !partitions.empty() && partitions.count(PairOf(from, to)) > 0;
  }

  int64_t Delay() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const int64_t min = absl::ToInt64Nanoseconds(options.delay_min);
    const int64_t max = absl::ToInt64Nanoseconds(options.delay_max);
    if (max <= min) return min;
    return min + static_cast<int64_t>(random->Below(static_cast<uint64_t>(max - min) + 1));
  }
  bool Happens(double probability) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (probability <= 0) return false;
    return static_cast<double>(random->Next() >> 11) * 0x1.0p-53 < probability;
  }

  Random* const random;
  std::shared_ptr<MemoryNetwork> network;

  Mutex mutex;
  SimNetworkOptions options ABSL_GUARDED_BY(mutex);
  SimNetworkCounts counts ABSL_GUARDED_BY(mutex);
  std::set<Pair> partitions ABSL_GUARDED_BY(mutex);
  uint64_t cut_at_write ABSL_GUARDED_BY(mutex) = 0;
  size_t cut_after ABSL_GUARDED_BY(mutex) = 0;
};

SimNetwork::SimNetwork(SimEnv& world, SimNetworkOptions options) : impl_(std::make_unique<Impl>(world)) {
  impl_->network = std::make_shared<MemoryNetwork>(world.env(), impl_.get());
  SetOptions(options);
}

SimNetwork::~SimNetwork() = default;

std::unique_ptr<Transport> SimNetwork::NewTransport(std::string host) {
  return NewMemoryTransport(impl_->network, std::move(host));
}

std::unique_ptr<RawPeer> SimNetwork::ConnectRaw(std::string_view host, std::string_view address) {
  return MemoryRawPeer::Connect(impl_->network, host, address);
}

void SimNetwork::SetOptions(SimNetworkOptions options) {
  MutexLock lock(&impl_->mutex);
  impl_->options = options;
}

void SimNetwork::Partition(std::string_view a, std::string_view b) {
  MutexLock lock(&impl_->mutex);
  impl_->partitions.insert(PairOf(a, b));
}

void SimNetwork::Heal(std::string_view a, std::string_view b) {
  {
    MutexLock lock(&impl_->mutex);
    impl_->partitions.erase(PairOf(a, b));
  }
  impl_->network->Recheck();
}

void SimNetwork::HealAll() {
  {
    MutexLock lock(&impl_->mutex);
    impl_->partitions.clear();
  }
  impl_->network->Recheck();
}

void SimNetwork::CutAtWrite(uint64_t nth, size_t bytes) {
  MutexLock lock(&impl_->mutex);
  impl_->cut_at_write = nth == 0 ? 0 : impl_->counts.writes + nth;
  impl_->cut_after = bytes;
}

SimNetworkCounts SimNetwork::counts() const {
  MutexLock lock(&impl_->mutex);
  return impl_->counts;
}

}  // namespace millrace::inline v0
