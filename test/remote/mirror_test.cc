// Mirrors between an engine on disk and a broker in this process, each of which dies in the middle.

#include "millrace/mirror.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "millrace/broker.h"
#include "millrace/status.h"
#include "millrace/transport.h"
#include "temp_dir.h"

namespace millrace::inline v0 {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int32_t kPartitions = 2;

void CheckOk(const absl::Status& status) {
  INFO(std::string(status.message()));
  REQUIRE(status.ok());
}

template <typename T>
T Value(absl::StatusOr<T> result) {
  CheckOk(result.status());
  return *std::move(result);
}

// A cluster of one: an engine in memory, which outlives its broker.
struct Hub {
  Hub() : engine(Value(Engine::Open({}))), tcp(Value(NewTcpTransport())) {
    Start("127.0.0.1:0");
    cluster = Value(Connect(broker->bootstrap_servers()));
  }
  ~Hub() {
    cluster.reset();
    broker.reset();
  }
  void Start(const std::string& address) {
    broker = Value(Broker::Start({.engine = engine.get(),
                                  .listeners = {{.transport = tcp.get(), .address = address}},
                                  .auto_create_topics = false}));
    where = broker->bootstrap_servers();
  }
  void Die() { broker.reset(); }
  void ComeBack() { Start(where); }

  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> tcp;
  std::unique_ptr<Broker> broker;
  std::string where;
  std::unique_ptr<RemoteCluster> cluster;
};

// An engine on disk, which can be closed and opened.
struct Edge {
  Edge() { Open(); }
  void Open() { engine = Value(Engine::Open({.directory = dir.Path("edge")})); }
  void DieAndComeBack() {
    engine.reset();
    Open();
  }
  test::TempDir dir;
  std::unique_ptr<Engine> engine;
};

// Numbers `first` to `last`, alternating between the partitions.
void SendNumbers(Engine& engine, const std::string& topic, int first, int last) {
  const auto producer = Value(engine.NewProducer({}));
  const TopicHandle handle = Value(producer->Topic(topic));
  for (int i = first; i <= last; ++i) {
    const std::string text = std::to_string(i);
    CheckOk(producer->Send(handle, {.key = "k", .value = text}, PartitionId(i % kPartitions)));
  }
  CheckOk(producer->Flush(kPatience));
}

// What each partition of `topic` holds, read at the engine itself.
std::vector<std::vector<int>> NumbersOf(Engine& engine, const std::string& topic) {
  std::vector<std::vector<int>> numbers(kPartitions);
  const auto consumer = Value(engine.NewConsumer({.start = Start::kEarliest}));
  std::vector<TopicPartition> all;
  int64_t left = 0;
  for (int32_t i = 0; i < kPartitions; ++i) {
    all.push_back({topic, PartitionId(i)});
    left += Value(engine.admin().EndOffset(all.back())).value();
  }
  CheckOk(consumer->Assign(all));
  while (left > 0) {
    const Batches batches = Value(consumer->Poll(kPatience));
    REQUIRE(!batches.empty());
    for (const Batch& batch : batches) {
      for (const RecordView& record : batch) {
        numbers[static_cast<size_t>(batch.partition().value())].push_back(
            std::stoi(std::string(*record.value)));
        --left;
      }
    }
  }
  return numbers;
}

struct Verdict {
  int lost = 0;
  int doubled = 0;
  // Of those that came once, how many came before a smaller one.
  int overtaken = 0;
  bool operator==(const Verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  return out << verdict.lost << " lost, " << verdict.doubled << " doubled, " << verdict.overtaken
             << " overtaken";
}

// Whether `topic` holds 0 to `last`, each once and in order.
Verdict Judge(const std::vector<std::vector<int>>& numbers, int last) {
  Verdict verdict;
  std::map<int, int> times;
  for (size_t partition = 0; partition < numbers.size(); ++partition) {
    int highest = -1;
    for (const int number : numbers[partition]) {
      if (number % kPartitions != static_cast<int>(partition)) ++verdict.overtaken;
      if (times[number]++ == 0 && number < highest) ++verdict.overtaken;
      highest = std::max(highest, number);
    }
  }
  for (int i = 0; i <= last; ++i) {
    if (times[i] == 0) ++verdict.lost;
    if (times[i] > 1) ++verdict.doubled;
  }
  return verdict;
}

constexpr Verdict kExactlyOnce = {};

struct World {
  World() {
    for (Engine* const engine : {edge.engine.get(), hub.engine.get()}) {
      CheckOk(engine->CreateTopic("numbers", {.partitions = kPartitions}));
    }
  }
  std::unique_ptr<Mirror> Out(MirrorOptions options) {
    options.name = "out";
    options.topics = {{.from = "numbers"}};
    return Value(Mirror::Make(edge.engine.get(), hub.cluster.get(), options));
  }
  std::unique_ptr<Mirror> Back(MirrorOptions options) {
    options.name = "back";
    options.topics = {{.from = "numbers"}};
    return Value(Mirror::Make(hub.cluster.get(), edge.engine.get(), options));
  }
  Verdict AtHub(int last) { return Judge(NumbersOf(*hub.engine, "numbers"), last); }
  Verdict AtEdge(int last) { return Judge(NumbersOf(*edge.engine, "numbers"), last); }

  Edge edge;
  Hub hub;
};

// Runs until the destination has acknowledged something.
void RunUntilSome(Mirror& mirror) {
  int64_t count = 0;
  for (int turns = 0; count == 0 && turns < 300; ++turns) count = Value(mirror.Run(absl::Milliseconds(100)));
  REQUIRE(count > 0);
}

TEST_CASE("a record arrives as it was, with a mark") {
  World world;
  const auto producer = Value(world.edge.engine->NewProducer({}));
  const std::vector<Header> headers = {{.key = "a", .value = "1"}, {.key = "b", .value = std::nullopt}};
  CheckOk(producer->Send("numbers", {.value = "0"}));
  const Timestamp time = Clock::System()->Wall() - 5000;
  const TopicHandle handle = Value(producer->Topic("numbers"));
  CheckOk(producer->Send(handle, {.key = "k", .value = "one", .headers = headers, .timestamp = time},
                         PartitionId(1)));
  CheckOk(producer->Send(handle, {.key = "k", .value = std::nullopt, .timestamp = time}, PartitionId(1)));
  CheckOk(producer->Flush());
  const auto mirror = world.Out({});
  CheckOk(mirror->Drain(kPatience));
  const auto consumer = Value(world.hub.engine->NewConsumer({.start = Start::kEarliest}));
  CheckOk(consumer->Assign({{"numbers", PartitionId(1)}}));
  std::vector<Batches> polled;
  size_t found = 0;
  while (found < 2) {
    polled.push_back(Value(consumer->Poll(kPatience)));
    REQUIRE(!polled.back().empty());
    for (const Batch& batch : polled.back()) {
      for (const RecordView& record : batch) {
        if (record.key != "k") continue;
        const std::optional<MirrorMark> mark = MirrorMarkOf(record.headers);
        REQUIRE(mark.has_value());
        CHECK(mark->name == "out");
        CHECK(mark->offset == record.offset);  // both logs began empty
        CHECK(record.timestamp == time);
        if (found++ == 0) {
          CHECK(record.value == "one");
          std::vector<Header> came(record.headers.begin(), record.headers.end());
          REQUIRE(came.size() == 3);
          CHECK(came[0] == headers[0]);
          CHECK(came[1] == headers[1]);
        } else {
          CHECK(!record.value.has_value());
        }
      }
    }
  }
}

TEST_CASE("the cluster dies in the middle and comes back") {
  World world;
  SendNumbers(*world.edge.engine, "numbers", 0, 999);
  const auto mirror = world.Out({});
  RunUntilSome(*mirror);
  world.hub.Die();
  SendNumbers(*world.edge.engine, "numbers", 1000, 1999);
  // Nobody is there, which is no error: the edge stores.
  CHECK(Value(mirror->Run(absl::Milliseconds(300))) >= 0);
  CHECK(ErrorCodeOf(mirror->Drain(absl::Milliseconds(300))) == ErrorCode::kRequestTimedOut);
  world.hub.ComeBack();
  SendNumbers(*world.edge.engine, "numbers", 2000, 2999);
  CheckOk(mirror->Drain(kPatience));
  CheckOk(mirror->Close(kPatience));
  CHECK(world.AtHub(2999) == kExactlyOnce);
}

TEST_CASE("a cluster that is not there at first") {
  World world;
  SendNumbers(*world.edge.engine, "numbers", 0, 99);
  const auto cluster = Value(Connect(world.hub.where, {.timeout = absl::Milliseconds(200)}));
  world.hub.Die();
  const auto mirror = Value(
      Mirror::Make(world.edge.engine.get(), cluster.get(), {.name = "out", .topics = {{.from = "numbers"}}}));
  CHECK_FALSE(mirror->Run(absl::ZeroDuration()).ok());
  world.hub.ComeBack();
  absl::Status drained = mirror->Drain(kPatience);
  for (int again = 0; again < 50 && !drained.ok(); ++again) drained = mirror->Drain(kPatience);
  CheckOk(drained);
  CHECK(world.AtHub(99) == kExactlyOnce);
}

// Everything was acknowledged, nothing committed: the marks alone tell what need not come again.
Verdict DieBetweenAcknowledgementAndCommit(bool mark) {
  World world;
  SendNumbers(*world.edge.engine, "numbers", 0, 999);
  auto mirror = world.Out({.mark = mark, .commit_interval = absl::Hours(1)});
  int64_t acknowledged = 0;
  for (int turns = 0; acknowledged < 1000 && turns < 300; ++turns) {
    acknowledged += Value(mirror->Run(absl::Milliseconds(100)));
  }
  REQUIRE(acknowledged == 1000);
  mirror.reset();
  world.edge.DieAndComeBack();
  SendNumbers(*world.edge.engine, "numbers", 1000, 1099);
  mirror = world.Out({.mark = mark});
  CheckOk(mirror->Drain(kPatience));
  return world.AtHub(1099);
}

TEST_CASE("the edge dies between acknowledgement and commit") {
  CHECK(DieBetweenAcknowledgementAndCommit(true) == kExactlyOnce);
}

TEST_CASE("negative control: without marks, what was not committed comes twice") {
  CHECK(DieBetweenAcknowledgementAndCommit(false) == Verdict{.doubled = 1000});
}

TEST_CASE("negative control: the judge sees what is lost and overtaken") {
  CHECK(Judge({{0, 2, 4}, {1, 3}}, 4) == kExactlyOnce);
  CHECK(Judge({{0, 4}, {1, 3}}, 4) == Verdict{.lost = 1});
  CHECK(Judge({{0, 4, 2}, {1, 3}}, 4) == Verdict{.overtaken = 1});
  CHECK(Judge({{0, 2, 2, 4}, {1, 3}}, 4) == Verdict{.doubled = 1});
}

// Produce requests are stored and never answered: the mirror dies without knowing.
Verdict DieWithRecordsUnderWay(bool mark, int lives) {
  World world;
  SendNumbers(*world.edge.engine, "numbers", 0, 9999);
  auto mirror = world.Out({.mark = mark, .commit_interval = absl::Milliseconds(1)});
  RunUntilSome(*mirror);
  for (int life = 1; life <= lives; ++life) {
    const FaultId fault = Value(
        world.hub.broker->faults().Add({.api = wire::ApiKey::kProduce, .carry_out = true, .drop = true}));
    SendNumbers(*world.edge.engine, "numbers", life * 10'000, life * 10'000 + 9999);
    for (int turns = 0; world.hub.broker->faults().met(fault) == 0 && turns < 1000; ++turns) {
      Value(mirror->Run(absl::Milliseconds(5)));
    }
    REQUIRE(world.hub.broker->faults().met(fault) == 1);
    mirror.reset();
    world.edge.DieAndComeBack();
    mirror = world.Out({.mark = mark, .commit_interval = absl::Milliseconds(1)});
    CheckOk(mirror->Drain(kPatience));
  }
  return world.AtHub(lives * 10'000 + 9999);
}

TEST_CASE("the edge dies with records under way") {
  CHECK(DieWithRecordsUnderWay(true, 3) == kExactlyOnce);
}

TEST_CASE("negative control: without marks, what was under way comes twice") {
  const Verdict verdict = DieWithRecordsUnderWay(false, 1);
  CHECK(verdict.doubled > 0);
  CHECK(verdict.lost == 0);
}

TEST_CASE("back from the cluster, where either side dies") {
  World world;
  SendNumbers(*world.hub.engine, "numbers", 0, 999);
  auto mirror = world.Back({.commit_interval = absl::Hours(1)});
  RunUntilSome(*mirror);
  world.hub.Die();
  SendNumbers(*world.hub.engine, "numbers", 1000, 1999);
  Value(mirror->Run(absl::Milliseconds(200)));
  world.hub.ComeBack();
  CheckOk(mirror->Drain(kPatience));
  CHECK(world.AtEdge(1999) == kExactlyOnce);
  SendNumbers(*world.hub.engine, "numbers", 2000, 2999);
  RunUntilSome(*mirror);
  mirror.reset();
  world.edge.DieAndComeBack();
  mirror = world.Back({});
  CheckOk(mirror->Drain(kPatience));
  CHECK(world.AtEdge(2999) == kExactlyOnce);
}

TEST_CASE("a record that is refused holds up those behind it, and nothing is lost") {
  World world;
  SendNumbers(*world.edge.engine, "numbers", 0, 99);
  const auto mirror = world.Out({});
  CheckOk(mirror->Drain(kPatience));
  CheckOk(
      world.hub.engine->admin().AlterTopicConfig("numbers", {{.name = "max.message.bytes", .value = "1"}}));
  SendNumbers(*world.edge.engine, "numbers", 100, 199);
  absl::Status refused;
  for (int turns = 0; refused.ok() && turns < 300; ++turns)
    refused = mirror->Run(absl::Milliseconds(100)).status();
  CHECK(ErrorCodeOf(refused) == ErrorCode::kMessageTooLarge);
  CheckOk(world.hub.engine->admin().AlterTopicConfig("numbers",
                                                     {{.name = "max.message.bytes", .value = std::nullopt}}));
  CheckOk(mirror->Drain(kPatience));
  const Verdict verdict = world.AtHub(199);
  CHECK(verdict.lost == 0);
  CHECK(verdict.overtaken == 0);
}

TEST_CASE("a mirror says what it cannot do") {
  World world;
  const auto make = [&](MirrorOptions options) {
    return ErrorCodeOf(Mirror::Make(world.edge.engine.get(), world.hub.cluster.get(), options).status());
  };
  CHECK(make({.topics = {{.from = "a"}}}) == ErrorCode::kInvalidConfig);
  CHECK(make({.name = "a:b", .topics = {{.from = "a"}}}) == ErrorCode::kInvalidConfig);
  CHECK(make({.name = "a"}) == ErrorCode::kInvalidConfig);
  CHECK(make({.name = "a", .topics = {{.from = "a", .to = "c"}, {.from = "b", .to = "c"}}}) ==
        ErrorCode::kInvalidConfig);
  CHECK(make({.name = "a", .topics = {{.from = "no such name!"}}}) == ErrorCode::kInvalidTopicException);
  CHECK(make({.name = "a", .topics = {{.from = "a"}}, .start = Start::kNone}) == ErrorCode::kInvalidConfig);
  const auto missing = Value(Mirror::Make(world.edge.engine.get(), world.hub.cluster.get(),
                                          {.name = "a", .topics = {{.from = "missing"}}}));
  CHECK(ErrorCodeOf(missing->Run(absl::ZeroDuration()).status()) == ErrorCode::kUnknownTopicOrPartition);
  CheckOk(world.edge.engine->CreateTopic("wide", {.partitions = kPartitions + 1}));
  const auto narrow = Value(
      Mirror::Make(world.edge.engine.get(), world.hub.cluster.get(),
                   {.name = "a", .topics = {{.from = "wide", .to = "numbers"}}, .create_topics = false}));
  CHECK(ErrorCodeOf(narrow->Run(absl::ZeroDuration()).status()) == ErrorCode::kInvalidPartitions);
  const auto mirror = world.Out({});
  CheckOk(mirror->Close(kPatience));
  CHECK_FALSE(mirror->Run(absl::ZeroDuration()).ok());
}

}  // namespace
}  // namespace millrace::inline v0
