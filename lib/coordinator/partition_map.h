// PartitionMap: partitions by the ids of their topics, as the consumer protocol names them.

#ifndef MILLRACE_COORDINATOR_PARTITION_MAP_H_
#define MILLRACE_COORDINATOR_PARTITION_MAP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "millrace/types.h"

namespace millrace::inline v0 {

// Partitions rising, each once; no topic without any.
using PartitionMap = std::map<TopicId, std::vector<int32_t>>;

// From what messages and records carry: topics and partitions in any order, maybe twice.
template <typename Entry>
PartitionMap ToPartitionMap(const std::vector<Entry>& entries) {
  PartitionMap map;
  for (const Entry& entry : entries) {
    if (entry.partitions.empty()) continue;
    std::vector<int32_t>& partitions = map[entry.topic_id];
    partitions.insert(partitions.end(), entry.partitions.begin(), entry.partitions.end());
  }
  for (auto& [id, partitions] : map) {
    std::ranges::sort(partitions);
    partitions.erase(std::ranges::unique(partitions).begin(), partitions.end());
  }
  return map;
}
template <typename Entry>
std::vector<Entry> FromPartitionMap(const PartitionMap& map) {
  std::vector<Entry> entries;
  for (const auto& [id, partitions] : map) {
    Entry& entry = entries.emplace_back();
    entry.topic_id = id;
    entry.partitions = partitions;
  }
  return entries;
}

inline const std::vector<int32_t>& PartitionsOf(const PartitionMap& map, const TopicId& topic) {
  static const std::vector<int32_t> kNone;
  const auto found = map.find(topic);
  return found == map.end() ? kNone : found->second;
}
inline size_t CountPartitions(const PartitionMap& map) {
  size_t count = 0;
  for (const auto& [id, partitions] : map) count += partitions.size();
  return count;
}
// What `a` has and `b` has not.
inline PartitionMap Minus(const PartitionMap& a, const PartitionMap& b) {
  PartitionMap rest;
  for (const auto& [id, partitions] : a) {
    std::vector<int32_t> left;
    std::ranges::set_difference(partitions, PartitionsOf(b, id), std::back_inserter(left));
    if (!left.empty()) rest.emplace(id, std::move(left));
  }
  return rest;
}
inline PartitionMap Plus(const PartitionMap& a, const PartitionMap& b) {
  PartitionMap sum = a;
  for (const auto& [id, partitions] : b) {
    std::vector<int32_t> both;
    std::ranges::set_union(PartitionsOf(a, id), partitions, std::back_inserter(both));
    sum[id] = std::move(both);
  }
  return sum;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_PARTITION_MAP_H_
