#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "millrace/transport.h"
#include "transport/memory_connection.h"
#include "transport/memory_network.h"

namespace millrace::inline v0 {
namespace {

class MemoryListener final : public Listener {
 public:
  MemoryListener(std::shared_ptr<MemoryNetwork> network, std::shared_ptr<ListenerState> state)
      : network_(std::move(network)), state_(std::move(state)) {}
  ~MemoryListener() override { Close(); }

  const std::string& address() const override { return state_->address(); }
  void Close() override {
    network_->Remove(*state_);
    state_->Close();
  }
  ListenerCounts counts() const override { return state_->counts(); }

 private:
  const std::shared_ptr<MemoryNetwork> network_;
  const std::shared_ptr<ListenerState> state_;
};

class MemoryTransport final : public Transport {
 public:
  MemoryTransport(std::shared_ptr<MemoryNetwork> network, std::string host)
      : network_(std::move(network)),
        host_(std::move(host)),
        connections_(std::make_shared<MemoryConnections>()) {}

  ~MemoryTransport() override {
    std::vector<std::weak_ptr<ListenerState>> listeners;
    {
      MutexLock lock(&mutex_);
      listeners.swap(listeners_);
    }
    for (const std::weak_ptr<ListenerState>& known : listeners) {
      const std::shared_ptr<ListenerState> listener = known.lock();
      if (listener == nullptr) continue;
      network_->Remove(*listener);
      listener->Close();
    }
    for (const auto& connection : connections_->Shut()) connection->Shut();
  }

  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, NewHandler new_handler,
                                                   ListenOptions options) override {
    if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
    absl::StatusOr<HostPort> parsed = ParseHostPort(address);
    if (!parsed.ok()) return parsed.status();
    absl::StatusOr<std::string> reserved = network_->Reserve(*std::move(parsed));
    if (!reserved.ok()) return reserved.status();
    auto state = std::make_shared<ListenerState>(*reserved, std::move(new_handler), options);
    network_->Publish(*reserved, {.host = host_, .listener = state, .connections = connections_});
    {
      MutexLock lock(&mutex_);
      std::erase_if(listeners_, [](const auto& known) { return known.expired(); });
      listeners_.push_back(state);
    }
    return std::make_unique<MemoryListener>(network_, std::move(state));
  }

  absl::StatusOr<std::shared_ptr<Connection>> Connect(std::string_view address,
                                                      std::unique_ptr<ConnectionHandler> handler,
                                                      ConnectionOptions options) override {
    if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
    const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
    if (!parsed.ok()) return parsed.status();
    auto connection = std::make_shared<MemoryConnection>(
        network_, connections_, host_, FormatHostPort(*parsed), std::move(handler), options);
    MILLRACE_CHECK(connections_->Add(connection));
    connection->Start();
    return connection;
  }

 private:
  const std::shared_ptr<MemoryNetwork> network_;
  const std::string host_;
  const std::shared_ptr<MemoryConnections> connections_;

  Mutex mutex_;
  std::vector<std::weak_ptr<ListenerState>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Transport> NewMemoryTransport(std::shared_ptr<MemoryNetwork> network, std::string host) {
  return std::make_unique<MemoryTransport>(std::move(network), std::move(host));
}

std::unique_ptr<Transport> NewInMemoryTransport(Env env) {
  MILLRACE_CHECK(env.executor != nullptr);
  return NewMemoryTransport(std::make_shared<MemoryNetwork>(env.WithDefaults(), nullptr), "client");
}

}  // namespace millrace::inline v0
