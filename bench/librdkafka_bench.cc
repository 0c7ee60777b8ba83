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

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench_util.h"
#include "child_process.h"
#include "served_broker.h"

namespace millrace_bench {
namespace {

constexpr char kOne[] = "one";
constexpr char kMany[] = "many";
constexpr int32_t kPartitions = 64;
// The mock drops what a partition has beyond 5 MiB.
constexpr int64_t kBytesKept = 4'500'000;
// So many records are read at once. librdkafka waits until it has them all, or for its timeout.
constexpr int64_t kPoll = 1000;

using Settings = std::vector<std::pair<const char*, std::string>>;

struct DestroyClient {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;
struct DestroyTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using ClientTopic = std::unique_ptr<rd_kafka_topic_t, DestroyTopic>;

// How many records were acknowledged.
void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  Require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "delivering a record");
  ++*static_cast<int64_t*>(opaque);
}

Client NewClient(rd_kafka_type_t type, const Settings& settings, int64_t* delivered = nullptr) {
  std::array<char, 512> why = {};
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    const bool set = rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK;
    if (!set) Die("librdkafka", absl::InternalError(why.data()));
  }
  if (delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, OnDelivery);
  rd_kafka_conf_set_opaque(conf, delivered);
  Client client(rd_kafka_new(type, conf, why.data(), why.size()));
  if (client == nullptr) Die("librdkafka", absl::InternalError(why.data()));
  return client;
}

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

class LoadedProducer {
 public:
  LoadedProducer(const std::string& bootstrap, const char* topic)
      : client_(NewClient(RD_KAFKA_PRODUCER,
                          {{"bootstrap.servers", bootstrap},
                           {"acks", "1"},
                           {"linger.ms", "50"},
                           {"batch.num.messages", "10000"},
                           {"queue.buffering.max.messages", "1000000"},
                           {"queue.buffering.max.kbytes", "2097151"}},
                          &delivered_)),
        topic_(rd_kafka_topic_new(client_.get(), topic, nullptr)) {}

  // Records of `size` bytes to the partitions in turn, until all are acknowledged. Returns nanoseconds.
  int64_t Produce(int64_t records, size_t size, int32_t partitions) {
    std::string value(size, 'x');
    const int64_t wanted = delivered_ + records;
    const int64_t start = NowNanos();
    for (int64_t i = 0; i < records; ++i) {
      const auto partition = static_cast<int32_t>(i % partitions);
      while (rd_kafka_produce(topic_.get(), partition, 0, value.data(), value.size(), nullptr, 0, nullptr) !=
             0) {
        Require(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, "producing");
        rd_kafka_poll(client_.get(), 10);
      }
      if (i % 4096 == 0) rd_kafka_poll(client_.get(), 0);
    }
    Require(rd_kafka_flush(client_.get(), 60'000) == RD_KAFKA_RESP_ERR_NO_ERROR, "flushing");
    Require(delivered_ == wanted, "all are acknowledged");
    return NowNanos() - start;
  }

 private:
  int64_t delivered_ = 0;
  Client client_;
  ClientTopic topic_;
};

// Nanoseconds on a client that is connected already.
double TimeProducing(const std::string& bootstrap, int64_t records, size_t size) {
  LoadedProducer producer(bootstrap, kOne);
  producer.Produce(1, size, 1);
  return static_cast<double>(producer.Produce(records, size, 1));
}

// --- Consuming

struct Read {
  int64_t records = 0;
  double nanos = 0;
};

// Reads all partitions from their start, so many records of each. The clock runs from the first records on,
// which are not counted.
Read ReadAllOnce(rd_kafka_topic_t* topic, rd_kafka_queue_t* queue, int64_t each, size_t size) {
  for (int32_t p = 0; p < kPartitions; ++p)
    Require(rd_kafka_consume_start_queue(topic, p, 0, queue) == 0, "starting to consume");
  constexpr int64_t kNone = -1;
  std::vector<rd_kafka_message_t*> messages(kPoll);
  Read read;
  int64_t start = kNone;
  int64_t offsets = 0;
  for (int64_t left = each * kPartitions; left > 0;) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 30'000, messages.data(), messages.size());
    Require(count > 0, "consuming");
    for (ssize_t i = 0; i < count; ++i) {
      const rd_kafka_message_t* const message = messages[static_cast<size_t>(i)];
      Require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->len == size, "a record");
      offsets += message->offset;
      rd_kafka_message_destroy(messages[static_cast<size_t>(i)]);
    }
    left -= count;
    if (start == kNone) {
      start = NowNanos();
    } else {
      read.records += count;
    }
  }
  read.nanos = static_cast<double>(NowNanos() - start);
  Require(offsets == kPartitions * (each * (each - 1) / 2), "every offset once");
  for (int32_t p = 0; p < kPartitions; ++p) rd_kafka_consume_stop(topic, p);
  return read;
}

Read Consume(const std::string& bootstrap, int64_t each, size_t size, int rounds) {
  // With a full queue it would pause for a second.
  const Client client = NewClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap},
                                                      {"queued.min.messages", "10000000"},
                                                      {"queued.max.messages.kbytes", "2097151"}});
  const ClientTopic topic(rd_kafka_topic_new(client.get(), kMany, nullptr));
  rd_kafka_queue_t* const queue = rd_kafka_queue_new(client.get());
  Read all;
  ReadAllOnce(topic.get(), queue, each, size);
  for (int i = 0; i < rounds; ++i) {
    const Read one = ReadAllOnce(topic.get(), queue, each, size);
    all.records += one.records;
    all.nanos += one.nanos;
  }
  rd_kafka_queue_destroy(queue);
  return all;
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
  const int64_t each = kBytesKept / static_cast<int64_t>(size + 12) / kPoll * kPoll;
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
        const Read read = Consume(broker.bootstrap(), each, size, rounds);
        const double used = broker.ProcessorNanos() - before;
        const auto sent = static_cast<double>(each * kPartitions * (rounds + 1));
        return Side{
            .records_per_second = rate(read), .nanos = read.nanos, .broker_nanos_per_record = used / sent};
      },
      [&] {
        const MockBroker mock;
        fill(mock.bootstrap());
        const Read read = Consume(mock.bootstrap(), each, size, rounds);
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
