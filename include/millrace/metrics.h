// Metrics: what the engine counts, cheap enough to be always on.
//
//   MetricsRegistry& metrics = engine->metrics();
//   std::string text = metrics.Snapshot().ToPrometheus();     // for GET /metrics
//
// A host may register its own beside them. Each engine has a registry of its own; there is no global one.

#ifndef MILLRACE_METRICS_H_
#define MILLRACE_METRICS_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "millrace/export.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

namespace metrics_internal {

// Threads are spread over so many shards; those that share one still count right, only slower.
inline constexpr size_t kShards = 8;

// The calling thread's shard.
MILLRACE_EXPORT size_t ShardOfThisThread();

struct alignas(64) CounterShard {
  std::atomic<int64_t> value{0};
};

}  // namespace metrics_internal

// Counter: a number that only rises. Thread-safe; Add costs some 2 ns and does not contend.
class Counter {
 public:
  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void Add(int64_t amount = 1) {
    shards_[metrics_internal::ShardOfThisThread()].value.fetch_add(amount, std::memory_order_relaxed);
  }
  // The sum of what every thread has added. Reads all shards.
  int64_t value() const {
    int64_t sum = 0;
    for (const auto& shard : shards_) sum += shard.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  std::array<metrics_internal::CounterShard, metrics_internal::kShards> shards_;
};

// Gauge: a number that goes both ways. Thread-safe.
class Gauge {
 public:
  Gauge() = default;
  Gauge(const Gauge&) = delete;
  Gauge& operator=(const Gauge&) = delete;

  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// HistogramCounts: a histogram's contents at one moment.
//
// Buckets are log-linear: each power of two is cut in 8, so a value is known to 12.5 %; values from 0 to
// 2^63-1 have a bucket.
struct MILLRACE_EXPORT HistogramCounts {
  static constexpr size_t kBuckets = 488;

  std::array<int64_t, kBuckets> counts = {};
  int64_t count = 0;
  int64_t sum = 0;

  // The bucket of `value` (negative ones count as 0), and the largest value that falls into a bucket.
  static constexpr size_t BucketOf(int64_t value) {
    const uint64_t v = value < 0 ? 0 : static_cast<uint64_t>(value);
    if (v < 8) return static_cast<size_t>(v);
    const auto shift = static_cast<size_t>(std::bit_width(v)) - 4;
    return (shift + 1) * 8 + static_cast<size_t>((v >> shift) & 7);
  }
  static constexpr int64_t UpperBound(size_t bucket) {
    if (bucket < 8) return static_cast<int64_t>(bucket);
    const size_t shift = bucket / 8 - 1;
    return static_cast<int64_t>(((uint64_t{8} + bucket % 8 + 1) << shift) - 1);
  }

  // An upper bound of the value that a share of `quantile` (0 to 1) lies at or below; 0 if empty.
  int64_t ValueAt(double quantile) const;
};

// Histogram: how values are distributed (nanoseconds, bytes). Thread-safe; Record costs a few ns. 8 KiB for
// each thread shard that was ever used.
class MILLRACE_EXPORT Histogram {
 public:
  Histogram() = default;
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  void Record(int64_t value) {
    Shard* shard = shards_[metrics_internal::ShardOfThisThread()].load(std::memory_order_acquire);
    if (shard == nullptr) [[unlikely]]
      shard = MakeShard();
    shard->counts[HistogramCounts::BucketOf(value)].fetch_add(1, std::memory_order_relaxed);
    shard->sum.fetch_add(value, std::memory_order_relaxed);
  }
  HistogramCounts Counts() const;

 private:
  struct Shard {
    std::array<std::atomic<int64_t>, HistogramCounts::kBuckets> counts = {};
    std::atomic<int64_t> sum{0};
  };
  Shard* MakeShard();

  std::array<std::atomic<Shard*>, metrics_internal::kShards> shards_ = {};
};

// Names and values that tell one series of a metric from another: {{"topic", "orders"}}.
using Labels = std::vector<std::pair<std::string, std::string>>;

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };

// One series at one moment.
struct MetricSample {
  std::string name = {};
  std::string help = {};
  MetricType type = MetricType::kCounter;
  Labels labels = {};
  // Counters and gauges.
  int64_t value = 0;
  // Histograms.
  std::shared_ptr<const HistogramCounts> histogram = nullptr;
  // What the numbers of this series are multiplied by when they are shown: 1e-6 shows nanoseconds as
  // milliseconds.
  double scale = 1;
};

struct MILLRACE_EXPORT MetricsSnapshot {
  // Sorted by name, then by labels; no two of the same.
  std::vector<MetricSample> samples = {};

  // Prometheus' text format, version 0.0.4. Histograms have one bucket for each power of two in use.
  std::string ToPrometheus() const;
  // The value of a counter or gauge; 0 if there is none. For tests and simple hosts.
  int64_t Value(std::string_view name, const Labels& labels = {}) const;
};

// MetricsSink: an interface for a host's own exporters. The library calls none: the host hands snapshots
// over, when it likes.
class MILLRACE_EXPORT MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void Write(const MetricsSnapshot& snapshot) = 0;
};

using MetricsCollectorId = StrongId<struct MetricsCollectorIdTag, uint64_t>;

// Owns metrics. Thread-safe; registering takes a lock and allocates, so keep the reference it returns.
class MILLRACE_EXPORT MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // The metric of that name and labels, made if it is new; valid as long as the registry. Names are
  // Prometheus' ([a-zA-Z_:][a-zA-Z0-9_:]*); other characters become '_'. A name must be asked for with one
  // type only.
  Counter& GetCounter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, Labels labels = {});
  // `scale`: see MetricSample.
  Histogram& GetHistogram(std::string_view name, std::string_view help, Labels labels = {}, double scale = 1);
  // A gauge whose value is computed when it is asked for, in the asking thread. `read` must be thread-safe
  // and valid until the registry is destroyed or the gauge is removed.
  void AddCallback(std::string_view name, std::string_view help, Labels labels,
                   absl::AnyInvocable<int64_t() const> read);
  // Adds what `collect` appends to every snapshot: series that come and go with what they tell of. Samples
  // of the same name and labels, from wherever they come, are added up. Runs in the asking thread, before
  // all else is read; one collector at a time. It may register metrics; it must not ask for a snapshot.
  MetricsCollectorId AddCollector(absl::AnyInvocable<void(MetricsSnapshot*)> collect);
  // When it returns, the collector does not run and will not. Not to be called by a collector.
  void RemoveCollector(MetricsCollectorId id);
  // Removes every series that carries this label: of a deleted topic, say. References to them are void.
  void RemoveLabelled(std::string_view label, std::string_view value);

  MetricsSnapshot Snapshot() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_METRICS_H_
