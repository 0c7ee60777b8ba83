// Remote: the same Producer, Consumer and Admin over a Kafka cluster, through librdkafka. In the optional
// component millrace::remote.
//
//   auto cluster = millrace::Connect("host:9092");
//   auto producer = (*cluster)->NewProducer({.acks = millrace::Acks::kAll});
//
// Code that is written to Producer, Consumer and Admin runs over an embedded Engine or over a cluster,
// without a change. Where the two differ, and why:
//
// Producer.
//   With Acks::kAll it is idempotent, whatever ProducerOptions::idempotent says (as Kafka's own client is
//   since 3.0: a send that is retried is neither doubled nor overtaken); with kLeader and kNone one request
//   is in flight at a time, which keeps the order. Callbacks run in one thread of librdkafka's, never in the
//   one that sends (but for a SendBatch that finds no room midway); a Send in a callback never blocks: it
//   fails where the buffer is full. Appended::durability is always kProcess: what an acknowledgement survives
//   is a matter of the cluster's. SendBatch hands the records over together, but the cluster's client decides
//   on the batches; its callback is called for each run of consecutive offsets. Topic() waits for the
//   cluster's answer. Records that the cluster does not take fail after "message.timeout.ms" (five minutes).
//   A timestamp of 0 means now.
// Consumer.
//   Batches are made of copies of what librdkafka hands out, uncompressed, and stay valid when the consumer
//   is gone; their leader epoch is kNoLeaderEpoch. max_partition_fetch_bytes bounds a fetch, not a Poll.
//   ConsumerOptions::wait is not looked at: a Poll parks. Checksums are always verified. Of `assignors` those
//   count that rebalance in the way (all at once, or cooperatively) of the first that librdkafka has; it
//   lacks kSticky. group_metadata() knows no generation. Committed leader epochs are not passed on.
//   BeginningOffsets, EndOffsets, lag and the like ask the cluster and take a round trip. OffsetsForTimes
//   gives the time asked for in the place of the record's. A Seek beyond the end is no error: the next Poll
//   goes on from ConsumerOptions::start. Wakeup takes locks: not for signal handlers.
// Admin.
//   Ids of topics are all zeros, and DescribeTopic by id, FlushTopic, Verify, ClearFenced, Revive and
//   Checkpoint, for which Kafka's protocol or librdkafka has no request, answer kUnsupportedVersion
//   (absl::StatusCode::kUnimplemented). ListTopics gives an empty list where the cluster does not answer.
//   AlterTopicConfig reads the settings, changes them and writes them back: two callers at once may undo one
//   another's changes. PartitionDescription::size_bytes is -1. Of TopicConfig::durability and other
//   settings that Kafka lacks, the cluster's answer is kInvalidConfig, unless it is served by a millrace.
//
// Errors. Kafka's codes come through as they are. What librdkafka says of itself is mapped: kNetworkException
// (Unavailable) where no broker can be reached, kRequestTimedOut, kSaslAuthenticationFailed, and so on.

#ifndef MILLRACE_REMOTE_H_
#define MILLRACE_REMOTE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/admin.h"
#include "millrace/consumer.h"
#include "millrace/env/logger.h"
#include "millrace/export.h"
#include "millrace/producer.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct RemoteOptions {
  // Of clients whose own options name none.
  std::string client_id = "millrace";
  // How long a call that asks the cluster waits for its answer: kRequestTimedOut, kNetworkException then.
  absl::Duration timeout = absl::Seconds(30);
  // How often a subscribed consumer looks whether topics or partitions have come or gone
  // ("topic.metadata.refresh.interval.ms"; five minutes in Kafka). At least 10 ms.
  absl::Duration topic_refresh = absl::Seconds(30);
  // librdkafka's own settings, by its names ("security.protocol", "sasl.username", ...); applied last, to
  // every client: one that is for producers or consumers alone does no harm to the others.
  std::vector<std::pair<std::string, std::string>> properties = {};
  // What librdkafka logs; null: nowhere. Borrowed.
  Logger* logger = nullptr;

  // OK, or kInvalidConfig saying which field and why. The properties are looked at by Connect.
  MILLRACE_EXPORT absl::Status Validate() const;
};

struct ClusterNode {
  int32_t id = -1;
  std::string host = {};
  int32_t port = 0;
};

struct ClusterDescription {
  std::string cluster_id = {};
  // -1: not known.
  int32_t controller = -1;
  std::vector<ClusterNode> nodes = {};
};

// Who holds a partition: ids of nodes.
struct PartitionPlacement {
  PartitionId partition{0};
  // -1: none at present.
  int32_t leader = -1;
  std::vector<int32_t> replicas = {};
  std::vector<int32_t> isr = {};
};

// Thread-safe. Must outlive what it made. librdkafka's threads (some for each client that is made) are joined
// when a client is destroyed.
class MILLRACE_EXPORT RemoteCluster {
 public:
  virtual ~RemoteCluster() = default;

  // kInvalidConfig: an option, or a property that librdkafka refuses.
  virtual absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options = {}) = 0;
  virtual absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options = {}) = 0;
  // Borrowed: lives as long as the cluster.
  virtual Admin& admin() = 0;

  // What Admin has no place for, because an embedded engine has one node.
  virtual absl::StatusOr<ClusterDescription> Describe() = 0;
  // kUnknownTopicOrPartition.
  virtual absl::StatusOr<std::vector<PartitionPlacement>> Placement(std::string_view topic) = 0;
};

// Finds the cluster of which one of `bootstrap_servers` ("host:port,host:port") is a node. Unavailable
// (kNetworkException) if none answers within options.timeout; kInvalidConfig.
MILLRACE_EXPORT absl::StatusOr<std::unique_ptr<RemoteCluster>> Connect(std::string_view bootstrap_servers,
                                                                       RemoteOptions options = {});

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_H_
