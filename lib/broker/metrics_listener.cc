#include "millrace/metrics_listener.h"

#include <utility>
#include <vector>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/http.h"
#include "engine/engine_impl.h"
#include "millrace/status.h"
#include "transport/tcp_responder.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
constexpr int kSickShown = 20;

absl::Status InvalidListener(std::string_view field, std::string_view allowed) {
  return Error(ErrorCode::kInvalidConfig, StrCat("MetricsListenerOptions::", field, " must be ", allowed));
}

std::string HealthAnswer(EngineImpl& engine) {
  if (engine.closed()) return HttpAnswer(503, kPlain, "the engine is closed\n");
  std::string why;
  int sick = 0;
  for (const std::shared_ptr<Topic>& topic : engine.topics().All()) {
    for (int32_t i = 0; i < topic->partition_count(); ++i) {
      const std::shared_ptr<Partition> partition = topic->partition_if_used(PartitionId(i));
      const Log* const log = partition == nullptr ? nullptr : partition->log_if_open();
      if (log == nullptr || !log->stats().poisoned || ++sick > kSickShown) continue;
      StrAppend(&why, partition->topic_partition().ToString(),
                " takes no appends: a write or flush of it has failed\n");
    }
  }
  if (sick == 0) return HttpAnswer(200, kPlain, "ok\n");
  if (sick > kSickShown) StrAppend(&why, "and ", sick - kSickShown, " more\n");
  return HttpAnswer(503, kPlain, why);
}

std::optional<std::string> HttpReply(EngineImpl& engine, std::string_view bytes, bool full) {
  const std::optional<HttpRequest> request = ParseHttpRequest(bytes, full);
  if (!request.has_value()) return std::nullopt;
  if (request->refused != 0) return HttpAnswer(request->refused, kPlain, "");
  if (request->path == "/metrics")
    return HttpAnswer(200, kPrometheus, engine.metrics().Snapshot().ToPrometheus());
  if (request->path == "/healthz") return HealthAnswer(engine);
  return HttpAnswer(404, kPlain, "there are /metrics and /healthz\n");
}

class MetricsListenerImpl final : public MetricsListener {
 public:
  explicit MetricsListenerImpl(std::unique_ptr<TcpResponder> responder) : responder_(std::move(responder)) {}
  const std::string& address() const override { return responder_->address(); }

 private:
  const std::unique_ptr<TcpResponder> responder_;
};

}  // namespace

absl::Status MetricsListenerOptions::Validate() const {
  if (engine == nullptr) return InvalidListener("engine", "an engine");
  if (max_connections < 1)
    return InvalidListener("max_connections", StrCat("at least 1, not ", max_connections));
  if (max_request_bytes < 256)
    return InvalidListener("max_request_bytes", StrCat("at least 256, not ", max_request_bytes));
  if (timeout <= absl::ZeroDuration()) return InvalidListener("timeout", "longer than zero");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Start(
    const MetricsListenerOptions& options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  // Every Engine is an EngineImpl: there is no other way to get one.
  auto* const engine = static_cast<EngineImpl*>(options.engine);
  MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<TcpResponder> responder,
                            TcpResponder::Start({.address = options.address,
                                                 .connections_max = options.max_connections,
                                                 .bytes_max = options.max_request_bytes,
                                                 .timeout = options.timeout},
                                                [engine](std::string_view request, bool full) {
                                                  return HttpReply(*engine, request, full);
                                                }));
  return std::make_unique<MetricsListenerImpl>(std::move(responder));
}

}  // namespace millrace::inline v0
