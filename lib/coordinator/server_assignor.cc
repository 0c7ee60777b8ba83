#include "coordinator/server_assignor.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace millrace::inline v0 {
namespace {

// Members by number, in the order of their ids.
struct Seats {
  explicit Seats(const ServerAssignorInput& input) {
    for (const auto& [id, member] : input.members) {
      ids.push_back(&id);
      members.push_back(&member);
    }
    // Topic to the members that read it.
    for (size_t m = 0; m < members.size(); ++m) {
      for (const TopicId& topic : members[m]->topics) {
        if (input.partitions.contains(topic)) readers[topic].push_back(m);
      }
    }
  }
  ServerAssignment Name(std::vector<PartitionMap> given) const {
    ServerAssignment assignment;
    for (size_t m = 0; m < members.size(); ++m) {
      for (auto& [topic, partitions] : given[m]) std::ranges::sort(partitions);
      std::erase_if(given[m], [](const auto& entry) { return entry.second.empty(); });
      assignment.emplace(*ids[m], std::move(given[m]));
    }
    return assignment;
  }

  std::vector<const std::string*> ids;
  std::vector<const ServerAssignorMember*> members;
  std::map<TopicId, std::vector<size_t>> readers;
};

// Uniform: what members keep of their current target, and what nobody has.
struct Sharing {
  std::vector<PartitionMap> given;
  std::vector<size_t> load;
  std::vector<std::pair<TopicId, int32_t>> free;
};

Sharing Keep(const ServerAssignorInput& input, const Seats& seats) {
  Sharing sharing;
  sharing.given.resize(seats.members.size());
  sharing.load.resize(seats.members.size());
  for (const auto& [topic, readers] : seats.readers) {
    const int32_t count = input.partitions.at(topic);
    std::vector<bool> taken(static_cast<size_t>(count));
    for (const size_t m : readers) {
      for (const int32_t partition : PartitionsOf(seats.members[m]->current, topic)) {
        if (partition < 0 || partition >= count || taken[static_cast<size_t>(partition)]) continue;
        taken[static_cast<size_t>(partition)] = true;
        sharing.given[m][topic].push_back(partition);
        ++sharing.load[m];
      }
    }
    for (int32_t partition = 0; partition < count; ++partition) {
      if (!taken[static_cast<size_t>(partition)]) sharing.free.emplace_back(topic, partition);
    }
  }
  return sharing;
}

// All read the same: who has too many gives up the last ones; the free ones go where the fewest are.
void ShareEvenly(Sharing* sharing) {
  const size_t members = sharing->load.size();
  size_t total = sharing->free.size();
  for (const size_t load : sharing->load) total += load;
  const size_t quota = total / members;
  size_t above = total % members;  // so many have one more
  for (size_t m = 0; m < members; ++m) {
    size_t allowed = quota;
    if (sharing->load[m] > quota && above > 0) {
      --above;
      ++allowed;
    }
    for (auto last = sharing->given[m].rbegin(); last != sharing->given[m].rend(); ++last) {
      while (sharing->load[m] > allowed && !last->second.empty()) {
        sharing->free.emplace_back(last->first, last->second.back());
        last->second.pop_back();
        --sharing->load[m];
      }
    }
  }
  std::ranges::sort(sharing->free);
  std::set<std::pair<size_t, size_t>> by_load;
  for (size_t m = 0; m < members; ++m) by_load.emplace(sharing->load[m], m);
  for (const auto& [topic, partition] : sharing->free) {
    const auto [load, m] = *by_load.begin();
    by_load.erase(by_load.begin());
    sharing->given[m][topic].push_back(partition);
    by_load.emplace(load + 1, m);
  }
}

// They read different topics: the free ones go to the reader with the fewest, the topics with few readers
// first; then what lies uneven moves, from the one with the most to the one with the fewest, while that
// helps.
void ShareByReaders(const Seats& seats, Sharing* sharing) {
  const auto fewest = [&](const TopicId& topic) {
    return *std::ranges::min_element(seats.readers.at(topic), {}, [&](size_t m) { return sharing->load[m]; });
  };
  std::ranges::stable_sort(sharing->free, {},
                           [&](const auto& one) { return seats.readers.at(one.first).size(); });
  for (const auto& [topic, partition] : sharing->free) {
    const size_t m = fewest(topic);
    sharing->given[m][topic].push_back(partition);
    ++sharing->load[m];
  }
  // Each move lowers the sum of squares of the loads: it ends.
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& [topic, readers] : seats.readers) {
      for (;;) {
        const size_t to = fewest(topic);
        size_t from = to;
        for (const size_t m : readers) {
          const auto has = sharing->given[m].find(topic);
          if (has == sharing->given[m].end() || has->second.empty()) continue;
          if (sharing->load[m] > sharing->load[from]) from = m;
        }
        if (sharing->load[from] < sharing->load[to] + 2) break;
        std::vector<int32_t>& source = sharing->given[from][topic];
        sharing->given[to][topic].push_back(source.back());
        source.pop_back();
        --sharing->load[from];
        ++sharing->load[to];
        moved = true;
      }
    }
  }
}

// Where a reader stands among those of its topics: by the first partition that it has, then those without
// any, by name.
std::tuple<int32_t, std::string> PlaceOf(const Seats& seats, size_t m, const std::vector<TopicId>& topics) {
  int32_t first = INT32_MAX;
  for (const TopicId& topic : topics) {
    const std::vector<int32_t>& has = PartitionsOf(seats.members[m]->current, topic);
    if (!has.empty()) first = std::min(first, has.front());
  }
  return {first, seats.members[m]->instance_id.value_or(*seats.ids[m])};
}

}  // namespace

ServerAssignment AssignUniform(const ServerAssignorInput& input) {
  const Seats seats(input);
  Sharing sharing = Keep(input, seats);
  const bool same = std::ranges::all_of(
      seats.readers, [&](const auto& topic) { return topic.second.size() == seats.members.size(); });
  if (!seats.members.empty() && same) {
    ShareEvenly(&sharing);
  } else {
    ShareByReaders(seats, &sharing);
  }
  return seats.Name(std::move(sharing.given));
}

ServerAssignment AssignRange(const ServerAssignorInput& input) {
  const Seats seats(input);
  std::vector<PartitionMap> given(seats.members.size());
  std::map<std::vector<size_t>, std::vector<TopicId>> by_readers;
  for (const auto& [topic, readers] : seats.readers) by_readers[readers].push_back(topic);
  for (const auto& [readers, topics] : by_readers) {
    std::vector<std::pair<std::tuple<int32_t, std::string>, size_t>> order;
    for (const size_t m : readers) order.emplace_back(PlaceOf(seats, m, topics), m);
    std::ranges::sort(order);
    for (const TopicId& topic : topics) {
      const auto count = static_cast<size_t>(std::max(input.partitions.at(topic), 0));
      const size_t each = count / order.size();
      const size_t above = count % order.size();
      size_t next = 0;
      for (size_t place = 0; place < order.size(); ++place) {
        const size_t end = next + each + (place < above ? 1 : 0);
        for (; next < end; ++next) given[order[place].second][topic].push_back(static_cast<int32_t>(next));
      }
    }
  }
  return seats.Name(std::move(given));
}

ServerAssignor FindServerAssignor(std::string_view name) {
  if (name == "uniform") return AssignUniform;
  if (name == "range") return AssignRange;
  return nullptr;
}

}  // namespace millrace::inline v0
