// The sticky assignors: as balanced as can be, and moving as little as can be
// (org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor). Rack awareness is absent: an engine
// has one rack.

#ifndef MILLRACE_COORDINATOR_STICKY_ASSIGNOR_H_
#define MILLRACE_COORDINATOR_STICKY_ASSIGNOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/assignor.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// What a member claims to own, and since when; no generation: it did not say.
struct StickyClaim {
  std::vector<TopicPartition> partitions = {};
  std::optional<int32_t> generation = std::nullopt;
};
using StickyClaims = std::map<std::string, StickyClaim>;

// What both algorithms start from and give.
struct StickyPlan {
  // Owned and still there, each partition once: of two claims the later generation's counts, of two of the
  // same neither (`doubly_owned`).
  MemberAssignments owned = {};
  std::set<TopicPartition> doubly_owned = {};
  int32_t max_generation = -1;
  bool same_subscriptions = true;
  // Given by the constrained algorithm: what goes from one member to another, and to whom. The general one
  // leaves it to be computed.
  std::optional<std::map<TopicPartition, std::string>> moving = std::nullopt;
};

// All members read the same topics.
MemberAssignments AssignConstrained(const PartitionCounts& counts, StickyPlan* plan);
// They read different ones.
MemberAssignments AssignGeneral(const PartitionCounts& counts, const MemberSubscriptions& members,
                                const StickyClaims& claims, StickyPlan* plan);

class StickyAssignorBase : public Assignor {
 protected:
  virtual StickyClaim ClaimOf(const MemberSubscription& member) const = 0;
  MemberAssignments AssignSticky(const PartitionCounts& counts, const MemberSubscriptions& members,
                                 StickyPlan* plan) const;
};

// "sticky": eager; claims travel as user data.
class StickyAssignor final : public StickyAssignorBase {
 public:
  std::string_view name() const override { return "sticky"; }
  MemberAssignments Assign(const PartitionCounts& counts, const MemberSubscriptions& members) const override;
  std::optional<std::vector<std::byte>> UserData(std::span<const TopicPartition> assigned,
                                                 int32_t generation) const override;

 protected:
  StickyClaim ClaimOf(const MemberSubscription& member) const override;
};

// "cooperative-sticky": claims are the subscription's owned partitions.
class CooperativeStickyAssignor final : public StickyAssignorBase {
 public:
  std::string_view name() const override { return "cooperative-sticky"; }
  RebalanceProtocol protocol() const override { return RebalanceProtocol::kCooperative; }
  MemberAssignments Assign(const PartitionCounts& counts, const MemberSubscriptions& members) const override;
  std::optional<std::vector<std::byte>> UserData(std::span<const TopicPartition> assigned,
                                                 int32_t generation) const override;

 protected:
  StickyClaim ClaimOf(const MemberSubscription& member) const override;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_STICKY_ASSIGNOR_H_
