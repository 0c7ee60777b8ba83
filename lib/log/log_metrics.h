// LogMetrics: what the logs of one directory count about themselves.

#ifndef MILLRACE_LOG_LOG_METRICS_H_
#define MILLRACE_LOG_LOG_METRICS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "metrics/limit_reached.h"
#include "millrace/metrics.h"

namespace millrace::inline v0 {

// What logs have taken in, for those who want it apart: of a topic, say. Thread-safe.
struct LogMeter {
  std::atomic<int64_t> messages_in = 0;
  std::atomic<int64_t> bytes_in = 0;
};

// Thread-safe. Nothing is counted for a single append: a log adds what it has taken in when it rolls,
// flushes, is maintained (each second) or closes. README.md says which of Kafka's MBeans each one is.
class LogMetrics {
 public:
  // Null: they are counted, but nobody shows them. Borrowed; outlives this.
  explicit LogMetrics(MetricsRegistry* registry)
      : own_(registry == nullptr ? std::make_unique<MetricsRegistry>() : nullptr),
        registry_(registry == nullptr ? own_.get() : registry) {}

 private:
  const std::unique_ptr<MetricsRegistry> own_;
  MetricsRegistry* const registry_;

 public:
  Counter& messages_in = registry_->GetCounter("millrace_log_messages_in_total", "Records appended to logs.");
  Counter& bytes_in =
      registry_->GetCounter("millrace_log_bytes_in_total", "Bytes of batches appended to logs.");
  Histogram& flush_time =
      registry_->GetHistogram("millrace_log_flush_time_ns", "How long flushes of a log took.");
  Counter& flush_failures = registry_->GetCounter("millrace_log_flush_failures_total",
                                                  "Flushes that failed: the log takes no appends.");
  Counter& rolls = registry_->GetCounter("millrace_log_rolls_total", "Segments closed for the next one.");
  Counter& segments_removed =
      registry_->GetCounter("millrace_log_segments_removed_total",
                            "Segments that went: retention, deletion, truncation, compaction.");
  Histogram& open_time =
      registry_->GetHistogram("millrace_log_open_time_ns", "How long opening a log took, recovery included.");
  Gauge& producer_ids = registry_->GetGauge("millrace_log_producer_ids",
                                            "Idempotent producers that logs which are in use remember.");
  Counter& producer_ids_forgotten = LimitReachedCounter(registry_, "producer_ids");
  Counter& recovery_cut_bytes =
      registry_->GetCounter("millrace_log_recovery_cut_bytes_total", "Bytes of torn tails cut off.");
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_METRICS_H_
