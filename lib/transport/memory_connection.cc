#include "transport/memory_connection.h"

#include <utility>

#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kScratchBytes = 16 * 1024;
constexpr int64_t kRetryNanos = 100'000'000;

}  // namespace

bool MemoryConnections::Add(std::shared_ptr<MemoryConnection> connection) {
  MutexLock lock(&mutex_);
  if (shut_) return false;
  const uint64_t number = connection->number();
  open_.emplace(number, std::move(connection));
  return true;
}

void MemoryConnections::Remove(const MemoryConnection& connection) {
  MutexLock lock(&mutex_);
  open_.erase(connection.number());
}

std::vector<std::shared_ptr<MemoryConnection>> MemoryConnections::Shut() {
  MutexLock lock(&mutex_);
  shut_ = true;
  std::vector<std::shared_ptr<MemoryConnection>> open;
  for (const auto& [number, connection] : open_) open.push_back(connection);
  return open;
}

MemoryConnection::MemoryConnection(std::shared_ptr<MemoryNetwork> network,
                                   std::shared_ptr<MemoryConnections> connections, std::string host,
                                   std::string peer_address, std::unique_ptr<ConnectionHandler> handler,
                                   const ConnectionOptions& options)
    : StreamConnection(network->env().clock, options, std::move(handler), peer_address),
      network_(std::move(network)),
      connections_(std::move(connections)),
      number_(network_->NextNumber()),
      host_(std::move(host)),
      target_(std::move(peer_address)) {}

MemoryConnection::MemoryConnection(std::shared_ptr<MemoryNetwork> network,
                                   std::shared_ptr<MemoryConnections> connections, std::string peer_address,
                                   const std::shared_ptr<ListenerState>& listener,
                                   std::shared_ptr<MemoryPipe> in, std::shared_ptr<MemoryPipe> out)
    : StreamConnection(network->env().clock, listener, std::move(peer_address), listener->address()),
      network_(std::move(network)),
      connections_(std::move(connections)),
      number_(network_->NextNumber()),
      in_(std::move(in)),
      out_(std::move(out)) {}

// --- Turns

void MemoryConnection::Signal(uint32_t events) {
  {
    MutexLock lock(&turn_mutex_);
    events_ |= events;
    due_ = true;
    if (scheduled_ || dead_) return;
    scheduled_ = true;
  }
  Post();
}

void MemoryConnection::Post() {
  network_->env().executor->Post([self = Self()] { self->RunTurn(); });
}

void MemoryConnection::RunTurn() {
  uint32_t events = 0;
  {
    MutexLock lock(&turn_mutex_);
    if (dead_) return;
    running_ = true;
    due_ = false;
    events = std::exchange(events_, 0);
  }
  if ((events & kConnect) != 0) Establish();
  Turn(events);
  {
    MutexLock lock(&turn_mutex_);
    running_ = false;
    turn_over_.SignalAll();
    scheduled_ = due_ && !dead_;
    if (!scheduled_) return;
  }
  Post();
}

void MemoryConnection::Shut() {
  {
    MutexLock lock(&turn_mutex_);
    dead_ = true;
    while (running_) turn_over_.Wait(&turn_mutex_);
  }
  AbortWith(absl::AbortedError("its transport was destroyed"));
  Turn(kWoken);
}

void MemoryConnection::PipeReadableAt(MonotonicNanos when) {
  network_->env().executor->PostAt(when, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) static_cast<MemoryConnection&>(*self).in_->Recheck();
  });
}

void MemoryConnection::SetTimer(MonotonicNanos when) {
  Executor* const executor = network_->env().executor;
  if (timer_.value() != 0) executor->Cancel(timer_);
  timer_ = executor->PostAt(when, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) static_cast<MemoryConnection&>(*self).Wake();
  });
}

void MemoryConnection::SignalAt(MonotonicNanos when, uint32_t events) {
  network_->env().executor->PostAt(when, [weak = weak_from_this(), events] {
    if (const auto self = weak.lock()) static_cast<MemoryConnection&>(*self).Signal(events);
  });
}

// --- Connecting

void MemoryConnection::Start() {
  NetworkRules* const rules = network_->rules();
  if (in_ != nullptr) return Signal(kWoken);  // it is the accepting side
  const int64_t delay = rules == nullptr ? 0 : rules->OnConnect(host_, HostOf(target_));
  if (delay == 0) return Signal(kConnect);
  Signal(kWoken);  // the deadline runs
  SignalAt(clock()->Monotonic() + delay, kConnect);
}

void MemoryConnection::Establish() {
  if (in_ != nullptr || stream_closed_) return;
  // Nobody answers: it tries again, until connect_timeout.
  if (network_->Blocked(host_, target_)) return SignalAt(clock()->Monotonic() + kRetryNanos, kConnect);
  absl::StatusOr<MemoryNetwork::Link> link = MemoryNetwork::Connect(network_, host_, target_, Self());
  if (!link.ok()) return AbortWith(link.status());
  in_ = link->in;
  out_ = link->out;
  Connected(target_, link->local_address);
}

// --- The stream

std::span<std::byte> MemoryConnection::Scratch() {
  if (scratch_.empty()) scratch_.resize(kScratchBytes);
  return scratch_;
}

void MemoryConnection::CloseStream() {
  stream_closed_ = true;
  if (timer_.value() != 0) network_->env().executor->Cancel(timer_);
  if (in_ != nullptr) in_->CloseReader();
  if (out_ != nullptr) out_->CloseWriter();
}

void MemoryConnection::Forget() {
  {
    // Who still holds it may call it when the executor is gone.
    MutexLock lock(&turn_mutex_);
    dead_ = true;
  }
  connections_->Remove(*this);
}

}  // namespace millrace::inline v0
