#include "partition/topic_registry.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "millrace/status.h"
#include "millrace/testing/sim_env.h"
#include "partition/fake_log.h"
#include "partition/topic_records.h"

namespace millrace {
namespace {

class CountingTopicListener final : public TopicListener {
 public:
  void OnTopicsChanged() override { ++calls; }
  int calls = 0;
};

struct World {
  explicit World(uint64_t seed = 1) : sim(seed) {
    context.logs = &logs;
    context.env = sim.env();
    REQUIRE(sim.files->CreateDirectory("/data").ok());
    REQUIRE(sim.files->SyncDirectory("/").ok());
  }
  absl::StatusOr<std::unique_ptr<TopicRegistry>> Open(Durability durability = Durability::kPowerLoss,
                                                      bool read_only = false) {
    return TopicRegistry::Open({.directory = "/data",
                                .context = &context,
                                .read_only = read_only,
                                .durability = durability,
                                .partitions_max = 100});
  }

  SimEnv sim;
  FakeLogSource logs;
  PartitionContext context;
};

std::vector<std::string> Names(const TopicRegistry& registry) {
  std::vector<std::string> names;
  for (const auto& topic : registry.All()) names.push_back(topic->name());
  return names;
}

TEST_CASE("topics are created, found, changed and deleted, and are there after a restart") {
  World world;
  TopicId id;
  {
    auto registry = world.Open();
    REQUIRE(registry.ok());
    TopicConfig config;
    config.retention_ms = 1000;
    auto made = (*registry)->Create({{"orders", 4, config}, {"audit", 1, {}}});
    REQUIRE(made.size() == 2);
    REQUIRE(made[0].ok());
    REQUIRE(made[1].ok());
    id = *made[0];
    CHECK_FALSE(id.IsZero());
    CHECK(*made[1] != id);
    REQUIRE((*registry)->AddPartitions("orders", 6).ok());
    REQUIRE((*registry)
                ->AlterConfig("orders", {{"segment.bytes", "4096"}, {"retention.ms", std::nullopt}}, {})
                .ok());
    REQUIRE((*registry)->Delete("audit").ok());
    REQUIRE((*registry)->Close().ok());
  }
  auto registry = world.Open();
  REQUIRE(registry.ok());
  CHECK(Names(**registry) == std::vector<std::string>{"orders"});
  const auto topic = (*registry)->Find(id);
  REQUIRE(topic != nullptr);
  CHECK((*registry)->Find("orders") == topic);
  CHECK(topic->partition_count() == 6);
  CHECK(topic->config()->segment_bytes == 4096);
  CHECK(topic->config()->retention_ms == TopicConfig{}.retention_ms);
}

TEST_CASE("what cannot be created is refused and changes nothing") {
  World world;
  auto registry = world.Open();
  REQUIRE(registry.ok());
  TopicConfig bad;
  bad.segment_bytes = -5;
  const auto made = (*registry)->Create({{"orders", 4, {}},
                                         {"orders", 1, {}},
                                         {"a/b", 1, {}},
                                         {"none", 0, {}},
                                         {"bad", 1, bad},
                                         {"many", 97, {}}});
  CHECK(made[0].ok());
  CHECK(ErrorCodeOf(made[1].status()) == ErrorCode::kTopicAlreadyExists);
  CHECK(ErrorCodeOf(made[2].status()) == ErrorCode::kInvalidTopicException);
  CHECK(ErrorCodeOf(made[3].status()) == ErrorCode::kInvalidPartitions);
  CHECK(ErrorCodeOf(made[4].status()) == ErrorCode::kInvalidConfig);
  CHECK(ErrorCodeOf(made[5].status()) == ErrorCode::kPolicyViolation);
  CHECK(Names(**registry) == std::vector<std::string>{"orders"});
  CHECK(ErrorCodeOf((*registry)->AddPartitions("orders", 4)) == ErrorCode::kInvalidPartitions);
  CHECK(ErrorCodeOf((*registry)->AddPartitions("orders", 101)) == ErrorCode::kPolicyViolation);
  CHECK(ErrorCodeOf((*registry)->AddPartitions("nope", 4)) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf((*registry)->Delete("nope")) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf((*registry)->AlterConfig("orders", {{"retention.ms", "7"}, {"colour", "red"}}, {})) ==
        ErrorCode::kInvalidConfig);
  CHECK((*registry)->Find("orders")->config()->retention_ms == TopicConfig{}.retention_ms);
}

TEST_CASE("one topic too many is refused, in one batch and later, until one is deleted") {
  World world;
  auto registry = TopicRegistry::Open({.directory = "/data", .context = &world.context, .topics_max = 2});
  REQUIRE(registry.ok());
  const auto made = (*registry)->Create({{"a", 1, {}}, {"b", 1, {}}, {"c", 1, {}}});
  CHECK(made[0].ok());
  CHECK(made[1].ok());
  CHECK(ErrorCodeOf(made[2].status()) == ErrorCode::kPolicyViolation);
  CHECK(ErrorCodeOf((*registry)->Create({{"c", 1, {}}})[0].status()) == ErrorCode::kPolicyViolation);
  // The engine's own.
  CHECK((*registry)->Create({{"__own", 1, {}, true}})[0].ok());
  REQUIRE((*registry)->Delete("a").ok());
  REQUIRE((*registry)->Delete("__own").ok());
  CHECK((*registry)->Create({{"c", 1, {}}})[0].ok());
  CHECK(Names(**registry) == std::vector<std::string>{"b", "c"});
}

TEST_CASE("a topic made again under its old name is another topic") {
  World world;
  auto registry = world.Open();
  REQUIRE(registry.ok());
  REQUIRE((*registry)->Create({{"orders", 1, {}}})[0].ok());
  const auto old = (*registry)->Find("orders");
  const auto partition = *old->partition(PartitionId(0));
  REQUIRE(partition->Append({.value = "a"}, Timestamp(1), true).ok());
  const uint32_t version = old->version();
  REQUIRE((*registry)->Delete("orders").ok());
  CHECK(old->deleted());
  CHECK(old->version() != version);
  CHECK(ErrorCodeOf(old->partition(PartitionId(0)).status()) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(world.logs.size() == 0);
  REQUIRE((*registry)->Create({{"orders", 1, {}}})[0].ok());
  CHECK((*registry)->Find("orders")->id() != old->id());
}

TEST_CASE("config changes reach the logs that are open, and those opened later") {
  World world;
  auto registry = world.Open();
  REQUIRE(registry.ok());
  REQUIRE((*registry)->Create({{"orders", 2, {}}})[0].ok());
  const auto topic = (*registry)->Find("orders");
  REQUIRE((*topic->partition(PartitionId(0)))->OpenLog().ok());
  REQUIRE((*registry)->AlterConfig("orders", {{"segment.bytes", "8192"}}, {}).ok());
  CHECK(world.logs.Get({"orders", PartitionId(0)})->config().segment_bytes == 8192);
  REQUIRE((*topic->partition(PartitionId(1)))->OpenLog().ok());
  CHECK(world.logs.Get({"orders", PartitionId(1)})->config().segment_bytes == 8192);
}

TEST_CASE("producer ids are never given out twice, whatever is lost") {
  World world;
  std::vector<int64_t> given;
  for (int round = 0; round < 3; ++round) {
    auto registry = world.Open();
    REQUIRE(registry.ok());
    for (int i = 0; i < 3; ++i) given.push_back((*registry)->NewProducerId()->value());
    world.sim.files->Stop();  // no Close: its process dies here
    registry->reset();
    world.sim.Crash({.seed = static_cast<uint64_t>(round), .keep = SimKeep::kSynced});
  }
  for (size_t i = 1; i < given.size(); ++i) CHECK(given[i] > given[i - 1]);
}

TEST_CASE("after a power loss every topic that was answered is there, and none half") {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    World world(seed);
    std::vector<std::string> answered;
    {
      auto registry = world.Open();
      REQUIRE(registry.ok());
      const int batches = static_cast<int>(seed % 7);
      for (int b = 0; b <= batches; ++b) {
        std::vector<TopicRegistry::Spec> specs;
        for (int t = 0; t < 3; ++t)
          specs.push_back({"t" + std::to_string(b) + "-" + std::to_string(t), 2, {}});
        for (const auto& made : (*registry)->Create(specs)) REQUIRE(made.ok());
        for (const auto& spec : specs) answered.push_back(spec.name);
      }
      world.sim.files->Stop();
    }
    world.sim.Crash({.seed = seed});
    auto registry = world.Open();
    INFO(seed);
    REQUIRE(registry.ok());
    std::sort(answered.begin(), answered.end());
    CHECK(Names(**registry) == answered);
  }
}

TEST_CASE("negative control: topics that were not flushed may be lost with the power") {
  int lost = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    World world(seed);
    {
      auto registry = world.Open(Durability::kProcess);
      REQUIRE(registry.ok());
      REQUIRE((*registry)->Create({{"orders", 1, {}}})[0].ok());
      world.sim.files->Stop();
    }
    world.sim.Crash({.seed = seed, .keep = SimKeep::kSynced});
    auto registry = world.Open();
    REQUIRE(registry.ok());
    lost += (*registry)->Find("orders") == nullptr;
  }
  CHECK(lost == 20);
}

TEST_CASE("a full disk refuses the change, keeps what was, and the next change works again") {
  World world;
  {
    auto registry = world.Open();
    REQUIRE(registry.ok());
    REQUIRE((*registry)->Create({{"orders", 1, {}}})[0].ok());
    world.sim.files->Fail({.kind = SimFaultKind::kShortWrite, .path_contains = "millrace.topics"});
    CHECK_FALSE((*registry)->Create({{"lost", 1, {}}})[0].ok());
    CHECK(world.sim.files->faults_fired() > 0);
    CHECK((*registry)->Find("lost") == nullptr);
    world.sim.files->ClearFaults();
    REQUIRE((*registry)->Create({{"later", 1, {}}})[0].ok());
    REQUIRE((*registry)->Close().ok());
  }
  auto registry = world.Open();
  REQUIRE(registry.ok());
  CHECK(Names(**registry) == std::vector<std::string>{"later", "orders"});
}

TEST_CASE("a damaged registry is refused, not guessed at") {
  World world;
  {
    auto registry = world.Open();
    REQUIRE(registry.ok());
    for (const char* name : {"a", "b", "c"}) REQUIRE((*registry)->Create({{name, 1, {}}})[0].ok());
    REQUIRE((*registry)->Close().ok());
  }
  auto file = world.sim.files->Open("/data/millrace.topics", OpenMode::kReadWrite);
  REQUIRE(file.ok());
  const std::byte wrong[1] = {std::byte{0xff}};
  REQUIRE((*file)->WriteAt(45, wrong).ok());  // inside the first record
  const auto registry = world.Open();
  REQUIRE_FALSE(registry.ok());
  CHECK(registry.status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("a reader in another process sees what the writer changes, and changes nothing") {
  World world;
  auto early = world.Open(Durability::kPowerLoss, /*read_only=*/true);
  REQUIRE(early.ok());
  CHECK(Names(**early).empty());
  auto writer = world.Open();
  REQUIRE(writer.ok());
  REQUIRE((*writer)->Create({{"orders", 1, {}}})[0].ok());
  auto reader = world.Open(Durability::kPowerLoss, /*read_only=*/true);
  REQUIRE(reader.ok());
  CountingTopicListener listener;
  (*reader)->AddListener(&listener);
  CHECK((*reader)->Find("orders") != nullptr);
  REQUIRE((*writer)->Create({{"audit", 1, {}}})[0].ok());
  REQUIRE((*writer)->AddPartitions("orders", 3).ok());
  CHECK((*reader)->Find("audit") == nullptr);
  const auto seen = (*reader)->Find("orders");
  REQUIRE((*reader)->Refresh().ok());
  CHECK((*reader)->Find("audit") != nullptr);
  CHECK(seen->partition_count() == 3);
  CHECK((*reader)->Find("orders") == seen);
  CHECK(listener.calls == 1);
  REQUIRE((*reader)->Refresh().ok());
  CHECK(listener.calls == 1);
  REQUIRE((*writer)->Delete("orders").ok());
  REQUIRE((*reader)->Refresh().ok());
  CHECK(seen->deleted());
  CHECK((*reader)->Create({{"mine", 1, {}}})[0].status().code() == absl::StatusCode::kFailedPrecondition);
  REQUIRE((*early)->Refresh().ok());
  CHECK(Names(**early) == std::vector<std::string>{"audit"});
  (*reader)->RemoveListener(&listener);
}

TEST_CASE("the registry's file stays small however often things change") {
  World world;
  auto registry = world.Open(Durability::kProcess);
  REQUIRE(registry.ok());
  REQUIRE((*registry)->Create({{"orders", 1, {}}})[0].ok());
  for (int i = 0; i < 6000; ++i) {
    REQUIRE((*registry)->AlterConfig("orders", {{"retention.ms", std::to_string(i + 1)}}, {}).ok());
  }
  REQUIRE((*registry)->Close().ok());
  CHECK(world.sim.files->Stat("/data/millrace.topics")->size_bytes < 300'000);
  auto again = world.Open();
  REQUIRE(again.ok());
  CHECK((*again)->Find("orders")->config()->retention_ms == 6000);
}

}  // namespace
}  // namespace millrace
