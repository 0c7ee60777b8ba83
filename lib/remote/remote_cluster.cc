// The cluster: one client of its own for what is asked of it as a whole, and the maker of the others.

#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/remote.h"
#include "millrace/status.h"
#include "remote/client_conf.h"
#include "remote/remote_admin.h"
#include "remote/remote_consumer.h"
#include "remote/remote_producer.h"

namespace millrace::inline v0 {
namespace {

class RemoteClusterImpl final : public RemoteCluster {
 public:
  RemoteClusterImpl(std::string_view bootstrap_servers, RemoteOptions options)
      : bootstrap_servers_(bootstrap_servers), options_(std::move(options)) {}

  absl::Status Start() {
    ClientConf conf(bootstrap_servers_, options_, options_.client_id, &owner_);
    owner_.self = this;
    rd_kafka_conf_set_background_event_cb(conf.get(), [](rd_kafka_t*, rd_kafka_event_t* event, void* opaque) {
      const rdk::Event owned(event);
      LogErrorEvent(*static_cast<const ClientOwner*>(opaque), event);
    });
    MILLRACE_ASSIGN_OR_RETURN(client_, conf.MakeClient(RD_KAFKA_PRODUCER));
    const rdk::Queue background(rd_kafka_queue_get_background(client_.get()));
    const rdk::Queue news(rd_kafka_queue_get_main(client_.get()));
    rd_kafka_queue_forward(news.get(), background.get());
    admin_ = std::make_unique<RemoteAdmin>(client_.get(), &options_);
    return Describe().status();
  }

  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override {
    return RemoteProducer::Make(bootstrap_servers_, options_, std::move(options));
  }
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override {
    return RemoteConsumer::Make(bootstrap_servers_, options_, std::move(options));
  }
  Admin& admin() override { return *admin_; }

  absl::StatusOr<ClusterDescription> Describe() override {
    const struct rd_kafka_metadata* raw = nullptr;
    const int timeout = rdk::ToMilliseconds(options_.timeout);
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_.get(), /*all_topics=*/0, nullptr, &raw, timeout);
    if (error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__TIMED_OUT) {
      return Error(ErrorCode::kNetworkException,
                   StrCat("none of ", bootstrap_servers_, " answered within ", timeout,
                          " ms; check the addresses, and the security settings of both sides"));
    }
    MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(error, StrCat("asking ", bootstrap_servers_, " for its cluster")));
    const rdk::Metadata metadata(raw);
    ClusterDescription description;
    for (int i = 0; i < raw->broker_cnt; ++i) {
      const rd_kafka_metadata_broker_t& broker = raw->brokers[i];
      description.nodes.push_back({.id = broker.id, .host = broker.host, .port = broker.port});
    }
    description.controller = rd_kafka_controllerid(client_.get(), 0);
    if (char* const id = rd_kafka_clusterid(client_.get(), 0); id != nullptr) {
      description.cluster_id = id;
      rd_kafka_mem_free(client_.get(), id);
    }
    return description;
  }

  absl::StatusOr<std::vector<PartitionPlacement>> Placement(std::string_view topic) override {
    MILLRACE_ASSIGN_OR_RETURN(const rdk::Metadata metadata, admin_->MetadataOf(topic));
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& found = metadata->topics[i];
      if (found.topic != topic) continue;
      MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(found.err, StrCat("asking for topic \"", topic, "\"")));
      std::vector<PartitionPlacement> placements;
      for (int k = 0; k < found.partition_cnt; ++k) {
        const rd_kafka_metadata_partition_t& partition = found.partitions[k];
        placements.push_back({.partition = PartitionId(partition.id),
                              .leader = partition.leader,
                              .replicas = {partition.replicas, partition.replicas + partition.replica_cnt},
                              .isr = {partition.isrs, partition.isrs + partition.isr_cnt}});
      }
      return placements;
    }
    return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("the cluster has no topic \"", topic, "\""));
  }

 private:
  const std::string bootstrap_servers_;
  const RemoteOptions options_;
  ClientOwner owner_;
  rdk::Client client_;
  std::unique_ptr<RemoteAdmin> admin_;
};

}  // namespace

absl::Status RemoteOptions::Validate() const {
  if (timeout < absl::Milliseconds(1)) {
    return Error(ErrorCode::kInvalidConfig, "RemoteOptions::timeout must be at least a millisecond");
  }
  if (topic_refresh < absl::Milliseconds(10) || topic_refresh > absl::Hours(1)) {
    return Error(ErrorCode::kInvalidConfig, "RemoteOptions::topic_refresh must be from 10 ms to an hour");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RemoteCluster>> Connect(std::string_view bootstrap_servers,
                                                       RemoteOptions options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  if (bootstrap_servers.empty()) {
    return Error(ErrorCode::kInvalidConfig, "Connect needs the address of a node: \"host:port,host:port\"");
  }
  auto cluster = std::make_unique<RemoteClusterImpl>(bootstrap_servers, std::move(options));
  MILLRACE_RETURN_IF_ERROR(cluster->Start());
  return cluster;
}

}  // namespace millrace::inline v0
