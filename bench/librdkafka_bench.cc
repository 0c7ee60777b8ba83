// How fast one librdkafka client is with our broker, and with the mock broker that librdkafka has within
// itself: which checks nothing, and keeps 5 MB of a partition in memory. The client is the limit of both, as
// it should be.
//
//   Librdkafka/produce/SIZE   records of SIZE bytes to one partition, acks 1, until all are acknowledged
//   Librdkafka/consume/SIZE   from 64 partitions, as much as the mock keeps of each, several times
//
// Our broker is a process of its own over a directory, with the defaults of all settings. `vs_peer`: our rate
// by the mock's, measured just before or after. `broker_ns` is the broker's processor time for a record, the
// system's for it included; `broker_cpu_ms_per_gib` that for a GiB of values.

#include <librdkafka/rdkafka.h>
// Wants to come after it.
#include <librdkafka/rdkafka_mock.h>

#include <string>

#include "bench_util.h"
#include "child_process.h"
#include "librdkafka_client.h"
#include "served_broker.h"

namespace millrace_bench {
namespace {

constexpr char kOne[] = "one";
constexpr char kMany[] = "many";
constexpr int32_t kPartitions = 64;
// The mock drops what a partition has beyond 5 MiB.
constexpr int64_t kBytesKept = 4'500'000;

class MockBroker {
 public:
  MockBroker() : host_(NewClient(RD_KAFKA_PRODUCER, {{"test.mock.num.brokers", "1"}})) {
    rd_kafka_mock_cluster_t* const cluster = rd_kafka_handle_mock_cluster(host_.get());
    bootstrap_ = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_mock_topic_create(cluster, kOne, 1, 1);
    rd_kafka_mock_topic_create(cluster, kMany, kPartitions, 1);
  }
  const std::string& bootstrap() const { return bootstrap_; }

 private:
  Client host_;
  std::string bootstrap_;
};

// Ours, in a process of its own.
class OurBroker {
 public:
  explicit OurBroker(const std::string& directory)
      : process_({kServeBroker, directory, std::string(kOne) + ":1",
                  std::string(kMany) + ":" + std::to_string(kPartitions)}) {}
  const std::string& bootstrap() const { return process_.told(); }
  double ProcessorNanos() const { return process_.ProcessorNanos(); }

 private:
  ChildProcess process_;
};

// --- Producing

// Nanoseconds on a client that is connected already.
double TimeProducing(const std::string& bootstrap, int64_t records, size_t size) {
  LoadedProducer producer(bootstrap, kOne);
  producer.Produce(1, size, 1);
  return static_cast<double>(producer.Produce(records, size, 1));
}

// --- Both, beside each other

struct Side {
  double records_per_second = 0;
  double nanos = 0;
  // Ours alone.
  double broker_nanos_per_record = 0;
};

void Report(benchmark::State& state, const Side& ours, const Side& mock, size_t size) {
  constexpr double kGib = 1 << 30;
  state.SetIterationTime(ours.nanos * 1e-9);
  state.counters["records_per_s"] = ours.records_per_second;
  state.counters["mock_records_per_s"] = mock.records_per_second;
  state.counters["vs_peer"] = ours.records_per_second / mock.records_per_second;
  state.counters["broker_ns"] = ours.broker_nanos_per_record;
  state.counters["broker_cpu_ms_per_gib"] =
      ours.broker_nanos_per_record * kGib / static_cast<double>(size) / 1e6;
}

// Each first in turn.
template <typename Ours, typename Mock>
void InTurns(benchmark::State& state, size_t size, Ours measure_ours, Mock measure_mock) {
  static bool mock_first = false;
  for (auto _ : state) {
    Side ours, mock;
    mock_first = !mock_first;
    if (mock_first) mock = measure_mock();
    ours = measure_ours();
    if (!mock_first) mock = measure_mock();
    Report(state, ours, mock, size);
  }
}

void Producing(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const int64_t records = size < 1000 ? 3'000'000 : 600'000;
  const auto rate = [records](double nanos) { return static_cast<double>(records) / nanos * 1e9; };
  InTurns(
      state, size,
      [&] {
        const Directory directory;
        WarmPageCache(directory.path(), static_cast<size_t>(records) * (size + 12));
        const OurBroker broker(directory.path());
        const double before = broker.ProcessorNanos();
        const double nanos = TimeProducing(broker.bootstrap(), records, size);
        const double used = broker.ProcessorNanos() - before;
        return Side{.records_per_second = rate(nanos),
                    .nanos = nanos,
                    .broker_nanos_per_record = used / static_cast<double>(records)};
      },
      [&] {
        const MockBroker mock;
        const double nanos = TimeProducing(mock.bootstrap(), records, size);
        return Side{.records_per_second = rate(nanos), .nanos = nanos};
      });
}

void Consuming(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const int64_t each = kBytesKept / static_cast<int64_t>(size + 12) / kReadAtOnce * kReadAtOnce;
  const int rounds = size < 1000 ? 2 : 10;
  const auto fill = [&](const std::string& bootstrap) {
    LoadedProducer(bootstrap, kMany).Produce(each * kPartitions, size, kPartitions);
  };
  const auto rate = [](const Read& read) { return static_cast<double>(read.records) / read.nanos * 1e9; };
  InTurns(
      state, size,
      [&] {
        const Directory directory;
        const OurBroker broker(directory.path());
        fill(broker.bootstrap());
        const double before = broker.ProcessorNanos();
        const Read read = Consume(broker.bootstrap(), kMany, kPartitions, each, size, rounds);
        const double used = broker.ProcessorNanos() - before;
        const auto sent = static_cast<double>(each * kPartitions * (rounds + 1));
        return Side{
            .records_per_second = rate(read), .nanos = read.nanos, .broker_nanos_per_record = used / sent};
      },
      [&] {
        const MockBroker mock;
        fill(mock.bootstrap());
        const Read read = Consume(mock.bootstrap(), kMany, kPartitions, each, size, rounds);
        return Side{.records_per_second = rate(read), .nanos = read.nanos};
      });
}

BENCHMARK(Producing)->Name("Librdkafka/produce")->Arg(100)->Arg(1024)->Apply(Standard);
BENCHMARK(Consuming)->Name("Librdkafka/consume")->Arg(100)->Arg(1024)->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

int main(int argc, char** argv) {
  if (const int served = millrace_bench::ServeBrokerIfAsked(argc, argv); served >= 0) return served;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
