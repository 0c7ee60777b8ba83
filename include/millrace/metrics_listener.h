// MetricsListener: an engine's metrics and health over HTTP, for Prometheus and for the probes of whatever
// keeps the process alive. In the component millrace::broker; needs no broker.
//
//   auto listener = millrace::MetricsListener::Start({.engine = engine->get(), .address = "127.0.0.1:9464"});
//
//   GET /metrics   everything the engine counts, with what brokers count in it, in Prometheus' text format
//                  0.0.4
//   GET /healthz   200 "ok", or 503 and a line for each thing that is wrong: the engine is closed, a
//                  partition takes no appends because a write of it has failed
//
// HTTP/1.1 as far as that takes: one request a connection, GET alone, no TLS and no authentication. Listen on
// an address that those alone reach who may read it.

#ifndef MILLRACE_METRICS_LISTENER_H_
#define MILLRACE_METRICS_LISTENER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/engine.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

struct MetricsListenerOptions {
  // Borrowed; must outlive the listener. It may be closed meanwhile.
  Engine* engine = nullptr;
  // "host:port" as of Transport::Listen. Port 0: a free one.
  std::string address = "127.0.0.1:9464";
  // Open at once; one more is closed as soon as it is accepted. At least 1.
  int max_connections = 16;
  // Of a request, headers included; a longer one is answered with 431 (414 where its first line is). At least
  // 256.
  size_t max_request_bytes = 8192;
  // A connection ends so long after it was accepted, answered or not. Longer than zero.
  absl::Duration timeout = absl::Seconds(10);

  // kInvalidConfig naming the field and what it may be.
  MILLRACE_EXPORT absl::Status Validate() const;
};

// Thread-safe. Has one thread, in which metrics are collected.
class MILLRACE_EXPORT MetricsListener {
 public:
  // Errors: those of Validate and of Transport::Listen.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Start(const MetricsListenerOptions& options);
  // Ends what is under way; when it returns nothing of it runs any more.
  virtual ~MetricsListener() = default;

  // Where it listens, with the real port: "127.0.0.1:9464".
  virtual const std::string& address() const = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_METRICS_LISTENER_H_
