#include "millrace/metrics.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/check.h"
#include "base/mutex.h"

namespace millrace::inline v0 {
namespace metrics_internal {

size_t ShardOfThisThread() {
  // Threads take shards in turn, in the order in which they first count something.
  static std::atomic<size_t> next{0};
  thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

}  // namespace metrics_internal

int64_t HistogramCounts::ValueAt(double quantile) const {
  if (count == 0) return 0;
  const double rank = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count);
  int64_t below = 0;
  size_t last = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (counts[i] == 0) continue;
    last = i;
    below += counts[i];
    if (static_cast<double>(below) >= rank) return UpperBound(i);
  }
  return UpperBound(last);
}

Histogram::~Histogram() {
  for (auto& shard : shards_) delete shard.load(std::memory_order_relaxed);
}

Histogram::Shard* Histogram::MakeShard() {
  auto made = std::make_unique<Shard>();
  Shard* expected = nullptr;
  auto& slot = shards_[metrics_internal::ShardOfThisThread()];
  if (slot.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) return made.release();
  return expected;  // another thread of this shard was first
}

HistogramCounts Histogram::Counts() const {
  HistogramCounts total;
  for (const auto& slot : shards_) {
    const Shard* shard = slot.load(std::memory_order_acquire);
    if (shard == nullptr) continue;
    for (size_t i = 0; i < HistogramCounts::kBuckets; ++i) {
      const int64_t count = shard->counts[i].load(std::memory_order_relaxed);
      total.counts[i] += count;
      total.count += count;
    }
    total.sum += shard->sum.load(std::memory_order_relaxed);
  }
  return total;
}

namespace {

std::string ValidName(std::string_view name) {
  std::string valid;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    const bool digit = c >= '0' && c <= '9' && !valid.empty();
    valid += letter || digit ? c : '_';
  }
  return valid.empty() ? "_" : valid;
}

// Sorts, and adds up those of the same name and labels.
void SortAndMerge(std::vector<MetricSample>* samples) {
  const auto key = [](const MetricSample& sample) { return std::tie(sample.name, sample.labels); };
  std::stable_sort(samples->begin(), samples->end(),
                   [&](const MetricSample& a, const MetricSample& b) { return key(a) < key(b); });
  size_t kept = 0;
  for (size_t i = 0; i < samples->size(); ++i) {
    MetricSample& sample = (*samples)[i];
    if (kept == 0 || key((*samples)[kept - 1]) != key(sample)) {
      if (kept != i) (*samples)[kept] = std::move(sample);
      ++kept;
      continue;
    }
    MetricSample& same = (*samples)[kept - 1];
    same.value += sample.value;
    if (sample.histogram == nullptr) continue;
    HistogramCounts sum = same.histogram == nullptr ? HistogramCounts() : *same.histogram;
    for (size_t b = 0; b < HistogramCounts::kBuckets; ++b) sum.counts[b] += sample.histogram->counts[b];
    sum.count += sample.histogram->count;
    sum.sum += sample.histogram->sum;
    same.histogram = std::make_shared<const HistogramCounts>(sum);
  }
  samples->resize(kept);
}

}  // namespace

struct MetricsRegistry::Impl {
  struct Series {
    MetricType type = MetricType::kCounter;
    std::string help;
    // One of these, as the type says; a gauge may have `read` instead.
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    absl::AnyInvocable<int64_t() const> read;
    double scale = 1;
  };

  // Before `mutex`; held while collectors run.
  mutable Mutex collectors_mutex;
  uint64_t last_collector ABSL_GUARDED_BY(collectors_mutex) = 0;
  std::map<uint64_t, absl::AnyInvocable<void(MetricsSnapshot*)>> collectors ABSL_GUARDED_BY(collectors_mutex);

  mutable Mutex mutex ABSL_ACQUIRED_AFTER(collectors_mutex);
  std::map<std::pair<std::string, Labels>, Series> series ABSL_GUARDED_BY(mutex);

  Series& Get(std::string_view name, std::string_view help, Labels labels, MetricType type)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::sort(labels.begin(), labels.end());
    auto [at, added] = series.try_emplace({ValidName(name), std::move(labels)});
    if (added) {
      at->second.type = type;
      at->second.help = std::string(help);
    }
    MILLRACE_CHECK(at->second.type == type);
    return at->second;
  }
  void AddSeries(MetricsSnapshot* snapshot) const;
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter& MetricsRegistry::GetCounter(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(&impl_->mutex);
  Impl::Series& series = impl_->Get(name, help, std::move(labels), MetricType::kCounter);
  if (series.counter == nullptr) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& MetricsRegistry::GetGauge(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(&impl_->mutex);
  Impl::Series& series = impl_->Get(name, help, std::move(labels), MetricType::kGauge);
  if (series.gauge == nullptr) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& MetricsRegistry::GetHistogram(std::string_view name, std::string_view help, Labels labels,
                                         double scale) {
  MutexLock lock(&impl_->mutex);
  Impl::Series& series = impl_->Get(name, help, std::move(labels), MetricType::kHistogram);
  if (series.histogram == nullptr) {
    series.histogram = std::make_unique<Histogram>();
    series.scale = scale;
  }
  return *series.histogram;
}

void MetricsRegistry::AddCallback(std::string_view name, std::string_view help, Labels labels,
                                  absl::AnyInvocable<int64_t() const> read) {
  MutexLock lock(&impl_->mutex);
  impl_->Get(name, help, std::move(labels), MetricType::kGauge).read = std::move(read);
}

void MetricsRegistry::RemoveLabelled(std::string_view label, std::string_view value) {
  MutexLock lock(&impl_->mutex);
  std::erase_if(impl_->series, [&](const auto& entry) {
    const Labels& labels = entry.first.second;
    return std::any_of(labels.begin(), labels.end(),
                       [&](const auto& pair) { return pair.first == label && pair.second == value; });
  });
}

MetricsCollectorId MetricsRegistry::AddCollector(absl::AnyInvocable<void(MetricsSnapshot*)> collect) {
  MutexLock lock(&impl_->collectors_mutex);
  const MetricsCollectorId id(++impl_->last_collector);
  impl_->collectors.emplace(id.value(), std::move(collect));
  return id;
}

void MetricsRegistry::RemoveCollector(MetricsCollectorId id) {
  MutexLock lock(&impl_->collectors_mutex);
  impl_->collectors.erase(id.value());
}

MetricsSnapshot MetricsRegistry::Snapshot() const {
  MetricsSnapshot snapshot;
  {
    MutexLock lock(&impl_->collectors_mutex);
    for (auto& [id, collect] : impl_->collectors) collect(&snapshot);
    for (MetricSample& sample : snapshot.samples) std::sort(sample.labels.begin(), sample.labels.end());
  }
  impl_->AddSeries(&snapshot);
  SortAndMerge(&snapshot.samples);
  return snapshot;
}

void MetricsRegistry::Impl::AddSeries(MetricsSnapshot* snapshot) const {
  MutexLock lock(&mutex);
  snapshot->samples.reserve(snapshot->samples.size() + series.size());
  for (const auto& [key, one] : series) {
    MetricSample sample = {.name = key.first, .help = one.help, .type = one.type, .labels = key.second};
    if (one.counter != nullptr) sample.value = one.counter->value();
    if (one.gauge != nullptr) sample.value = one.gauge->value();
    if (one.read) sample.value = one.read();
    if (one.histogram != nullptr) {
      sample.histogram = std::make_shared<const HistogramCounts>(one.histogram->Counts());
    }
    sample.scale = one.scale;
    snapshot->samples.push_back(std::move(sample));
  }
}

int64_t MetricsSnapshot::Value(std::string_view name, const Labels& labels) const {
  Labels sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  for (const MetricSample& sample : samples) {
    if (sample.name == name && sample.labels == sorted) return sample.value;
  }
  return 0;
}

}  // namespace millrace::inline v0
