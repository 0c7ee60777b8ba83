// Consumers in groups: sharing, rebalancing, committing, coming back.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/millrace.h"
#include "temp_dir.h"

namespace millrace {
namespace {

constexpr int kPartitions = 6;

std::unique_ptr<Engine> OpenEngine(const std::string& directory = "") {
  auto engine = Engine::Open({.directory = directory});
  INFO(engine.status().message());
  REQUIRE(engine.ok());
  if ((*engine)->admin().ListTopics().empty()) {
    REQUIRE((*engine)->CreateTopic("t", {.partitions = kPartitions}).ok());
  }
  return *std::move(engine);
}

struct Listener final : RebalanceListener {
  std::vector<TopicPartition> assigned, revoked, lost;
  void OnAssigned(const std::vector<TopicPartition>& added) override {
    assigned.insert(assigned.end(), added.begin(), added.end());
  }
  void OnRevoked(const std::vector<TopicPartition>& removed) override {
    revoked.insert(revoked.end(), removed.begin(), removed.end());
  }
  void OnLost(const std::vector<TopicPartition>& removed) override {
    lost.insert(lost.end(), removed.begin(), removed.end());
  }
};

std::unique_ptr<Consumer> Join(Engine& engine, ConsumerOptions options = {},
                               RebalanceListener* listener = nullptr) {
  if (options.group.empty()) options.group.push_back('g');
  options.start = Start::kEarliest;
  options.wait = WaitStrategy::kPark;
  auto consumer = engine.NewConsumer(std::move(options));
  INFO(consumer.status().message());
  REQUIRE(consumer.ok());
  REQUIRE((*consumer)->Subscribe({"t"}, listener).ok());
  return *std::move(consumer);
}

// Polls them in turn until together they own every partition once and nobody has more than its share; the
// values read meanwhile.
std::vector<std::string> Settle(const std::vector<Consumer*>& members) {
  std::vector<std::string> values;
  const size_t most = (kPartitions + members.size() - 1) / members.size();
  for (int turn = 0; turn < 20'000; ++turn) {
    std::set<TopicPartition> owned;
    size_t sum = 0;
    bool fair = true;
    for (Consumer* member : members) {
      auto batches = member->Poll(absl::Milliseconds(1));
      INFO(batches.status().message());
      REQUIRE(batches.ok());
      for (const Batch& batch : *batches) {
        for (const RecordView& record : batch) values.emplace_back(*record.value);
      }
      const auto assignment = member->assignment();
      fair = fair && assignment.size() <= most;
      sum += assignment.size();
      owned.insert(assignment.begin(), assignment.end());
    }
    if (fair && sum == kPartitions && owned.size() == kPartitions) return values;
  }
  FAIL("the group did not settle");
  return values;
}

void Produce(Engine& engine, int from, int to) {
  auto producer = engine.NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(producer.ok());
  auto topic = (*producer)->Topic("t");
  for (int i = from; i < to; ++i) {
    REQUIRE((*producer)->Send(*topic, {.value = std::to_string(i)}, PartitionId(i % kPartitions)).ok());
  }
}

std::vector<std::string> ReadAll(Consumer& consumer, size_t count) {
  std::vector<std::string> values;
  while (values.size() < count) {
    auto batches = consumer.Poll(absl::Seconds(20));
    INFO(batches.status().message());
    REQUIRE(batches.ok());
    REQUIRE_FALSE(batches->empty());
    for (const Batch& batch : *batches) {
      for (const RecordView& record : batch) values.emplace_back(*record.value);
    }
  }
  return values;
}

TEST_CASE("members share the partitions, whatever the assignor") {
  const AssignorKind kind = GENERATE(AssignorKind::kRange, AssignorKind::kRoundRobin, AssignorKind::kSticky,
                                     AssignorKind::kCooperativeSticky);
  auto engine = OpenEngine();
  auto first = Join(*engine, {.assignors = {kind}});
  Settle({first.get()});
  auto second = Join(*engine, {.assignors = {kind}});
  Settle({first.get(), second.get()});
  auto third = Join(*engine, {.assignors = {kind}});
  Settle({first.get(), second.get(), third.get()});
  second.reset();
  Settle({first.get(), third.get()});
  const auto description = engine->admin().DescribeGroup("g");
  REQUIRE(description.ok());
  CHECK(description->state == GroupState::kStable);
  CHECK(description->members.size() == 2);
}

TEST_CASE("members hear of a rebalance at once, not with their next heartbeat") {
  auto engine = OpenEngine();
  const ConsumerOptions rare = {.session_timeout = absl::Minutes(20),
                                .heartbeat_interval = absl::Minutes(10)};
  auto first = Join(*engine, rare);
  Settle({first.get()});
  auto second = Join(*engine, rare);
  Settle({first.get(), second.get()});
  second.reset();
  Settle({first.get()});
}

// Commits where the headers say to: before partitions are given up.
struct Committing : RebalanceListener {
  Consumer* consumer = nullptr;
  std::vector<absl::Status> commits;
  void OnRevoked(const std::vector<TopicPartition>& removed) override {
    Consumer::Offsets offsets;
    for (const TopicPartition& partition : removed) {
      const auto position = consumer->position(partition);
      commits.push_back(position.status());
      if (position.ok()) offsets[partition] = {.offset = *position};
    }
    commits.push_back(consumer->CommitSync(offsets));
    commits.push_back(consumer->CommitSync());
  }
};

TEST_CASE("a listener commits before partitions are given up: closing, leaving, or destroyed") {
  const int way = GENERATE(0, 1, 2);
  auto engine = OpenEngine();
  Produce(*engine, 0, 50);
  Committing listener;
  auto consumer = Join(*engine, {.auto_commit = false}, &listener);
  listener.consumer = consumer.get();
  ReadAll(*consumer, 50 - Settle({consumer.get()}).size());
  if (way == 0) REQUIRE(consumer->Close().ok());
  if (way == 1) REQUIRE(consumer->Unsubscribe().ok());
  consumer.reset();
  REQUIRE(listener.commits.size() == kPartitions + 2);
  for (const absl::Status& commit : listener.commits) {
    INFO(std::string(commit.message()));
    CHECK(commit.ok());
  }
  int64_t sum = 0;
  const auto committed = engine->admin().ListGroupOffsets("g");
  for (const auto& [partition, offset] : *committed) sum += offset.offset.value();
  CHECK(sum == 50);
}

TEST_CASE("a session time-out outside the engine's bounds is refused at once, with the bounds") {
  auto engine = OpenEngine();
  for (const absl::Duration timeout : {absl::Milliseconds(5999), absl::Milliseconds(1'800'001)}) {
    const ConsumerOptions options = {
        .group = "g", .session_timeout = timeout, .heartbeat_interval = absl::Seconds(1)};
    const auto refused = engine->NewConsumer(options);
    CHECK(ErrorCodeOf(refused.status()) == ErrorCode::kInvalidSessionTimeout);
    CHECK(std::string(refused.status().message()).find("6000 to 1800000 ms") != std::string::npos);
  }
  CHECK(engine->NewConsumer({.group = "g", .session_timeout = absl::Seconds(6)}).ok());
}

TEST_CASE("states of groups have Kafka's names") {
  CHECK(GroupStateName(GroupState::kEmpty) == "Empty");
  CHECK(GroupStateName(GroupState::kPreparingRebalance) == "PreparingRebalance");
  CHECK(GroupStateName(GroupState::kCompletingRebalance) == "CompletingRebalance");
  CHECK(GroupStateName(GroupState::kStable) == "Stable");
  CHECK(GroupStateName(GroupState::kDead) == "Dead");
  CHECK(GroupStateName(GroupState::kAssigning) == "Assigning");
  CHECK(GroupStateName(GroupState::kReconciling) == "Reconciling");
  CHECK(GroupTypeName(GroupType::kClassic) == "classic");
  CHECK(GroupTypeName(GroupType::kConsumer) == "consumer");
}

TEST_CASE("each record reaches one member once, through rebalances") {
  auto engine = OpenEngine();
  Produce(*engine, 0, 100);
  auto first = Join(*engine);
  std::vector<std::string> values = Settle({first.get()});
  auto second = Join(*engine);
  auto more = Settle({first.get(), second.get()});
  values.insert(values.end(), more.begin(), more.end());
  Produce(*engine, 100, 200);
  for (int turn = 0; turn < 1000 && values.size() < 200; ++turn) {
    more = Settle({first.get(), second.get()});
    values.insert(values.end(), more.begin(), more.end());
  }
  std::sort(values.begin(), values.end());
  CHECK(values.size() == 200);
  CHECK(std::unique(values.begin(), values.end()) == values.end());
}

TEST_CASE("listeners hear of what comes and goes") {
  auto engine = OpenEngine();
  Listener eager;
  auto first = Join(*engine, {.assignors = {AssignorKind::kRange}}, &eager);
  Settle({first.get()});
  CHECK(eager.assigned.size() == kPartitions);
  auto second = Join(*engine, {.assignors = {AssignorKind::kRange}});
  Settle({first.get(), second.get()});
  CHECK(eager.revoked.size() == kPartitions);
  CHECK(eager.assigned.size() == kPartitions + kPartitions / 2);
  CHECK(eager.lost.empty());
}

TEST_CASE("cooperative members keep what they keep") {
  auto engine = OpenEngine();
  Listener listener;
  auto first = Join(*engine, {.assignors = {AssignorKind::kCooperativeSticky}}, &listener);
  Settle({first.get()});
  auto second = Join(*engine, {.assignors = {AssignorKind::kCooperativeSticky}});
  Settle({first.get(), second.get()});
  CHECK(listener.assigned.size() == kPartitions);  // nothing came twice
  CHECK(listener.revoked.size() == kPartitions / 2);
}

TEST_CASE("a group goes on where it was, after members and after the engine") {
  test::TempDir directory;
  {
    auto engine = OpenEngine(directory.path());
    Produce(*engine, 0, 60);
    auto member = Join(*engine);
    CHECK(ReadAll(*member, 60).size() == 60);
    REQUIRE(member->CommitSync().ok());
    member.reset();
    Produce(*engine, 60, 70);
    auto again = Join(*engine, {.auto_commit = false});
    auto values = ReadAll(*again, 10);
    std::sort(values.begin(), values.end());
    CHECK(values.front() == "60");  // not committed: comes again
    again.reset();
    REQUIRE(engine->Close().ok());
  }
  auto engine = OpenEngine(directory.path());
  auto member = Join(*engine);
  auto values = ReadAll(*member, 10);
  std::sort(values.begin(), values.end());
  CHECK(values.front() == "60");
  CHECK(values.back() == "69");
  const auto committed = engine->admin().ListGroupOffsets("g");
  REQUIRE(committed.ok());
  CHECK(committed->size() == kPartitions);
  CHECK(committed->begin()->second.offset == Offset(10));
}

TEST_CASE("commits carry metadata and can be asked for") {
  auto engine = OpenEngine();
  Produce(*engine, 0, 6);
  auto member = Join(*engine, {.auto_commit = false});
  CHECK(ReadAll(*member, 6).size() == 6);
  const TopicPartition first = {.topic = "t", .partition = PartitionId(0)};
  REQUIRE(member->CommitSync({{first, {.offset = Offset(1), .metadata = "here"}}}).ok());
  auto committed = member->Committed({first, {.topic = "t", .partition = PartitionId(1)}});
  REQUIRE(committed.ok());
  CHECK(committed->size() == 1);
  CHECK((*committed)[first].offset == Offset(1));
  CHECK((*committed)[first].metadata == "here");
  const std::string endless(5000, 'x');
  CHECK(ErrorCodeOf(member->CommitSync({{first, {.offset = Offset(1), .metadata = endless}}})) ==
        ErrorCode::kOffsetMetadataTooLarge);
  absl::Status answer = absl::UnknownError("not called");
  member->CommitAsync([&](const absl::Status& status) { answer = status; });
  REQUIRE(member->TryPoll().ok());
  CHECK(answer.ok());
}

TEST_CASE("a pattern follows topics that come later") {
  auto engine = OpenEngine();
  auto consumer = engine->NewConsumer({.group = "p", .start = Start::kEarliest, .wait = WaitStrategy::kPark});
  REQUIRE(consumer.ok());
  CHECK_FALSE((*consumer)->SubscribePattern("(").ok());
  REQUIRE((*consumer)->SubscribePattern("t|orders-.*").ok());
  Settle({consumer->get()});
  REQUIRE(engine->CreateTopic("orders-eu", {.partitions = 1}).ok());
  REQUIRE(engine->CreateTopic("invoices", {.partitions = 1}).ok());
  for (int turn = 0; turn < 10'000 && (*consumer)->assignment().size() < kPartitions + 1; ++turn) {
    REQUIRE((*consumer)->Poll(absl::Milliseconds(1)).ok());
  }
  CHECK((*consumer)->assignment().size() == kPartitions + 1);
  CHECK((*consumer)->subscription() == std::vector<std::string>{"orders-eu", "t"});
}

TEST_CASE("a static member comes back to its partitions without a rebalance") {
  auto engine = OpenEngine();
  auto first = Join(*engine, {.group_instance_id = "one"});
  auto second = Join(*engine, {.group_instance_id = "two"});
  Settle({first.get(), second.get()});
  const auto before = first->assignment();
  const auto generation = second->group_metadata().generation;
  first.reset();
  auto again = Join(*engine, {.group_instance_id = "one"});
  Settle({again.get(), second.get()});
  CHECK(again->assignment() == before);
  CHECK(second->group_metadata().generation == generation);
}

TEST_CASE("operators list, reset and delete what groups have committed") {
  auto engine = OpenEngine();
  Produce(*engine, 0, 6);
  auto member = Join(*engine);
  CHECK(ReadAll(*member, 6).size() == 6);
  const TopicPartition first = {.topic = "t", .partition = PartitionId(0)};
  REQUIRE(member->CommitSync().ok());
  CHECK_FALSE(engine->admin().AlterGroupOffsets("g", {{first, {.offset = Offset(0)}}}).ok());
  CHECK(ErrorCodeOf(engine->admin().DeleteGroup("g")) == ErrorCode::kNonEmptyGroup);
  member.reset();
  REQUIRE(engine->admin().AlterGroupOffsets("g", {{first, {.offset = Offset(0)}}}).ok());
  auto again = Join(*engine);
  CHECK(ReadAll(*again, 1) == std::vector<std::string>{"0"});
  again.reset();
  REQUIRE(engine->admin().DeleteGroupOffsets("g", {first}).ok());
  CHECK(engine->admin().ListGroupOffsets("g")->count(first) == 0);
  REQUIRE(engine->admin().DeleteGroup("g").ok());
  CHECK(ErrorCodeOf(engine->admin().DeleteGroup("g")) == ErrorCode::kGroupIdNotFound);
}

}  // namespace
}  // namespace millrace
