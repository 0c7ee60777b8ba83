// EngineMetrics: what an engine counts about its topics, groups, producers and consumers. README.md says
// which names it gives them.

#ifndef MILLRACE_ENGINE_ENGINE_METRICS_H_
#define MILLRACE_ENGINE_ENGINE_METRICS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "log/log_metrics.h"
#include "millrace/export.h"
#include "millrace/metrics.h"

namespace millrace::inline v0 {

class EngineImpl;
class Topic;

// Of one topic. What its logs take in they count themselves. Thread-safe.
struct TopicMeter : LogMeter {
  // To consumers, in the process and on the wire.
  std::atomic<int64_t> bytes_out = 0;
  // Of clients on the wire: partitions asked for, and those of them answered with an error.
  std::atomic<int64_t> produce_requests = 0;
  std::atomic<int64_t> produce_failed = 0;
  std::atomic<int64_t> fetch_requests = 0;
  std::atomic<int64_t> fetch_failed = 0;
};

// Thread-safe. Its mutex is a leaf.
class MILLRACE_EXPORT EngineMetrics {
 public:
  // Borrowed; must outlive it.
  EngineMetrics(EngineImpl* engine, MetricsRegistry* registry);
  ~EngineMetrics();

  // The meter of the topic of that name, made if it is new. Keep it: this is a look-up under a lock.
  std::shared_ptr<TopicMeter> MeterOf(std::string_view topic);

 private:
  // Appends what is computed when it is asked for.
  void Collect(MetricsSnapshot* snapshot);
  void CollectClients(MetricsSnapshot* snapshot);
  void CollectMeters(MetricsSnapshot* snapshot);
  // Returns how many partitions were shown.
  void CollectTopics(MetricsSnapshot* snapshot);
  void CollectGroups(MetricsSnapshot* snapshot);
  void CollectLimits(MetricsSnapshot* snapshot);

  EngineImpl* const engine_;
  MetricsRegistry* const registry_;
  MetricsCollectorId collector_{0};
  Mutex mutex_;
  StringMap<std::shared_ptr<TopicMeter>> meters_ ABSL_GUARDED_BY(mutex_);
  // The sums of those of topics that are gone.
  TopicMeter gone_;

 public:
  // Producers in the process add what they have counted by the 64 KiB, and when it is asked for. What is sent
  // singly, with no linger and nobody to tell, goes straight into the log: only its topic counts it.
  Counter& producer_records = registry_->GetCounter(
      "millrace_producer_batched_records_total",
      "Records that producers in the process have appended, but for those sent singly without a callback.");
  Counter& producer_bytes =
      registry_->GetCounter("millrace_producer_batched_bytes_total",
                            "Bytes of their batches; of records sent singly about their size.");
  Counter& producer_errors =
      registry_->GetCounter("millrace_producer_record_errors_total",
                            "Accepted records that were not appended, or not acknowledged.");
  // Consumers likewise.
  Counter& consumer_records = registry_->GetCounter(
      "millrace_consumer_records_total",
      "Offsets that consumers in the process were handed: records, and gaps of compaction.");
  Counter& consumer_bytes = registry_->GetCounter("millrace_consumer_bytes_total",
                                                  "Bytes of batches handed to consumers in the process.");
  Counter& consumer_polls = registry_->GetCounter("millrace_consumer_polls_total",
                                                  "Polls of consumers in the process, empty ones too.");
  Counter& consumer_rebalances = registry_->GetCounter(
      "millrace_consumer_rebalances_total", "Assignments that consumers in the process have taken up.");
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_ENGINE_METRICS_H_
