// The sticky assignment where members read different topics: keep what is owned, hand out the rest to the
// member with the least, then move single partitions for as long as that makes the shares more even.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/sticky_assignor.h"

namespace millrace::inline v0 {
namespace {

// Remembers which partitions moved between which members, so that a move back is preferred to a second move
// of the same topic the other way.
class Movements {
 public:
  void Add(const TopicPartition& partition, const std::string& from, const std::string& to) {
    const auto found = moves_.find(partition);
    if (found == moves_.end()) return Insert(partition, {from, to});
    const Pair before = found->second;
    Remove(partition);
    if (before.first != to) Insert(partition, {before.first, to});
  }

  // The partition of the same topic to move instead: one that went the other way before.
  TopicPartition Actual(const TopicPartition& partition, std::string from, const std::string& to) const {
    const auto topic = by_topic_.find(partition.topic);
    if (topic == by_topic_.end()) return partition;
    if (const auto moved = moves_.find(partition); moved != moves_.end()) from = moved->second.first;
    const auto back = topic->second.find({to, from});
    return back == topic->second.end() ? partition : *back->second.begin();
  }

 private:
  using Pair = std::pair<std::string, std::string>;
  void Insert(const TopicPartition& partition, Pair pair) {
    by_topic_[partition.topic][pair].insert(partition);
    moves_[partition] = std::move(pair);
  }
  void Remove(const TopicPartition& partition) {
    const auto found = moves_.find(partition);
    auto& pairs = by_topic_[partition.topic];
    auto& partitions = pairs[found->second];
    partitions.erase(partition);
    if (partitions.empty()) pairs.erase(found->second);
    if (pairs.empty()) by_topic_.erase(partition.topic);
    moves_.erase(found);
  }

  std::map<TopicPartition, Pair> moves_;
  std::map<std::string, std::map<Pair, std::set<TopicPartition>>> by_topic_;
};

class General {
 public:
  General(const PartitionCounts& counts, const MemberSubscriptions& members, const StickyClaims& claims,
          StickyPlan* plan)
      : counts_(counts), current_(std::move(plan->owned)) {
    for (const auto& [topic, count] : counts) readers_[topic];
    for (const auto& [id, member] : members) {
      std::set<std::string>& topics = topics_[id];
      for (const std::string& topic : member.topics) {
        if (counts.contains(topic) && topics.insert(topic).second) readers_[topic].push_back(id);
      }
    }
    SortPartitions();
    FindPrevious(claims, plan->max_generation);
  }

  MemberAssignments Run() {
    std::vector<TopicPartition> unassigned = KeepOwned();
    for (const auto& [id, partitions] : current_) order_.insert({partitions.size(), id});
    Balance(std::move(unassigned));
    return std::move(current_);
  }

 private:
  // Topics with few readers first.
  void SortPartitions() {
    std::vector<std::string> topics;
    for (const auto& [topic, readers] : readers_) topics.push_back(topic);
    std::ranges::sort(topics, {}, [&](const std::string& topic) {
      return std::pair(readers_.at(topic).size(), std::string_view(topic));
    });
    for (const std::string& topic : topics) {
      for (int32_t i = 0; i < counts_.at(topic); ++i) {
        sorted_.push_back({.topic = topic, .partition = PartitionId(i)});
      }
    }
  }

  // Of each partition the latest owner of an earlier generation.
  void FindPrevious(const StickyClaims& claims, int32_t max_generation) {
    std::map<TopicPartition, int32_t> generations;
    for (const auto& [id, claim] : claims) {
      const int32_t generation = claim.generation.value_or(-1);
      if (generation >= max_generation) continue;
      for (const TopicPartition& partition : claim.partitions) {
        const auto [found, is_first] = generations.try_emplace(partition, generation);
        if (!is_first && generation <= found->second) continue;
        found->second = generation;
        previous_[partition] = id;
      }
    }
  }

  // Takes away what its owner no longer reads; returns what nobody has.
  std::vector<TopicPartition> KeepOwned() {
    for (auto& [id, partitions] : current_) {
      std::erase_if(partitions, [&, &id = id](const TopicPartition& partition) {
        if (topics_.at(id).contains(partition.topic)) return false;
        revocation_required_ = true;
        return true;
      });
      for (const TopicPartition& partition : partitions) owner_[partition] = id;
    }
    std::vector<TopicPartition> unassigned;
    for (const TopicPartition& partition : sorted_) {
      if (!owner_.contains(partition)) unassigned.push_back(partition);
    }
    return unassigned;
  }

  void Balance(std::vector<TopicPartition> unassigned) {
    const bool initializing = order_.rbegin()->first == 0;
    for (const TopicPartition& partition : unassigned) {
      if (const std::string* id = LeastLoaded(partition.topic)) Give(partition, std::string(*id));
    }
    const auto is_fixed = [&](const TopicPartition& p) { return readers_.at(p.topic).size() < 2; };
    std::erase_if(unassigned, is_fixed);
    std::erase_if(sorted_, is_fixed);
    MemberAssignments fixed;
    for (const auto& [id, topics] : topics_) {
      if (MayChange(id)) continue;
      order_.erase({current_.at(id).size(), id});
      fixed.insert(current_.extract(id));
    }
    if (!order_.empty()) {
      const MemberAssignments before = current_;
      if (!revocation_required_) Move(unassigned);
      if (Move(sorted_) && !initializing && Score(current_) >= Score(before)) current_ = before;
    }
    current_.merge(fixed);
  }

  size_t Load(const std::string& id) const { return current_.at(id).size(); }
  size_t MostPossible(const std::string& id) const {
    size_t most = 0;
    for (const std::string& topic : topics_.at(id)) most += static_cast<size_t>(counts_.at(topic));
    return most;
  }
  bool MayChange(const std::string& id) const {
    const auto& partitions = current_.at(id);
    if (partitions.size() < MostPossible(id)) return true;
    return std::ranges::any_of(partitions, [&](const auto& p) { return readers_.at(p.topic).size() >= 2; });
  }
  // Among the readers of `topic` that may change; null if there are none.
  const std::string* LeastLoaded(const std::string& topic) const {
    for (const auto& [load, id] : order_) {
      if (topics_.at(id).contains(topic)) return &id;
    }
    return nullptr;
  }
  void Give(const TopicPartition& partition, const std::string& id) {
    order_.erase({Load(id), id});
    current_[id].push_back(partition);
    owner_[partition] = id;
    order_.insert({Load(id), id});
  }
  void Take(const TopicPartition& partition, const std::string& id) {
    order_.erase({Load(id), id});
    std::erase(current_[id], partition);
    order_.insert({Load(id), id});
  }

  // No member could get a partition from one that has at least two more than it.
  bool IsBalanced() const {
    if (order_.begin()->first + 1 >= order_.rbegin()->first) return true;
    for (const auto& [load, id] : order_) {
      if (load == MostPossible(id)) continue;
      for (const std::string& topic : topics_.at(id)) {
        for (int32_t i = 0; i < counts_.at(topic); ++i) {
          const std::string& owner = owner_.at({.topic = topic, .partition = PartitionId(i)});
          if (owner != id && current_.contains(owner) && load + 1 < Load(owner)) return false;
        }
      }
    }
    return true;
  }

  // Moves partitions, in the order given, as long as that evens things out. True: something moved.
  bool Move(const std::vector<TopicPartition>& partitions) {
    bool moved_any = false;
    // Each move evens things out, but for one that Movements replaces by a move back: hence a bound.
    size_t passes = sorted_.size() + current_.size() + 1;
    for (bool moved = true; moved && passes > 0; --passes) {
      moved = false;
      for (const TopicPartition& partition : partitions) {
        if (IsBalanced()) break;
        const std::string owner = owner_.at(partition);
        const auto previous = previous_.find(partition);
        if (previous != previous_.end() && current_.contains(previous->second) &&
            topics_.at(previous->second).contains(partition.topic) &&
            Load(owner) > Load(previous->second) + 1) {
          MoveTo(partition, owner, previous->second);
          moved = true;
          continue;
        }
        const bool better = std::ranges::any_of(readers_.at(partition.topic), [&](const std::string& other) {
          return current_.contains(other) && Load(owner) > Load(other) + 1;
        });
        if (better) {
          MoveTo(partition, owner, std::string(*LeastLoaded(partition.topic)));
          moved = true;
        }
      }
      moved_any |= moved;
    }
    return moved_any;
  }

  void MoveTo(const TopicPartition& wanted, const std::string& from, const std::string& to) {
    const TopicPartition partition = movements_.Actual(wanted, from, to);
    const std::string owner = owner_.at(partition);
    movements_.Add(partition, owner, to);
    Take(partition, owner);
    Give(partition, to);
  }

  // The sum of the differences between all pairs of members.
  static int64_t Score(const MemberAssignments& assignments) {
    int64_t score = 0;
    for (auto a = assignments.begin(); a != assignments.end(); ++a) {
      for (auto b = std::next(a); b != assignments.end(); ++b) {
        score += std::llabs(static_cast<int64_t>(a->second.size()) - static_cast<int64_t>(b->second.size()));
      }
    }
    return score;
  }

  const PartitionCounts& counts_;
  MemberAssignments current_;
  std::map<std::string, std::vector<std::string>> readers_;  // by topic
  std::map<std::string, std::set<std::string>> topics_;      // by member
  std::vector<TopicPartition> sorted_;
  std::map<TopicPartition, std::string> owner_;
  std::map<TopicPartition, std::string> previous_;
  std::set<std::pair<size_t, std::string>> order_;  // members by load
  Movements movements_;
  bool revocation_required_ = false;
};

}  // namespace

MemberAssignments AssignGeneral(const PartitionCounts& counts, const MemberSubscriptions& members,
                                const StickyClaims& claims, StickyPlan* plan) {
  return General(counts, members, claims, plan).Run();
}

}  // namespace millrace::inline v0
