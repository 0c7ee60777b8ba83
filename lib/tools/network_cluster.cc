#include "tools/network_cluster.h"

#include <utility>

#include "millrace/remote.h"
#include "millrace/status.h"

namespace millrace::inline v0::tools {
namespace {

class NetworkCluster final : public Cluster {
 public:
  NetworkCluster(const ConnectRequest& request, Transport* transport, const Env& env)
      : request_(request), wire_(transport, {.bootstrap_servers = request.bootstrap_servers, .env = env}) {}

  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override {
    absl::StatusOr<RemoteCluster*> remote = Remote();
    if (!remote.ok()) return remote.status();
    return (*remote)->NewProducer(std::move(options));
  }
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override {
    absl::StatusOr<RemoteCluster*> remote = Remote();
    if (!remote.ok()) return remote.status();
    return (*remote)->NewConsumer(std::move(options));
  }
  absl::StatusOr<Admin*> admin() override {
    if (absl::Status served = CheckGroups(); !served.ok()) return served;
    absl::StatusOr<RemoteCluster*> remote = Remote();
    if (!remote.ok()) return remote.status();
    return &(*remote)->admin();
  }
  WireCaller& wire() override { return wire_; }

 private:
  // librdkafka 2.0 locks up when it is asked to describe groups of a broker that cannot.
  absl::Status CheckGroups() {
    absl::StatusOr<wire::ApiVersionsResponse> served = wire_.ApiVersions();
    if (!served.ok()) return served.status();
    for (const auto& api : served->api_keys) {
      if (api.api_key == static_cast<int16_t>(wire::ApiKey::kDescribeGroups)) return absl::OkStatus();
    }
    return Error(ErrorCode::kUnsupportedVersion, "the broker does not serve DescribeGroups");
  }
  absl::StatusOr<RemoteCluster*> Remote() {
    if (remote_ == nullptr) {
      RemoteOptions options;
      options.properties = request_.properties;
      // A topic or partition that is made while a console consumer waits is to be seen soon.
      options.topic_refresh = absl::Seconds(5);
      absl::StatusOr<std::unique_ptr<RemoteCluster>> connected =
          millrace::Connect(request_.bootstrap_servers, std::move(options));
      if (!connected.ok()) return connected.status();
      remote_ = *std::move(connected);
    }
    return remote_.get();
  }

  const ConnectRequest request_;
  WireCaller wire_;
  std::unique_ptr<RemoteCluster> remote_;
};

}  // namespace

std::unique_ptr<Cluster> NewNetworkCluster(const ConnectRequest& request, Transport* transport, Env env) {
  return std::make_unique<NetworkCluster>(request, transport, env);
}

}  // namespace millrace::inline v0::tools
