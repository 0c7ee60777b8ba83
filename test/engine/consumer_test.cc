// Consumers without groups: positions, polling, waiting.

#include <poll.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/millrace.h"

namespace millrace {
namespace {

const TopicPartition kFirst = {.topic = "t", .partition = PartitionId(0)};
const TopicPartition kSecond = {.topic = "t", .partition = PartitionId(1)};

std::unique_ptr<Engine> MakeEngine(EngineOptions options = {}) {
  auto engine = Engine::Open(std::move(options));
  INFO(engine.status().message());
  REQUIRE(engine.ok());
  REQUIRE((*engine)->CreateTopic("t", {.partitions = 2}).ok());
  return *std::move(engine);
}

std::unique_ptr<Consumer> MakeConsumer(Engine& engine, ConsumerOptions options = {}) {
  auto consumer = engine.NewConsumer(std::move(options));
  INFO(consumer.status().message());
  REQUIRE(consumer.ok());
  return *std::move(consumer);
}

// Appends values "from".."to-1" to one partition, each as a batch of its own.
void Produce(Engine& engine, const TopicPartition& partition, int from, int to) {
  auto producer = engine.NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(producer.ok());
  auto topic = (*producer)->Topic(partition.topic);
  REQUIRE(topic.ok());
  for (int i = from; i < to; ++i) {
    REQUIRE((*producer)->Send(*topic, {.value = std::to_string(i)}, partition.partition).ok());
  }
}

std::vector<std::string> Values(const Batches& batches) {
  std::vector<std::string> values;
  for (const Batch& batch : batches) {
    for (const RecordView& record : batch) values.emplace_back(*record.value);
  }
  return values;
}

std::vector<std::string> Poll(Consumer& consumer) {
  auto batches = consumer.TryPoll();
  INFO(batches.status().message());
  REQUIRE(batches.ok());
  return Values(*batches);
}

using Strings = std::vector<std::string>;

TEST_CASE("a consumer reads what it is assigned, from where it is told to") {
  auto engine = MakeEngine();
  Produce(*engine, kFirst, 0, 3);
  auto earliest = MakeConsumer(*engine, {.start = Start::kEarliest});
  auto latest = MakeConsumer(*engine);
  REQUIRE(earliest->Assign({kFirst}).ok());
  REQUIRE(latest->Assign({kFirst}).ok());
  CHECK(Poll(*earliest) == Strings{"0", "1", "2"});
  CHECK(Poll(*earliest) == Strings{});
  CHECK(Poll(*latest) == Strings{});
  Produce(*engine, kFirst, 3, 5);
  CHECK(Poll(*earliest) == Strings{"3", "4"});
  CHECK(Poll(*latest) == Strings{"3", "4"});
  CHECK(*latest->position(kFirst) == Offset(5));
  CHECK(*latest->lag(kFirst) == 0);
}

TEST_CASE("a batch knows where it is from") {
  auto engine = MakeEngine();
  Produce(*engine, kSecond, 7, 8);
  auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest});
  REQUIRE(consumer->Assign({kFirst, kSecond}).ok());
  auto batches = consumer->TryPoll();
  REQUIRE(batches.ok());
  int count = 0;
  for (const Batch& batch : *batches) {
    ++count;
    CHECK(batch.topic() == "t");
    CHECK(batch.partition() == PartitionId(1));
    CHECK(batch.begin()->offset == Offset(0));
  }
  CHECK(count == 1);
}

TEST_CASE("seeking moves the position, also into the middle of a batch") {
  auto engine = MakeEngine();
  auto producer = engine->NewProducer();
  REQUIRE(producer.ok());
  const std::vector<Record> records = {{.value = "a"}, {.value = "b"}, {.value = "c"}};
  REQUIRE((*producer)->SendBatch(*(*producer)->Topic("t"), PartitionId(0), records).ok());
  auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest});
  REQUIRE(consumer->Assign({kFirst}).ok());
  REQUIRE(consumer->Seek(kFirst, Offset(1)).ok());
  CHECK(Poll(*consumer) == Strings{"b", "c"});
  REQUIRE(consumer->SeekToBeginning().ok());
  CHECK(Poll(*consumer) == Strings{"a", "b", "c"});
  REQUIRE(consumer->SeekToEnd().ok());
  CHECK(Poll(*consumer) == Strings{});
  CHECK(ErrorCodeOf(consumer->Seek(kFirst, Offset(4))) == ErrorCode::kOffsetOutOfRange);
  CHECK(*consumer->position(kFirst) == Offset(3));
  CHECK_FALSE(consumer->Seek(kSecond, Offset(0)).ok());
}

TEST_CASE("a position that was deleted is reset as the consumer asks") {
  auto engine = MakeEngine();
  Produce(*engine, kFirst, 0, 5);
  auto earliest = MakeConsumer(*engine, {.start = Start::kEarliest});
  auto none = MakeConsumer(*engine, {.start = Start::kNone});
  REQUIRE(earliest->Assign({kFirst}).ok());
  REQUIRE(none->Assign({kFirst}).ok());
  CHECK(ErrorCodeOf(none->TryPoll().status()) == ErrorCode::kOffsetOutOfRange);
  REQUIRE(none->Seek(kFirst, Offset(1)).ok());
  auto start = engine->admin().DeleteRecordsBefore(kFirst, Offset(3));
  REQUIRE(start.ok());
  CHECK(*start == Offset(3));
  CHECK(ErrorCodeOf(none->TryPoll().status()) == ErrorCode::kOffsetOutOfRange);
  Strings values = Poll(*earliest);
  if (values.empty()) values = Poll(*earliest);
  CHECK(values == Strings{"3", "4"});
  CHECK((*earliest->BeginningOffsets({kFirst}))[kFirst] == Offset(3));
  CHECK((*earliest->EndOffsets({kFirst}))[kFirst] == Offset(5));
}

TEST_CASE("a paused partition waits") {
  auto engine = MakeEngine();
  Produce(*engine, kFirst, 0, 1);
  Produce(*engine, kSecond, 10, 11);
  auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest});
  REQUIRE(consumer->Assign({kFirst, kSecond}).ok());
  REQUIRE(consumer->Pause({kFirst}).ok());
  CHECK(consumer->paused() == std::vector<TopicPartition>{kFirst});
  CHECK(Poll(*consumer) == Strings{"10"});
  REQUIRE(consumer->Resume({kFirst}).ok());
  CHECK(Poll(*consumer) == Strings{"0"});
  CHECK_FALSE(consumer->Pause({{.topic = "other", .partition = PartitionId(0)}}).ok());
}

TEST_CASE("a poll is bounded in bytes but always moves on") {
  auto engine = MakeEngine();
  Produce(*engine, kFirst, 0, 10);
  auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest, .fetch_max_bytes = 1});
  REQUIRE(consumer->Assign({kFirst}).ok());
  for (int i = 0; i < 10; ++i) CHECK(Poll(*consumer) == Strings{std::to_string(i)});
  CHECK(Poll(*consumer) == Strings{});
}

TEST_CASE("what a poll returned outlives the topic and the engine") {
  std::shared_ptr<const void> pin;
  std::string_view value;
  Batches kept;
  {
    auto engine = MakeEngine();
    Produce(*engine, kFirst, 42, 43);
    auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest});
    REQUIRE(consumer->Assign({kFirst}).ok());
    auto batches = consumer->TryPoll();
    REQUIRE(batches.ok());
    kept = *std::move(batches);
    REQUIRE_FALSE(kept.empty());
    pin = (*kept.begin()).Retain();
    value = *(*kept.begin()).begin()->value;
    REQUIRE(engine->DeleteTopic("t").ok());
    consumer.reset();
    REQUIRE(engine->Close().ok());
  }
  CHECK(Values(kept) == Strings{"42"});
  kept = Batches();
  CHECK(value == "42");
}

TEST_CASE("OffsetsForTimes finds the first record at or after a time") {
  auto engine = MakeEngine();
  auto producer = engine->NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(producer.ok());
  auto topic = (*producer)->Topic("t");
  for (const int64_t ms : {1000, 2000, 3000}) {
    REQUIRE((*producer)->Send(*topic, {.value = "v", .timestamp = Timestamp(ms)}, PartitionId(0)).ok());
  }
  auto consumer = MakeConsumer(*engine);
  auto found = consumer->OffsetsForTimes({{kFirst, Timestamp(1500)}});
  REQUIRE(found.ok());
  CHECK((*found)[kFirst].offset == Offset(1));
  CHECK((*found)[kFirst].timestamp == Timestamp(2000));
  CHECK(consumer->OffsetsForTimes({{kFirst, Timestamp(3001)}})->empty());
}

TEST_CASE("bad calls say what is wrong and change nothing") {
  auto engine = MakeEngine();
  CHECK(ErrorCodeOf(engine->NewConsumer({.assignors = {}}).status()) == ErrorCode::kInvalidConfig);
  CHECK(ErrorCodeOf(engine->NewConsumer({.fetch_max_bytes = 0}).status()) == ErrorCode::kInvalidConfig);
  CHECK(ErrorCodeOf(engine->NewConsumer({.group_instance_id = "i"}).status()) == ErrorCode::kInvalidConfig);
  auto consumer = MakeConsumer(*engine);
  CHECK(ErrorCodeOf(consumer->Subscribe({"t"})) == ErrorCode::kInvalidGroupId);
  CHECK(ErrorCodeOf(consumer->CommitSync()) == ErrorCode::kInvalidGroupId);
  CHECK(ErrorCodeOf(consumer->Assign({{.topic = "nope", .partition = PartitionId(0)}})) ==
        ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf(consumer->Assign({{.topic = "t", .partition = PartitionId(2)}})) ==
        ErrorCode::kUnknownTopicOrPartition);
  CHECK(consumer->assignment().empty());
  REQUIRE(engine->Close().ok());
  CHECK(consumer->TryPoll().status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(consumer->Close().ok());
  CHECK(consumer->Close().ok());
}

TEST_CASE("Wakeup interrupts one poll") {
  auto engine = MakeEngine();
  const WaitStrategy wait = GENERATE(WaitStrategy::kSpin, WaitStrategy::kSpinThenPark, WaitStrategy::kPark);
  auto consumer = MakeConsumer(*engine, {.wait = wait});
  REQUIRE(consumer->Assign({kFirst}).ok());
  std::thread waker([&] { consumer->Wakeup(); });
  CHECK(absl::IsAborted(consumer->Poll(absl::Seconds(30)).status()));
  waker.join();
  CHECK(consumer->TryPoll().ok());
}

TEST_CASE("a waiting poll returns with the next append") {
  auto engine = MakeEngine();
  const WaitStrategy wait = GENERATE(WaitStrategy::kSpin, WaitStrategy::kSpinThenPark, WaitStrategy::kPark);
  auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest, .wait = wait});
  REQUIRE(consumer->Assign({kFirst, kSecond}).ok());
  constexpr int kCount = 200;
  absl::Status sent;
  std::thread producer([&] {
    auto made = engine->NewProducer({.linger = absl::ZeroDuration()});
    auto topic = (*made)->Topic("t");
    for (int i = 0; i < kCount; ++i) {
      sent.Update((*made)->Send(*topic, {.value = std::to_string(i)}, PartitionId(i % 2)));
    }
  });
  int seen = 0;
  while (seen < kCount) {
    auto batches = consumer->Poll(absl::Seconds(30));
    if (!batches.ok() || batches->empty()) break;
    seen += static_cast<int>(Values(*batches).size());
  }
  producer.join();
  CHECK(sent.ok());
  CHECK(seen == kCount);
}

TEST_CASE("the descriptor is readable exactly when there may be something") {
  auto engine = MakeEngine();
  auto consumer = MakeConsumer(*engine, {.start = Start::kEarliest});
  REQUIRE(consumer->Assign({kFirst}).ok());
  auto descriptor = consumer->Descriptor();
  REQUIRE(descriptor.ok());
  const auto readable = [&] {
    pollfd entry = {.fd = *descriptor, .events = POLLIN, .revents = 0};
    return poll(&entry, 1, 0) == 1;
  };
  CHECK(Poll(*consumer) == Strings{});
  CHECK_FALSE(readable());
  Produce(*engine, kFirst, 0, 1);
  CHECK(readable());
  CHECK(Poll(*consumer) == Strings{"0"});
  while (readable()) CHECK(Poll(*consumer) == Strings{});
  Produce(*engine, kFirst, 1, 2);
  CHECK(readable());
  CHECK(Poll(*consumer) == Strings{"1"});
}

TEST_CASE("a host-driven engine is consumed without any thread") {
  auto engine = MakeEngine({.threading = Threading::kHostDriven});
  auto producer = engine->NewProducer({.linger = absl::Milliseconds(1)});
  REQUIRE(producer.ok());
  auto consumer = MakeConsumer(*engine, {.group = "g", .start = Start::kEarliest});
  REQUIRE(consumer->Subscribe({"t"}).ok());
  REQUIRE((*producer)->Send("t", {.key = "k", .value = "v"}).ok());
  auto batches = consumer->Poll(absl::Seconds(30));  // runs the linger timer and the group itself
  REQUIRE(batches.ok());
  CHECK(Values(*batches) == Strings{"v"});
  CHECK(consumer->CommitSync().ok());
}

}  // namespace
}  // namespace millrace
