#include "broker/broker_impl.h"

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
      handlers_(std::make_shared<HandlerCount>()) {
  handlers_->parker = engine_->env().parker;
}

BrokerImpl::~BrokerImpl() {
  Close(absl::ZeroDuration()).IgnoreError();
}

absl::Status BrokerImpl::Start() {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  for (const BrokerListener& listener : options_.listeners) MILLRACE_RETURN_IF_ERROR(Listen(listener));
  MutexLock lock(&mutex_);
  started_ = true;
  for (const std::shared_ptr<Connection>& connection : connections_) connection->ResumeReading();
  return absl::OkStatus();
}

absl::Status BrokerImpl::Listen(const BrokerListener& options) {
  OpenListener& open = listeners_.emplace_back();
  const HostPort* const endpoint = &open.endpoint;
  if (!options.advertised_address.empty()) {
    MILLRACE_ASSIGN_OR_RETURN(open.endpoint, ParseAdvertised(options.advertised_address));
  }
  MILLRACE_ASSIGN_OR_RETURN(
      open.listener,
      options.transport->Listen(
          options.address,
          [this, endpoint] { return std::make_unique<ClientConnection>(this, endpoint, handlers_); },
          options.options));
  MILLRACE_ASSIGN_OR_RETURN(const HostPort real, ParseHostPort(open.listener->address()));
  if (open.endpoint.host.empty()) open.endpoint.host = real.host;
  if (open.endpoint.port == 0) open.endpoint.port = real.port;
  StrAppend(&bootstrap_servers_, bootstrap_servers_.empty() ? "" : ",", FormatHostPort(open.endpoint));
  return absl::OkStatus();
}

bool BrokerImpl::Opened(const std::shared_ptr<Connection>& connection) {
  if (faults_.refuses_connections()) return false;
  MutexLock lock(&mutex_);
  if (closing_) return false;
  connections_.insert(connection);
  if (!started_) connection->PauseReading();
  return true;
}

void BrokerImpl::Closed(const Connection* connection) {
  MutexLock lock(&mutex_);
  std::erase_if(connections_, [&](const auto& one) { return one.get() == connection; });
}

void BrokerImpl::AbortConnections() {
  std::set<std::shared_ptr<Connection>> connections;
  {
    MutexLock lock(&mutex_);
    connections = connections_;
  }
  for (const std::shared_ptr<Connection>& one : connections) one->Abort();
}

bool BrokerImpl::Add(const std::shared_ptr<Waiting>& waiting) {
  MutexLock lock(&mutex_);
  if (!closing_) waiting_.insert(waiting);
  return !closing_;
}

void BrokerImpl::Remove(const std::shared_ptr<Waiting>& waiting) {
  MutexLock lock(&mutex_);
  waiting_.erase(waiting);
}

absl::Status BrokerImpl::Close(absl::Duration drain) {
  for (OpenListener& open : listeners_) {
    if (open.listener != nullptr) open.listener->Close();
  }
  std::set<std::shared_ptr<Connection>> connections;
  std::set<std::shared_ptr<Waiting>> waiting;
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    connections = connections_;
    waiting.swap(waiting_);
  }
  for (const std::shared_ptr<Waiting>& one : waiting) one->GiveUp();
  for (const std::shared_ptr<Connection>& one : connections) one->Close(drain);
  std::atomic<uint32_t>& count = handlers_->count;
  for (uint32_t left = count.load(); left != 0; left = count.load()) engine_->Wait(count, left, kNever);
  return absl::OkStatus();
}

void BrokerImpl::Dispatch(std::shared_ptr<Responder> responder, const HostPort* endpoint, Frame frame) {
  const std::span<const std::byte> bytes = frame.bytes();
  if (bytes.size() < 4) return responder->Refuse(absl::InvalidArgumentError("a frame without a header"));
  const auto number = [&](size_t at) {
    return static_cast<int16_t>(std::to_integer<uint16_t>(bytes[at]) << 8 |
                                std::to_integer<uint16_t>(bytes[at + 1]));
  };
  const int16_t key = number(0);
  const auto headers = wire::HeaderVersionsOf(key, number(2));
  if (!headers.has_value())
    return responder->Refuse(absl::InvalidArgumentError(StrCat("unknown API key ", key)));
  size_t body = 0;
  absl::StatusOr<wire::RequestHeader> header =
      wire::DecodePrefix<wire::RequestHeader>(bytes, headers->request, &body);
  if (!header.ok()) return responder->Refuse(header.status());
  const int16_t version = header->request_api_version;
  Request request(std::move(responder), endpoint, *std::move(header), std::move(frame), body);
  const ApiHandler* const handler = FindHandler(wire::ApiKey{key});
  if (handler != nullptr && handler->served.Has(version)) {
    if (faults_.active()) [[unlikely]] {
      if (const std::optional<Fault> fault = faults_.Take(request); fault.has_value())
        return MeetFault(*this, *fault, handler->handle, std::move(request));
    }
    return handler->handle(*this, std::move(request));
  }
  // KIP-511: the one question that is answered whatever its version.
  if (key == static_cast<int16_t>(wire::ApiKey::kApiVersions)) return RefuseApiVersions(std::move(request));
  request.Refuse(absl::InvalidArgumentError(StrCat("API key ", key, " is not served in version ", version)));
}

}  // namespace millrace::inline v0
