// What a broker costs before anybody asks it for much.
//
//   BrokerStart/memory       a broker for a test: an engine in memory with one topic, TCP, the first answer;
//   and all of
//                            it gone again. `start_ms`, `stop_ms`
//   BrokerStart/partitions   the same over a directory with 1, or 1,000, partitions that hold records
//   BrokerIdle               resident memory, and processor time a second, of a process with an idle broker
//   that has
//                            answered once (one partition; 1,000)
//
// The first answer is that of Metadata for all topics, read by a blocking client.

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "../examples/wire_client.h"
#include "bench_util.h"
#include "millrace/broker.h"
#include "millrace/millrace.h"
#include "millrace/wire/messages/metadata.h"

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

struct Served {
  explicit Served(const std::string& directory)
      : engine(Value(Engine::Open({.directory = directory}), "opening")),
        tcp(Value(NewTcpTransport(), "the network")),
        broker(Value(Broker::Start({.engine = engine.get(),
                                    .listeners = {{.transport = tcp.get(), .address = "127.0.0.1:0"}}}),
                     "starting")) {}

  // How many partitions the first answer tells of.
  size_t FirstAnswer() {
    WireClient client(tcp.get(), broker->bootstrap_servers());
    const auto metadata = Value(
        client.Call<wire::MetadataResponse>(wire::MetadataRequest{.topics = std::nullopt}, 12), "asking");
    size_t partitions = 0;
    for (const auto& topic : metadata.topics) partitions += topic.partitions.size();
    return partitions;
  }

  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> tcp;
  std::unique_ptr<Broker> broker;
};

void Memory(benchmark::State& state) {
  Served warm("");  // the first in a process pays for the dynamic linker
  warm.FirstAnswer();
  for (auto _ : state) {
    const int64_t began = NowNanos();
    auto served = std::make_unique<Served>("");
    Check(served->engine->CreateTopic("orders"), "creating a topic");
    Require(served->FirstAnswer() == 1, "one partition");
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
    Served served(directory.path());
    Require(served.FirstAnswer() == static_cast<size_t>(partitions), "all partitions");
    state.SetIterationTime(static_cast<double>(NowNanos() - began) / 1e9);
  }
}
BENCHMARK(Partitions)->Name("BrokerStart/partitions")->Arg(1)->Arg(1000)->Apply(Standard);

// --- Idle, in a process of its own: this program again, which knows what to do by its first argument.

constexpr char kServe[] = "--serve-idle";

// Serves `directory` until its standard input ends.
int ServeIdle(const char* directory) {
  Served served(directory);
  served.FirstAnswer();
  char byte = 'r';
  Require(write(STDOUT_FILENO, &byte, 1) == 1, "telling that it serves");
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

// The number after `key` in a file of /proc.
double Field(const std::string& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    double number = 0;
    if (word == key && in >> number) return number;
  }
  return 0;
}

// Nanoseconds on a processor so far, all threads.
double ProcessorNanos(pid_t process) {
  double total = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::ifstream in(task.path() / "schedstat");
    double nanos = 0;
    in >> nanos;
    total += nanos;
  }
  return total;
}

void Idle(benchmark::State& state) {
  const Directory directory;
  Fill(directory.path(), static_cast<int>(state.range(0)));
  for (auto _ : state) {
    int to_child[2], from_child[2];
    Require(pipe(to_child) == 0 && pipe(from_child) == 0, "pipes");
    const pid_t child = fork();
    Require(child >= 0, "a child");
    if (child == 0) {
      dup2(to_child[0], STDIN_FILENO);
      dup2(from_child[1], STDOUT_FILENO);
      for (const int fd : {to_child[0], to_child[1], from_child[0], from_child[1]}) close(fd);
      execl("/proc/self/exe", "broker_bench", kServe, directory.path().c_str(), nullptr);
      _exit(1);
    }
    close(to_child[0]);
    close(from_child[1]);
    char byte = 0;
    Require(read(from_child[0], &byte, 1) == 1, "the child serves");
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const double before = ProcessorNanos(child);
    const int64_t began = NowNanos();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    const auto waited = static_cast<double>(NowNanos() - began);
    state.counters["cpu_us_per_s"] = (ProcessorNanos(child) - before) / waited * 1e6;
    const std::string status = "/proc/" + std::to_string(child) + "/status";
    state.counters["rss_MiB"] = Field(status, "VmRSS:") / 1024;
    state.counters["anonymous_MiB"] = Field(status, "RssAnon:") / 1024;
    state.counters["threads"] = Field(status, "Threads:");
    close(to_child[1]);
    int ended = 0;
    waitpid(child, &ended, 0);
    close(from_child[0]);
    Require(ended == 0, "the child ends well");
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
