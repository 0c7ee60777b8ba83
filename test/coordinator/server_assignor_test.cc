#include "coordinator/server_assignor.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace millrace::inline v0 {
namespace {

TopicId Id(int n) {
  TopicId id;
  id.bytes[15] = static_cast<std::byte>(n);
  return id;
}

using Random = std::mt19937_64;
int Pick(Random& random, int below) {
  return static_cast<int>(random() % static_cast<uint64_t>(below));
}

// Members' current targets follow from the assignment before.
void TakeOver(const ServerAssignment& assignment, ServerAssignorInput* input) {
  for (auto& [id, member] : input->members) {
    const auto found = assignment.find(id);
    member.current = found == assignment.end() ? PartitionMap{} : found->second;
  }
}

// Empty, or what is wrong: each partition that is read has one owner that reads it; nothing else is given.
std::string CheckWhole(const ServerAssignorInput& input, const ServerAssignment& assignment) {
  if (assignment.size() != input.members.size()) return "a member has no entry";
  std::map<TopicId, std::set<int32_t>> given;
  for (const auto& [id, partitions] : assignment) {
    const auto& topics = input.members.at(id).topics;
    for (const auto& [topic, numbers] : partitions) {
      if (!std::ranges::binary_search(topics, topic)) return "a member got what it does not read";
      if (!std::ranges::is_sorted(numbers) || numbers.empty()) return "not in order";
      for (const int32_t number : numbers) {
        if (!given[topic].insert(number).second) return "a partition was given twice";
      }
    }
  }
  for (const auto& [topic, count] : input.partitions) {
    const bool read = std::ranges::any_of(input.members, [&, t = topic](const auto& m) {
      return std::ranges::binary_search(m.second.topics, t);
    });
    if (read && given[topic].size() != static_cast<size_t>(count)) return "a partition was left out";
    if (count > 0 && !given[topic].empty() && *given[topic].rbegin() >= count) return "beyond the topic";
  }
  return "";
}

// No partition could go to a reader of it with two fewer.
bool IsBalanced(const ServerAssignorInput& input, const ServerAssignment& assignment) {
  for (const auto& [from, partitions] : assignment) {
    for (const auto& [topic, numbers] : partitions) {
      for (const auto& [to, member] : input.members) {
        if (!std::ranges::binary_search(member.topics, topic)) continue;
        if (CountPartitions(partitions) >= CountPartitions(assignment.at(to)) + 2) return false;
      }
    }
  }
  return true;
}

size_t Moved(const ServerAssignorInput& before, const ServerAssignment& after) {
  size_t moved = 0;
  for (const auto& [id, member] : before.members)
    moved += CountPartitions(Minus(member.current, after.at(id)));
  return moved;
}

ServerAssignorInput Input(int members, const std::vector<int32_t>& topics) {
  ServerAssignorInput input;
  for (size_t t = 0; t < topics.size(); ++t) input.partitions[Id(static_cast<int>(t) + 1)] = topics[t];
  for (int m = 0; m < members; ++m) {
    auto& member = input.members["m" + std::to_string(1000 + m)];
    for (const auto& [topic, count] : input.partitions) member.topics.push_back(topic);
  }
  return input;
}

TEST_CASE("uniform: all read the same: balanced within one, and only what must moves") {
  Random random(GENERATE(range(1U, 60U)));
  ServerAssignorInput input =
      Input(1 + Pick(random, 12), {Pick(random, 9), Pick(random, 30), Pick(random, 5)});
  for (int round = 0; round < 12; ++round) {
    const ServerAssignment assignment = AssignUniform(input);
    CHECK(CheckWhole(input, assignment) == "");
    CHECK(IsBalanced(input, assignment));
    // At least what members have above the quota must move, and not more.
    size_t total = 0;
    size_t above = 0;
    for (const auto& [topic, count] : input.partitions) total += static_cast<size_t>(count);
    const size_t quota = total / input.members.size();
    size_t one_more = total % input.members.size();
    for (const auto& [id, member] : input.members) {
      const size_t has = CountPartitions(member.current);
      if (has <= quota) continue;
      const size_t may = one_more > 0 ? 1 : 0;
      one_more -= may;
      above += has - quota - may;
    }
    CHECK(Moved(input, assignment) == above);
    TakeOver(assignment, &input);
    switch (Pick(random, 3)) {
      case 0:  // one more member
        input.members["n" + std::to_string(round)].topics = input.members.begin()->second.topics;
        break;
      case 1:  // one less
        if (input.members.size() > 1) input.members.erase(input.members.begin());
        break;
      default:  // a topic grows
        input.partitions.begin()->second += 3;
    }
  }
}

TEST_CASE("uniform: members read different topics: whole, balanced, and at rest when nothing changes") {
  Random random(GENERATE(range(100U, 160U)));
  ServerAssignorInput input = Input(1 + Pick(random, 9), {7, 3, 12, 1, 5});
  for (int round = 0; round < 8; ++round) {
    for (auto& [id, member] : input.members) {
      if (Pick(random, 3) != 0) continue;
      member.topics.clear();
      for (const auto& [topic, count] : input.partitions) {
        if (Pick(random, 2) == 0) member.topics.push_back(topic);
      }
    }
    const ServerAssignment assignment = AssignUniform(input);
    CHECK(CheckWhole(input, assignment) == "");
    CHECK(IsBalanced(input, assignment));
    TakeOver(assignment, &input);
    CHECK(AssignUniform(input) == assignment);
  }
}

TEST_CASE("range: runs, co-partitioned, in the same order while members come") {
  Random random(GENERATE(range(200U, 240U)));
  const int32_t count = 1 + Pick(random, 20);
  ServerAssignorInput input = Input(1 + Pick(random, 8), {count, count, count + 4});
  for (int round = 0; round < 6; ++round) {
    const ServerAssignment assignment = AssignRange(input);
    CHECK(CheckWhole(input, assignment) == "");
    for (const auto& [id, partitions] : assignment) {
      CHECK(PartitionsOf(partitions, Id(1)) == PartitionsOf(partitions, Id(2)));
      for (const auto& [topic, numbers] : partitions) {
        CHECK(numbers.back() - numbers.front() + 1 == static_cast<int32_t>(numbers.size()));
      }
    }
    TakeOver(assignment, &input);
    CHECK(AssignRange(input) == assignment);
    if (Pick(random, 2) == 0) {
      input.members["a" + std::to_string(round)].topics = input.members.begin()->second.topics;
    } else if (input.members.size() > 1) {
      input.members.erase(std::prev(input.members.end()));
    }
  }
}

TEST_CASE("what is current and no longer there is passed over; nobody gets nothing") {
  for (const ServerAssignor assign : {&AssignUniform, &AssignRange}) {
    CHECK(assign({}).empty());
    ServerAssignorInput input = Input(2, {2});
    input.members.begin()->second.current = {{Id(1), {0, 1, 7}}, {Id(9), {0}}};
    const ServerAssignment assignment = assign(input);
    CHECK(CheckWhole(input, assignment) == "");
    input.members.begin()->second.topics = {Id(9)};
    CHECK(assign(input).begin()->second.empty());
  }
  CHECK(FindServerAssignor("uniform") == &AssignUniform);
  CHECK(FindServerAssignor("range") == &AssignRange);
  CHECK(FindServerAssignor("sticky") == nullptr);
}

}  // namespace
}  // namespace millrace::inline v0
