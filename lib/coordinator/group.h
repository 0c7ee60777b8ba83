// Group: what a coordinator knows of one consumer group.

#ifndef MILLRACE_COORDINATOR_GROUP_H_
#define MILLRACE_COORDINATOR_GROUP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/consumer_group.h"
#include "coordinator/group_records.h"
#include "coordinator/group_types.h"
#include "millrace/env/clock.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// One member, joined.
struct GroupMember {
  std::string id = {};
  std::optional<std::string> instance_id = std::nullopt;
  std::string client_id = {};
  std::string client_host = {};
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;
  std::vector<GroupProtocol> protocols = {};
  GroupBytes assignment = {};
  // Has not been through a whole rebalance yet.
  bool is_new = false;
  // Synced since the last join. Members that do not are removed when the rebalance time-out is over.
  bool synced = false;
  bool supports_skipping_assignment = false;
  // Out of the group then; never while it waits for an answer (but for new members).
  MonotonicNanos deadline = kNever;
  // See JoinGroupRequest.
  std::function<void(int32_t generation)> on_rebalance = nullptr;
  // Answers owed.
  JoinGroupDone join = nullptr;
  SyncGroupDone sync = nullptr;

  // Empty if the member does not have the protocol.
  GroupBytes MetadataOf(std::string_view protocol) const;
};

// Everything about one group. What must survive is in `stored` and `offsets`, which change only when a record
// is replayed; the rest is made from them after a restart. Single-threaded.
struct Group {
  explicit Group(std::string group_name) : name(std::move(group_name)) {}

  std::string name;

  // --- Replayed
  std::optional<GroupMetadataValue> stored = std::nullopt;
  std::map<TopicPartition, OffsetCommitValue> offsets = {};
  // A group of the consumer protocol: its members are there, and what follows is that of a classic group that
  // nobody is in.
  std::optional<ConsumerGroup> consumer = std::nullopt;

  // --- Live
  GroupState state = GroupState::kEmpty;
  int32_t generation = 0;
  // Empty: no member ever joined.
  std::string protocol_type = {};
  std::optional<std::string> protocol = std::nullopt;
  std::optional<std::string> leader = std::nullopt;
  // When it became what it is: an empty group's offsets expire from then on.
  int64_t state_timestamp = -1;
  std::map<std::string, GroupMember> members = {};
  // Instance id to member id.
  std::map<std::string, std::string, std::less<>> static_members = {};
  // Ids that were given out and have not joined (KIP-394), and until when they may.
  std::map<std::string, MonotonicNanos> pending = {};
  // PreparingRebalance: when the rebalance goes on without those that have not joined.
  MonotonicNanos join_deadline = kNever;
  // The first rebalance of an empty group waits for more members: what is left of that, and whether some
  // came.
  bool initial_rebalance = false;
  int64_t initial_delay_left_ms = 0;
  bool initial_member_added = false;
  // When members that have not synced are removed.
  MonotonicNanos sync_deadline = kNever;
  // The entry of this group among the coordinator's timers.
  MonotonicNanos timer = kNever;

  GroupMember* FindMember(const std::string& id);
  // Of either kind.
  GroupState State() const { return consumer.has_value() ? consumer->State() : state; }
  GroupType type() const { return consumer.has_value() ? GroupType::kConsumer : GroupType::kClassic; }
  // All that is live of a classic group: it is one of the consumer protocol now.
  void ForgetClassic();
  int32_t WaitingForJoin() const;
  bool AllJoined() const;
  int32_t RebalanceTimeoutMs() const;
  // Whether a member with these could join the others.
  bool SupportsProtocols(std::string_view type, std::span<const GroupProtocol> protocols) const;
  // The one that all members have and most prefer; of equals the first by name among the voted. Requires
  // members.
  std::string SelectProtocol() const;
  // Topics that members of protocol type "consumer" read; nullopt where that cannot be told.
  std::optional<std::set<std::string>> SubscribedTopics() const;
  // The next thing that happens by itself.
  MonotonicNanos NextDeadline() const;
  // What to store: the live state, with `assignments` for the members.
  GroupMetadataValue ToStored(const std::map<std::string, GroupBytes>& assignments) const;
  // The live state from the stored one, after a restart. Members may take until `now` + their session
  // time-out.
  void Adopt(MonotonicNanos now);
};

inline MonotonicNanos After(MonotonicNanos now, int64_t ms) {
  return now + ms * 1'000'000;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_GROUP_H_
