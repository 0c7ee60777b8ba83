// What a broker costs before anybody asks it for much.
//
//   BrokerStart/memory       a broker for a test: an engine in memory with one topic, TCP, the first answer;
//                            and all of it gone again. `start_ms`, `stop_ms`
//   BrokerStart/partitions   the same over a directory with 1, or 1,000, partitions that hold records
//   BrokerIdle               resident memory, and processor time a second, of a process with an idle broker
//                            that has answered once (one partition; 1,000)
//
// The first answer is that of Metadata for all topics, read by a blocking client.

#include <memory>
#include <string>
#include <thread>

#include "../examples/wire_client.h"
#include "bench_util.h"
#include "child_process.h"
#include "millrace/millrace.h"
#include "millrace/wire/messages/metadata.h"
#include "served_broker.h"

namespace millrace_bench {
namespace {

using namespace millrace;  // NOLINT

// A directory with that many partitions, each with a record.
void Fill(const std::string& directory, int partitions) {
  auto engine = Value(Engine::Open({.directory = directory}), "opening");
  Check(engine->CreateTopic("orders", {.partitions = partitions}), "creating a topic");
  auto producer = Value(engine->NewProducer(), "making a producer");
  const TopicHandle topic = Value(producer->Topic("orders"), "the topic");
  for (int32_t i = 0; i < partitions; ++i)
    Check(producer->Send(topic, {.value = "value"}, PartitionId(i)), "sending");
  Check(producer->Flush(absl::Seconds(60)), "flushing");
  producer.reset();
  Check(engine->Close(), "closing");
}

// How many partitions the first answer tells of.
size_t FirstAnswer(const ServedBroker& served) {
  WireClient client(served.tcp.get(), served.broker->bootstrap_servers());
  const auto metadata =
      Value(client.Call<wire::MetadataResponse>(wire::MetadataRequest{.topics = std::nullopt}, 12), "asking");
  size_t partitions = 0;
  for (const auto& topic : metadata.topics) partitions += topic.partitions.size();
  return partitions;
}

void Memory(benchmark::State& state) {
  const ServedBroker warm("");  // the first in a process pays for the dynamic linker
  FirstAnswer(warm);
  for (auto _ : state) {
    const int64_t began = NowNanos();
    auto served = std::make_unique<ServedBroker>("");
    Check(served->engine->CreateTopic("orders"), "creating a topic");
    Require(FirstAnswer(*served) == 1, "one partition");
    const int64_t answered = NowNanos();
    served.reset();
    const int64_t gone = NowNanos();
    state.SetIterationTime(static_cast<double>(gone - began) / 1e9);
    state.counters["start_ms"] = static_cast<double>(answered - began) / 1e6;
    state.counters["stop_ms"] = static_cast<double>(gone - answered) / 1e6;
  }
}
BENCHMARK(Memory)->Name("BrokerStart/memory")->Apply(Standard);

void Partitions(benchmark::State& state) {
  const Directory directory;
  const auto partitions = static_cast<int>(state.range(0));
  Fill(directory.path(), partitions);
  for (auto _ : state) {
    const int64_t began = NowNanos();
    const ServedBroker served(directory.path());
    Require(FirstAnswer(served) == static_cast<size_t>(partitions), "all partitions");
    state.SetIterationTime(static_cast<double>(NowNanos() - began) / 1e9);
  }
}
BENCHMARK(Partitions)->Name("BrokerStart/partitions")->Arg(1)->Arg(1000)->Apply(Standard);

// --- Idle, in a process of its own: this program again, which knows what to do by its first argument.

constexpr char kServe[] = "--serve-idle";

int ServeIdle(const char* directory) {
  const ServedBroker served(directory);
  FirstAnswer(served);
  return TellAndServe("");
}

void Idle(benchmark::State& state) {
  const Directory directory;
  Fill(directory.path(), static_cast<int>(state.range(0)));
  for (auto _ : state) {
    const ChildProcess child({kServe, directory.path()});
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const double before = child.ProcessorNanos();
    const int64_t began = NowNanos();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    const auto waited = static_cast<double>(NowNanos() - began);
    state.counters["cpu_us_per_s"] = (child.ProcessorNanos() - before) / waited * 1e6;
    state.counters["rss_MiB"] = child.Status("VmRSS:") / 1024;
    state.counters["anonymous_MiB"] = child.Status("RssAnon:") / 1024;
    state.counters["threads"] = child.Status("Threads:");
    state.SetIterationTime(waited / 1e9);
  }
}
BENCHMARK(Idle)->Name("BrokerIdle")->Arg(1)->Arg(1000)->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == millrace_bench::kServe) return millrace_bench::ServeIdle(argv[2]);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
