// Groups of the consumer protocol whose members come, go, crash and are static, over a network that loses
// requests and answers, while topics change and the coordinator fails appends and restarts. Everything
// follows from the seed.
//
// All the time: no partition has two owners, and what is rebuilt from the log, compacted or not, is what is
// live. At the end, with faults over: the group is stable, and those who are alive own every partition that
// they read.

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/consumer_harness.h"

namespace millrace::inline v0 {
namespace {

using testing::ConsumerClient;
using testing::ConsumerHarness;

// A fault of a client, planted, that the checker must find.
enum class Plant : uint8_t { kNone, kGivesNothingUp };

class ConsumerSimulation {
 public:
  explicit ConsumerSimulation(uint64_t seed, Plant plant = Plant::kNone) : random_(seed), plant_(plant) {
    world_.topics.Set("t", 1 + Pick(6));
    world_.topics.Set("u", 1 + Pick(4));
    clients_.resize(static_cast<size_t>(2 + Pick(5)));
    for (size_t i = 0; i < clients_.size(); ++i) {
      if (Pick(3) == 0) clients_[i].instance = "i" + std::to_string(i);
    }
  }

  // What was found wrong; empty: nothing.
  std::string Run() {
    for (int second = 0; second < 400 && wrong_.empty(); ++second) Tick(second < 250);
    if (wrong_.empty()) CheckEnd();
    return wrong_.empty() ? world_.rebuilt_wrong : wrong_;
  }
  int handed_over() const { return handed_over_; }
  int fenced() const { return fenced_; }
  int restarts() const { return restarts_; }

 private:
  int Pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }

  void Tick(bool faults) {
    world_.append_error =
        faults && Pick(12) == 0 ? absl::ResourceExhaustedError("disk full") : absl::OkStatus();
    world_.Sleep(1000);
    if (faults && Pick(25) == 0) {
      ++restarts_;
      world_.Restart();
    }
    if (faults && Pick(30) == 0) ChangeTopics();
    for (size_t i = 0; i < clients_.size(); ++i) {
      ConsumerClient& client = clients_[i];
      if (!client.alive) {
        if (faults && Pick(12) == 0) Start(i);
        continue;
      }
      if (faults && Pick(40) == 0) {
        Stop(client);
      } else if (faults && Pick(50) == 0) {
        client.topics = Pick(2) == 0 ? std::vector<std::string>{"t"} : std::vector<std::string>{"t", "u"};
        client.unsure = true;
      }
      if (client.alive && Pick(3) == 0) Beat(client, faults);
      CheckOwners();
    }
  }

  void Start(size_t i) {
    ConsumerClient& client = clients_[i];
    client.id = "c" + std::to_string(i) + "-" + std::to_string(++lives_);
    client.epoch = 0;
    client.alive = true;
    client.unsure = false;
  }

  void Stop(ConsumerClient& client) {
    client.owned.clear();
    client.alive = false;
    const int how = Pick(3);  // or it crashes
    if (how == 0 || client.epoch == 0) return;
    const bool comes_back = client.instance.has_value() && how == 1;
    (void)world_.Beat(client.id, comes_back ? -2 : -1, std::nullopt, client.instance);
  }

  void Beat(ConsumerClient& client, bool faults) {
    if (faults && Pick(6) == 0) {
      client.unsure = true;  // never arrives
      return;
    }
    ConsumerHeartbeatRequest request = client.Request();
    request.rebalance_timeout_ms = request.rebalance_timeout_ms == -1 ? -1 : 100'000;
    if (client.topics.size() == 2 && Pick(2) == 0 && request.subscribed_topic_names.has_value()) {
      request.subscribed_topic_names = std::vector<std::string>{};
      request.subscribed_topic_regex = "[tu]";
    } else if (request.subscribed_topic_names.has_value()) {
      request.subscribed_topic_regex = "";
    }
    const ConsumerHeartbeatResponse response = world_.Send(std::move(request));
    if (faults && Pick(6) == 0) {
      client.unsure = true;  // the answer is lost
      return;
    }
    const PartitionMap before = client.owned;
    if (!client.Take(response)) ++fenced_;
    if (!Minus(client.owned, before).empty()) ++handed_over_;
    if (plant_ == Plant::kGivesNothingUp && client.epoch != 0) {
      claimed_[client.id] = Plus(claimed_[client.id], client.owned);
    }
  }

  void ChangeTopics() {
    const std::string name = Pick(2) == 0 ? "t" : "u";
    const auto topic = world_.topics.Find(name);
    if (!topic.has_value()) {
      world_.topics.Set(name, 1 + Pick(5));
    } else if (Pick(4) == 0) {
      world_.topics.Delete(name);
    } else {
      world_.topics.Set(name, topic->partitions + 1);
    }
  }

  void CheckOwners() {
    std::map<std::pair<TopicId, int32_t>, std::string> owners;
    for (const ConsumerClient& client : clients_) {
      if (!client.alive) continue;
      const bool planted = plant_ == Plant::kGivesNothingUp;
      for (const auto& [topic, numbers] : planted ? claimed_[client.id] : client.owned) {
        for (const int32_t number : numbers) {
          const auto [found, is_new] = owners.emplace(std::pair(topic, number), client.id);
          if (!is_new) wrong_ = "a partition is owned by " + found->second + " and " + client.id;
        }
      }
    }
  }

  void CheckEnd() {
    std::set<std::pair<TopicId, int32_t>> owned;
    std::set<std::string> read;
    for (const ConsumerClient& client : clients_) {
      if (!client.alive) continue;
      read.insert(client.topics.begin(), client.topics.end());
      for (const auto& [topic, numbers] : client.owned) {
        for (const int32_t number : numbers) owned.emplace(topic, number);
      }
    }
    size_t expected = 0;
    for (const std::string& name : read) {
      const auto topic = world_.topics.Find(name);
      if (topic.has_value()) expected += static_cast<size_t>(topic->partitions);
    }
    if (owned.size() != expected) {
      wrong_ = "owned in the end: " + std::to_string(owned.size()) + " of " + std::to_string(expected);
    }
    const auto state = world_.DescribeConsumer().state;
    if (state != (read.empty() ? GroupState::kEmpty : GroupState::kStable) && state != GroupState::kDead) {
      wrong_ += " the group is " + std::string(GroupStateName(state));
    }
  }

  std::mt19937_64 random_;
  const Plant plant_;
  ConsumerHarness world_;
  std::vector<ConsumerClient> clients_;
  std::map<std::string, PartitionMap> claimed_;
  int lives_ = 0;
  int handed_over_ = 0;
  int fenced_ = 0;
  int restarts_ = 0;
  std::string wrong_;
};

TEST_CASE("groups of the consumer protocol: no partition has two owners, and in the end all are owned") {
  int handed_over = 0;
  int fenced = 0;
  int restarts = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    ConsumerSimulation simulation(seed);
    INFO("seed " << seed);
    REQUIRE(simulation.Run() == "");
    handed_over += simulation.handed_over();
    fenced += simulation.fenced();
    restarts += simulation.restarts();
  }
  // The schedules are not empty.
  CHECK(handed_over > 500);
  CHECK(fenced > 50);
  CHECK(restarts > 100);
}

TEST_CASE("a client that keeps what it says it gave up is found") {
  int found = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    found += ConsumerSimulation(seed, Plant::kGivesNothingUp).Run().find("is owned by") != std::string::npos
                 ? 1
                 : 0;
  }
  CHECK(found >= 8);
}

}  // namespace
}  // namespace millrace::inline v0
