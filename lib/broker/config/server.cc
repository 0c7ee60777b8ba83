#include "millrace/server.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/metrics_listener.h"
#include "transport/address.h"

namespace millrace::inline v0 {
namespace {

std::string HostName() {
  std::array<char, 256> name = {};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "localhost";
  return name.data();
}

// What listens on all addresses is told to clients by the machine's name, as Kafka does.
std::string AdvertisedOf(const ServerConfig::Listener& listener) {
  if (!listener.advertised_address.empty()) return listener.advertised_address;
  const auto address = ParseHostPort(listener.address);
  const bool all =
      address.ok() && (address->host.empty() || address->host == "0.0.0.0" || address->host == "::");
  return all ? FormatHostPort({.host = HostName(), .port = address->port}) : std::string();
}

// The directory's cluster id, which must have been given to this node. Empty for an engine in memory.
absl::StatusOr<std::string> ClusterIdOf(const ServerConfig& config) {
  if (config.engine.directory.empty()) return config.broker.cluster_id;
  MILLRACE_ASSIGN_OR_RETURN(StorageInfo info, DescribeStorage(config));
  if (!info.formatted) {
    return absl::FailedPreconditionError(
        ToAbsl(StrCat("no meta.properties in ", info.directory,
                      ": format the directory first (kafka-storage.sh format, or FormatStorage)")));
  }
  if (info.node_id != config.broker.node_id) {
    return absl::FailedPreconditionError(
        ToAbsl(StrCat("the directory ", info.directory, " is that of node.id=", info.node_id,
                      ", but node.id=", config.broker.node_id, " is configured; correct one of them")));
  }
  return std::move(info.cluster_id);
}

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(ServerConfig config) : config_(std::move(config)) {}

  absl::Status Start() {
    MILLRACE_ASSIGN_OR_RETURN(config_.broker.cluster_id, ClusterIdOf(config_));
    MILLRACE_ASSIGN_OR_RETURN(engine_, Engine::Open(config_.engine));
    MILLRACE_ASSIGN_OR_RETURN(transport_, NewTcpTransport({.threads = config_.network_threads,
                                                           .logger = config_.engine.env.logger}));
    BrokerOptions options = config_.broker;
    options.engine = engine_.get();
    options.server = &config_;
    options.listeners.clear();
    for (const ServerConfig::Listener& listener : config_.listeners) {
      ListenOptions listen = config_.listen;
      listen.max_connections = std::min(listen.max_connections, listener.max_connections);
      options.listeners.push_back({.transport = transport_.get(),
                                   .address = listener.address,
                                   .advertised_address = AdvertisedOf(listener),
                                   .options = listen});
    }
    MILLRACE_ASSIGN_OR_RETURN(broker_, Broker::Start(std::move(options)));
    if (config_.metrics_address.empty()) return absl::OkStatus();
    MILLRACE_ASSIGN_OR_RETURN(
        auto metrics, MetricsListener::Start({.engine = engine_.get(), .address = config_.metrics_address}));
    metrics_address_ = metrics->address();
    MutexLock lock(&mutex_);
    metrics_ = std::move(metrics);
    return absl::OkStatus();
  }

  Engine& engine() override { return *engine_; }
  Broker& broker() override { return *broker_; }
  const std::string& metrics_address() const override { return metrics_address_; }
  const ServerConfig& config() const override { return config_; }
  absl::Status Close(absl::Duration drain) override {
    absl::Status status = broker_->Close(drain);
    {
      MutexLock lock(&mutex_);
      metrics_ = nullptr;
    }
    status.Update(engine_->Close());
    return status;
  }

 private:
  // The broker tells clients of it from any thread: complete before there is a broker.
  ServerConfig config_;
  std::string metrics_address_;
  // Destroyed from the last to the first.
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Broker> broker_;
  Mutex mutex_;
  std::unique_ptr<MetricsListener> metrics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerConfig config) {
  auto server = std::make_unique<ServerImpl>(std::move(config));
  MILLRACE_RETURN_IF_ERROR(server->Start());
  return server;
}

}  // namespace millrace::inline v0
