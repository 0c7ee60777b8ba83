// Kafka's API keys: what each is called, its versions, and the versions of the headers around it.

#ifndef MILLRACE_WIRE_API_KEYS_H_
#define MILLRACE_WIRE_API_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "millrace/wire/fields.h"

namespace millrace::inline v0::wire {

// The numbers on the wire. One that is not here may still come from there: check with FindApiKey.
enum class ApiKey : int16_t {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kLeaderAndIsr = 4,
  kStopReplica = 5,
  kUpdateMetadata = 6,
  kControlledShutdown = 7,
  kOffsetCommit = 8,
  kOffsetFetch = 9,
  kFindCoordinator = 10,
  kJoinGroup = 11,
  kHeartbeat = 12,
  kLeaveGroup = 13,
  kSyncGroup = 14,
  kDescribeGroups = 15,
  kListGroups = 16,
  kSaslHandshake = 17,
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kDeleteRecords = 21,
  kInitProducerId = 22,
  kOffsetForLeaderEpoch = 23,
  kAddPartitionsToTxn = 24,
  kAddOffsetsToTxn = 25,
  kEndTxn = 26,
  kWriteTxnMarkers = 27,
  kTxnOffsetCommit = 28,
  kDescribeAcls = 29,
  kCreateAcls = 30,
  kDeleteAcls = 31,
  kDescribeConfigs = 32,
  kAlterConfigs = 33,
  kAlterReplicaLogDirs = 34,
  kDescribeLogDirs = 35,
  kSaslAuthenticate = 36,
  kCreatePartitions = 37,
  kCreateDelegationToken = 38,
  kRenewDelegationToken = 39,
  kExpireDelegationToken = 40,
  kDescribeDelegationToken = 41,
  kDeleteGroups = 42,
  kElectLeaders = 43,
  kIncrementalAlterConfigs = 44,
  kAlterPartitionReassignments = 45,
  kListPartitionReassignments = 46,
  kOffsetDelete = 47,
  kDescribeClientQuotas = 48,
  kAlterClientQuotas = 49,
  kDescribeUserScramCredentials = 50,
  kAlterUserScramCredentials = 51,
  kVote = 52,
  kBeginQuorumEpoch = 53,
  kEndQuorumEpoch = 54,
  kDescribeQuorum = 55,
  kAlterPartition = 56,
  kUpdateFeatures = 57,
  kEnvelope = 58,
  kFetchSnapshot = 59,
  kDescribeCluster = 60,
  kDescribeProducers = 61,
  kBrokerRegistration = 62,
  kBrokerHeartbeat = 63,
  kUnregisterBroker = 64,
  kDescribeTransactions = 65,
  kListTransactions = 66,
  kAllocateProducerIds = 67,
  kConsumerGroupHeartbeat = 68,
  kConsumerGroupDescribe = 69,
  kControllerRegistration = 70,
  kGetTelemetrySubscriptions = 71,
  kPushTelemetry = 72,
  kAssignReplicasToDirs = 73,
  kListConfigResources = 74,
  kDescribeTopicPartitions = 75,
  kShareGroupHeartbeat = 76,
  kShareGroupDescribe = 77,
  kShareFetch = 78,
  kShareAcknowledge = 79,
  kAddRaftVoter = 80,
  kRemoveRaftVoter = 81,
  kUpdateRaftVoter = 82,
  kInitializeShareGroupState = 83,
  kReadShareGroupState = 84,
  kWriteShareGroupState = 85,
  kDeleteShareGroupState = 86,
  kReadShareGroupStateSummary = 87,
  kStreamsGroupHeartbeat = 88,
  kStreamsGroupDescribe = 89,
  kDescribeShareGroupOffsets = 90,
  kAlterShareGroupOffsets = 91,
  kDeleteShareGroupOffsets = 92,
  kStreamsGroupTopologyDescriptionUpdate = 93,
  kUnregisterController = 94,
};

// ApiKeyInfo: what Kafka says of one key.
struct ApiKeyInfo {
  ApiKey key = ApiKey::kProduce;
  std::string_view name = {};
  // What Kafka 4.3 serves. (ApiVersions advertises Produce from 0 on all the same, or librdkafka before 2.11
  // would not compress; and InitProducerId 6 is hidden there until it is stable.)
  Versions valid = kNoVersions;
  // The first version with compact lengths and tagged fields (KIP-482).
  int16_t flexible = kNeverFlexible;
};

// All keys; the key is the index.
inline constexpr ApiKeyInfo kApiKeys[] = {
    {ApiKey::kProduce, "Produce", {3, 13}, 9},
    {ApiKey::kFetch, "Fetch", {4, 18}, 12},
    {ApiKey::kListOffsets, "ListOffsets", {1, 11}, 6},
    {ApiKey::kMetadata, "Metadata", {0, 13}, 9},
    {ApiKey::kLeaderAndIsr, "LeaderAndIsr", kNoVersions, 4},              // gone with Kafka 4.0
    {ApiKey::kStopReplica, "StopReplica", kNoVersions, 2},                // gone with Kafka 4.0
    {ApiKey::kUpdateMetadata, "UpdateMetadata", kNoVersions, 6},          // gone with Kafka 4.0
    {ApiKey::kControlledShutdown, "ControlledShutdown", kNoVersions, 3},  // gone with Kafka 4.0
    {ApiKey::kOffsetCommit, "OffsetCommit", {2, 10}, 8},
    {ApiKey::kOffsetFetch, "OffsetFetch", {1, 10}, 6},
    {ApiKey::kFindCoordinator, "FindCoordinator", {0, 6}, 3},
    {ApiKey::kJoinGroup, "JoinGroup", {0, 9}, 6},
    {ApiKey::kHeartbeat, "Heartbeat", {0, 4}, 4},
    {ApiKey::kLeaveGroup, "LeaveGroup", {0, 5}, 4},
    {ApiKey::kSyncGroup, "SyncGroup", {0, 5}, 4},
    {ApiKey::kDescribeGroups, "DescribeGroups", {0, 6}, 5},
    {ApiKey::kListGroups, "ListGroups", {0, 5}, 3},
    {ApiKey::kSaslHandshake, "SaslHandshake", {0, 1}, kNeverFlexible},
    {ApiKey::kApiVersions, "ApiVersions", {0, 4}, 3},
    {ApiKey::kCreateTopics, "CreateTopics", {2, 7}, 5},
    {ApiKey::kDeleteTopics, "DeleteTopics", {1, 6}, 4},
    {ApiKey::kDeleteRecords, "DeleteRecords", {0, 2}, 2},
    {ApiKey::kInitProducerId, "InitProducerId", {0, 6}, 2},
    {ApiKey::kOffsetForLeaderEpoch, "OffsetForLeaderEpoch", {2, 4}, 4},
    {ApiKey::kAddPartitionsToTxn, "AddPartitionsToTxn", {0, 5}, 3},
    {ApiKey::kAddOffsetsToTxn, "AddOffsetsToTxn", {0, 4}, 3},
    {ApiKey::kEndTxn, "EndTxn", {0, 5}, 3},
    {ApiKey::kWriteTxnMarkers, "WriteTxnMarkers", {1, 2}, 1},
    {ApiKey::kTxnOffsetCommit, "TxnOffsetCommit", {0, 5}, 3},
    {ApiKey::kDescribeAcls, "DescribeAcls", {1, 3}, 2},
    {ApiKey::kCreateAcls, "CreateAcls", {1, 3}, 2},
    {ApiKey::kDeleteAcls, "DeleteAcls", {1, 3}, 2},
    {ApiKey::kDescribeConfigs, "DescribeConfigs", {1, 4}, 4},
    {ApiKey::kAlterConfigs, "AlterConfigs", {0, 2}, 2},
    {ApiKey::kAlterReplicaLogDirs, "AlterReplicaLogDirs", {1, 2}, 2},
    {ApiKey::kDescribeLogDirs, "DescribeLogDirs", {1, 5}, 2},
    {ApiKey::kSaslAuthenticate, "SaslAuthenticate", {0, 2}, 2},
    {ApiKey::kCreatePartitions, "CreatePartitions", {0, 3}, 2},
    {ApiKey::kCreateDelegationToken, "CreateDelegationToken", {1, 3}, 2},
    {ApiKey::kRenewDelegationToken, "RenewDelegationToken", {1, 2}, 2},
    {ApiKey::kExpireDelegationToken, "ExpireDelegationToken", {1, 2}, 2},
    {ApiKey::kDescribeDelegationToken, "DescribeDelegationToken", {1, 3}, 2},
    {ApiKey::kDeleteGroups, "DeleteGroups", {0, 2}, 2},
    {ApiKey::kElectLeaders, "ElectLeaders", {0, 2}, 2},
    {ApiKey::kIncrementalAlterConfigs, "IncrementalAlterConfigs", {0, 1}, 1},
    {ApiKey::kAlterPartitionReassignments, "AlterPartitionReassignments", {0, 1}, 0},
    {ApiKey::kListPartitionReassignments, "ListPartitionReassignments", {0, 0}, 0},
    {ApiKey::kOffsetDelete, "OffsetDelete", {0, 0}, kNeverFlexible},
    {ApiKey::kDescribeClientQuotas, "DescribeClientQuotas", {0, 1}, 1},
    {ApiKey::kAlterClientQuotas, "AlterClientQuotas", {0, 1}, 1},
    {ApiKey::kDescribeUserScramCredentials, "DescribeUserScramCredentials", {0, 0}, 0},
    {ApiKey::kAlterUserScramCredentials, "AlterUserScramCredentials", {0, 0}, 0},
    {ApiKey::kVote, "Vote", {0, 2}, 0},
    {ApiKey::kBeginQuorumEpoch, "BeginQuorumEpoch", {0, 1}, 1},
    {ApiKey::kEndQuorumEpoch, "EndQuorumEpoch", {0, 1}, 1},
    {ApiKey::kDescribeQuorum, "DescribeQuorum", {0, 2}, 0},
    {ApiKey::kAlterPartition, "AlterPartition", {2, 3}, 0},
    {ApiKey::kUpdateFeatures, "UpdateFeatures", {0, 2}, 0},
    {ApiKey::kEnvelope, "Envelope", {0, 0}, 0},
    {ApiKey::kFetchSnapshot, "FetchSnapshot", {0, 1}, 0},
    {ApiKey::kDescribeCluster, "DescribeCluster", {0, 2}, 0},
    {ApiKey::kDescribeProducers, "DescribeProducers", {0, 0}, 0},
    {ApiKey::kBrokerRegistration, "BrokerRegistration", {0, 4}, 0},
    {ApiKey::kBrokerHeartbeat, "BrokerHeartbeat", {0, 2}, 0},
    {ApiKey::kUnregisterBroker, "UnregisterBroker", {0, 0}, 0},
    {ApiKey::kDescribeTransactions, "DescribeTransactions", {0, 0}, 0},
    {ApiKey::kListTransactions, "ListTransactions", {0, 2}, 0},
    {ApiKey::kAllocateProducerIds, "AllocateProducerIds", {0, 0}, 0},
    {ApiKey::kConsumerGroupHeartbeat, "ConsumerGroupHeartbeat", {0, 1}, 0},
    {ApiKey::kConsumerGroupDescribe, "ConsumerGroupDescribe", {0, 1}, 0},
    {ApiKey::kControllerRegistration, "ControllerRegistration", {0, 0}, 0},
    {ApiKey::kGetTelemetrySubscriptions, "GetTelemetrySubscriptions", {0, 0}, 0},
    {ApiKey::kPushTelemetry, "PushTelemetry", {0, 0}, 0},
    {ApiKey::kAssignReplicasToDirs, "AssignReplicasToDirs", {0, 0}, 0},
    {ApiKey::kListConfigResources, "ListConfigResources", {0, 1}, 0},
    {ApiKey::kDescribeTopicPartitions, "DescribeTopicPartitions", {0, 0}, 0},
    {ApiKey::kShareGroupHeartbeat, "ShareGroupHeartbeat", {1, 1}, 0},
    {ApiKey::kShareGroupDescribe, "ShareGroupDescribe", {1, 1}, 0},
    {ApiKey::kShareFetch, "ShareFetch", {1, 2}, 0},
    {ApiKey::kShareAcknowledge, "ShareAcknowledge", {1, 2}, 0},
    {ApiKey::kAddRaftVoter, "AddRaftVoter", {0, 1}, 0},
    {ApiKey::kRemoveRaftVoter, "RemoveRaftVoter", {0, 0}, 0},
    {ApiKey::kUpdateRaftVoter, "UpdateRaftVoter", {0, 0}, 0},
    {ApiKey::kInitializeShareGroupState, "InitializeShareGroupState", {0, 0}, 0},
    {ApiKey::kReadShareGroupState, "ReadShareGroupState", {0, 0}, 0},
    {ApiKey::kWriteShareGroupState, "WriteShareGroupState", {0, 1}, 0},
    {ApiKey::kDeleteShareGroupState, "DeleteShareGroupState", {0, 0}, 0},
    {ApiKey::kReadShareGroupStateSummary, "ReadShareGroupStateSummary", {0, 1}, 0},
    {ApiKey::kStreamsGroupHeartbeat, "StreamsGroupHeartbeat", {0, 0}, 0},
    {ApiKey::kStreamsGroupDescribe, "StreamsGroupDescribe", {0, 0}, 0},
    {ApiKey::kDescribeShareGroupOffsets, "DescribeShareGroupOffsets", {0, 1}, 0},
    {ApiKey::kAlterShareGroupOffsets, "AlterShareGroupOffsets", {0, 0}, 0},
    {ApiKey::kDeleteShareGroupOffsets, "DeleteShareGroupOffsets", {0, 0}, 0},
    {ApiKey::kStreamsGroupTopologyDescriptionUpdate, "StreamsGroupTopologyDescriptionUpdate", kNoVersions,
     0},                                                                      // from Kafka 4.4 on
    {ApiKey::kUnregisterController, "UnregisterController", kNoVersions, 0},  // from Kafka 4.4 on
};

// Null for a number that is no key.
constexpr const ApiKeyInfo* FindApiKey(int16_t key) {
  const bool is_known = key >= 0 && static_cast<size_t>(key) < std::size(kApiKeys);
  return is_known ? &kApiKeys[key] : nullptr;
}

// HeaderVersions: of RequestHeader and ResponseHeader (millrace/wire/messages/headers.h).
struct HeaderVersions {
  int16_t request = 1;
  int16_t response = 0;
};

// The headers around `version` of `key`; nullopt for a number that is no key. They are told for versions that
// are not valid, too: a request of one is answered. A response to ApiVersions has header 0 at every version,
// because the client that reads it does not know yet what the broker speaks (KIP-511).
constexpr std::optional<HeaderVersions> HeaderVersionsOf(int16_t key, int16_t version) {
  const ApiKeyInfo* info = FindApiKey(key);
  if (info == nullptr) return std::nullopt;
  if (version < info->flexible) return HeaderVersions{.request = 1, .response = 0};
  const bool is_api_versions = info->key == ApiKey::kApiVersions;
  return HeaderVersions{.request = 2, .response = static_cast<int16_t>(is_api_versions ? 0 : 1)};
}

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_API_KEYS_H_
