// The hosts that the suite runs over.

#ifndef MILLRACE_TEST_CONFORMANCE_HOSTS_H_
#define MILLRACE_TEST_CONFORMANCE_HOSTS_H_

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "conformance/client_suite.h"
#include "millrace/engine.h"

#ifdef MILLRACE_TEST_REMOTE
#include "millrace/broker.h"
#include "millrace/remote.h"
#include "millrace/transport.h"
#endif

namespace millrace::inline v0 {

class EngineHost final : public ClientHost {
 public:
  static absl::StatusOr<std::unique_ptr<ClientHost>> Make() {
    auto engine = Engine::Open({});
    if (!engine.ok()) return engine.status();
    auto host = std::make_unique<EngineHost>();
    host->engine_ = *std::move(engine);
    return host;
  }
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override {
    return engine_->NewProducer(std::move(options));
  }
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override {
    return engine_->NewConsumer(std::move(options));
  }
  Admin& admin() override { return engine_->admin(); }
  std::string Unique(std::string_view what) override {
    return std::string(what) + "-" + std::to_string(++unique_);
  }
  absl::Status CreateTopic(const std::string& name, int32_t partitions) override {
    return engine_->CreateTopic(name, {.partitions = partitions});
  }

 private:
  std::unique_ptr<Engine> engine_;
  int unique_ = 0;
};

#ifdef MILLRACE_TEST_REMOTE

// A cluster somewhere. Each host has a prefix of its own, because what other runs left is still there.
class ClusterHost : public ClientHost {
 public:
  static absl::StatusOr<std::unique_ptr<ClientHost>> Make(std::string_view bootstrap) {
    auto host = std::make_unique<ClusterHost>();
    if (absl::Status connected = host->Connect(bootstrap); !connected.ok()) return connected;
    host->prefix_ = "millrace-" + std::to_string(Clock::System()->Wall().value()) + "-";
    return host;
  }
  absl::Status Connect(std::string_view bootstrap) {
    auto cluster = millrace::Connect(bootstrap, {.topic_refresh = absl::Milliseconds(100)});
    if (!cluster.ok()) return cluster.status();
    cluster_ = *std::move(cluster);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override {
    return cluster_->NewProducer(std::move(options));
  }
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override {
    return cluster_->NewConsumer(std::move(options));
  }
  Admin& admin() override { return cluster_->admin(); }
  std::string Unique(std::string_view what) override {
    return prefix_ + std::string(what) + "-" + std::to_string(++unique_);
  }
  absl::Status CreateTopic(const std::string& name, int32_t partitions) override {
    return cluster_->admin().CreateTopic(name, {.partitions = partitions}).status();
  }

 protected:
  std::unique_ptr<RemoteCluster> cluster_;
  std::string prefix_;
  int unique_ = 0;
};

// A broker of our own in this process, through the network.
class BrokerHost final : public ClusterHost {
 public:
  static absl::StatusOr<std::unique_ptr<ClientHost>> Make() {
    auto host = std::make_unique<BrokerHost>();
    auto engine = Engine::Open({});
    if (!engine.ok()) return engine.status();
    auto tcp = NewTcpTransport();
    if (!tcp.ok()) return tcp.status();
    host->engine_ = *std::move(engine);
    host->tcp_ = *std::move(tcp);
    auto broker = Broker::Start({.engine = host->engine_.get(),
                                 .listeners = {{.transport = host->tcp_.get(), .address = "127.0.0.1:0"}},
                                 .auto_create_topics = false});
    if (!broker.ok()) return broker.status();
    host->broker_ = *std::move(broker);
    if (absl::Status connected = host->Connect(host->broker_->bootstrap_servers()); !connected.ok())
      return connected;
    return host;
  }
  ~BrokerHost() override {
    cluster_.reset();
    broker_.reset();
  }
  absl::Status CreateTopic(const std::string& name, int32_t partitions) override {
    return engine_->CreateTopic(name, {.partitions = partitions});
  }
  BrokerFaults& faults() { return broker_->faults(); }

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Transport> tcp_;
  std::unique_ptr<Broker> broker_;
};

#endif

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_CONFORMANCE_HOSTS_H_
