// Producers over logs whose failures and flushes the test controls, in simulated time.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_support.h"
#include "millrace/serde.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

constexpr int64_t kMs = 1'000'000;

struct World {
  explicit World(EngineOptions options = {}) {
    options.env = sim.env();
    auto opened = OpenOver(&logs, std::move(options));
    REQUIRE(opened.ok());
    impl = *std::move(opened);
    engine = impl.get();
    REQUIRE(engine->CreateTopic("orders").ok());
  }
  std::unique_ptr<Producer> NewProducer(ProducerOptions options = {}) {
    auto made = engine->NewProducer(options);
    REQUIRE(made.ok());
    return *std::move(made);
  }
  std::shared_ptr<FakeLog> log(int partition = 0, std::string topic = "orders") {
    return logs.Get({std::move(topic), PartitionId(partition)});
  }
  std::vector<std::string> Values(int partition = 0) {
    return log(partition) == nullptr ? std::vector<std::string>() : log(partition)->Values();
  }
  void CreateTopic(std::string name, int partitions, TopicConfig config = {}) {
    REQUIRE(engine->CreateTopic(name, {.partitions = partitions, .config = config}).ok());
  }

  SimEnv sim{1};
  FakeLogSource logs;
  std::unique_ptr<EngineImpl> impl;
  Engine* engine = nullptr;
};

using Values = std::vector<std::string>;

TEST_CASE("records linger for company, and go together when the time is up") {
  World world;
  auto producer = world.NewProducer({.linger = absl::Milliseconds(5)});
  REQUIRE(producer->Send("orders", {.value = "a"}).ok());
  world.sim.executor->RunFor(2 * kMs);
  REQUIRE(producer->Send("orders", {.value = "b"}).ok());
  world.sim.executor->RunFor(3 * kMs - 1);
  CHECK(world.Values().empty());
  world.sim.executor->RunFor(1);
  CHECK(world.Values() == Values{"a", "b"});
  CHECK(world.log()->batches().size() == 1);
  // A batch begun later has its own time.
  REQUIRE(producer->Send("orders", {.value = "c"}).ok());
  world.sim.executor->RunFor(4 * kMs);
  CHECK(world.Values().size() == 2);
  world.sim.executor->RunFor(1 * kMs);
  CHECK(world.Values() == Values{"a", "b", "c"});
}

TEST_CASE("the linger timer runs only while batches are open") {
  World world;
  const MonotonicNanos idle = world.sim.executor->NextDue();
  auto producer = world.NewProducer({.linger = absl::Milliseconds(5)});
  CHECK(world.sim.executor->NextDue() == idle);
  REQUIRE(producer->Send("orders", {.value = "a"}).ok());
  CHECK(world.sim.executor->NextDue() < idle);
  world.sim.executor->RunFor(20 * kMs);
  CHECK(world.sim.executor->NextDue() == idle);
}

TEST_CASE("a full batch goes without waiting") {
  World world;
  auto producer = world.NewProducer({.linger = absl::Seconds(10), .batch_bytes = 1000});
  const std::string value(100, 'x');
  for (int i = 0; i < 20; ++i) REQUIRE(producer->Send("orders", {.value = value}).ok());
  const auto log = world.log();
  CHECK(log->batches().size() >= 2);
  for (const auto& batch : log->batches()) CHECK(batch->size() <= 1000);
  CHECK(world.Values().size() < 20);
  REQUIRE(producer->Flush().ok());
  CHECK(world.Values().size() == 20);
}

TEST_CASE("without linger each send is a batch in the log before it returns") {
  World world;
  auto producer = world.NewProducer({.linger = absl::ZeroDuration()});
  for (const char* value : {"a", "b", "c"}) {
    REQUIRE(producer->Send("orders", {.value = value}).ok());
    CHECK(world.Values().back() == value);
  }
  CHECK(world.log()->batches().size() == 3);
  world.log()->FailNextAppend(Error(ErrorCode::kKafkaStorageError, "no space"));
  CHECK(ErrorCodeOf(producer->Send("orders", {.value = "d"})) == ErrorCode::kKafkaStorageError);
  CHECK(producer->errors() == 0);  // it was not accepted, and the caller knows
}

TEST_CASE("callbacks say where each record landed, in order, outside the producer's locks") {
  World world;
  for (const bool linger : {true, false}) {
    auto producer = world.NewProducer({.linger = linger ? absl::Milliseconds(5) : absl::ZeroDuration()});
    std::vector<int64_t> offsets;
    const int64_t first = static_cast<int64_t>(world.Values().size());
    for (int i = 0; i < 5; ++i) {
      REQUIRE(producer
                  ->Send("orders", {.value = "v", .timestamp = Timestamp(1'700'000'000'000 + i)},
                         [&, i](absl::StatusOr<Appended> at) {
                           REQUIRE(at.ok());
                           CHECK(at->timestamp == Timestamp(1'700'000'000'000 + i));
                           CHECK(at->partition == PartitionId(0));
                           CHECK(at->durability == Durability::kProcess);
                           offsets.push_back(at->offset.value());
                           // Sends from inside a callback are allowed.
                           if (i == 0) CHECK(producer->Send("orders", {.value = "again"}).ok());
                         })
                  .ok());
    }
    REQUIRE(producer->Flush().ok());
    REQUIRE(offsets.size() == 5);
    CHECK(offsets.front() == first);
    CHECK(std::is_sorted(offsets.begin(), offsets.end()));
    REQUIRE(producer->Flush().ok());
    CHECK(world.Values().size() == static_cast<size_t>(first) + 6);
  }
}

TEST_CASE("a failed batch tells its callbacks, and counts the records that have none") {
  World world;
  auto producer = world.NewProducer();
  REQUIRE(producer->Send("orders", {.value = "ok"}).ok());
  REQUIRE(producer->Flush().ok());
  absl::Status seen;
  REQUIRE(producer->Send("orders", {.value = "a"}).ok());
  REQUIRE(producer->Send("orders", {.value = "b"}, [&](absl::StatusOr<Appended> at) { seen = at.status(); })
              .ok());
  REQUIRE(producer->Send("orders", {.value = "c"}).ok());
  world.log()->FailNextAppend(Error(ErrorCode::kKafkaStorageError, "no space left"));
  REQUIRE(producer->Flush().ok());
  CHECK(ErrorCodeOf(seen) == ErrorCode::kKafkaStorageError);
  CHECK(producer->errors() == 2);
  CHECK(ErrorCodeOf(producer->first_error()) == ErrorCode::kKafkaStorageError);
  REQUIRE(producer->Send("orders", {.value = "later"}).ok());
  REQUIRE(producer->Flush().ok());
  CHECK(world.Values() == Values{"ok", "later"});
}

TEST_CASE("records without a key fill one partition's batch, then another's; keys stay where they are") {
  World world;
  world.CreateTopic("wide", 8);
  auto producer = world.NewProducer({.linger = absl::Seconds(1), .batch_bytes = 1000});
  auto topic = producer->Topic("wide");
  REQUIRE(topic.ok());
  const std::string value(100, 'x');
  for (int i = 0; i < 700; ++i) REQUIRE(producer->Send(*topic, {.value = value}).ok());
  REQUIRE(producer->Flush().ok());
  int used = 0;
  size_t total = 0;
  for (int p = 0; p < 8; ++p) {
    const auto log = world.log(p, "wide");
    if (log == nullptr) continue;
    ++used;
    total += log->Values().size();
    for (const auto& batch : log->batches()) CHECK(batch->size() <= 1000);
  }
  CHECK(total == 700);
  CHECK(used >= 6);

  for (int i = 0; i < 64; ++i) {
    const std::string key = std::to_string(i);
    REQUIRE(producer->Send(*topic, {.key = key, .value = "key" + key}).ok());
  }
  REQUIRE(producer->Flush().ok());
  for (int i = 0; i < 64; ++i) {
    const std::string key = std::to_string(i);
    const auto values = world.log(PartitionForKey(key, 8).value(), "wide")->Values();
    CHECK(std::find(values.begin(), values.end(), "key" + key) != values.end());
  }
}

TEST_CASE("a partition may be named, or chosen by a partitioner of the user's own") {
  class Last final : public Partitioner {
   public:
    PartitionId Choose(std::string_view, const Record& record, int32_t partitions) override {
      return PartitionId(record.value == "wild" ? partitions : partitions - 1);
    }
  };
  Last last;
  World world;
  world.CreateTopic("wide", 4);
  for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    auto producer = world.NewProducer({.linger = linger, .partitioner = &last});
    auto topic = producer->Topic("wide");
    REQUIRE(producer->Send(*topic, {.value = "mine"}).ok());
    REQUIRE(producer->Send(*topic, {.value = "there"}, PartitionId(1)).ok());
    CHECK(ErrorCodeOf(producer->Send(*topic, {.value = "nowhere"}, PartitionId(4))) ==
          ErrorCode::kUnknownTopicOrPartition);
    CHECK(ErrorCodeOf(producer->Send(*topic, {.value = "nowhere"}, PartitionId(-1))) ==
          ErrorCode::kUnknownTopicOrPartition);
    CHECK(ErrorCodeOf(producer->Send(*topic, {.value = "wild"})) == ErrorCode::kUnknownTopicOrPartition);
    REQUIRE(producer->Flush().ok());
  }
  CHECK(world.log(3, "wide")->Values() == Values{"mine", "mine"});
  CHECK(world.log(1, "wide")->Values() == Values{"there", "there"});
  CHECK(world.log(0, "wide") == nullptr);
}

TEST_CASE("acknowledgements of a durable topic wait for the flush, and come in order") {
  World world;
  TopicConfig config;
  config.durability = Durability::kPowerLoss;
  world.CreateTopic("money", 1, config);
  for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    auto producer = world.NewProducer({.linger = linger});
    auto topic = producer->Topic("money");
    REQUIRE(topic.ok());
    REQUIRE(producer->Send(*topic, {.value = "open"}).ok());
    REQUIRE(producer->Flush().ok());
    world.log(0, "money")->HoldSync();
    std::vector<std::string> acked;
    for (const char* value : {"a", "b"}) {
      REQUIRE(producer
                  ->Send(*topic, {.value = value},
                         [&acked, value](absl::StatusOr<Appended> at) {
                           REQUIRE(at.ok());
                           CHECK(at->durability == Durability::kPowerLoss);
                           acked.emplace_back(value);
                         })
                  .ok());
      producer->FlushLingering();
    }
    CHECK(acked.empty());
    CHECK(ErrorCodeOf(producer->Flush(absl::Milliseconds(1))) == ErrorCode::kRequestTimedOut);
    world.log(0, "money")->CompleteSync();
    CHECK(acked == Values{"a", "b"});
    // What fails to become durable says so.
    absl::Status seen;
    REQUIRE(producer->Send(*topic, {.value = "c"}, [&](absl::StatusOr<Appended> at) { seen = at.status(); })
                .ok());
    producer->FlushLingering();
    world.log(0, "money")->CompleteSync(absl::DataLossError("EIO"));
    CHECK(seen.code() == absl::StatusCode::kDataLoss);
    world.logs.Get({"money", PartitionId(0)})->ReleaseSync();
  }
}

TEST_CASE("buffer_bytes bounds what waits; beyond it a send blocks, or fails at once") {
  World world;
  TopicConfig config;
  config.durability = Durability::kPowerLoss;
  world.CreateTopic("money", 1, config);
  const std::string value(100, 'x');
  for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    auto producer = world.NewProducer(
        {.linger = linger, .batch_bytes = 1000, .buffer_bytes = 4000, .max_block = absl::ZeroDuration()});
    auto topic = producer->Topic("money");
    REQUIRE(producer->Send(*topic, {.value = value}).ok());
    REQUIRE(producer->Flush().ok());
    const auto log = world.log(0, "money");
    log->HoldSync();
    const size_t before = log->Values().size();
    absl::Status status;
    int accepted = 0;
    while (status.ok() && accepted < 1000) {
      status = producer->Send(*topic, {.value = value});
      accepted += status.ok();
    }
    CHECK(ErrorCodeOf(status) == ErrorCode::kRequestTimedOut);
    CHECK(accepted >= 20);
    CHECK(accepted <= 40);
    log->CompleteSync();
    CHECK(producer->Send(*topic, {.value = value}).ok());
    producer->FlushLingering();
    log->CompleteSync();
    CHECK(log->Values().size() == before + static_cast<size_t>(accepted) + 1);
    log->ReleaseSync();
  }
}

TEST_CASE("a send that blocks for room goes on when an acknowledgement makes some, or gives up in time") {
  World world;
  TopicConfig config;
  config.durability = Durability::kPowerLoss;
  world.CreateTopic("money", 1, config);
  const std::string value(600, 'x');
  auto producer = world.NewProducer({.linger = absl::Milliseconds(5),
                                     .batch_bytes = 1000,
                                     .buffer_bytes = 2000,
                                     .max_block = absl::Milliseconds(100)});
  auto topic = producer->Topic("money");
  REQUIRE(producer->Send(*topic, {.value = value}).ok());
  REQUIRE(producer->Flush().ok());
  const auto log = world.log(0, "money");
  log->HoldSync();
  REQUIRE(producer->Send(*topic, {.value = value}).ok());
  REQUIRE(producer->Send(*topic, {.value = value}).ok());
  const MonotonicNanos start = world.sim.clock.Monotonic();
  CHECK(ErrorCodeOf(producer->Send(*topic, {.value = value})) == ErrorCode::kRequestTimedOut);
  CHECK(world.sim.clock.Monotonic() - start == 100 * kMs);
  world.sim.executor->PostAt(world.sim.clock.Monotonic() + 30 * kMs, [&] { log->CompleteSync(); });
  CHECK(producer->Send(*topic, {.value = value}).ok());
  CHECK(world.sim.clock.Monotonic() - start == 130 * kMs);
  log->ReleaseSync();
}

TEST_CASE("lingering records of other topics make room for new ones") {
  World world;
  world.CreateTopic("wide", 50);
  auto producer = world.NewProducer({.linger = absl::Seconds(10),
                                     .batch_bytes = 1000,
                                     .buffer_bytes = 5000,
                                     .max_block = absl::ZeroDuration()});
  auto topic = producer->Topic("wide");
  for (int p = 0; p < 50; ++p) REQUIRE(producer->Send(*topic, {.value = "v"}, PartitionId(p)).ok());
  REQUIRE(producer->Flush().ok());
  for (int p = 0; p < 50; ++p) CHECK(world.log(p, "wide")->Values() == Values{"v"});
}

TEST_CASE("acks=0 calls back at once, without an offset") {
  World world;
  for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    auto producer = world.NewProducer({.acks = Acks::kNone, .linger = linger});
    int called = 0;
    REQUIRE(producer
                ->Send("orders", {.value = "a"},
                       [&](absl::StatusOr<Appended> at) {
                         REQUIRE(at.ok());
                         CHECK(at->offset == kNoOffset);
                         ++called;
                       })
                .ok());
    CHECK(called == 1);
    REQUIRE(producer->Close().ok());
  }
  CHECK(world.Values() == Values{"a", "a"});
}

TEST_CASE("a batch is sent whole, after what lingers, with one completion a batch") {
  World world;
  auto producer = world.NewProducer({.linger = absl::Seconds(10), .batch_bytes = 1000});
  auto topic = producer->Topic("orders");
  REQUIRE(producer->Send(*topic, {.value = "first"}).ok());
  std::vector<std::string> values;
  for (int i = 0; i < 15; ++i) values.push_back(std::string(100, static_cast<char>('a' + i)));
  std::vector<Record> records;
  for (const std::string& value : values) records.push_back({.value = value});
  std::vector<std::pair<int64_t, int64_t>> done;
  REQUIRE(producer
              ->SendBatch(*topic, PartitionId(0), records,
                          [&](const absl::StatusOr<AppendedBatch>& at) {
                            REQUIRE(at.ok());
                            done.emplace_back(at->first_offset.value(), at->last_offset.value());
                          })
              .ok());
  CHECK(world.Values().size() == 16);
  CHECK(world.Values().front() == "first");
  REQUIRE(done.size() == 3);
  CHECK(done.front().first == 1);
  CHECK(done.back().second == 15);
  // All or nothing where one of them is bad.
  const std::string huge(2 << 20, 'x');
  records.push_back({.value = huge});
  CHECK(ErrorCodeOf(producer->SendBatch(*topic, PartitionId(0), records)) == ErrorCode::kMessageTooLarge);
  CHECK(world.Values().size() == 16);
  CHECK(producer->SendBatch(*topic, PartitionId(0), {}).ok());
  world.log()->FailNextAppend(Error(ErrorCode::kKafkaStorageError, "no space"));
  CHECK(ErrorCodeOf(producer->SendBatch(*topic, PartitionId(0), std::span(records).first(2))) ==
        ErrorCode::kKafkaStorageError);
}

TEST_CASE("compression is the producer's, unless the topic has its own") {
  World world;
  TopicConfig config;
  config.compression_type = Compression::kGzip;
  world.CreateTopic("gzip", 1, config);
  for (const Compression codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                  Compression::kLz4, Compression::kZstd}) {
    for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
      auto producer = world.NewProducer({.linger = linger, .compression = codec});
      const std::string value(500, 'z');
      REQUIRE(producer->Send("orders", {.key = "k", .value = value}).ok());
      REQUIRE(producer->Send("gzip", {.key = "k", .value = value}).ok());
      REQUIRE(producer->Flush().ok());
      const auto batch = world.log()->batches().back();
      CHECK(BatchView(batch->data()).compression() == codec);
      CHECK(BatchView(batch->data()).Validate().ok());
      CHECK(world.Values().back() == value);
      CHECK(BatchView(world.log(0, "gzip")->batches().back()->data()).compression() == Compression::kGzip);
    }
  }
}

TEST_CASE("an idempotent producer numbers its records, in batches and alone") {
  World world;
  for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    const size_t before = world.log() == nullptr ? 0 : world.log()->batches().size();
    auto producer = world.NewProducer({.linger = linger, .idempotent = true});
    auto topic = producer->Topic("orders");
    for (int i = 0; i < 3; ++i) REQUIRE(producer->Send(*topic, {.value = "v"}).ok());
    REQUIRE(producer->Flush().ok());
    // A batch that failed did not happen: its numbers are used again.
    world.log()->FailNextAppend(absl::ResourceExhaustedError("no space"));
    producer->Send(*topic, {.value = "lost"}).IgnoreError();
    producer->FlushLingering();
    REQUIRE(producer->Send(*topic, {.value = "v"}).ok());
    const std::vector<Record> two = {{.value = "x"}, {.value = "y"}};
    REQUIRE(producer->SendBatch(*topic, PartitionId(0), two).ok());
    int32_t next = 0;
    const auto batches = world.log()->batches();
    const ProducerId id = BatchView(batches[before]->data()).producer_id();
    CHECK(id.value() >= 0);
    for (size_t i = before; i < batches.size(); ++i) {
      const BatchView view(batches[i]->data());
      CHECK(view.producer_id() == id);
      CHECK(view.producer_epoch() == ProducerEpoch(0));
      CHECK(view.base_sequence() == next);
      next += view.record_count();
    }
    CHECK(next == 6);
  }
}

TEST_CASE("what a producer refuses, with what it says, and that nothing is sent") {
  World world;
  TopicConfig compacted;
  compacted.cleanup_policy = {.remove = false, .compact = true};
  world.CreateTopic("state", 1, compacted);
  TopicConfig small;
  small.max_message_bytes = 500;
  world.CreateTopic("small", 1, small);
  for (const auto linger : {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    auto producer = world.NewProducer({.linger = linger, .max_request_bytes = 2000});
    CHECK(ErrorCodeOf(producer->Send("nope", {.value = "v"})) == ErrorCode::kUnknownTopicOrPartition);
    CHECK(ErrorCodeOf(producer->Send("a/b", {.value = "v"})) == ErrorCode::kInvalidTopicException);
    CHECK(ErrorCodeOf(producer->Send(TopicHandle(), {.value = "v"})) == ErrorCode::kInvalidRequest);
    const std::string large(2001, 'x');
    CHECK(ErrorCodeOf(producer->Send("orders", {.value = large})) == ErrorCode::kMessageTooLarge);
    const std::string medium(600, 'x');
    CHECK(ErrorCodeOf(producer->Send("small", {.value = medium})) == ErrorCode::kMessageTooLarge);
    CHECK(ErrorCodeOf(producer->Send("state", {.value = "v"})) == ErrorCode::kInvalidRecord);
    const Timestamp now = world.sim.clock.Wall();
    CHECK(ErrorCodeOf(producer->Send("orders", {.value = "v", .timestamp = now + 3'600'001})) ==
          ErrorCode::kInvalidTimestamp);
    CHECK(ErrorCodeOf(producer->Send("orders", {.value = "v", .timestamp = Timestamp(-7)})) ==
          ErrorCode::kInvalidTimestamp);
    int called = 0;
    CHECK_FALSE(producer->Send("nope", {.value = "v"}, [&](absl::StatusOr<Appended>) { ++called; }).ok());
    auto future = producer->SendWithFuture(TopicHandle(), {.value = "v"});
    CHECK(ErrorCodeOf(future.get().status()) == ErrorCode::kInvalidRequest);
    CHECK(ErrorCodeOf(producer->SendWithFuture("nope", {.value = "v"}).get().status()) ==
          ErrorCode::kUnknownTopicOrPartition);
    REQUIRE(producer->Flush().ok());
    CHECK(called == 0);
    CHECK(producer->errors() == 0);
    auto other = world.NewProducer();
    CHECK(ErrorCodeOf(other->Send(*producer->Topic("orders"), {.value = "v"})) == ErrorCode::kInvalidRequest);
  }
  CHECK(world.Values().empty());
  CHECK(ErrorCodeOf(world.engine->NewProducer({.batch_bytes = 3}).status()) == ErrorCode::kInvalidConfig);
  CHECK(ErrorCodeOf(world.engine->NewProducer({.linger = absl::Seconds(-1)}).status()) ==
        ErrorCode::kInvalidConfig);
  CHECK(ErrorCodeOf(world.engine->NewProducer({.compression = Compression::kGzip, .compression_level = 12})
                        .status()) == ErrorCode::kInvalidConfig);
}

TEST_CASE(
    "a handle of a deleted topic fails; its name finds the new one; partitions that are added are used") {
  World world;
  auto producer = world.NewProducer({.linger = absl::Milliseconds(5)});
  auto handle = producer->Topic("orders");
  absl::Status seen;
  REQUIRE(producer->Send(*handle, {.value = "lost"}, [&](absl::StatusOr<Appended> at) { seen = at.status(); })
              .ok());
  REQUIRE(world.engine->DeleteTopic("orders").ok());
  CHECK(ErrorCodeOf(producer->Send(*handle, {.value = "a"})) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf(producer->Send("orders", {.value = "a"})) == ErrorCode::kUnknownTopicOrPartition);
  world.CreateTopic("orders", 1);
  REQUIRE(producer->Send("orders", {.value = "b"}).ok());
  CHECK(ErrorCodeOf(seen) == ErrorCode::kUnknownTopicOrPartition);
  REQUIRE(producer->Flush().ok());
  CHECK(world.Values() == Values{"b"});
  auto topic = producer->Topic("orders");
  CHECK_FALSE(producer->Send(*topic, {.value = "c"}, PartitionId(1)).ok());
  REQUIRE(world.engine->admin().AddPartitions("orders", 2).ok());
  CHECK(producer->Send(*topic, {.value = "c"}, PartitionId(1)).ok());
  REQUIRE(producer->Flush().ok());
  CHECK(world.Values(1) == Values{"c"});
}

TEST_CASE("closing sends what lingers, then refuses; a closed engine refuses too") {
  World world;
  auto producer = world.NewProducer({.linger = absl::Seconds(10)});
  REQUIRE(producer->Send("orders", {.value = "a"}).ok());
  REQUIRE(producer->Close().ok());
  REQUIRE(producer->Close().ok());
  CHECK(world.Values() == Values{"a"});
  CHECK(producer->Send("orders", {.value = "b"}).code() == absl::StatusCode::kFailedPrecondition);
  {
    auto gone = world.NewProducer({.linger = absl::Seconds(10)});
    REQUIRE(gone->Send("orders", {.value = "c"}).ok());
  }
  CHECK(world.Values() == Values{"a", "c"});
  auto open = world.NewProducer({.linger = absl::Seconds(10)});
  auto at_once = world.NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(at_once->Topic("orders").ok());
  auto handle = at_once->Topic("orders");
  REQUIRE(open->Send("orders", {.value = "d"}).ok());
  REQUIRE(world.engine->Close().ok());
  CHECK(world.Values() == Values{"a", "c", "d"});
  CHECK(open->Send("orders", {.value = "e"}).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(at_once->Send(*handle, {.value = "e"}).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(world.engine->NewProducer().status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(world.engine->CreateTopic("more").code() == absl::StatusCode::kFailedPrecondition);
  CHECK(world.Values() == Values{"a", "c", "d"});
}

TEST_CASE("an engine that creates topics on demand does so for producers") {
  World world({.auto_create_topics = true, .num_partitions = 3});
  auto producer = world.NewProducer();
  REQUIRE(producer->Send("fresh", {.value = "a"}).ok());
  REQUIRE(producer->Flush().ok());
  CHECK(world.impl->topics().Find("fresh")->partition_count() == 3);
  CHECK(ErrorCodeOf(producer->Send("not/a/name", {.value = "a"})) == ErrorCode::kInvalidTopicException);
}

TEST_CASE("acks=all waits for the replicas, acks=1 does not; what never comes fails when the producer goes") {
  class Mute final : public Replicator {
   public:
    absl::Status Attach(std::shared_ptr<PartitionHandle> partition) override {
      handles[partition->topic_partition()] = std::move(partition);
      return absl::OkStatus();
    }
    void Detach(const TopicPartition& partition) override { handles.erase(partition); }
    absl::Status CheckAppend(const TopicPartition&, bool) override { return absl::OkStatus(); }
    void OnAppended(const TopicPartition&, Offset) override {}
    std::map<TopicPartition, std::shared_ptr<PartitionHandle>> handles;
  };
  Mute replicator;
  World world({.replicator = &replicator});
  REQUIRE(replicator.handles.size() == 1);
  PartitionHandle& handle = *replicator.handles.begin()->second;
  std::vector<std::string> acked;
  const auto note = [&](std::string name) {
    return [&acked, name](absl::StatusOr<Appended> at) { acked.push_back(at.ok() ? name : "!" + name); };
  };
  {
    auto all = world.NewProducer({.linger = absl::ZeroDuration(), .max_block = absl::Milliseconds(50)});
    auto leader = world.NewProducer({.acks = Acks::kLeader, .linger = absl::ZeroDuration()});
    REQUIRE(all->Send("orders", {.value = "a"}, note("a")).ok());
    REQUIRE(leader->Send("orders", {.value = "b"}, note("b")).ok());
    CHECK(acked == Values{"b"});
    handle.AdvanceHighWatermark(Offset(1));
    CHECK(acked == Values{"b", "a"});
    REQUIRE(all->Send("orders", {.value = "c"}, note("c")).ok());
  }
  CHECK(acked == Values{"b", "a", "!c"});
  handle.AdvanceHighWatermark(Offset(3));
  CHECK(acked.size() == 3);
}

TEST_CASE("typed producers write what their serdes say") {
  World world;
  auto producer = world.NewProducer({.linger = absl::ZeroDuration()});
  TypedProducer<std::string, int32_t> typed(producer.get(), *producer->Topic("orders"));
  REQUIRE(typed.Send("k", 258).ok());
  REQUIRE(typed.Delete("k").ok());
  CHECK(world.Values() == Values{std::string("\0\0\1\2", 4), "(null)"});
}

}  // namespace
}  // namespace millrace
