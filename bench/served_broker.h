// A broker on a free port of the loopback, over an engine with a directory (or in memory, where it is empty).

#ifndef MILLRACE_BENCH_SERVED_BROKER_H_
#define MILLRACE_BENCH_SERVED_BROKER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench_util.h"
#include "child_process.h"
#include "millrace/broker.h"
#include "millrace/millrace.h"

namespace millrace_bench {

struct ServedBroker {
  explicit ServedBroker(const std::string& directory)
      : engine(Value(millrace::Engine::Open({.directory = directory}), "opening")),
        tcp(Value(millrace::NewTcpTransport(), "the network")),
        broker(Value(
            millrace::Broker::Start(
                {.engine = engine.get(), .listeners = {{.transport = tcp.get(), .address = "127.0.0.1:0"}}}),
            "starting")) {}

  std::unique_ptr<millrace::Engine> engine;
  std::unique_ptr<millrace::Transport> tcp;
  std::unique_ptr<millrace::Broker> broker;
};

// A broker in a process of its own is ChildProcess({kServeBroker, directory, "topic:partitions", ...}), which
// tells its bootstrap servers; the program's main calls ServeBrokerIfAsked first.
inline constexpr char kServeBroker[] = "--serve-broker";

// Negative: it was not asked for.
inline int ServeBrokerIfAsked(int argc, char** argv) {
  if (argc < 3 || std::string_view(argv[1]) != kServeBroker) return -1;
  const ServedBroker served(argv[2]);
  for (int i = 3; i < argc; ++i) {
    const std::string topic = argv[i];
    const size_t colon = topic.find(':');
    Check(served.engine->CreateTopic(topic.substr(0, colon),
                                     {.partitions = std::atoi(topic.c_str() + colon + 1)}),
          "creating a topic");
  }
  return TellAndServe(served.broker->bootstrap_servers());
}

}  // namespace millrace_bench

#endif  // MILLRACE_BENCH_SERVED_BROKER_H_
