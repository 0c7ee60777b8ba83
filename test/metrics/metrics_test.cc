#include "millrace/metrics.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace millrace {
namespace {

TEST_CASE("counters add up over threads") {
  MetricsRegistry registry;
  Counter& counter = registry.GetCounter("appends_total", "Appends.");
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10'000; ++j) counter.Add();
      counter.Add(5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(counter.value() == 12 * 10'005);
  CHECK(registry.Snapshot().Value("appends_total") == 12 * 10'005);
}

TEST_CASE("every value has the bucket that bounds it") {
  for (size_t bucket = 0; bucket < HistogramCounts::kBuckets; ++bucket) {
    const int64_t upper = HistogramCounts::UpperBound(bucket);
    REQUIRE(HistogramCounts::BucketOf(upper) == bucket);
    if (upper != INT64_MAX) REQUIRE(HistogramCounts::BucketOf(upper + 1) == bucket + 1);
  }
  CHECK(HistogramCounts::BucketOf(INT64_MAX) == HistogramCounts::kBuckets - 1);
  CHECK(HistogramCounts::BucketOf(-7) == 0);
}

TEST_CASE("percentiles are right to an eighth") {
  Histogram histogram;
  for (int64_t i = 1; i <= 100'000; ++i) histogram.Record(i);
  const HistogramCounts counts = histogram.Counts();
  CHECK(counts.count == 100'000);
  CHECK(counts.sum == int64_t{100'000} * 100'001 / 2);
  for (const double quantile : {0.01, 0.5, 0.99, 0.999}) {
    const double exact = quantile * 100'000;
    const auto found = static_cast<double>(counts.ValueAt(quantile));
    CHECK(found >= exact);
    CHECK(found <= exact * 1.125 + 1);
  }
  CHECK(HistogramCounts().ValueAt(0.5) == 0);
}

TEST_CASE("histograms add up over threads") {
  Histogram histogram;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) histogram.Record(j);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(histogram.Counts().count == 12'000);
}

TEST_CASE("a name and labels give one series") {
  MetricsRegistry registry;
  Counter& a = registry.GetCounter("bytes_total", "Bytes.", {{"topic", "a"}, {"partition", "0"}});
  CHECK(&a == &registry.GetCounter("bytes_total", "Bytes.", {{"partition", "0"}, {"topic", "a"}}));
  CHECK(&a != &registry.GetCounter("bytes_total", "Bytes.", {{"topic", "b"}, {"partition", "0"}}));
  a.Add(3);
  CHECK(registry.Snapshot().Value("bytes_total", {{"topic", "a"}, {"partition", "0"}}) == 3);
  registry.RemoveLabelled("topic", "a");
  CHECK(registry.Snapshot().samples.size() == 1);
}

TEST_CASE("the Prometheus text is exactly this") {
  MetricsRegistry registry;
  registry.GetCounter("log.appends", "Appends\nin all \\ here.", {{"topic", "a\"b\\c\nd"}}).Add(7);
  registry.GetGauge("partitions", "Partitions.").Set(-2);
  registry.AddCallback("answer", "Computed.", {}, [] { return int64_t{42}; });
  Histogram& flush = registry.GetHistogram("flush_ns", "Flush time.", {{"dir", "x"}});
  flush.Record(3);
  flush.Record(100);
  flush.Record(101);
  CHECK(registry.Snapshot().ToPrometheus() ==
        "# HELP answer Computed.\n"
        "# TYPE answer gauge\n"
        "answer 42\n"
        "# HELP flush_ns Flush time.\n"
        "# TYPE flush_ns histogram\n"
        "flush_ns_bucket{dir=\"x\",le=\"7\"} 1\n"
        "flush_ns_bucket{dir=\"x\",le=\"127\"} 3\n"
        "flush_ns_bucket{dir=\"x\",le=\"+Inf\"} 3\n"
        "flush_ns_sum{dir=\"x\"} 204\n"
        "flush_ns_count{dir=\"x\"} 3\n"
        "# HELP log_appends Appends\\nin all \\\\ here.\n"
        "# TYPE log_appends counter\n"
        "log_appends{topic=\"a\\\"b\\\\c\\nd\"} 7\n"
        "# HELP partitions Partitions.\n"
        "# TYPE partitions gauge\n"
        "partitions -2\n");
}

TEST_CASE("collectors add series to each snapshot, and the same series are one") {
  MetricsRegistry registry;
  registry.GetCounter("bytes_total", "Bytes.", {{"topic", "a"}}).Add(5);
  Histogram& time = registry.GetHistogram("time", "Time.");
  time.Record(3);
  int64_t size = 1;
  const auto collect = [&](MetricsSnapshot* snapshot) {
    snapshot->samples.push_back({.name = "size", .type = MetricType::kGauge, .value = size});
    snapshot->samples.push_back({.name = "bytes_total", .labels = {{"topic", "a"}}, .value = 2});
    auto counts = std::make_shared<HistogramCounts>();
    counts->counts[3] = counts->count = 1;
    counts->sum = 3;
    snapshot->samples.push_back({.name = "time", .type = MetricType::kHistogram, .histogram = counts});
  };
  const MetricsCollectorId first = registry.AddCollector(collect);
  const MetricsCollectorId second = registry.AddCollector(collect);
  size = 4;
  MetricsSnapshot both = registry.Snapshot();
  CHECK(both.samples.size() == 3);
  CHECK(both.Value("size") == 8);
  CHECK(both.Value("bytes_total", {{"topic", "a"}}) == 9);
  CHECK(both.samples[2].histogram->count == 3);
  CHECK(both.samples[2].histogram->sum == 9);
  CHECK(both.ToPrometheus().find("time_bucket{le=\"7\"} 3\n") != std::string::npos);
  registry.RemoveCollector(first);
  CHECK(registry.Snapshot().Value("size") == 4);
  registry.RemoveCollector(second);
  CHECK(registry.Snapshot().samples.size() == 2);
}

TEST_CASE("a scale shows nanoseconds as milliseconds") {
  MetricsRegistry registry;
  registry.GetHistogram("time_ms", "Time.", {}, 1e-6).Record(1'500'000);
  const std::string text = registry.Snapshot().ToPrometheus();
  CHECK(text.find("time_ms_sum 1.5\n") != std::string::npos);
  CHECK(text.find("time_ms_bucket{le=\"2.097151\"} 1\n") != std::string::npos);
  CHECK(text.find("time_ms_count 1\n") != std::string::npos);
}

}  // namespace
}  // namespace millrace
