#include "coordinator/assignor.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "coordinator/consumer_protocol.h"

namespace millrace::inline v0 {
namespace {

using Partitions = std::vector<TopicPartition>;

TopicPartition P(std::string topic, int32_t id) {
  return {.topic = std::move(topic), .partition = PartitionId(id)};
}

// "t0-0 t1-2", in any order.
std::set<std::string> Names(const Partitions& partitions) {
  std::set<std::string> names;
  for (const auto& p : partitions) names.insert(p.topic + "-" + std::to_string(p.partition.value()));
  return names;
}
using S = std::set<std::string>;

MemberSubscription Reads(std::vector<std::string> topics) {
  return {.topics = std::move(topics)};
}

// What the members would send when they join again after `before` in `generation`.
MemberSubscriptions Rejoin(const Assignor& assignor, const MemberSubscriptions& members,
                           const MemberAssignments& before, int32_t generation) {
  MemberSubscriptions joined = members;
  for (auto& [id, member] : joined) {
    const auto held = before.find(id);
    const Partitions owned = held == before.end() ? Partitions{} : held->second;
    const int32_t since = held == before.end() ? -1 : generation;
    member.user_data = assignor.UserData(owned, since);
    member.owned_partitions = assignor.protocol() == RebalanceProtocol::kCooperative ? owned : Partitions{};
    member.generation = since;
  }
  return joined;
}

const Assignor& kRange = AssignorOf(AssignorKind::kRange);
const Assignor& kRoundRobin = AssignorOf(AssignorKind::kRoundRobin);
const Assignor& kSticky = AssignorOf(AssignorKind::kSticky);
const Assignor& kCooperative = AssignorOf(AssignorKind::kCooperativeSticky);

TEST_CASE("assignors are found by Kafka's names") {
  for (const char* name : {"range", "roundrobin", "sticky", "cooperative-sticky"}) {
    REQUIRE(FindAssignor(name) != nullptr);
    CHECK(FindAssignor(name)->name() == name);
  }
  CHECK(FindAssignor("uniform") == nullptr);
  CHECK(kCooperative.protocol() == RebalanceProtocol::kCooperative);
}

TEST_CASE("range: Kafka's documented example, and the remainder goes to the first") {
  const MemberSubscriptions two{{"C0", Reads({"t0", "t1"})}, {"C1", Reads({"t0", "t1"})}};
  auto a = kRange.Assign({{"t0", 3}, {"t1", 3}}, two);
  CHECK(Names(a["C0"]) == S{"t0-0", "t0-1", "t1-0", "t1-1"});
  CHECK(Names(a["C1"]) == S{"t0-2", "t1-2"});
  const MemberSubscriptions four{{"a", Reads({"t"})}, {"b", Reads({"t"})}, {"c", Reads({"u"})}, {"d", {}}};
  a = kRange.Assign({{"t", 1}}, four);
  CHECK(Names(a["a"]) == S{"t-0"});
  CHECK(a["b"].empty());
  CHECK(a["c"].empty());  // u does not exist
  CHECK(a.size() == 4);
}

TEST_CASE("range and round robin put static members first, by instance id") {
  MemberSubscriptions members{{"a", Reads({"t"})}, {"b", Reads({"t"})}, {"c", Reads({"t"})}};
  members["b"].group_instance_id = "2";
  members["c"].group_instance_id = "1";
  auto a = kRange.Assign({{"t", 4}}, members);
  CHECK(Names(a["c"]) == S{"t-0", "t-1"});
  CHECK(Names(a["b"]) == S{"t-2"});
  CHECK(Names(a["a"]) == S{"t-3"});
  a = kRoundRobin.Assign({{"t", 4}}, members);
  CHECK(Names(a["c"]) == S{"t-0", "t-3"});
}

TEST_CASE("round robin: Kafka's documented examples") {
  const MemberSubscriptions two{{"C0", Reads({"t0", "t1"})}, {"C1", Reads({"t0", "t1"})}};
  auto a = kRoundRobin.Assign({{"t0", 3}, {"t1", 3}}, two);
  CHECK(Names(a["C0"]) == S{"t0-0", "t0-2", "t1-1"});
  CHECK(Names(a["C1"]) == S{"t0-1", "t1-0", "t1-2"});
  const MemberSubscriptions three{
      {"C0", Reads({"t0"})}, {"C1", Reads({"t0", "t1"})}, {"C2", Reads({"t0", "t1", "t2"})}};
  a = kRoundRobin.Assign({{"t0", 1}, {"t1", 2}, {"t2", 3}}, three);
  CHECK(Names(a["C0"]) == S{"t0-0"});
  CHECK(Names(a["C1"]) == S{"t1-0"});
  CHECK(Names(a["C2"]) == S{"t1-1", "t2-0", "t2-1", "t2-2"});
}

TEST_CASE("sticky: Kafka's documented example 1") {
  const std::vector<std::string> topics{"t0", "t1", "t2", "t3"};
  const PartitionCounts counts{{"t0", 2}, {"t1", 2}, {"t2", 2}, {"t3", 2}};
  MemberSubscriptions members{{"C0", Reads(topics)}, {"C1", Reads(topics)}, {"C2", Reads(topics)}};
  auto a = kSticky.Assign(counts, members);
  CHECK(Names(a["C0"]) == S{"t0-0", "t1-1", "t3-0"});
  CHECK(Names(a["C1"]) == S{"t0-1", "t2-0", "t3-1"});
  CHECK(Names(a["C2"]) == S{"t1-0", "t2-1"});
  members.erase("C1");
  auto b = kSticky.Assign(counts, Rejoin(kSticky, members, a, 1));
  CHECK(b["C0"].size() == 4);
  CHECK(b["C2"].size() == 4);
  CHECK(std::ranges::includes(Names(b["C0"]), Names(a["C0"])));
  CHECK(std::ranges::includes(Names(b["C2"]), Names(a["C2"])));
}

TEST_CASE("sticky: Kafka's documented example 2, members that read different topics") {
  const PartitionCounts counts{{"t0", 1}, {"t1", 2}, {"t2", 3}};
  MemberSubscriptions members{
      {"C0", Reads({"t0"})}, {"C1", Reads({"t0", "t1"})}, {"C2", Reads({"t0", "t1", "t2"})}};
  auto a = kSticky.Assign(counts, members);
  CHECK(Names(a["C0"]) == S{"t0-0"});
  CHECK(Names(a["C1"]) == S{"t1-0", "t1-1"});
  CHECK(Names(a["C2"]) == S{"t2-0", "t2-1", "t2-2"});
  members.erase("C0");
  a = kSticky.Assign(counts, Rejoin(kSticky, members, a, 1));
  CHECK(Names(a["C1"]) == S{"t0-0", "t1-0", "t1-1"});
  CHECK(Names(a["C2"]) == S{"t2-0", "t2-1", "t2-2"});
}

TEST_CASE("sticky: of two claims the later generation's counts; of two of the same neither") {
  const PartitionCounts counts{{"t", 3}};
  MemberSubscriptions members{{"a", Reads({"t"})}, {"b", Reads({"t"})}, {"c", Reads({"t"})}};
  members["a"].user_data = kSticky.UserData(Partitions{P("t", 0), P("t", 1)}, 1);
  members["b"].user_data = kSticky.UserData(Partitions{P("t", 1), P("t", 2)}, 2);
  auto a = kSticky.Assign(counts, members);
  CHECK(Names(a["a"]) == S{"t-0"});
  CHECK(Names(a["b"]) == S{"t-1"});
  CHECK(Names(a["c"]) == S{"t-2"});
  members["a"].user_data = kSticky.UserData(Partitions{P("t", 0)}, 2);
  members["b"].user_data = kSticky.UserData(Partitions{P("t", 0), P("t", 2)}, 2);
  a = kSticky.Assign(counts, members);
  CHECK(Names(a["b"]) == S{"t-2"});
  CHECK(a["a"].size() == 1);
  CHECK(a["c"].size() == 1);
}

TEST_CASE("sticky user data that makes no sense claims nothing; the old form without generation counts") {
  const PartitionCounts counts{{"t", 2}};
  MemberSubscriptions members{{"a", Reads({"t"})}, {"b", Reads({"t"})}};
  members["a"].user_data = std::vector<std::byte>(3, std::byte{0xff});
  auto data = *kSticky.UserData(Partitions{P("t", 0), P("gone", 3), P("t", 99)}, 1);
  data.resize(data.size() - 4);  // without the generation
  members["b"].user_data = data;
  auto a = kSticky.Assign(counts, members);
  CHECK(Names(a["b"]) == S{"t-0"});
  CHECK(Names(a["a"]) == S{"t-1"});
}

TEST_CASE("cooperative sticky leaves out what another member must give up first") {
  const PartitionCounts counts{{"t", 4}};
  MemberSubscriptions members{{"a", Reads({"t"})}};
  auto a = kCooperative.Assign(counts, members);
  CHECK(a["a"].size() == 4);
  members["b"] = Reads({"t"});
  a = kCooperative.Assign(counts, Rejoin(kCooperative, members, a, 1));
  CHECK(a["a"].size() == 2);
  CHECK(a["b"].empty());
  a = kCooperative.Assign(counts, Rejoin(kCooperative, members, a, 2));
  CHECK(a["a"].size() == 2);
  CHECK(a["b"].size() == 2);
  // The same where they read different topics.
  members["b"].topics = {"t", "u"};
  a = kCooperative.Assign({{"t", 4}, {"u", 4}}, Rejoin(kCooperative, members, a, 3));
  CHECK(a["b"].size() <= 4);
  a = kCooperative.Assign({{"t", 4}, {"u", 4}}, Rejoin(kCooperative, members, a, 4));
  CHECK(a["a"].size() == 4);
  CHECK(a["b"].size() == 4);
}

// --- Properties, over random groups

struct Case {
  PartitionCounts counts;
  MemberSubscriptions members;
};

Case RandomCase(std::mt19937& random, bool equal) {
  Case c;
  std::vector<std::string> topics;
  for (unsigned i = 0; i < 1 + random() % 5; ++i) {
    topics.push_back("t" + std::to_string(i));
    c.counts[topics.back()] = static_cast<int32_t>(random() % 9);
  }
  for (unsigned i = 0; i < 1 + random() % 7; ++i) {
    auto& member = c.members["m" + std::to_string(i)];
    for (const std::string& topic : topics) {
      if (equal || random() % 3 != 0) member.topics.push_back(topic);
    }
  }
  return c;
}

// Each partition that somebody reads belongs to one member, who reads it. Cooperative ones may be held back.
std::vector<std::string> Unsound(const Case& c, const MemberAssignments& assignments, bool all) {
  std::vector<std::string> wrong;
  std::map<TopicPartition, std::string> owner;
  for (const auto& [id, partitions] : assignments) {
    for (const auto& p : partitions) {
      if (!owner.emplace(p, id).second) wrong.push_back("twice: " + p.topic);
      const auto& topics = c.members.at(id).topics;
      if (std::ranges::find(topics, p.topic) == topics.end()) wrong.push_back("not read: " + p.topic);
      if (p.partition.value() >= c.counts.at(p.topic)) wrong.push_back("no such: " + p.topic);
    }
  }
  for (const auto& [topic, count] : c.counts) {
    const bool is_read = std::ranges::any_of(c.members, [&topic = topic](const auto& m) {
      return std::ranges::find(m.second.topics, topic) != m.second.topics.end();
    });
    for (int32_t i = 0; all && is_read && i < count; ++i) {
      if (!owner.contains(P(topic, i))) wrong.push_back("nobody's: " + topic);
    }
  }
  if (assignments.size() != c.members.size()) wrong.push_back("members");
  return wrong;
}

// No member could take a partition it reads from one that has two more.
bool IsBalanced(const Case& c, const MemberAssignments& assignments) {
  for (const auto& [to, fewer] : assignments) {
    for (const auto& [from, more] : assignments) {
      for (const auto& p : more) {
        const auto& topics = c.members.at(to).topics;
        if (fewer.size() + 1 < more.size() && std::ranges::find(topics, p.topic) != topics.end())
          return false;
      }
    }
  }
  return true;
}

TEST_CASE("every assignor gives each partition to one member that reads it") {
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    const Case c = RandomCase(random, round % 2 == 0);
    for (const Assignor* assignor : {&kRange, &kRoundRobin, &kSticky, &kCooperative}) {
      const auto a = assignor->Assign(c.counts, c.members);
      INFO(assignor->name() << " round " << round);
      REQUIRE(Unsound(c, a, true) == std::vector<std::string>{});
    }
  }
}

TEST_CASE("the sticky assignors balance, and keep what they can over changes of the group") {
  std::mt19937 random(2);
  int kept_all = 0;
  for (int round = 0; round < 300; ++round) {
    Case c = RandomCase(random, round % 2 == 0);
    MemberAssignments a = kSticky.Assign(c.counts, c.members);
    INFO("round " << round);
    REQUIRE(IsBalanced(c, a));
    for (int32_t generation = 1; generation < 5; ++generation) {
      // Nothing changed: nothing moves.
      const auto same = kSticky.Assign(c.counts, Rejoin(kSticky, c.members, a, generation));
      for (const auto& [id, partitions] : a) REQUIRE(Names(same.at(id)) == Names(partitions));
      if (random() % 2 == 0 && c.members.size() > 1) {
        c.members.erase(std::next(c.members.begin(), static_cast<long>(random() % c.members.size())));
      } else {
        c.members["n" + std::to_string(generation)] = c.members.begin()->second;
      }
      const auto next = kSticky.Assign(c.counts, Rejoin(kSticky, c.members, a, generation));
      REQUIRE(Unsound(c, next, true) == std::vector<std::string>{});
      REQUIRE(IsBalanced(c, next));
      if (round % 2 == 0) {
        // Equal subscriptions: who stays keeps all that its share allows.
        size_t total = 0;
        for (const auto& [topic, count] : c.counts) total += static_cast<size_t>(count);
        const size_t low = total / c.members.size();
        for (const auto& [id, held] : a) {
          if (!next.contains(id)) continue;
          const S before = Names(held);
          const S after = Names(next.at(id));
          const auto kept = static_cast<size_t>(
              std::ranges::count_if(before, [&](const auto& name) { return after.contains(name); }));
          REQUIRE(kept >= std::min(before.size(), low));
          kept_all += kept == before.size();
        }
      }
      a = next;
    }
  }
  CHECK(kept_all > 0);
}

TEST_CASE("cooperative sticky never gives away what somebody still holds, and settles in two rounds") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    Case c = RandomCase(random, round % 2 == 0);
    MemberAssignments a = kCooperative.Assign(c.counts, c.members);
    for (int32_t generation = 1; generation < 6; generation += 3) {
      INFO("round " << round << " generation " << generation);
      if (random() % 2 == 0 && c.members.size() > 1) {
        const auto gone = std::next(c.members.begin(), static_cast<long>(random() % c.members.size()));
        a.erase(gone->first);
        c.members.erase(gone);
      } else {
        c.members["n" + std::to_string(generation)] = Reads({c.members.begin()->second.topics});
      }
      const auto first = kCooperative.Assign(c.counts, Rejoin(kCooperative, c.members, a, generation));
      REQUIRE(Unsound(c, first, false) == std::vector<std::string>{});
      for (const auto& [holder, held] : a) {
        for (const auto& [id, given] : first) {
          for (const auto& p : given) REQUIRE((id == holder || std::ranges::find(held, p) == held.end()));
        }
      }
      const auto second =
          kCooperative.Assign(c.counts, Rejoin(kCooperative, c.members, first, generation + 1));
      REQUIRE(Unsound(c, second, true) == std::vector<std::string>{});
      a = second;
    }
  }
}

TEST_CASE("a group of 200 members and 2,000 partitions is shared out") {
  Case c;
  for (int t = 0; t < 20; ++t) c.counts["t" + std::to_string(t)] = 100;
  for (int m = 0; m < 200; ++m) {
    for (const auto& [topic, count] : c.counts) c.members["m" + std::to_string(m)].topics.push_back(topic);
  }
  const auto a = kCooperative.Assign(c.counts, c.members);
  CHECK(Unsound(c, a, true).empty());
  CHECK(IsBalanced(c, a));
}

}  // namespace
}  // namespace millrace::inline v0
