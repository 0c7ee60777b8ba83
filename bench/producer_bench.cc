// What a producer costs: batched sends, two producers at once, and sends that wait for the disk.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench_util.h"
#include "millrace/millrace.h"

namespace millrace_bench {
namespace {

using millrace::Durability;
using millrace::Engine;
using millrace::PartitionId;
using millrace::Producer;
using millrace::TopicConfig;
using millrace::TopicHandle;

constexpr size_t kBytes = 100;
constexpr int kRecords = 4'000'000;

struct World {
  explicit World(int partitions = 1, Durability durability = Durability::kProcess)
      : engine(Value(Engine::Open({.directory = directory.path() + "/engine"}), "opening an engine")) {
    TopicConfig config;
    config.durability = durability;
    // The whole segment is populated before the clock starts.
    config.preallocate = durability == Durability::kProcess;
    Check(engine->CreateTopic("bench", {.partitions = partitions, .config = config}), "creating a topic");
  }
  Directory directory;
  std::unique_ptr<Engine> engine;
};

int64_t Timed(const std::function<void()>& work) {
  const int64_t start = NowNanos();
  work();
  return NowNanos() - start;
}

// Runs `work(i)` in `threads` threads that start together; the time of all.
int64_t TimedTogether(int threads, const std::function<void(int)>& work) {
  std::atomic<int> ready = 0;
  std::atomic<bool> go = false;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      ++ready;
      while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
      work(i);
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  return Timed([&] {
    go.store(true, std::memory_order_release);
    for (std::thread& thread : running) thread.join();
  });
}

void SendMany(Producer& producer, const TopicHandle& topic, int records, PartitionId partition) {
  Payload<kBytes> payload;
  for (int i = 0; i < records; ++i) {
    payload.Set(static_cast<uint64_t>(i));
    Check(producer.Send(topic, {.value = payload.view()}, partition), "sending");
  }
  Check(producer.Flush(), "flushing");
}

// The least that a batched send must do: encode into a batch, seal it, copy it to where it stays.
int64_t FloorNanos(int records) {
  constexpr size_t kRing = size_t{256} << 20;
  auto ring = std::make_unique<std::byte[]>(kRing);
  std::memset(ring.get(), 1, kRing);
  millrace::BatchBuilder builder;
  Payload<kBytes> payload;
  const millrace::ProducerOptions defaults;
  return Timed([&] {
    size_t at = 0;
    const auto seal = [&] {
      const auto batch = Value(builder.Finish(), "sealing");
      if (at + batch.size() > kRing) at = 0;
      std::memcpy(ring.get() + at, batch.data(), batch.size());
      at += batch.size();
      builder.Reset();
    };
    for (int i = 0; i < records; ++i) {
      payload.Set(static_cast<uint64_t>(i));
      if (builder.size_bytes() + kBytes + 36 > defaults.batch_bytes) seal();
      builder.Append({.value = payload.view()}, millrace::Timestamp(1));
    }
    seal();
    benchmark::DoNotOptimize(ring.get()[at / 2]);
  });
}

void ProducerSend(benchmark::State& state) {
  for (auto _ : state) {
    const int64_t floor = FloorNanos(kRecords);
    World world;
    auto producer = Value(world.engine->NewProducer(), "making a producer");
    const TopicHandle topic = Value(producer->Topic("bench"), "finding the topic");
    SendMany(*producer, topic, 1, PartitionId(0));  // opens the log
    const int64_t nanos = Timed([&] { SendMany(*producer, topic, kRecords, PartitionId(0)); });
    Require(Value(world.engine->admin().EndOffset({"bench", PartitionId(0)}), "asking for the end").value() ==
                kRecords + 1,
            "every record is in the log");
    state.SetIterationTime(static_cast<double>(nanos) * 1e-9);
    state.counters["records_per_second"] = kRecords / (static_cast<double>(nanos) * 1e-9);
    state.counters["ns_per_record"] = static_cast<double>(nanos) / kRecords;
    state.counters["floor_ns"] = static_cast<double>(floor) / kRecords;
    state.counters["vs_floor"] = static_cast<double>(nanos) / static_cast<double>(floor);
  }
}
BENCHMARK(ProducerSend)->Name("ProducerSend/100")->Apply(Standard);

// Unbatched: each send is a batch of its own in the log on return.
void ProducerSendUnbatched(benchmark::State& state) {
  for (auto _ : state) {
    World world;
    auto producer = Value(world.engine->NewProducer({.linger = absl::ZeroDuration()}), "making a producer");
    const TopicHandle topic = Value(producer->Topic("bench"), "finding the topic");
    SendMany(*producer, topic, 1, PartitionId(0));
    const int64_t nanos = Timed([&] { SendMany(*producer, topic, kRecords, PartitionId(0)); });
    state.SetIterationTime(static_cast<double>(nanos) * 1e-9);
    state.counters["records_per_second"] = kRecords / (static_cast<double>(nanos) * 1e-9);
    state.counters["ns_per_record"] = static_cast<double>(nanos) / kRecords;
  }
}
BENCHMARK(ProducerSendUnbatched)->Name("ProducerSendUnbatched/100")->Apply(Standard);

// Two producers in two threads, to one partition and to two; `vs_one` is the rate over one producer's.
void Append2P(benchmark::State& state) {
  const int partitions = static_cast<int>(state.range(0));
  for (auto _ : state) {
    World world(partitions);
    std::vector<std::unique_ptr<Producer>> producers;
    std::vector<TopicHandle> topics;
    for (int i = 0; i < 2; ++i) {
      producers.push_back(
          Value(world.engine->NewProducer({.linger = absl::ZeroDuration()}), "making a producer"));
      topics.push_back(Value(producers.back()->Topic("bench"), "finding the topic"));
      SendMany(*producers.back(), topics.back(), 1, PartitionId(i % partitions));
    }
    constexpr int kEach = kRecords / 4;
    const int64_t one = Timed([&] { SendMany(*producers[0], topics[0], kEach, PartitionId(0)); });
    const int64_t both = TimedTogether(2, [&](int i) {
      PinTo(static_cast<unsigned>(i));
      const auto at = static_cast<size_t>(i);
      SendMany(*producers[at], topics[at], kEach, PartitionId(i % partitions));
    });
    state.SetIterationTime(static_cast<double>(both) * 1e-9);
    state.counters["records_per_second"] = 2 * kEach / (static_cast<double>(both) * 1e-9);
    state.counters["vs_one"] = 2.0 * static_cast<double>(one) / static_cast<double>(both);
  }
}
BENCHMARK(Append2P)->Name("Append2P/100/partitions")->Arg(1)->Arg(2)->Apply(Standard);

// One record appended to a bare file and synced: what one durable append cannot undercut.
double BareSyncNanos(const std::string& directory) {
  constexpr int kSyncs = 200;
  const std::string path = directory + "/bare";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  Require(file >= 0, "making a file");
  Require(posix_fallocate(file, 0, 1 << 20) == 0, "allocating it");
  Require(fsync(file) == 0, "syncing it");
  const std::string record(170, 'x');
  const int64_t nanos = Timed([&] {
    for (int i = 0; i < kSyncs; ++i) {
      const ssize_t written = pwrite(file, record.data(), record.size(), i * 170);
      Require(written == static_cast<ssize_t>(record.size()) && fdatasync(file) == 0, "writing and syncing");
    }
  });
  close(file);
  return static_cast<double>(nanos) / kSyncs;
}

// Flush-before-ack: each thread sends a record and waits for its acknowledgement. `vs_floor`: time of one
// append by one thread over a bare pwrite and fdatasync; `vs_one` of the other rows: their rate over one
// thread's.
void AppendDurable(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  const int each = threads == 1 ? 300 : 100;
  for (auto _ : state) {
    World world(1, Durability::kPowerLoss);
    const double floor = BareSyncNanos(world.directory.path());
    auto producer = Value(world.engine->NewProducer({.linger = absl::ZeroDuration()}), "making a producer");
    const TopicHandle topic = Value(producer->Topic("bench"), "finding the topic");
    const auto run = [&](int count) {
      return [&, count](int) {
        Payload<kBytes> payload;
        for (int i = 0; i < count; ++i) {
          payload.Set(static_cast<uint64_t>(i));
          Check(producer->Send(topic, {.value = payload.view()}), "sending");
          Check(producer->Flush(), "waiting for the disk");
        }
      };
    };
    run(10)(0);
    const double one = static_cast<double>(TimedTogether(1, run(100))) / 100;
    const int64_t nanos = TimedTogether(threads, run(each));
    const double per_append = static_cast<double>(nanos) / (threads * each);
    Require(producer->errors() == 0, "every append became durable");
    state.SetIterationTime(static_cast<double>(nanos) * 1e-9);
    state.counters["appends_per_second"] = 1e9 / per_append;
    state.counters["fdatasync_ns"] = floor;
    state.counters["vs_floor"] = per_append / floor;
    state.counters["vs_one"] = one / per_append;
  }
}
BENCHMARK(AppendDurable)->Name("AppendDurable/threads")->Arg(1)->Arg(8)->Arg(64)->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

BENCHMARK_MAIN();
