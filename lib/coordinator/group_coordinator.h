// GroupCoordinator: the state machine of the consumer groups of one partition of __consumer_offsets (Kafka's
// classic protocol: KIP-62, KIP-345, KIP-394, KIP-559, KIP-814; the consumer protocol: KIP-848).

#ifndef MILLRACE_COORDINATOR_GROUP_COORDINATOR_H_
#define MILLRACE_COORDINATOR_GROUP_COORDINATOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "coordinator/consumer_group_step.h"
#include "coordinator/coordinator_record.h"
#include "coordinator/group.h"
#include "coordinator/group_budget.h"
#include "coordinator/group_types.h"
#include "coordinator/topic_catalog.h"
#include "millrace/env/clock.h"
#include "millrace/env/random.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Pure: no thread, no I/O, no clock. Single-threaded.
//
// Each call is a step: it changes soft state (who waits, timers) and may leave effects, which the caller
// takes:
//
//   coordinator.Join(request, done, now);
//   Effects effects = coordinator.Take();
//   for (auto& completion : effects.completions) completion();         // answers to callers
//   if (!effects.records.empty()) {
//     absl::Status appended = log.Append(effects.records);
//     coordinator.OnAppended(appended, now);                           // replays them; may leave new effects
//   }
//
// What must survive changes only in Replay(), live and after a restart alike. While records are not settled
// by OnAppended no other step may be made. Answers that depend on records come after OnAppended.
class GroupCoordinator {
 public:
  struct Now {
    MonotonicNanos monotonic{0};
    Timestamp wall{0};
  };
  struct Effects {
    std::vector<CoordinatorRecord> records = {};
    std::vector<absl::AnyInvocable<void()>> completions = {};
  };

  // `random` (for member ids) and `topics` are borrowed; without topics, groups of the consumer protocol have
  // nothing to share out. `config` was validated. `budget` is shared with the other coordinators; without one
  // any number of groups may be made.
  GroupCoordinator(const GroupConfig& config, Random* random, const TopicCatalog* topics = nullptr,
                   std::shared_ptr<GroupBudget> budget = nullptr)
      : config_(config), random_(random), topics_(topics), budget_(std::move(budget)) {}
  ~GroupCoordinator() {
    if (budget_ != nullptr) budget_->Add(-static_cast<int64_t>(groups_.size()));
  }
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  // --- Recovery
  // kInvalidRecord if malformed; then nothing changed.
  absl::Status Replay(std::optional<std::span<const std::byte>> key,
                      std::optional<std::span<const std::byte>> value);
  // After the last record of the log was replayed.
  void FinishLoading(Now now);

  // --- Steps
  void Join(JoinGroupRequest request, JoinGroupDone done, Now now);
  void Sync(SyncGroupRequest request, SyncGroupDone done, Now now);
  void Heartbeat(const HeartbeatRequest& request, HeartbeatDone done, Now now);
  void Leave(const LeaveGroupRequest& request, LeaveGroupDone done, Now now);
  void ConsumerHeartbeat(ConsumerHeartbeatRequest request, ConsumerHeartbeatDone done, Now now);
  void CommitOffsets(OffsetCommitRequest request, OffsetCommitDone done, Now now);
  void FetchOffsets(const OffsetFetchRequest& request, OffsetFetchDone done);
  void DeleteOffsets(const OffsetDeleteRequest& request, OffsetDeleteDone done);
  void ListGroups(const ListGroupsRequest& request, ListGroupsDone done);
  // Of classic groups; others are not there.
  void DescribeGroup(const std::string& group, DescribeGroupDone done);
  void DescribeConsumerGroup(const std::string& group, DescribeConsumerGroupDone done);
  void DeleteGroup(const std::string& group, DeleteGroupDone done);
  void DeleteTopics(const std::vector<std::string>& topics, absl::AnyInvocable<void(absl::Status)> done);
  // Does what is due: sessions, rebalances, retention.
  void Advance(Now now);
  // When Advance has something to do; it may turn out to be nothing.
  MonotonicNanos NextDeadline() const;
  // Answers all that wait with `error`.
  void FailWaiting(ErrorCode error);

  Effects Take() { return std::exchange(effects_, {}); }
  void OnAppended(const absl::Status& status, Now now);
  // Records were taken and OnAppended was not called yet.
  bool append_pending() const { return !unsettled_.empty(); }

  size_t group_count() const { return groups_.size(); }
  // Null: there is none. For tests.
  const Group* FindGroup(std::string_view name) const {
    const auto found = groups_.find(name);
    return found == groups_.end() ? nullptr : &found->second;
  }

 private:
  using Settle = absl::AnyInvocable<void(const absl::Status&, Now)>;

  // group_coordinator.cc
  void ReplayConsumer(const ConsumerRecord& record);
  Group* Find(const std::string& name);
  Group& FindOrCreate(const std::string& name);
  // Whether a request may make a group, where `found` is null; counts a refusal.
  GroupResult CheckBudget(const Group* found);
  void Drop(const std::string& name);
  void DropIfBare(const std::string& name);
  // Notes when the group next has something to do.
  void Touch(Group& group);
  template <typename Done, typename Response>
  void Answer(Done& done, Response response) {
    if (done == nullptr) return;
    effects_.completions.push_back([done = std::exchange(done, nullptr),
                                    response = std::move(response)]() mutable { done(std::move(response)); });
  }
  void Write(std::vector<CoordinatorRecord> records, Settle settle);
  GroupResult CheckMember(Group& group, const std::string& member_id,
                          const std::optional<std::string>& instance_id) const;
  void KeepAlive(GroupMember& member, Now now);
  void AdvanceGroup(const std::string& name, Now now);

  // group_membership.cc
  std::string NewMemberId(const std::string& prefix);
  bool HasRoom(Group& group, const std::string& member_id) const;
  void JoinNew(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now);
  void JoinKnown(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now);
  void ReplaceStatic(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now);
  void StoreReplacement(Group& group, const std::string& old_id, GroupMember old, GroupMember& member,
                        Now now);
  void AddMember(Group& group, const std::string& id, JoinGroupRequest request, JoinGroupDone done, Now now);
  void UpdateAndRebalance(Group& group, GroupMember& member, JoinGroupRequest request, JoinGroupDone done,
                          Now now);
  void AnswerJoined(Group& group, GroupMember& member, bool with_members, bool skip, std::string leader,
                    Now now);
  // What a member is told whose group is not there.
  static ErrorCode UnknownGroup(const std::string& name) {
    return name.empty() ? ErrorCode::kInvalidGroupId : ErrorCode::kUnknownMemberId;
  }
  void PrepareRebalance(Group& group, Now now);
  void MaybeCompleteJoin(Group& group, Now now);
  void OnJoinDeadline(Group& group, Now now);
  void CompleteJoin(Group& group, Now now);
  bool ElectLeader(Group& group);
  void BecomeEmpty(Group& group, Now now);
  void SyncLeader(Group& group, const SyncGroupRequest& request, Now now);
  void OnSynced(const std::string& name, int32_t generation, const absl::Status& status, Now now);
  void FailSyncs(Group& group, const GroupResult& result, Now now);
  void RemoveMember(Group& group, const std::string& id, ErrorCode to_waiting);
  void AfterRemoval(Group& group, Now now);

  // group_consumer.cc
  // Writes what the step made, if anything; `settle` runs when that is in the log, or at once.
  void Finish(ConsumerGroupStep step, Settle settle, Now now);
  GroupResult Admit(const ConsumerHeartbeatRequest& request, ConsumerGroupStep* step) const;
  void OnHeartbeatStored(const std::string& name, ConsumerHeartbeatDone done,
                         ConsumerHeartbeatResponse response, std::optional<uint64_t> catalog_changes,
                         bool begins_revoking, const absl::Status& status, Now now);
  void ConsumerLeave(Group& group, const ConsumerHeartbeatRequest& request, ConsumerHeartbeatDone done,
                     Now now);
  void RemoveConsumerMembers(Group& group, const std::vector<std::string>& ids, Settle settle, Now now);
  void AdvanceConsumerGroup(Group& group, Now now);
  void AdoptConsumerGroup(ConsumerGroup& group, Now now) const;

  // group_migration.cc
  GroupResult Upgrade(const Group& group, ConsumerGroupStep* step) const;
  void FinishUpgrade(Group& group, Now now);
  bool CanDowngrade(const ConsumerGroup& group, const std::vector<std::string>& leaving) const;
  void Downgrade(Group& group, const std::vector<std::string>& leaving, Settle settle, Now now);
  GroupBytes NamedAssignment(const PartitionMap& partitions, int16_t version) const;
  ConsumerGroupMember* ClassicMemberOf(Group& group, const std::string& id,
                                       const std::optional<std::string>& instance_id, int32_t generation,
                                       GroupResult* result) const;
  void JoinConsumerGroup(Group& group, JoinGroupRequest request, JoinGroupDone done, Now now);
  void OnJoinedConsumerGroup(Group& group, std::optional<uint64_t> catalog_changes,
                             JoinGroupResponse response, JoinGroupDone done, Now now);
  void SyncConsumerGroup(Group& group, const SyncGroupRequest& request, SyncGroupDone done, Now now);
  void HeartbeatConsumerGroup(Group& group, const HeartbeatRequest& request, HeartbeatDone done, Now now);
  void LeaveConsumerGroup(Group& group, const LeaveGroupRequest& request, LeaveGroupDone done, Now now);

  // group_offsets.cc
  GroupResult CheckConsumerCommit(const ConsumerGroup& group, const OffsetCommitRequest& request) const;
  void AddGroupTombstones(const Group& group, std::vector<CoordinatorRecord>* records) const;
  GroupResult CheckCommit(Group* group, const OffsetCommitRequest& request);
  bool Expired(const Group& group, const TopicPartition& partition, const OffsetCommitValue& offset,
               const std::optional<std::set<std::string>>& subscribed, Now now) const;
  void Expire(Now now);

  const GroupConfig config_;
  Random* const random_;
  const TopicCatalog* const topics_;
  const std::shared_ptr<GroupBudget> budget_;
  std::map<std::string, Group, std::less<>> groups_;
  std::set<std::pair<MonotonicNanos, std::string>> timers_;
  MonotonicNanos next_expiry_ = kNever;
  Effects effects_;
  // The records handed out and what is to be done when they are settled.
  std::vector<CoordinatorRecord> written_;
  std::vector<Settle> unsettled_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_GROUP_COORDINATOR_H_
