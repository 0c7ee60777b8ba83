#include "coordinator/sticky_assignor.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "coordinator/consumer_messages.h"
#include "coordinator/topic_lists.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0 {
namespace {

constexpr int32_t kNoGeneration = -1;

// Fills plan->owned, doubly_owned, max_generation and same_subscriptions.
void SortClaims(const PartitionCounts& counts, const MemberSubscriptions& members, const StickyClaims& claims,
                StickyPlan* plan) {
  std::map<TopicPartition, std::string> owner_of;
  std::optional<std::set<std::string>> topics;
  for (const auto& [id, member] : members) {
    std::set<std::string> own(member.topics.begin(), member.topics.end());
    if (!topics.has_value()) topics = own;
    if (own != *topics) plan->same_subscriptions = false;
    const StickyClaim& claim = claims.at(id);
    const int32_t generation = claim.generation.value_or(kNoGeneration);
    plan->max_generation = std::max(plan->max_generation, generation);
    std::vector<TopicPartition>& owned = plan->owned[id];
    for (const TopicPartition& partition : claim.partitions) {
      const auto count = counts.find(partition.topic);
      if (count == counts.end() || partition.partition.value() < 0 ||
          partition.partition.value() >= count->second) {
        continue;
      }
      const auto [other, is_first] = owner_of.try_emplace(partition, id);
      if (is_first) {
        owned.push_back(partition);
        continue;
      }
      if (other->second == id) continue;  // claimed twice by the same member
      const int32_t others = claims.at(other->second).generation.value_or(kNoGeneration);
      if (generation < others) continue;
      std::erase(plan->owned[other->second], partition);
      if (generation == others) {
        plan->doubly_owned.insert(partition);
      } else {
        owned.push_back(partition);
      }
      other->second = id;
    }
  }
}

bool ByPartitionThenTopic(const TopicPartition& a, const TopicPartition& b) {
  return std::tie(a.partition, a.topic) < std::tie(b.partition, b.topic);
}

// The algorithm for equal subscriptions: each member gets the lower or the higher quota, keeps what it owns
// up to that, and the rest is dealt out in turn.
class Constrained {
 public:
  Constrained(const PartitionCounts& counts, StickyPlan* plan) : counts_(counts), plan_(*plan) {
    plan_.moving.emplace();
    int64_t total = 0;
    for (const auto& [topic, count] : counts) total += count;
    const auto members = static_cast<int64_t>(plan_.owned.size());
    min_quota_ = static_cast<size_t>(total / members);
    max_quota_ = static_cast<size_t>((total + members - 1) / members);
    over_min_expected_ = static_cast<size_t>(total % members);
  }

  MemberAssignments Run() {
    for (auto& [id, owned] : plan_.owned) Keep(id, owned);
    std::ranges::sort(below_min_);
    std::ranges::sort(at_min_);
    Deal(Unassigned());
    return std::move(assignment_);
  }

 private:
  void Keep(const std::string& id, std::vector<TopicPartition> owned) {
    std::ranges::sort(owned, ByPartitionThenTopic);
    std::erase_if(owned, [&](const TopicPartition& p) { return plan_.doubly_owned.contains(p); });
    size_t keep = min_quota_;
    assignment_[id];
    if (owned.size() < min_quota_) {
      keep = owned.size();
      below_min_.push_back(id);
    } else if (owned.size() >= max_quota_ && over_min_ < over_min_expected_) {
      keep = max_quota_;
      if (++over_min_ == over_min_expected_) at_min_.clear();
    } else if (over_min_ < over_min_expected_) {
      at_min_.push_back(id);  // may get one more
    }
    const auto end = owned.begin() + static_cast<std::ptrdiff_t>(keep);
    assignment_[id].assign(owned.begin(), end);
    assigned_.insert(owned.begin(), end);
    revoked_.insert(end, owned.end());
  }

  // By topic, then partition.
  std::vector<TopicPartition> Unassigned() const {
    std::vector<TopicPartition> partitions;
    for (const auto& [topic, count] : counts_) {
      for (int32_t i = 0; i < count; ++i) {
        TopicPartition partition{.topic = topic, .partition = PartitionId(i)};
        if (!assigned_.contains(partition)) partitions.push_back(std::move(partition));
      }
    }
    return partitions;
  }

  // In rounds over the members below the lower quota; who reaches it queues up for one more.
  void Deal(const std::vector<TopicPartition>& partitions) {
    size_t next = 0;
    for (const TopicPartition& partition : partitions) {
      std::string id;
      if (below_min_.empty()) {
        MILLRACE_CHECK(!at_min_.empty());  // the quotas add up to the number of partitions
        id = at_min_.front();
        at_min_.pop_front();
      } else {
        if (next >= below_min_.size()) next = 0;
        id = below_min_[next++];
      }
      std::vector<TopicPartition>& assignment = assignment_[id];
      assignment.push_back(partition);
      if (revoked_.contains(partition) || plan_.doubly_owned.contains(partition)) {
        (*plan_.moving)[partition] = id;
      }
      if (assignment.size() == min_quota_ && !below_min_.empty()) {
        --next;
        below_min_.erase(below_min_.begin() + static_cast<std::ptrdiff_t>(next));
        at_min_.push_back(id);
      }
    }
  }

  const PartitionCounts& counts_;
  StickyPlan& plan_;
  size_t min_quota_ = 0;
  size_t max_quota_ = 0;
  size_t over_min_expected_ = 0;
  size_t over_min_ = 0;
  std::vector<std::string> below_min_;
  std::deque<std::string> at_min_;
  std::set<TopicPartition> assigned_;
  std::set<TopicPartition> revoked_;
  MemberAssignments assignment_;
};

// What goes from one member to another.
std::map<TopicPartition, std::string> Moving(const MemberSubscriptions& members,
                                             const MemberAssignments& assignments) {
  std::map<TopicPartition, std::string> added;
  std::set<TopicPartition> revoked;
  for (const auto& [id, assigned] : assignments) {
    const auto& owned = members.at(id).owned_partitions;
    const std::set<TopicPartition> before(owned.begin(), owned.end());
    const std::set<TopicPartition> after(assigned.begin(), assigned.end());
    for (const TopicPartition& p : after) {
      if (!before.contains(p)) added[p] = id;
    }
    for (const TopicPartition& p : before) {
      if (!after.contains(p)) revoked.insert(p);
    }
  }
  std::erase_if(added, [&](const auto& entry) { return !revoked.contains(entry.first); });
  return added;
}

}  // namespace

MemberAssignments AssignConstrained(const PartitionCounts& counts, StickyPlan* plan) {
  return Constrained(counts, plan).Run();
}

MemberAssignments StickyAssignorBase::AssignSticky(const PartitionCounts& all,
                                                   const MemberSubscriptions& members,
                                                   StickyPlan* plan) const {
  if (members.empty()) return {};
  PartitionCounts counts;  // of topics that somebody reads
  StickyClaims claims;
  for (const auto& [id, member] : members) {
    claims[id] = ClaimOf(member);
    for (const std::string& topic : member.topics) {
      if (const auto found = all.find(topic); found != all.end()) counts.insert(*found);
    }
  }
  SortClaims(counts, members, claims, plan);
  return plan->same_subscriptions ? AssignConstrained(counts, plan)
                                  : AssignGeneral(counts, members, claims, plan);
}

MemberAssignments StickyAssignor::Assign(const PartitionCounts& counts,
                                         const MemberSubscriptions& members) const {
  StickyPlan plan;
  return AssignSticky(counts, members, &plan);
}

std::optional<std::vector<std::byte>> StickyAssignor::UserData(std::span<const TopicPartition> assigned,
                                                               int32_t generation) const {
  if (generation == kNoGeneration) return std::nullopt;
  std::vector<std::byte> bytes;
  const StickyUserData data{.previous_assignment = GroupByTopic(assigned), .generation = generation};
  MILLRACE_CHECK(wire::Encode(data, 1, &bytes).ok());
  return bytes;
}

StickyClaim StickyAssignor::ClaimOf(const MemberSubscription& member) const {
  if (!member.user_data.has_value() || member.user_data->empty()) return {};
  // Version 1 has a generation at the end, version 0 ends before it; what is neither claims nothing.
  if (auto v1 = wire::DecodePrefix<StickyUserData>(*member.user_data, 1, nullptr); v1.ok()) {
    return {.partitions = Flatten(v1->previous_assignment), .generation = v1->generation};
  }
  if (auto v0 = wire::DecodePrefix<StickyUserData>(*member.user_data, 0, nullptr); v0.ok()) {
    return {.partitions = Flatten(v0->previous_assignment)};
  }
  return {};
}

MemberAssignments CooperativeStickyAssignor::Assign(const PartitionCounts& counts,
                                                    const MemberSubscriptions& members) const {
  StickyPlan plan;
  MemberAssignments assignments = AssignSticky(counts, members, &plan);
  const auto moving = plan.moving.has_value() ? *plan.moving : Moving(members, assignments);
  for (const auto& [partition, to] : moving) std::erase(assignments[to], partition);
  return assignments;
}

std::optional<std::vector<std::byte>> CooperativeStickyAssignor::UserData(std::span<const TopicPartition>,
                                                                          int32_t generation) const {
  std::vector<std::byte> bytes;
  ByteWriter(&bytes).Write<int32_t>(generation);
  return bytes;
}

StickyClaim CooperativeStickyAssignor::ClaimOf(const MemberSubscription& member) const {
  StickyClaim claim{.partitions = member.owned_partitions};
  if (member.generation >= 0) {
    claim.generation = member.generation;
  } else if (member.user_data.has_value()) {
    ByteReader reader(*member.user_data);
    const auto generation = reader.Read<int32_t>();
    if (reader.ok()) claim.generation = generation;
  }
  return claim;
}

}  // namespace millrace::inline v0
