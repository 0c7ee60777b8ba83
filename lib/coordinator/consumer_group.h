// ConsumerGroup: what a coordinator knows of one group of the consumer protocol (KIP-848).
//
// There is no moment at which all members stop. The group has a target (who shall own what), and each member
// walks towards it by itself, one heartbeat at a time:
//
//   group epoch       rises when members, what they read, or those topics change;
//   assignment epoch  the group epoch that the target was made for; the two are equal after any heartbeat;
//   member epoch      the assignment epoch that a member has reached. It speaks (and commits) under that one,
//   and is
//                     fenced when it speaks under another.
//
// A member gives up first: it stays in its epoch, kUnrevoked, until a heartbeat of its says that it owns
// nothing any more of what it must give up. Then it takes what is free of its target, and is in the target's
// epoch; kUnreleased while others still own some of it. So a partition never has two owners. A member that
// does not give up within its rebalance time-out is removed, as is one that is not heard of for a session
// time-out.
//
// Members may also speak the classic protocol (a group that moves from one to the other, member by member):
// their joins are heartbeats, their generation is their member epoch, and a heartbeat tells them to join
// again when there is something to do.

#ifndef MILLRACE_COORDINATOR_CONSUMER_GROUP_H_
#define MILLRACE_COORDINATOR_CONSUMER_GROUP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "coordinator/consumer_group_records.h"
#include "coordinator/partition_map.h"
#include "millrace/admin.h"
#include "millrace/env/clock.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// As stored.
enum class ConsumerMemberState : int8_t { kStable = 0, kUnrevoked = 1, kUnreleased = 2 };

// Epochs that members ask with.
inline constexpr int32_t kJoinEpoch = 0;
inline constexpr int32_t kLeaveEpoch = -1;
// Of a static member that will be back; it also has this one while it is away.
inline constexpr int32_t kStaticLeaveEpoch = -2;

struct ConsumerGroupMember {
  std::string id = {};

  // --- Replayed
  ConsumerGroupMemberMetadataValue metadata = {};
  int32_t epoch = 0;
  int32_t previous_epoch = -1;
  ConsumerMemberState state = ConsumerMemberState::kStable;
  // It owns both; the second it was told to give up.
  PartitionMap assigned = {};
  PartitionMap revoking = {};

  // --- Live
  // Out of the group then.
  MonotonicNanos session_deadline = kNever;
  // Until when it must have given up (or, of the classic protocol, joined or synced).
  MonotonicNanos rebalance_deadline = kNever;

  bool is_classic() const { return metadata.classic.has_value(); }
  // Everything of its target, or as much as others have given up.
  bool IsAt(int32_t assignment_epoch) const {
    return state == ConsumerMemberState::kStable && epoch == assignment_epoch;
  }
  ConsumerGroupCurrentMemberValue ToStored() const;
};

// What is persistent changes in Replay alone. Copyable. Single-threaded.
struct ConsumerGroup {
  explicit ConsumerGroup(std::string group_name) : name(std::move(group_name)) {}

  std::string name;

  // --- Replayed
  int32_t epoch = 0;
  int64_t metadata_hash = 0;
  int32_t assignment_epoch = 0;
  std::map<std::string, ConsumerGroupMember, std::less<>> members = {};
  // By member id.
  std::map<std::string, PartitionMap, std::less<>> target = {};
  // By expression.
  std::map<std::string, ConsumerGroupRegexValue, std::less<>> regexes = {};
  // Made of the members: instance id to member id; who owns a partition.
  std::map<std::string, std::string, std::less<>> static_members = {};
  absl::flat_hash_map<std::pair<TopicId, int32_t>, std::string> owners = {};

  // --- Live
  // TopicCatalog::changes() when the topics were last looked at; nullopt: never.
  std::optional<uint64_t> catalog_changes = std::nullopt;

  void Replay(const ConsumerRecord& record);

  const ConsumerGroupMember* FindMember(std::string_view id) const;
  GroupState State() const;
  // By name, those that match its expression included.
  std::set<std::string> TopicsOf(const ConsumerGroupMember& member) const;
  std::set<std::string> SubscribedTopics() const;
  const PartitionMap& TargetOf(std::string_view member) const;
  // Somebody else owns partitions of its target.
  bool IsWaiting(const ConsumerGroupMember& member) const;
  MonotonicNanos NextDeadline() const;

 private:
  ConsumerGroupMember& FindOrCreate(const std::string& id);
  void Remove(const std::string& id);
  void SetOwned(ConsumerGroupMember& member, const ConsumerGroupCurrentMemberValue& value);
  void Own(const PartitionMap& partitions, const std::string& member);
  void Disown(const PartitionMap& partitions, const std::string& member);
};

// A step under construction: the group as it will be, and the records that make it so. Copies the group with
// the first record: what changes nothing costs nothing. `base` is borrowed.
class ConsumerGroupDraft {
 public:
  explicit ConsumerGroupDraft(const ConsumerGroup& base) : base_(&base) {}

  const ConsumerGroup& group() const { return copy_.has_value() ? *copy_ : *base_; }
  void Put(const ConsumerRecord& record);
  // Adds one of another kind, which does not change the group.
  void Add(CoordinatorRecord record) { records_.push_back(std::move(record)); }
  // The first record that could not be made.
  const absl::Status& status() const { return status_; }
  std::vector<CoordinatorRecord> TakeRecords() { return std::move(records_); }

 private:
  const ConsumerGroup* const base_;
  std::optional<ConsumerGroup> copy_;
  std::vector<CoordinatorRecord> records_;
  absl::Status status_ = absl::OkStatus();
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_CONSUMER_GROUP_H_
