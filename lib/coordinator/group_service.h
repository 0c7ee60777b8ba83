// GroupService: all consumer groups of an engine; thread-safe.

#ifndef MILLRACE_COORDINATOR_GROUP_SERVICE_H_
#define MILLRACE_COORDINATOR_GROUP_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "coordinator/coordinator_record.h"
#include "coordinator/group_budget.h"
#include "coordinator/group_types.h"
#include "coordinator/topic_catalog.h"
#include "millrace/env/clock.h"
#include "millrace/env/executor.h"
#include "millrace/env/random.h"
#include "millrace/record.h"

namespace millrace::inline v0 {

// Where the records go. The engine implements it over the partitions of __consumer_offsets.
class OffsetsStore {
 public:
  virtual ~OffsetsStore() = default;

  // Appends `records`, in order, as one batch (all or nothing), stamped `timestamp`. `records` are borrowed
  // until the call returns. `done` runs once: inside the call, or later in any thread; for one partition the
  // service has one append under way at a time. Called without a lock held.
  virtual void Append(int32_t partition, std::span<const CoordinatorRecord> records, Timestamp timestamp,
                      absl::AnyInvocable<void(absl::Status)> done) = 0;
};

// Which partition of __consumer_offsets a group lives in: the absolute value of Java's hash of its name (over
// UTF-16 units), modulo `partitions`, as Kafka's GroupMetadataManager.partitionFor.
int32_t OffsetsPartitionFor(std::string_view group, int32_t partitions);

// Thread-safe. Owns one GroupCoordinator for each partition of __consumer_offsets; requests to one partition
// take turns, requests to different ones run side by side. No call blocks.
//
//   auto service = NewGroupService({...});
//   for each partition: service->StartLoading(p); for each batch of its log: service->LoadBatch(p, view);
//                       service->FinishLoading(p);
//   service->Join(request, [](JoinGroupResponse response) { ... });
//   service->Close();
//
// Until a partition is loaded its groups are answered kCoordinatorLoadInProgress (ListGroups: in its result).
class GroupService {
 public:
  struct Options {
    GroupConfig config = {};
    // Partitions of __consumer_offsets. Never changes in the topic's life.
    int32_t partitions = 4;
    // All borrowed; they must outlive the service. The executor runs session, rebalance and retention timers.
    OffsetsStore* store = nullptr;
    // For groups of the consumer protocol, whose partitions the service shares out. Null: there are no
    // topics.
    const TopicCatalog* topics = nullptr;
    Executor* executor = nullptr;
    Clock* clock = nullptr;
    Random* random = nullptr;
    // Null: any number of groups.
    std::shared_ptr<GroupBudget> budget = nullptr;
  };

  virtual ~GroupService() = default;

  // --- Recovery: replay of the partition's log
  // Forgets the partition; its groups are "loading" from now on.
  virtual void StartLoading(int32_t partition) = 0;
  // Applies one batch, in log order. kDataLoss (kCorruptMessage, kInvalidRecord) if records or batch are
  // malformed: what was applied before stays. Records of types this version does not know are passed over.
  virtual absl::Status LoadBatch(int32_t partition, const BatchView& batch) = 0;
  // From now on requests are answered; members that were stored have a full session time-out to show up.
  virtual void FinishLoading(int32_t partition) = 0;

  // --- Members
  virtual void Join(JoinGroupRequest request, JoinGroupDone done) = 0;
  virtual void Sync(SyncGroupRequest request, SyncGroupDone done) = 0;
  virtual void Heartbeat(HeartbeatRequest request, HeartbeatDone done) = 0;
  virtual void Leave(LeaveGroupRequest request, LeaveGroupDone done) = 0;
  virtual void ConsumerHeartbeat(ConsumerHeartbeatRequest request, ConsumerHeartbeatDone done) = 0;
  virtual void CommitOffsets(OffsetCommitRequest request, OffsetCommitDone done) = 0;
  virtual void FetchOffsets(OffsetFetchRequest request, OffsetFetchDone done) = 0;

  // --- Operators
  virtual void DeleteOffsets(OffsetDeleteRequest request, OffsetDeleteDone done) = 0;
  virtual void ListGroups(ListGroupsRequest request, ListGroupsDone done) = 0;
  // Of classic groups; others are not there.
  virtual void DescribeGroup(std::string group, DescribeGroupDone done) = 0;
  virtual void DescribeConsumerGroup(std::string group, DescribeConsumerGroupDone done) = 0;
  virtual void DeleteGroup(std::string group, DeleteGroupDone done) = 0;
  // Deletes all groups' offsets of topics that were deleted. `done` gets the first error, or OK.
  virtual void OnTopicsDeleted(std::vector<std::string> topics,
                               absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Answers everything that waits, and everything that comes later, with kCoordinatorNotAvailable, and stops
  // the timers. Members are not removed: they are there after a restart. Idempotent. Appends under way finish
  // (their callbacks are then harmless, also after the service is gone).
  virtual void Close() = 0;
};

// Options are the caller's own and were validated (GroupConfig::Validate); a missing part is a programmer's
// error.
std::unique_ptr<GroupService> NewGroupService(GroupService::Options options);

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_GROUP_SERVICE_H_
