// The APIs that a broker serves: one file each, named by its key.

#ifndef MILLRACE_BROKER_API_HANDLERS_H_
#define MILLRACE_BROKER_API_HANDLERS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker_impl.h"
#include "broker/request.h"
#include "millrace/status.h"
#include "millrace/wire/api_keys.h"

namespace millrace::inline v0 {

// Called on the connection's loop; answers there or later. Must not block but for a local disk.
using HandleRequest = void (*)(BrokerImpl& broker, Request request);

struct ApiHandler {
  wire::ApiKey key = wire::ApiKey::kProduce;
  wire::Versions served = wire::kNoVersions;
  // What ApiVersions says, where that is more.
  int16_t advertised_from = 0;
  HandleRequest handle = nullptr;
};

// By rising key.
std::span<const ApiHandler> Handlers();
// Null: not served.
const ApiHandler* FindHandler(wire::ApiKey key);

void HandleProduce(BrokerImpl& broker, Request request);
void HandleFetch(BrokerImpl& broker, Request request);
void HandleListOffsets(BrokerImpl& broker, Request request);
void HandleMetadata(BrokerImpl& broker, Request request);
void HandleOffsetCommit(BrokerImpl& broker, Request request);
void HandleOffsetFetch(BrokerImpl& broker, Request request);
void HandleFindCoordinator(BrokerImpl& broker, Request request);
void HandleJoinGroup(BrokerImpl& broker, Request request);
void HandleHeartbeat(BrokerImpl& broker, Request request);
void HandleLeaveGroup(BrokerImpl& broker, Request request);
void HandleSyncGroup(BrokerImpl& broker, Request request);
void HandleCreateTopics(BrokerImpl& broker, Request request);
void HandleDeleteTopics(BrokerImpl& broker, Request request);
void HandleCreatePartitions(BrokerImpl& broker, Request request);
void HandleDescribeGroups(BrokerImpl& broker, Request request);
void HandleListGroups(BrokerImpl& broker, Request request);
void HandleDeleteRecords(BrokerImpl& broker, Request request);
void HandleOffsetForLeaderEpoch(BrokerImpl& broker, Request request);
void HandleDescribeLogDirs(BrokerImpl& broker, Request request);
void HandleDeleteGroups(BrokerImpl& broker, Request request);
void HandleElectLeaders(BrokerImpl& broker, Request request);
void HandleListPartitionReassignments(BrokerImpl& broker, Request request);
void HandleOffsetDelete(BrokerImpl& broker, Request request);
void HandleDescribeCluster(BrokerImpl& broker, Request request);
void HandleDescribeProducers(BrokerImpl& broker, Request request);
void HandleDescribeTopicPartitions(BrokerImpl& broker, Request request);
void HandleApiVersions(BrokerImpl& broker, Request request);
void HandleInitProducerId(BrokerImpl& broker, Request request);
void HandleDescribeConfigs(BrokerImpl& broker, Request request);
void HandleAlterConfigs(BrokerImpl& broker, Request request);
void HandleIncrementalAlterConfigs(BrokerImpl& broker, Request request);
void HandleConsumerGroupHeartbeat(BrokerImpl& broker, Request request);
void HandleConsumerGroupDescribe(BrokerImpl& broker, Request request);
void HandleListConfigResources(BrokerImpl& broker, Request request);
// ApiVersions in a version that nobody knows: answered in version 0.
void RefuseApiVersions(Request request);

inline int16_t CodeOf(ErrorCode code) {
  return static_cast<int16_t>(code);
}
// OK is 0.
int16_t CodeOf(const absl::Status& status);
// For fields called error_message: null where all is well.
std::optional<std::string> MessageOf(const absl::Status& status);

// Of a topic by its name, or, where that is empty, by its id. kUnknownTopicOrPartition, kUnknownTopicId.
absl::StatusOr<std::shared_ptr<Topic>> FindTopic(BrokerImpl& broker, const std::string& name, TopicId id);
absl::StatusOr<std::shared_ptr<Partition>> FindPartition(BrokerImpl& broker, const std::string& name,
                                                         TopicId id, int32_t partition);
// Which operations are allowed without an authorizer: all there are. A bit for each of Kafka's AclOperation.
// On topics: read, write, create, delete, alter, describe, describe configs, alter configs.
inline constexpr int32_t kTopicOperations =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
// On groups: read, delete, describe, describe configs, alter configs.
inline constexpr int32_t kGroupOperations = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
// On the cluster: create, alter, describe, cluster action, describe configs, alter configs, idempotent write.
inline constexpr int32_t kClusterOperations = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
// Of a new topic's name: kInvalidTopicException where it differs from a topic's only by '.' for '_'.
absl::Status CheckCollision(BrokerImpl& broker, const std::string& name);
// Of a manual assignment: this broker alone, else kInvalidReplicaAssignment.
absl::Status CheckReplicas(const std::vector<int32_t>& broker_ids, int32_t node_id);
// The one epoch that every partition has: there is one broker. As Kafka does: kUnknownLeaderEpoch if the
// client knows a later one, kFencedLeaderEpoch for an earlier; -1: it does not ask.
inline constexpr int32_t kLeaderEpoch = 0;
absl::Status CheckLeaderEpoch(int32_t known);
// Where the newest epoch that is not after `epoch` ended, and which one that is: -1 and -1 for an epoch that
// has not come, or was before all that is known.
struct EpochEnd {
  int32_t epoch = -1;
  int64_t end_offset = -1;
};
EpochEnd FindEpochEnd(const Log& log, int32_t epoch);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_API_HANDLERS_H_
