// The range and round-robin assignors (org.apache.kafka.clients.consumer.{Range,RoundRobin}Assignor).

#include "coordinator/assignor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "coordinator/sticky_assignor.h"

namespace millrace::inline v0 {
namespace {

// Kafka's order of members: static ones by instance id, then the others by member id.
std::vector<std::string> SortedMembers(const MemberSubscriptions& members) {
  std::vector<std::string> sorted;
  for (const auto& [id, subscription] : members) sorted.push_back(id);
  std::ranges::sort(sorted, [&](const std::string& a, const std::string& b) {
    const auto& instance_a = members.at(a).group_instance_id;
    const auto& instance_b = members.at(b).group_instance_id;
    if (instance_a.has_value() && instance_b.has_value()) return *instance_a < *instance_b;
    if (instance_a.has_value() != instance_b.has_value()) return instance_a.has_value();
    return a < b;
  });
  return sorted;
}

MemberAssignments EmptyAssignments(const MemberSubscriptions& members) {
  MemberAssignments assignments;
  for (const auto& [id, subscription] : members) assignments[id];
  return assignments;
}

bool Reads(const MemberSubscription& member, std::string_view topic) {
  return std::ranges::find(member.topics, topic) != member.topics.end();
}

// Topics that somebody reads and that exist, sorted.
std::set<std::string> TopicsOf(const PartitionCounts& counts, const MemberSubscriptions& members) {
  std::set<std::string> topics;
  for (const auto& [id, subscription] : members) {
    for (const std::string& topic : subscription.topics) {
      if (counts.contains(topic)) topics.insert(topic);
    }
  }
  return topics;
}

// Each topic is cut into as many even ranges as it has readers; the first ones get one more.
class RangeAssignor final : public Assignor {
 public:
  std::string_view name() const override { return "range"; }

  MemberAssignments Assign(const PartitionCounts& counts, const MemberSubscriptions& members) const override {
    MemberAssignments assignments = EmptyAssignments(members);
    const std::vector<std::string> sorted = SortedMembers(members);
    for (const std::string& topic : TopicsOf(counts, members)) {
      std::vector<std::string> readers;
      for (const std::string& id : sorted) {
        if (Reads(members.at(id), topic)) readers.push_back(id);
      }
      const auto n = static_cast<int32_t>(readers.size());
      const int32_t even = counts.at(topic) / n;
      const int32_t more = counts.at(topic) % n;
      int32_t next = 0;
      for (int32_t i = 0; i < n; ++i) {
        const int32_t end = next + even + (i < more ? 1 : 0);
        for (; next < end; ++next) {
          assignments[readers[static_cast<size_t>(i)]].push_back(
              {.topic = topic, .partition = PartitionId(next)});
        }
      }
    }
    return assignments;
  }
};

// All partitions of all topics, dealt out one by one, past those who do not read the topic.
class RoundRobinAssignor final : public Assignor {
 public:
  std::string_view name() const override { return "roundrobin"; }

  MemberAssignments Assign(const PartitionCounts& counts, const MemberSubscriptions& members) const override {
    MemberAssignments assignments = EmptyAssignments(members);
    const std::vector<std::string> sorted = SortedMembers(members);
    size_t next = 0;
    for (const std::string& topic : TopicsOf(counts, members)) {
      for (int32_t i = 0; i < counts.at(topic); ++i) {
        while (!Reads(members.at(sorted[next]), topic)) next = (next + 1) % sorted.size();
        assignments[sorted[next]].push_back({.topic = topic, .partition = PartitionId(i)});
        next = (next + 1) % sorted.size();
      }
    }
    return assignments;
  }
};

}  // namespace

std::optional<std::vector<std::byte>> Assignor::UserData(std::span<const TopicPartition>, int32_t) const {
  return std::nullopt;
}

const Assignor& AssignorOf(AssignorKind kind) {
  static const RangeAssignor range;
  static const RoundRobinAssignor round_robin;
  static const StickyAssignor sticky;
  static const CooperativeStickyAssignor cooperative_sticky;
  switch (kind) {
    case AssignorKind::kRange:
      return range;
    case AssignorKind::kRoundRobin:
      return round_robin;
    case AssignorKind::kSticky:
      return sticky;
    case AssignorKind::kCooperativeSticky:
      return cooperative_sticky;
  }
  MILLRACE_CHECK(false);
}

const Assignor* FindAssignor(std::string_view name) {
  for (const AssignorKind kind : {AssignorKind::kRange, AssignorKind::kRoundRobin, AssignorKind::kSticky,
                                  AssignorKind::kCooperativeSticky}) {
    if (AssignorOf(kind).name() == name) return &AssignorOf(kind);
  }
  return nullptr;
}

}  // namespace millrace::inline v0
