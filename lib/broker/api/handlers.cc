#include "broker/api/handlers.h"

#include <algorithm>

#include "base/return_if_error.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

using wire::ApiKey;

constexpr ApiHandler kHandlers[] = {
    // From 0 on, or librdkafka before 2.11 does not compress (KAFKA-18659).
    {ApiKey::kProduce, {3, 13}, 0, HandleProduce},
    {ApiKey::kFetch, {4, 18}, 4, HandleFetch},
    {ApiKey::kListOffsets, {1, 11}, 1, HandleListOffsets},
    {ApiKey::kMetadata, {0, 13}, 0, HandleMetadata},
    {ApiKey::kOffsetCommit, {2, 10}, 2, HandleOffsetCommit},
    {ApiKey::kOffsetFetch, {1, 10}, 1, HandleOffsetFetch},
    {ApiKey::kFindCoordinator, {0, 6}, 0, HandleFindCoordinator},
    {ApiKey::kJoinGroup, {0, 9}, 0, HandleJoinGroup},
    {ApiKey::kHeartbeat, {0, 4}, 0, HandleHeartbeat},
    {ApiKey::kLeaveGroup, {0, 5}, 0, HandleLeaveGroup},
    {ApiKey::kSyncGroup, {0, 5}, 0, HandleSyncGroup},
    {ApiKey::kDescribeGroups, {0, 6}, 0, HandleDescribeGroups},
    {ApiKey::kListGroups, {0, 5}, 0, HandleListGroups},
    {ApiKey::kApiVersions, {0, 4}, 0, HandleApiVersions},
    {ApiKey::kCreateTopics, {2, 7}, 2, HandleCreateTopics},
    {ApiKey::kDeleteTopics, {1, 6}, 1, HandleDeleteTopics},
    {ApiKey::kDeleteRecords, {0, 2}, 0, HandleDeleteRecords},
    // Version 6 is not stable in Kafka (KIP-939).
    {ApiKey::kInitProducerId, {0, 5}, 0, HandleInitProducerId},
    {ApiKey::kOffsetForLeaderEpoch, {2, 4}, 2, HandleOffsetForLeaderEpoch},
    {ApiKey::kDescribeConfigs, {1, 4}, 1, HandleDescribeConfigs},
    {ApiKey::kAlterConfigs, {0, 2}, 0, HandleAlterConfigs},
    {ApiKey::kDescribeLogDirs, {1, 5}, 1, HandleDescribeLogDirs},
    {ApiKey::kCreatePartitions, {0, 3}, 0, HandleCreatePartitions},
    {ApiKey::kDeleteGroups, {0, 2}, 0, HandleDeleteGroups},
    {ApiKey::kElectLeaders, {0, 2}, 0, HandleElectLeaders},
    {ApiKey::kIncrementalAlterConfigs, {0, 1}, 0, HandleIncrementalAlterConfigs},
    {ApiKey::kListPartitionReassignments, {0, 0}, 0, HandleListPartitionReassignments},
    {ApiKey::kOffsetDelete, {0, 0}, 0, HandleOffsetDelete},
    {ApiKey::kDescribeCluster, {0, 2}, 0, HandleDescribeCluster},
    {ApiKey::kDescribeProducers, {0, 0}, 0, HandleDescribeProducers},
    {ApiKey::kConsumerGroupHeartbeat, {0, 1}, 0, HandleConsumerGroupHeartbeat},
    {ApiKey::kConsumerGroupDescribe, {0, 1}, 0, HandleConsumerGroupDescribe},
    {ApiKey::kListConfigResources, {0, 1}, 0, HandleListConfigResources},
    {ApiKey::kDescribeTopicPartitions, {0, 0}, 0, HandleDescribeTopicPartitions},
};

}  // namespace

std::span<const ApiHandler> Handlers() {
  return kHandlers;
}

const ApiHandler* FindHandler(ApiKey key) {
  const auto* const found = std::ranges::find(kHandlers, key, &ApiHandler::key);
  return found == std::end(kHandlers) ? nullptr : found;
}

int16_t CodeOf(const absl::Status& status) {
  return CodeOf(ErrorCodeOf(status));
}

std::optional<std::string> MessageOf(const absl::Status& status) {
  if (status.ok()) return std::nullopt;
  return std::string(ToStd(status.message()));
}

absl::StatusOr<std::shared_ptr<Topic>> FindTopic(BrokerImpl& broker, const std::string& name, TopicId id) {
  TopicRegistry& topics = broker.engine().topics();
  if (!name.empty()) {
    if (std::shared_ptr<Topic> topic = topics.Find(std::string_view(name)); topic != nullptr) return topic;
    return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("there is no topic \"", name, "\""));
  }
  if (std::shared_ptr<Topic> topic = topics.Find(id); topic != nullptr) return topic;
  return Error(ErrorCode::kUnknownTopicId, "there is no topic of that id");
}

absl::StatusOr<std::shared_ptr<Partition>> FindPartition(BrokerImpl& broker, const std::string& name,
                                                         TopicId id, int32_t partition) {
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> topic, FindTopic(broker, name, id));
  return topic->partition(PartitionId(partition));
}

EpochEnd FindEpochEnd(const Log& log, int32_t epoch) {
  const auto [found, end] = log.EpochEndOffset(LeaderEpoch(epoch));
  return {.epoch = found.value(), .end_offset = end.value()};
}

absl::Status CheckLeaderEpoch(int32_t known) {
  if (known == kLeaderEpoch || known == -1) return absl::OkStatus();
  if (known < kLeaderEpoch)
    return Error(ErrorCode::kFencedLeaderEpoch, StrCat("leader epoch ", known, " is over"));
  return Error(ErrorCode::kUnknownLeaderEpoch, StrCat("leader epoch ", known, " has not come yet"));
}

}  // namespace millrace::inline v0
