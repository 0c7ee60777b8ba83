// How fast does a record get from one thread to another through a topic on disk?
//
//   PubSub1P1C/100       public API, batching, every record verified; peer: moodycamel's queue with tokens,
//   same payload PubSubFanOut/100x4   one producer, four consumers; vs_1p1c compares the total delivered rate
//   with one consumer's PubSubLatency/100    unbatched, paced at 100 k/s, spinning consumer; floor: a cache
//   line from core to core PubSubParked/100     a parked consumer; floor: a bare futex wake

#include <concurrentqueue/concurrentqueue.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

#include "bench_util.h"
#include "millrace/millrace.h"

namespace {

using namespace millrace_bench;  // NOLINT(google-build-using-namespace): this file is a program of its own

constexpr size_t kBytes = 100;
constexpr uint64_t kRecords = 3'000'000;
constexpr char kTopic[] = "bench";
const millrace::TopicPartition kPartition = {.topic = kTopic, .partition = millrace::PartitionId(0)};

// An engine on disk with one topic whose only segment is populated: bursts do not pay for page faults.
struct Rig {
  Directory directory;
  std::unique_ptr<millrace::Engine> engine;

  Rig() {
    engine = Value(millrace::Engine::Open({.directory = directory.path()}), "opening the engine");
    Check(engine->CreateTopic(kTopic, {.config = {.segment_bytes = int64_t{1} << 30, .preallocate = true}}),
          "creating the topic");
    // The first append makes the segment.
    auto producer = Value(engine->NewProducer({.linger = absl::ZeroDuration()}), "making a producer");
    Payload<kBytes> payload;
    Check(producer->Send(kTopic, {.value = payload.view()}), "the first send");
  }
  std::unique_ptr<millrace::Consumer> Consumer(millrace::WaitStrategy wait) {
    auto consumer =
        Value(engine->NewConsumer({.fetch_max_bytes = 1 << 20, .wait = wait}), "making a consumer");
    Check(consumer->Assign({kPartition}), "assigning");
    Check(consumer->Seek(kPartition, millrace::Offset(1)), "seeking");
    return consumer;
  }
};

void Produce(millrace::Engine& engine) {
  auto producer = Value(engine.NewProducer({.batch_bytes = 16384}), "making a producer");
  const millrace::TopicHandle topic = Value(producer->Topic(kTopic), "looking the topic up");
  Payload<kBytes> payload;
  for (uint64_t i = 0; i < kRecords; ++i) {
    payload.Set(i);
    Check(producer->Send(topic, {.value = payload.view()}), "sending");
  }
  Check(producer->Close(), "closing the producer");
}

void Consume(millrace::Consumer& consumer) {
  for (uint64_t expected = 0; expected < kRecords;) {
    const millrace::Batches batches = Value(consumer.Poll(absl::Seconds(20)), "polling");
    Require(!batches.empty(), "a record within 20 seconds");
    for (const millrace::Batch& batch : batches) {
      for (const millrace::RecordView& record : batch) {
        Require(Carries(*record.value, kBytes, expected++), "the next record is whole and in order");
      }
    }
  }
}

// Seconds from the start of the producer until every consumer has verified every record.
double RunPubSub(int consumers) {
  Rig rig;
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < consumers; ++i) {
    threads.emplace_back([&] {
      if (consumers == 1) PinTo(1);
      auto consumer = rig.Consumer(consumers == 1 ? millrace::WaitStrategy::kSpin
                                                  : millrace::WaitStrategy::kSpinThenPark);
      ++ready;
      while (!go.load()) std::this_thread::yield();
      Consume(*consumer);
    });
  }
  while (ready.load() < consumers) std::this_thread::yield();
  const int64_t begin = NowNanos();
  go = true;
  std::thread producer([&] {
    if (consumers == 1) PinTo(0);
    Produce(*rig.engine);
  });
  producer.join();
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(NowNanos() - begin) / 1e9;
}

double RunMoodycamel() {
  using Item = Payload<kBytes>;
  moodycamel::ConcurrentQueue<Item> queue(16384);
  moodycamel::ProducerToken producer_token(queue);
  moodycamel::ConsumerToken consumer_token(queue);
  std::atomic<uint64_t> consumed{0};
  const int64_t begin = NowNanos();
  std::thread consumer([&] {
    PinTo(1);
    Item item;
    for (uint64_t expected = 0; expected < kRecords;) {
      if (!queue.try_dequeue(consumer_token, item)) continue;
      Require(Carries(item.view(), kBytes, expected++), "the queue's next item");
      if (expected % 256 == 0) consumed.store(expected, std::memory_order_relaxed);
    }
  });
  std::thread producer([&] {
    PinTo(0);
    Item item;
    for (uint64_t i = 0; i < kRecords; ++i) {
      item.Set(i);
      // At most 16 Ki items in flight: an unbounded queue would only measure memory.
      while (i - consumed.load(std::memory_order_relaxed) > 16384) {
      }
      queue.enqueue(producer_token, item);
    }
  });
  producer.join();
  consumer.join();
  return static_cast<double>(NowNanos() - begin) / 1e9;
}

void PubSub1P1C(benchmark::State& state) {
  for (auto _ : state) {
    const double ours = RunPubSub(1);
    const double peer = RunMoodycamel();
    state.SetIterationTime(ours);
    state.counters["records_per_second"] = static_cast<double>(kRecords) / ours;
    state.counters["peer_per_second"] = static_cast<double>(kRecords) / peer;
    state.counters["vs_peer"] = peer / ours;
  }
}

void PubSubFanOut(benchmark::State& state) {
  for (auto _ : state) {
    const double four = RunPubSub(4);
    const double one = RunPubSub(1);
    state.SetIterationTime(four);
    state.counters["deliveries_per_second"] = 4.0 * static_cast<double>(kRecords) / four;
    state.counters["one_consumer_per_second"] = static_cast<double>(kRecords) / one;
    state.counters["vs_1p1c"] = 4.0 * one / four;
  }
}

// One-way latency of a cache line: half a round trip between two pinned threads, in nanoseconds.
double CacheLineNanos() {
  constexpr int kTrips = 200'000;
  alignas(128) std::atomic<int> ping{0};
  alignas(128) std::atomic<int> pong{0};
  std::thread other([&] {
    PinTo(1);
    for (int i = 1; i <= kTrips; ++i) {
      while (ping.load(std::memory_order_acquire) != i) {
      }
      pong.store(i, std::memory_order_release);
    }
  });
  PinTo(0);
  Samples trips;
  trips.Reserve(kTrips);
  for (int i = 1; i <= kTrips; ++i) {
    const int64_t begin = NowNanos();
    ping.store(i, std::memory_order_release);
    while (pong.load(std::memory_order_acquire) != i) {
    }
    trips.Add(NowNanos() - begin);
  }
  other.join();
  return (trips.At(0.5) - 25) / 2;  // less the clock
}

// What the machine itself adds: gaps between two readings of the clock in a loop that does nothing else.
void SpinJitter(Samples* gaps, size_t count) {
  gaps->Reserve(count);
  for (int64_t last = NowNanos(); gaps->size() < count;) {
    const int64_t now = NowNanos();
    gaps->Add(now - last);
    last = now;
  }
}

// Sends `count` records, one each `pace_nanos`, each carrying the time just before its Send.
void SendPaced(Rig& rig, int64_t count, int64_t pace_nanos) {
  auto producer = Value(rig.engine->NewProducer({.linger = absl::ZeroDuration()}), "making a producer");
  const millrace::TopicHandle topic = Value(producer->Topic(kTopic), "looking the topic up");
  Payload<kBytes> payload;
  int64_t due = NowNanos() + 1'000'000;
  for (int64_t i = 0; i < count; ++i, due += pace_nanos) {
    int64_t now = NowNanos();
    while (now < due) now = NowNanos();
    payload.Set(static_cast<uint64_t>(now));
    Check(producer->Send(topic, {.value = payload.view()}), "sending");
  }
}

void ReceivePaced(millrace::Consumer& consumer, int64_t count, Samples* samples) {
  samples->Reserve(static_cast<size_t>(count));
  for (int64_t seen = 0; seen < count;) {
    const millrace::Batches batches = Value(consumer.Poll(absl::Seconds(20)), "polling");
    const int64_t now = NowNanos();
    for (const millrace::Batch& batch : batches) {
      for (const millrace::RecordView& record : batch) {
        uint64_t sent;
        std::memcpy(&sent, record.value->data(), sizeof sent);
        samples->Add(now - static_cast<int64_t>(sent));
        ++seen;
      }
    }
  }
}

Samples MeasureLatency(millrace::WaitStrategy wait, int64_t count, int64_t pace_nanos) {
  Rig rig;
  auto consumer = rig.Consumer(wait);
  Samples samples;
  std::thread receiver([&] {
    PinTo(1);
    ReceivePaced(*consumer, count, &samples);
  });
  PinTo(0);
  SendPaced(rig, count, pace_nanos);
  receiver.join();
  return samples;
}

void PubSubLatency(benchmark::State& state) {
  for (auto _ : state) {
    Samples ours = MeasureLatency(millrace::WaitStrategy::kSpin, 200'000, 10'000);
    const double floor = CacheLineNanos();
    Samples jitter;
    SpinJitter(&jitter, 2'000'000);
    state.SetIterationTime(ours.At(0.5) / 1e9);
    state.counters["p50_ns"] = ours.At(0.5);
    state.counters["p99_ns"] = ours.At(0.99);
    state.counters["p999_ns"] = ours.At(0.999);
    state.counters["cache_line_ns"] = floor;
    state.counters["jitter_p99_ns"] = jitter.At(0.99);
    state.counters["jitter_p999_ns"] = jitter.At(0.999);
    state.counters["vs_floor"] = ours.At(0.5) / floor;
  }
}

// A sleeping thread on the other core, woken by a futex: from before the wake to after the wait, in
// nanoseconds.
double FutexWakeNanos(int count, int64_t pace_nanos) {
  std::atomic<uint32_t> word{0};
  std::atomic<int64_t> sent{0};
  Samples samples;
  std::thread sleeper([&] {
    PinTo(1);
    for (uint32_t i = 0; i < static_cast<uint32_t>(count); ++i) {
      while (word.load(std::memory_order_acquire) == i) {
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, i, nullptr, nullptr, 0);
      }
      samples.Add(NowNanos() - sent.load(std::memory_order_acquire));
    }
  });
  PinTo(0);
  int64_t due = NowNanos() + 1'000'000;
  for (int i = 0; i < count; ++i, due += pace_nanos) {
    while (NowNanos() < due) {
    }
    sent.store(NowNanos(), std::memory_order_release);
    word.fetch_add(1, std::memory_order_release);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  sleeper.join();
  return samples.At(0.5);
}

void PubSubParked(benchmark::State& state) {
  for (auto _ : state) {
    Samples ours = MeasureLatency(millrace::WaitStrategy::kPark, 4'000, 250'000);
    const double floor = FutexWakeNanos(4'000, 250'000);
    state.SetIterationTime(ours.At(0.5) / 1e9);
    state.counters["p50_ns"] = ours.At(0.5);
    state.counters["p99_ns"] = ours.At(0.99);
    state.counters["futex_wake_ns"] = floor;
    state.counters["vs_floor"] = ours.At(0.5) / floor;
  }
}

BENCHMARK(PubSub1P1C)->Name("PubSub1P1C/100")->Apply(Standard);
BENCHMARK(PubSubFanOut)->Name("PubSubFanOut/100x4")->Apply(Standard);
BENCHMARK(PubSubLatency)->Name("PubSubLatency/100")->Apply(Standard);
BENCHMARK(PubSubParked)->Name("PubSubParked/100")->Apply(Standard);

}  // namespace

BENCHMARK_MAIN();
