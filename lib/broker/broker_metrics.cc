#include "broker/broker_metrics.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

constexpr int kLinesEachSecond = 10;
constexpr int64_t kSecondNanos = 1'000'000'000;

constexpr std::string_view kRefusalNames[] = {"no_header",      "unknown_api",      "unsupported_version",
                                              "malformed_body", "unanswerable",     "dropped",
                                              "fault",          "failed_unanswered"};
static_assert(std::size(kRefusalNames) == kRefusals);

std::string ApiName(int16_t key) {
  return std::string(wire::kApiKeys[static_cast<size_t>(key)].name);
}

// One word, or in quotes: lines are read by programs too.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const bool printable = c >= ' ' && c < 127;
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += printable ? c : '?';
  }
  return quoted + "\"";
}

}  // namespace

void LimitedLog::Log(std::string_view line) {
  int64_t left_out = 0;
  {
    MutexLock lock(&mutex_);
    const MonotonicNanos now = clock_->Monotonic();
    if (now - second_began_ >= kSecondNanos || lines_ == 0) {
      second_began_ = now;
      lines_ = 0;
    }
    if (lines_ == kLinesEachSecond) {
      ++left_out_;
      return;
    }
    ++lines_;
    left_out = std::exchange(left_out_, 0);
  }
  if (left_out == 0) return logger_->Log(severity_, "broker", line);
  logger_->Log(severity_, "broker", StrCat(line, " left_out=", left_out));
}

BrokerMetrics::BrokerMetrics(MetricsRegistry* registry, Clock* clock, Logger* logger)
    : registry_(registry),
      clock_(clock),
      refused_log_(logger, clock, Severity::kWarning),
      connections_log_(logger, clock, Severity::kInfo) {
  for (size_t i = 0; i < kRefusals; ++i) {
    refusals_[i] = &registry_->GetCounter("millrace_broker_refused_frames_total",
                                          "Frames that were not answered, but ended their connection.",
                                          {{"reason", std::string(kRefusalNames[i])}});
  }
}

void BrokerMetrics::CountRequest(int16_t key, int16_t version) {
  // A version from the future counts as the last: clients do not make series.
  const size_t column =
      version < 0 ? kVersions - 1 : std::min<size_t>(static_cast<size_t>(version), kVersions - 1);
  std::atomic<Counter*>& slot = requests_[static_cast<size_t>(key)][column];
  Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) [[unlikely]] {
    counter = &registry_->GetCounter("kafka_network_requestmetrics_requests_total", "Requests of clients.",
                                     {{"request", ApiName(key)}, {"version", std::to_string(column)}});
    slot.store(counter, std::memory_order_release);
  }
  counter->Add();
}

void BrokerMetrics::CountError(int16_t key, int16_t code) {
  registry_
      ->GetCounter(
          "kafka_network_requestmetrics_errors_total", "Errors in answers, each topic's and partition's.",
          {{"request", ApiName(key)}, {"error", std::string(ErrorCodeName(static_cast<ErrorCode>(code)))}})
      .Add();
}

Histogram& BrokerMetrics::Times(int16_t key, TimesOfApis* of, std::string_view name, std::string_view until) {
  std::atomic<Histogram*>& slot = (*of)[static_cast<size_t>(key)];
  Histogram* times = slot.load(std::memory_order_acquire);
  if (times == nullptr) [[unlikely]] {
    times = &registry_->GetHistogram(StrCat("kafka_network_requestmetrics_", name),
                                     StrCat("Milliseconds from when a request came until ", until, "."),
                                     {{"request", ApiName(key)}}, 1e-6);
    slot.store(times, std::memory_order_release);
  }
  return *times;
}

void BrokerMetrics::Refused(Refusal reason, std::string_view peer, std::string_view why) {
  const auto index = static_cast<size_t>(reason);
  refusals_[index]->Add();
  refused_log_.Log(
      StrCat("frame refused peer=", peer, " reason=", kRefusalNames[index], " why=", Quoted(why)));
}

void BrokerMetrics::ConnectionOpened(std::string_view peer, std::string_view listener) {
  connections_log_.Log(StrCat("connection opened peer=", peer, " listener=", listener));
}

void BrokerMetrics::ConnectionRefused(std::string_view peer, Counter& counter, std::string_view limit) {
  counter.Add();
  connections_log_.Log(StrCat("connection refused peer=", peer, " limit=", limit));
}

void BrokerMetrics::ConnectionClosed(std::string_view peer, std::string_view listener,
                                     const absl::Status& why) {
  const std::string_view reason = why.ok() ? "in good order" : ToStd(why.message());
  connections_log_.Log(
      StrCat("connection closed peer=", peer, " listener=", listener, " reason=", Quoted(reason)));
}

}  // namespace millrace::inline v0
