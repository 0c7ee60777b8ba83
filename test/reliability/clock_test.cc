// R11: somebody sets the wall clock, by an hour or by ten years, forward or back, while an engine runs.
// Sessions run on the monotonic clock: nobody is thrown out of a group. Retention, rolls and expiry go by the
// wall clock, but delete nothing that the rules do not allow, and keep nothing for ever.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"
#include "reliability/world.h"

namespace millrace::testing {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kYearsMs = 10 * int64_t{365} * 24 * kHourMs;
// Each from where the one before left it.
const std::vector<int64_t> kJumps = {kHourMs, -2 * kHourMs, kHourMs, kYearsMs, -2 * kYearsMs, kYearsMs};

std::unique_ptr<Engine> Open(SimEnv& sim) {
  auto engine = Engine::Open({.directory = "/data", .env = sim.env(), .offsets_topic_num_partitions = 1});
  INFO(std::string(engine.status().message()));
  REQUIRE(engine.ok());
  return *std::move(engine);
}

std::shared_ptr<Log> LogOf(Engine& engine, const std::string& topic) {
  auto log = engine.PartitionLog({topic, PartitionId(0)});
  REQUIRE(log.ok());
  return *log;
}

void Append(Log& log, int count) {
  for (int i = 0; i < count; ++i) REQUIRE(log.Append({.key = "key", .value = std::string(100, 'v')}).ok());
}

struct Group {
  explicit Group(Engine& engine) {
    REQUIRE(engine.CreateTopic("t", {.partitions = 4}).ok());
    for (int i = 0; i < 2; ++i) {
      auto consumer = engine.NewConsumer({.group = "g", .wait = WaitStrategy::kPark});
      REQUIRE(consumer.ok());
      REQUIRE((*consumer)->Subscribe({"t"}).ok());
      members.push_back(*std::move(consumer));
    }
    for (int turn = 0; turn < 1000 && !IsSettled(); ++turn) Poll();
    REQUIRE(IsSettled());
  }
  bool IsSettled() const {
    return members[0]->assignment().size() == 2 && members[1]->assignment().size() == 2;
  }
  void Poll() {
    for (const auto& member : members) REQUIRE(member->Poll(absl::Milliseconds(1)).ok());
  }
  GenerationId generation() const { return members[0]->group_metadata().generation; }

  std::vector<std::unique_ptr<Consumer>> members;
};

TEST_CASE("nobody loses a session because the wall clock was set") {
  SimEnv sim(11);
  const auto engine = Open(sim);
  Group group(*engine);
  const GenerationId generation = group.generation();
  const auto assignment = group.members[1]->assignment();
  REQUIRE(group.members[0]->CommitSync().ok());
  for (const int64_t jump : kJumps) {
    INFO("by " << jump << " ms");
    sim.clock.JumpWall(jump);
    // Longer than a session.
    for (int second = 0; second < 60; ++second) {
      sim.executor->RunFor(kSecond);
      group.Poll();
    }
    CHECK(group.generation() == generation);
    CHECK(group.members[1]->assignment() == assignment);
    CHECK(engine->admin().DescribeGroup("g")->members.size() == 2);
  }
  // The control: time that does pass. One of them does not poll any more.
  for (int second = 0; second < 400; ++second) {
    sim.executor->RunFor(kSecond);
    REQUIRE(group.members[0]->Poll(absl::Milliseconds(1)).ok());
  }
  CHECK(group.generation() != generation);
  CHECK(group.members[0]->assignment().size() == 4);
  group.members.clear();
}

TEST_CASE("committed offsets of a group that is there do not expire") {
  SimEnv sim(12);
  const auto engine = Open(sim);
  Group group(*engine);
  const Consumer::Offsets offsets = {{{"t", PartitionId(0)}, {.offset = Offset(0), .metadata = "kept"}}};
  REQUIRE(engine->admin().AlterGroupOffsets("other", offsets).ok());
  REQUIRE(group.members[0]->CommitSync(offsets).ok());
  sim.clock.JumpWall(-kYearsMs);
  sim.executor->RunFor(1800 * kSecond);
  CHECK(engine->admin().ListGroupOffsets("other")->size() == 1);  // less than no time has passed
  sim.clock.JumpWall(2 * kYearsMs);
  for (int minute = 0; minute < 30; ++minute) {
    sim.executor->RunFor(60 * kSecond);
    group.Poll();
  }
  CHECK(engine->admin().ListGroupOffsets("g")->contains({"t", PartitionId(0)}));
  // The control: a group without members, whose offsets are ten years old by now.
  const auto other = engine->admin().ListGroupOffsets("other");
  CHECK((!other.ok() || other->empty()));
  group.members.clear();
}

TEST_CASE("retention deletes what is old by the clock, and nothing else") {
  SimEnv sim(13);
  const auto engine = Open(sim);
  TopicConfig config;
  config.segment_bytes = 4096;
  config.retention_ms = 3 * kHourMs;
  config.file_delete_delay_ms = 0;
  REQUIRE(engine->CreateTopic("t", {.config = config}).ok());
  const auto log = LogOf(*engine, "t");
  const auto retention = [&] { sim.executor->RunFor(700 * kSecond); };
  Append(*log, 100);
  retention();
  CHECK(log->log_start_offset() == Offset(0));
  sim.clock.JumpWall(kHourMs);
  retention();
  CHECK(log->log_start_offset() == Offset(0));
  // Ten years back: all of it is from the future now, and stays.
  sim.clock.JumpWall(-kYearsMs);
  retention();
  CHECK(log->log_start_offset() == Offset(0));
  Append(*log, 10);
  retention();
  CHECK(log->log_start_offset() == Offset(0));
  sim.clock.JumpWall(kYearsMs);
  // The control, and nothing is kept for ever: the time passes.
  for (int half_hour = 0; half_hour < 8; ++half_hour) sim.executor->RunFor(1800 * kSecond);
  CHECK(log->log_start_offset() == log->log_end_offset());
  CHECK(log->log_end_offset() == Offset(110));
}

// As in Kafka: how old a record is, the clock decides.
TEST_CASE("ten years ahead everything is old, and nothing that comes then") {
  SimEnv sim(16);
  const auto engine = Open(sim);
  TopicConfig config;
  config.retention_ms = 3 * kHourMs;
  config.file_delete_delay_ms = 0;
  REQUIRE(engine->CreateTopic("t", {.config = config}).ok());
  const auto log = LogOf(*engine, "t");
  const auto retention = [&] { sim.executor->RunFor(700 * kSecond); };
  Append(*log, 10);
  sim.clock.JumpWall(kYearsMs);
  Append(*log, 5);
  Append(*log, 5);
  retention();
  // The first that came then shares a segment with the old ones, or begins one: no record of its own time
  // goes.
  CHECK(log->log_start_offset() <= Offset(10));
  REQUIRE(log->Roll().ok());
  retention();
  CHECK(log->log_start_offset() <= Offset(10));
  sim.clock.JumpWall(-kYearsMs);
  retention();
  CHECK(log->log_start_offset() <= Offset(10));
  CHECK(log->log_end_offset() == Offset(20));
}

bool HasTombstone(Log& log) {
  const auto cursor = log.NewCursor(log.log_start_offset());
  REQUIRE(cursor.ok());
  for (;;) {
    const auto slice = (*cursor)->Next(1 << 20);
    REQUIRE(slice.ok());
    if (slice->empty()) return false;
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        if (!record.value.has_value()) return true;
      }
    }
  }
}

TEST_CASE("a tombstone stays for delete.retention.ms by the clock") {
  SimEnv sim(17);
  const auto engine = Open(sim);
  TopicConfig config;
  config.cleanup_policy = {.remove = false, .compact = true};
  config.delete_retention_ms = 3 * kHourMs;
  REQUIRE(engine->CreateTopic("t", {.config = config}).ok());
  const auto log = LogOf(*engine, "t");
  const auto compact = [&] {
    REQUIRE(log->Roll().ok());
    REQUIRE(log->Compact(/*force=*/true).ok());
  };
  REQUIRE(log->Append({.key = "gone", .value = "value"}).ok());
  REQUIRE(log->Append({.key = "gone"}).ok());
  Append(*log, 3);
  compact();  // its time begins
  REQUIRE(HasTombstone(*log));
  for (const int64_t jump : {kHourMs, -2 * kHourMs, -kYearsMs, kYearsMs}) {
    INFO("by " << jump << " ms");
    sim.clock.JumpWall(jump);
    Append(*log, 3);
    compact();
    CHECK(HasTombstone(*log));
  }
  // The control: the time passes.
  sim.executor->RunFor(5 * 3600 * kSecond);
  Append(*log, 3);
  compact();
  CHECK_FALSE(HasTombstone(*log));
}

TEST_CASE("segments do not grow for ever, nor roll at each append, because the clock was set") {
  SimEnv sim(14);
  const auto engine = Open(sim);
  TopicConfig config;
  config.segment_ms = kHourMs;
  config.retention_ms = -1;
  REQUIRE(engine->CreateTopic("t", {.config = config}).ok());
  const auto log = LogOf(*engine, "t");
  const auto segments = [&] { return log->stats().segments; };
  Append(*log, 20);
  for (const int64_t jump : kJumps) {
    INFO("by " << jump << " ms");
    sim.clock.JumpWall(jump);
    const auto before = segments();
    Append(*log, 50);
    sim.executor->RunFor(10 * kSecond);
    Append(*log, 50);
    CHECK(segments() <= before + 1);
  }
  // The control: hours that do pass.
  const auto before = segments();
  for (int i = 0; i < 4; ++i) {
    sim.executor->RunFor(3700 * kSecond);
    Append(*log, 5);
  }
  CHECK(segments() >= before + 3);
}

TEST_CASE("a producer is remembered over an hour, whichever way the clock was set") {
  const int64_t jump = GENERATE(kHourMs, -kHourMs, -kYearsMs);
  World world({.seed = 15});
  REQUIRE(world.Open().empty());
  REQUIRE(world.AppendIdempotent(3, 40).ok());
  world.sim.clock.JumpWall(jump);
  world.log->RunMaintenance().IgnoreError();
  CHECK(world.CheckProducer().empty());
  REQUIRE(world.Roll().ok());
  REQUIRE(world.AppendIdempotent(2, 40).ok());
  CHECK(world.CheckProducer().empty());
  CHECK(world.ReopenAfterKill().empty());
  CHECK(world.CheckProducer().empty());
}

TEST_CASE("a producer is forgotten after a day by the clock, and not before") {
  World world({.seed = 18});
  REQUIRE(world.Open().empty());
  REQUIRE(world.AppendIdempotent(3, 40).ok());
  for (const int64_t jump : {20 * kHourMs, -10 * kHourMs, 13 * kHourMs}) {
    world.sim.clock.JumpWall(jump);
    REQUIRE(world.Append(10).ok());
    REQUIRE(world.Roll().ok());
    CHECK(world.log->Producers().size() == 1);
  }
  // The control.
  world.sim.clock.JumpWall(2 * kHourMs);
  REQUIRE(world.Append(10).ok());
  REQUIRE(world.Roll().ok());
  CHECK(world.log->Producers().empty());
}

}  // namespace
}  // namespace millrace::testing
