// Producers used by many threads at once, with real threads and clocks. What is checked holds on every run;
// what varies is what the threads meet.

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine_support.h"

namespace millrace {
namespace {

constexpr int kThreads = 4;
constexpr int kRecords = 3000;

struct World {
  explicit World(TopicConfig config = {}) {
    auto opened = OpenOver(&logs);
    REQUIRE(opened.ok());
    engine = *std::move(opened);
    REQUIRE(static_cast<Engine*>(engine.get())->CreateTopic("t", {.partitions = 2, .config = config}).ok());
  }
  FakeLogSource logs;
  std::unique_ptr<EngineImpl> engine;
};

// Values are "<thread> <number>": each thread's must appear in the order sent, in each partition.
void CheckOrder(const std::vector<std::string>& values, std::map<int, int>* seen) {
  std::map<int, int> last;
  for (const std::string& value : values) {
    const int thread = std::stoi(value);
    const int number = std::stoi(value.substr(value.find(' ')));
    const auto before = last.find(thread);
    REQUIRE((before == last.end() || before->second < number));
    last[thread] = number;
    ++(*seen)[thread];
  }
}

TEST_CASE("threads that share a producer keep their order and lose nothing") {
  for (const auto linger : {absl::ZeroDuration(), absl::Microseconds(200)}) {
    World world;
    auto producer = world.engine->NewProducer({.linger = linger, .batch_bytes = 2000});
    REQUIRE(producer.ok());
    auto topic = (*producer)->Topic("t");
    std::atomic<int> refused = 0;
    std::atomic<int> called = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRecords; ++i) {
          const std::string value = std::to_string(t) + " " + std::to_string(i);
          const absl::Status sent =
              i % 3 == 0 ? (*producer)->Send(*topic, {.value = value},
                                             [&](absl::StatusOr<Appended> at) { called += at.ok(); })
                         : (*producer)->Send(*topic, {.value = value}, PartitionId(t % 2));
          refused += !sent.ok();
          if (i % 1000 == 999) (*producer)->Flush(absl::InfiniteDuration()).IgnoreError();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE((*producer)->Close(absl::InfiniteDuration()).ok());
    CHECK(refused == 0);
    CHECK(called == kThreads * kRecords / 3);
    CHECK((*producer)->errors() == 0);
    std::map<int, int> seen;
    for (int p = 0; p < 2; ++p) {
      if (const auto log = world.logs.Get({"t", PartitionId(p)}); log != nullptr)
        CheckOrder(log->Values(), &seen);
    }
    for (int t = 0; t < kThreads; ++t) CHECK(seen[t] == kRecords);
  }
}

TEST_CASE("callbacks of one partition run in order, whichever threads send") {
  TopicConfig durable;
  durable.durability = Durability::kPowerLoss;
  for (const TopicConfig& config : {TopicConfig{}, durable}) {
    for (const auto linger : {absl::ZeroDuration(), absl::Microseconds(200)}) {
      World world(config);
      auto producer = world.engine->NewProducer({.linger = linger, .batch_bytes = 500});
      auto topic = (*producer)->Topic("t");
      std::vector<int64_t> offsets;  // written by one callback at a time, or the test fails under TSan
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
          for (int i = 0; i < 500; ++i) {
            (*producer)
                ->Send(
                    *topic, {.value = "v"},
                    [&](absl::StatusOr<Appended> at) {
                      offsets.push_back(at.ok() ? at->offset.value() : -1);
                    },
                    PartitionId(0))
                .IgnoreError();
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      REQUIRE((*producer)->Flush(absl::InfiniteDuration()).ok());
      REQUIRE(offsets.size() == kThreads * 500);
      for (size_t i = 0; i < offsets.size(); ++i) REQUIRE(offsets[i] == static_cast<int64_t>(i));
    }
  }
}

TEST_CASE("the linger timer of a real executor sends without being asked") {
  World world;
  auto producer = world.engine->NewProducer({.linger = absl::Milliseconds(1)});
  auto topic = (*producer)->Topic("t");
  std::promise<int64_t> sent;
  REQUIRE((*producer)
              ->Send(
                  *topic, {.value = "v"},
                  [&](absl::StatusOr<Appended> at) { sent.set_value(at->offset.value()); }, std::nullopt)
              .ok());
  CHECK(sent.get_future().get() == 0);
}

TEST_CASE("closing while others send: every accepted record is in the log, every other was refused") {
  for (int round = 0; round < 20; ++round) {
    World world;
    const auto linger = round % 2 == 0 ? absl::ZeroDuration() : absl::Microseconds(100);
    auto producer = world.engine->NewProducer({.linger = linger, .batch_bytes = 300});
    auto topic = (*producer)->Topic("t");
    std::atomic<size_t> accepted = 0;
    std::atomic<int> started = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        ++started;
        while ((*producer)->Send(*topic, {.value = "0 0"}, PartitionId(0)).ok()) ++accepted;
      });
    }
    while (started < kThreads) std::this_thread::yield();
    if (round % 4 < 2) {
      CHECK((*producer)->Close(absl::InfiniteDuration()).ok());
    } else {
      CHECK(world.engine->Close(absl::InfiniteDuration()).ok());
    }
    for (std::thread& thread : threads) thread.join();
    const auto log = world.logs.Get({"t", PartitionId(0)});
    CHECK((log == nullptr ? 0 : log->Values().size()) == accepted);
  }
}

TEST_CASE("senders that wait for room get it from acknowledgements in other threads") {
  TopicConfig durable;
  durable.durability = Durability::kPowerLoss;
  World world(durable);
  auto producer = world.engine->NewProducer(
      {.linger = absl::Microseconds(100), .batch_bytes = 500, .buffer_bytes = 1000});
  auto topic = (*producer)->Topic("t");
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const std::string value(100, 'x');
      for (int i = 0; i < 300; ++i)
        refused += !(*producer)->Send(*topic, {.value = value}, PartitionId(0)).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE((*producer)->Flush(absl::InfiniteDuration()).ok());
  CHECK(refused == 0);
  CHECK(world.logs.Get({"t", PartitionId(0)})->Values().size() == kThreads * 300);
}

}  // namespace
}  // namespace millrace
