// Apache Kafka and our broker under the same load, beside each other. Kafka runs already:
// test/interop/kafka_bench.sh starts it, and names it in MILLRACE_BENCH_KAFKA (its bootstrap server) and
// MILLRACE_BENCH_KAFKA_PID.
//
//   BesideKafka/load/SIZE/BATCH     librdkafka produces records of SIZE bytes to one partition, acks 1, in
//                                   batches of at most BATCH bytes, until all are acknowledged; then it reads
//                                   them, several times. A million is its default, 16 KiB the Java client's
//   BesideKafka/latency/librdkafka  1 KiB records at a steady pace, acks 1, linger.ms 0: from when one is due
//                                   (sent, if that is in time) to the acknowledgement
//   BesideKafka/latency/wire        the same from a bare blocking socket, whose own time is the least
//
// Both brokers are processes of their own, on the same disk, and warm: each served both kinds of load for
// MILLRACE_BENCH_WARM_SECONDS (20) before. Each round has a new topic, with the defaults of all settings on
// both sides, but that its files go soon. They take turns in going first. `*_mb_per_cpu_s`: megabytes of
// values for each second of the broker's process on a processor, the system's for it included; `*_vs_peer`:
// ours by Kafka's.

#include <librdkafka/rdkafka.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "bare_client.h"
#include "bench_util.h"
#include "child_process.h"
#include "librdkafka_client.h"
#include "served_broker.h"

namespace millrace_bench {
namespace {

// BareClient speaks to a port of the loopback.
struct Cluster {
  std::string bootstrap;
  pid_t pid = 0;
};
struct Both {
  Cluster ours;
  Cluster kafka;
  // On their disk.
  std::string directory;
};
Both& Brokers() {
  static Both brokers;
  return brokers;
}

// --- A topic for a round

struct DestroyQueue {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};

class RoundTopic {
 public:
  explicit RoundTopic(const Cluster& cluster)
      : client_(NewClient(RD_KAFKA_PRODUCER, {{"bootstrap.servers", cluster.bootstrap}})),
        queue_(rd_kafka_queue_new(client_.get())) {
    static int rounds = 0;
    name_ = "round-" + std::to_string(++rounds);
    rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name_.c_str(), 1, 1, nullptr, 0);
    rd_kafka_NewTopic_set_config(topic, "file.delete.delay.ms", "1000");
    rd_kafka_CreateTopics(client_.get(), &topic, 1, nullptr, queue_.get());
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue_.get(), 30'000);
    Require(event != nullptr && rd_kafka_event_CreateTopics_result(event) != nullptr, "creating a topic");
    size_t count = 0;
    const auto* const results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    Require(count == 1 && rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR,
            "a new topic");
    rd_kafka_event_destroy(event);
  }
  ~RoundTopic() {
    rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name_.c_str());
    rd_kafka_DeleteTopics(client_.get(), &topic, 1, nullptr, queue_.get());
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue_.get(), 30'000);
    Require(event != nullptr && rd_kafka_event_DeleteTopics_result(event) != nullptr, "deleting a topic");
    rd_kafka_event_destroy(event);
  }
  RoundTopic(const RoundTopic&) = delete;
  RoundTopic& operator=(const RoundTopic&) = delete;
  const char* name() const { return name_.c_str(); }

 private:
  Client client_;
  std::unique_ptr<rd_kafka_queue_t, DestroyQueue> queue_;
  std::string name_;
};

// --- Load

struct Loaded {
  double records_per_s = 0;
  double mb_per_cpu_s = 0;
};
struct Load {
  Loaded produce;
  Loaded consume;
  // Each record produced and read once.
  double mb_per_cpu_s = 0;
};

Loaded Speed(int64_t records, size_t size, double nanos, double cpu_nanos) {
  return {.records_per_s = static_cast<double>(records) / nanos * 1e9,
          .mb_per_cpu_s = static_cast<double>(records) * static_cast<double>(size) / cpu_nanos * 1e3};
}

Load MeasureLoad(const Cluster& cluster, int64_t records, size_t size, int64_t batch, int reads) {
  const RoundTopic topic(cluster);
  Load load;
  {
    LoadedProducer producer(cluster.bootstrap, topic.name(), batch);
    // Connected, and the partition has a leader.
    producer.Produce(1, size, 1);
    // The client's queue takes as much.
    WarmPageCache(Brokers().directory, 2 * static_cast<size_t>(records) * (size + 12));
    const double before = ProcessorNanosOf(cluster.pid);
    const auto nanos = static_cast<double>(producer.Produce(records - 1, size, 1));
    load.produce = Speed(records - 1, size, nanos, ProcessorNanosOf(cluster.pid) - before);
  }
  const double before = ProcessorNanosOf(cluster.pid);
  const Read read = Consume(cluster.bootstrap, topic.name(), 1, records, size, reads - 1);
  const double used = ProcessorNanosOf(cluster.pid) - before;
  load.consume.records_per_s = Speed(read.records, size, read.nanos, used).records_per_s;
  load.consume.mb_per_cpu_s = Speed(records * reads, size, read.nanos, used).mb_per_cpu_s;
  load.mb_per_cpu_s = 1 / (1 / load.produce.mb_per_cpu_s + 1 / load.consume.mb_per_cpu_s);
  return load;
}

// Each first in turn.
template <typename Measure>
auto InTurns(Measure measure) {
  static bool kafka_first = false;
  kafka_first = !kafka_first;
  decltype(measure(Brokers().ours)) ours, kafka;
  if (kafka_first) kafka = measure(Brokers().kafka);
  ours = measure(Brokers().ours);
  if (!kafka_first) kafka = measure(Brokers().kafka);
  return std::pair(std::move(ours), std::move(kafka));
}

void Loading(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const int64_t batch = state.range(1);
  const int64_t records = size < 1000 ? 3'000'000 : 600'000;
  for (auto _ : state) {
    const int64_t start = NowNanos();
    const auto [ours, kafka] =
        InTurns([&](const Cluster& cluster) { return MeasureLoad(cluster, records, size, batch, 3); });
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    const auto report = [&](const std::string& what, const Loaded& our, const Loaded& its) {
      state.counters[what + "_per_s"] = our.records_per_s;
      state.counters["kafka_" + what + "_per_s"] = its.records_per_s;
      state.counters[what + "_mb_per_cpu_s"] = our.mb_per_cpu_s;
      state.counters["kafka_" + what + "_mb_per_cpu_s"] = its.mb_per_cpu_s;
      state.counters[what + "_vs_peer"] = our.mb_per_cpu_s / its.mb_per_cpu_s;
    };
    report("produce", ours.produce, kafka.produce);
    report("consume", ours.consume, kafka.consume);
    state.counters["vs_peer"] = ours.mb_per_cpu_s / kafka.mb_per_cpu_s;
  }
}
BENCHMARK(Loading)
    ->Name("BesideKafka/load")
    ->Args({100, 1'000'000})
    ->Args({1024, 1'000'000})
    ->Args({1024, 16 << 10})
    ->Apply(Standard);

// --- Latency

constexpr size_t kPacedBytes = 1024;
constexpr int64_t kPerSecond = 2000;
constexpr int64_t kPaced = 5 * kPerSecond;

Samples ByLibrdkafka(const Cluster& cluster) {
  const RoundTopic topic(cluster);
  PacedProducer producer(cluster.bootstrap, topic.name());
  producer.Produce(kPerSecond / 2, kPacedBytes, kPerSecond);
  return producer.Produce(kPaced, kPacedBytes, kPerSecond);
}

Samples ByWire(const Cluster& cluster) {
  const RoundTopic topic(cluster);
  LoadedProducer(cluster.bootstrap, topic.name()).Produce(1, kPacedBytes, 1);
  BareClient client(cluster.bootstrap);
  const auto frame = ProduceFrame(0, kPacedBytes, topic.name());
  Samples samples;
  Pace pace(kPerSecond);
  for (int64_t i = -kPerSecond / 2; i < kPaced; ++i) {
    const int64_t due = pace.Wait();
    client.Send(frame);
    CheckProduced(client);
    if (i >= 0) samples.Add(NowNanos() - due);
  }
  return samples;
}

void Latency(benchmark::State& state, Samples (*measure)(const Cluster&)) {
  for (auto _ : state) {
    const int64_t start = NowNanos();
    auto [ours, kafka] = InTurns(measure);
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    state.counters["p50_us"] = ours.At(0.5) / 1000;
    state.counters["p99_us"] = ours.At(0.99) / 1000;
    state.counters["kafka_p50_us"] = kafka.At(0.5) / 1000;
    state.counters["kafka_p99_us"] = kafka.At(0.99) / 1000;
    state.counters["p99_vs_peer"] = ours.At(0.99) / kafka.At(0.99);
  }
}
void LatencyOfLibrdkafka(benchmark::State& state) {
  Latency(state, ByLibrdkafka);
}
void LatencyOfWire(benchmark::State& state) {
  Latency(state, ByWire);
}
BENCHMARK(LatencyOfLibrdkafka)->Name("BesideKafka/latency/librdkafka")->Apply(Standard);
BENCHMARK(LatencyOfWire)->Name("BesideKafka/latency/wire")->Apply(Standard);

void WarmUp(const Cluster& cluster) {
  const int64_t end = NowNanos() + Setting("MILLRACE_BENCH_WARM_SECONDS", 20) * 1'000'000'000;
  while (NowNanos() < end) {
    for (const size_t size : {size_t{100}, size_t{1024}}) {
      MeasureLoad(cluster, 200'000, size, 1'000'000, 2);
      MeasureLoad(cluster, 100'000, size, 16 << 10, 2);
    }
    ByWire(cluster);
  }
}

}  // namespace
}  // namespace millrace_bench

int main(int argc, char** argv) {
  using namespace millrace_bench;  // NOLINT
  if (const int served = ServeBrokerIfAsked(argc, argv); served >= 0) return served;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const char* const kafka = std::getenv("MILLRACE_BENCH_KAFKA");
  const auto pid = static_cast<pid_t>(Setting("MILLRACE_BENCH_KAFKA_PID", 0));
  if (kafka == nullptr || pid == 0) {
    std::fprintf(stderr,
                 "MILLRACE_BENCH_KAFKA and MILLRACE_BENCH_KAFKA_PID name no Kafka: see "
                 "test/interop/kafka_bench.sh\n");
    return 2;
  }
  const Directory directory;
  const ChildProcess ours({kServeBroker, directory.path()});
  Brokers() = {.ours = {ours.told(), ours.pid()}, .kafka = {kafka, pid}, .directory = directory.path()};
  WarmUp(Brokers().kafka);
  WarmUp(Brokers().ours);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
