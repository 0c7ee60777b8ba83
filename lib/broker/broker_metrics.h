// BrokerMetrics: what a broker counts about requests and connections, and the log lines about them.

#ifndef MILLRACE_BROKER_BROKER_METRICS_H_
#define MILLRACE_BROKER_BROKER_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "metrics/limit_reached.h"
#include "millrace/env/clock.h"
#include "millrace/env/logger.h"
#include "millrace/metrics.h"
#include "millrace/status.h"
#include "millrace/wire/api_keys.h"

namespace millrace::inline v0 {

// Why a frame was not answered, and its connection ended.
enum class Refusal : uint8_t {
  kNoHeader,            // too short for a header, or the header cannot be decoded
  kUnknownApi,          // an API key that Kafka does not know
  kUnsupportedVersion,  // an API or version that is not served
  kMalformedBody,       // the body cannot be decoded
  kUnanswerable,        // the answer cannot be encoded
  kDropped,             // nobody answered it
  kFault,               // a fault that was asked for
  kFailedUnanswered,    // a produce with acks=0 failed
};
inline constexpr size_t kRefusals = 8;

// Lines of one kind for a log, ten a second at the most; the next one then tells how many were left out.
// Thread-safe.
class LimitedLog {
 public:
  // Borrowed.
  LimitedLog(Logger* logger, Clock* clock, Severity severity)
      : logger_(logger), clock_(clock), severity_(severity) {}
  void Log(std::string_view line);

 private:
  Logger* const logger_;
  Clock* const clock_;
  const Severity severity_;
  Mutex mutex_;
  MonotonicNanos second_began_ ABSL_GUARDED_BY(mutex_){0};
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Thread-safe. Series are made when they are first counted.
class BrokerMetrics {
 public:
  // Borrowed; must outlive it.
  BrokerMetrics(MetricsRegistry* registry, Clock* clock, Logger* logger);

  Clock* clock() const { return clock_; }
  // A request of that key, which Kafka knows, and version has come.
  void CountRequest(int16_t key, int16_t version);
  // One error in an answer.
  void CountError(int16_t key, int16_t code);
  // From when a request came until its handler returned; until it was answered.
  void RecordLocalTime(int16_t key, int64_t nanos) {
    Times(key, &local_, "localtimems", "its handler returned").Record(nanos);
  }
  void RecordTotalTime(int16_t key, int64_t nanos) {
    Times(key, &total_, "totaltimems", "it was answered").Record(nanos);
  }
  // A frame from `peer` ends its connection.
  void Refused(Refusal reason, std::string_view peer, std::string_view why);
  void ConnectionOpened(std::string_view peer, std::string_view listener);
  // `limit` is the setting that it would have passed; `counter` is one of those below.
  void ConnectionRefused(std::string_view peer, Counter& counter, std::string_view limit);
  void ConnectionClosed(std::string_view peer, std::string_view listener, const absl::Status& why);

 private:
  static constexpr size_t kApis = std::size(wire::kApiKeys);
  static constexpr size_t kVersions = 32;
  using TimesOfApis = std::array<std::atomic<Histogram*>, kApis>;

  Histogram& Times(int16_t key, TimesOfApis* of, std::string_view name, std::string_view until);

  MetricsRegistry* const registry_;
  Clock* const clock_;
  // Of the registry; null until they are needed.
  std::array<std::array<std::atomic<Counter*>, kVersions>, kApis> requests_ = {};
  TimesOfApis local_ = {};
  TimesOfApis total_ = {};
  std::array<Counter*, kRefusals> refusals_ = {};
  LimitedLog refused_log_;
  LimitedLog connections_log_;

 public:
  Counter& max_connections = LimitReachedCounter(registry_, "max_connections");
  Counter& max_connections_per_ip = LimitReachedCounter(registry_, "max_connections_per_ip");
  Counter& queued_bytes_reached = LimitReachedCounter(registry_, "queued_bytes");
  Gauge& queued_bytes = registry_->GetGauge("millrace_broker_queued_request_bytes",
                                            "Bytes of requests that were not answered yet.");
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_BROKER_METRICS_H_
