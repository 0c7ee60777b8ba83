#include "broker/broker_impl.h"

#include <algorithm>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "broker/client_connection.h"
#include "millrace/status.h"
#include "transport/address.h"

namespace millrace::inline v0 {
namespace {

absl::Status Invalid(std::string_view field, std::string_view allowed) {
  return Error(ErrorCode::kInvalidConfig, StrCat("BrokerOptions::", field, " must be ", allowed));
}

// A client must be told a host.
absl::StatusOr<HostPort> ParseAdvertised(std::string_view address) {
  auto parsed = ParseHostPort(address);
  if (parsed.ok() && !parsed->host.empty()) return parsed;
  return Invalid("listeners.advertised_address", StrCat("\"host:port\", not \"", address, "\""));
}

// "127.0.0.1" of "127.0.0.1:41873", "::1" of "[::1]:41873".
std::string HostOfPeer(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

std::string MadeUpClusterId(Random* random) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string id;
  // 22 digits of 6 bits are 132: of the last only the upper 2 count.
  for (int i = 0; i < 22; ++i) {
    const uint64_t digit = random->Next() % 64;
    id += kDigits[i < 21 ? digit : digit & 0x30];
  }
  return id;
}

}  // namespace

absl::Status BrokerOptions::Validate() const {
  if (engine == nullptr) return Invalid("engine", "an engine");
  if (listeners.empty()) return Invalid("listeners", "at least one");
  for (const BrokerListener& listener : listeners) {
    if (listener.transport == nullptr) return Invalid("listeners.transport", "a transport");
    if (!listener.advertised_address.empty())
      MILLRACE_RETURN_IF_ERROR(ParseAdvertised(listener.advertised_address).status());
  }
  if (node_id < 0) return Invalid("node_id", "zero or more");
  if (max_connections < 1) return Invalid("max_connections", "at least 1");
  if (max_connections_per_ip < 0) return Invalid("max_connections_per_ip", "zero or more");
  for (const auto& [host, connections] : max_connections_per_ip_overrides) {
    if (host.empty() || connections < 0)
      return Invalid("max_connections_per_ip_overrides", "addresses, each with zero or more connections");
  }
  if (fetch_max_bytes < 1024) return Invalid("fetch_max_bytes", "at least 1024");
  if (fetch_max_wait < absl::ZeroDuration()) return Invalid("fetch_max_wait", "zero or longer");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(BrokerOptions options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  auto broker = std::make_unique<BrokerImpl>(std::move(options));
  MILLRACE_RETURN_IF_ERROR(broker->Start());
  return broker;
}

// Every Engine is an EngineImpl: there is no other way to get one.
BrokerImpl::BrokerImpl(BrokerOptions options)
    : options_(std::move(options)),
      engine_(static_cast<EngineImpl*>(options_.engine)),
      cluster_id_(options_.cluster_id.empty() ? MadeUpClusterId(engine_->env().random) : options_.cluster_id),
      fetch_sessions_(engine_->env(), static_cast<size_t>(std::max(options_.fetch_sessions_max, 0))),
      handlers_(std::make_shared<HandlerCount>()),
      metrics_(
          std::make_shared<BrokerMetrics>(&engine_->metrics(), engine_->env().clock, engine_->env().logger)),
      queued_bytes_(std::make_shared<QueuedBytes>(options_.queued_request_bytes_max, &metrics_->queued_bytes,
                                                  &metrics_->queued_bytes_reached)) {
  handlers_->parker = engine_->env().parker;
}

BrokerImpl::~BrokerImpl() {
  Close(absl::ZeroDuration()).IgnoreError();
}

absl::Status BrokerImpl::Start() {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  MILLRACE_RETURN_IF_ERROR(configs_.Load());
  for (const BrokerListener& listener : options_.listeners) MILLRACE_RETURN_IF_ERROR(Listen(listener));
  const MetricsCollectorId collector =
      engine_->metrics().AddCollector([this](MetricsSnapshot* snapshot) { Collect(snapshot); });
  MutexLock lock(&mutex_);
  collector_ = collector;
  started_ = true;
  for (const auto& [one, host] : connections_) one->connection().ResumeReading();
  return absl::OkStatus();
}

absl::Status BrokerImpl::Listen(const BrokerListener& options) {
  OpenListener& open = listeners_.emplace_back();
  const HostPort* const endpoint = &open.endpoint;
  if (!options.advertised_address.empty()) {
    MILLRACE_ASSIGN_OR_RETURN(open.endpoint, ParseAdvertised(options.advertised_address));
  }
  ListenOptions listen = options.options;
  // A connection that waits for its client to take answers goes on when OnWritable is told, so the mark must
  // lie where it may go on.
  listen.connection.low_water_bytes = std::min(listen.connection.low_water_bytes, options_.unsent_bytes_max);
  if (options_.queued_request_bytes_max > 0) {
    listen.max_unfinished_bytes = std::min(listen.max_unfinished_bytes, options_.queued_request_bytes_max);
  }
  MILLRACE_ASSIGN_OR_RETURN(
      open.listener,
      options.transport->Listen(
          options.address,
          [this, endpoint] { return std::make_unique<ClientConnection>(this, endpoint, handlers_); },
          listen));
  MILLRACE_ASSIGN_OR_RETURN(const HostPort real, ParseHostPort(open.listener->address()));
  if (open.endpoint.host.empty()) open.endpoint.host = real.host;
  if (open.endpoint.port == 0) open.endpoint.port = real.port;
  StrAppend(&bootstrap_servers_, bootstrap_servers_.empty() ? "" : ",", FormatHostPort(open.endpoint));
  return absl::OkStatus();
}

bool BrokerImpl::Opened(const std::shared_ptr<ServedConnection>& connection) {
  if (faults_.refuses_connections()) return false;
  MutexLock lock(&mutex_);
  if (closing_) return false;
  const std::string peer = connection->connection().peer_address();
  if (!Admit(peer)) return false;
  connections_.emplace(connection, HostOfPeer(peer));
  if (!started_) connection->connection().PauseReading();
  return true;
}

bool BrokerImpl::Admit(const std::string& peer) {
  if (connections_.size() >= static_cast<size_t>(options_.max_connections)) {
    metrics_->ConnectionRefused(peer, metrics_->max_connections, "max.connections");
    return false;
  }
  const std::string host = HostOfPeer(peer);
  const auto own = options_.max_connections_per_ip_overrides.find(host);
  const int32_t allowed =
      own != options_.max_connections_per_ip_overrides.end() ? own->second : options_.max_connections_per_ip;
  const auto open = connections_by_host_.find(host);
  if ((open == connections_by_host_.end() ? 0 : open->second) >= allowed) {
    metrics_->ConnectionRefused(peer, metrics_->max_connections_per_ip, "max.connections.per.ip");
    return false;
  }
  ++connections_by_host_[host];
  return true;
}

void BrokerImpl::Closed(const std::shared_ptr<ServedConnection>& connection) {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  const auto of_host = connections_by_host_.find(found->second);
  if (of_host != connections_by_host_.end() && --of_host->second == 0) connections_by_host_.erase(of_host);
  connections_.erase(found);
}

void BrokerImpl::AbortConnections() {
  std::vector<std::shared_ptr<ServedConnection>> connections;
  {
    MutexLock lock(&mutex_);
    for (const auto& [one, host] : connections_) connections.push_back(one);
  }
  for (const std::shared_ptr<ServedConnection>& one : connections) one->connection().Abort();
}

void BrokerImpl::Post(absl::AnyInvocable<void()> task) {
  // Counted until the task is gone, run or not: an executor that was stopped drops it.
  struct Counted {
    explicit Counted(std::shared_ptr<HandlerCount> handlers) : count(std::move(handlers)) {
      count->count.fetch_add(1);
    }
    ~Counted() {
      count->count.fetch_sub(1);
      count->parker->UnparkAll(count->count);
    }
    const std::shared_ptr<HandlerCount> count;
  };
  struct Posted {
    void operator()() { task(); }
    // Destroyed from the last to the first.
    std::unique_ptr<Counted> counted;
    absl::AnyInvocable<void()> task;
  };
  env().executor->Post(Posted{std::make_unique<Counted>(handlers_), std::move(task)});
}

absl::Status BrokerImpl::Close(absl::Duration drain) {
  const MonotonicNanos deadline = engine_->DeadlineAfter(drain);
  for (OpenListener& open : listeners_) {
    if (open.listener != nullptr) open.listener->Close();
  }
  std::vector<std::shared_ptr<ServedConnection>> connections;
  std::optional<MetricsCollectorId> collector;
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    collector = std::exchange(collector_, std::nullopt);
    for (const auto& [one, host] : connections_) connections.push_back(one);
  }
  if (collector.has_value()) engine_->metrics().RemoveCollector(*collector);
  // First no more requests, then the answers: a client that is answered must not ask again and wait anew.
  for (const std::shared_ptr<ServedConnection>& one : connections) one->Finish(drain);
  for (const std::shared_ptr<Waiting>& one : waiting_->Close()) one->GiveUp();
  connections.clear();
  bool aborted = false;
  std::atomic<uint32_t>& count = handlers_->count;
  for (uint32_t left = count.load(); left != 0; left = count.load()) {
    if (!aborted && env().clock->Monotonic() >= deadline) {
      aborted = true;
      AbortConnections();
    }
    engine_->Wait(count, left, aborted ? kNever : deadline);
  }
  return absl::OkStatus();
}

void BrokerImpl::Dispatch(std::shared_ptr<Responder> responder, const HostPort* endpoint, Frame frame) {
  const MonotonicNanos came = env().clock->Monotonic();
  const auto refuse = [&](const absl::Status& why, Refusal reason) { responder->Refuse(why, reason); };
  const std::span<const std::byte> bytes = frame.bytes();
  if (bytes.size() < 4)
    return refuse(absl::InvalidArgumentError("a frame without a header"), Refusal::kNoHeader);
  const auto number = [&](size_t at) {
    return static_cast<int16_t>(std::to_integer<uint16_t>(bytes[at]) << 8 |
                                std::to_integer<uint16_t>(bytes[at + 1]));
  };
  const int16_t key = number(0);
  const auto headers = wire::HeaderVersionsOf(key, number(2));
  if (!headers.has_value()) {
    return refuse(absl::InvalidArgumentError(StrCat("unknown API key ", key)), Refusal::kUnknownApi);
  }
  size_t body = 0;
  absl::StatusOr<wire::RequestHeader> header =
      wire::DecodePrefix<wire::RequestHeader>(bytes, headers->request, &body);
  if (!header.ok()) return refuse(header.status(), Refusal::kNoHeader);
  const int16_t version = header->request_api_version;
  metrics_->CountRequest(key, version);
  QueuedRequest queued(queued_bytes_, frame.size());
  Request request(std::move(responder), endpoint, *std::move(header), std::move(frame), body, came,
                  std::move(queued));
  const ApiHandler* const handler = FindHandler(wire::ApiKey{key});
  if (handler != nullptr && handler->served.Has(version)) {
    Serve(*handler, std::move(request));
    return metrics_->RecordLocalTime(key, env().clock->Monotonic() - came);
  }
  // KIP-511: the one question that is answered whatever its version.
  if (key == static_cast<int16_t>(wire::ApiKey::kApiVersions)) return RefuseApiVersions(std::move(request));
  request.Refuse(absl::InvalidArgumentError(StrCat("API key ", key, " is not served in version ", version)),
                 Refusal::kUnsupportedVersion);
}

void BrokerImpl::Serve(const ApiHandler& handler, Request request) {
  if (faults_.active()) [[unlikely]] {
    if (const std::optional<Fault> fault = faults_.Take(request); fault.has_value())
      return MeetFault(*this, *fault, handler.handle, std::move(request));
  }
  const WakeUps::Scope scope(&wake_ups_);
  handler.handle(*this, std::move(request));
}

void BrokerImpl::Collect(MetricsSnapshot* snapshot) {
  const auto add = [&](std::string_view name, std::string_view help, MetricType type, Labels labels,
                       int64_t value) {
    snapshot->samples.push_back({.name = std::string(name),
                                 .help = std::string(help),
                                 .type = type,
                                 .labels = std::move(labels),
                                 .value = value});
  };
  for (const OpenListener& open : listeners_) {
    const ListenerCounts counts = open.listener->counts();
    const Labels at = {{"listener", FormatHostPort(open.endpoint)}};
    const auto with = [&](std::string_view reason) { return Labels{at[0], {"reason", std::string(reason)}}; };
    constexpr MetricType kCounter = MetricType::kCounter;
    const std::string prefix = "kafka_server_socketservermetrics_";
    add(prefix + "connection_count", "Connections that are open.", MetricType::kGauge, at, counts.open);
    add(prefix + "connection_creation_total", "Connections accepted.", kCounter, at, counts.accepted);
    add(prefix + "connection_close_total", "Connections that have ended.", kCounter, at,
        counts.accepted - counts.open);
    add(prefix + "incoming_byte_total", "Bytes received.", kCounter, at, counts.bytes_received);
    add(prefix + "outgoing_byte_total", "Bytes sent.", kCounter, at, counts.bytes_sent);
    const std::string_view refused = "millrace_listener_refused_connections_total";
    const std::string_view refused_help =
        "Connections closed at once: one too many in all, or of their address.";
    add(refused, refused_help, kCounter, with("max_connections"), counts.refused_total);
    add(refused, refused_help, kCounter, with("max_connections_per_ip"), counts.refused_address);
    const std::string_view ended = "millrace_listener_ended_connections_total";
    const std::string_view ended_help =
        "Connections ended for a frame of a bad length, at a deadline, or for want of room for a frame.";
    add(ended, ended_help, kCounter, with("bad_length"), counts.malformed);
    add(ended, ended_help, kCounter, with("deadline"), counts.timed_out);
    add(ended, ended_help, kCounter, with("unfinished_bytes"), counts.out_of_room);
    add("millrace_listener_accept_failures_total",
        "Times that accepting failed for want of descriptors or memory.", kCounter, at,
        counts.accept_failures);
  }
  add("kafka_server_delayedoperationpurgatory_purgatorysize", "Requests that wait.", MetricType::kGauge,
      {{"delayedOperation", "Fetch"}}, waiting_->fetches());
}

}  // namespace millrace::inline v0
