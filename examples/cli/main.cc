// The command line: Kafka's tools in one program, for a millrace broker or any Kafka cluster.
//
//   millrace topics --list --bootstrap-server localhost:9092
//   kafka-topics.sh --list --bootstrap-server localhost:9092     # the same program by another name
//
// The commands live in lib/tools; this hands them the streams, the network and the signals.

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/transport.h"
#include "tools/network_cluster.h"
#include "tools/tool.h"

namespace {

namespace tools = millrace::tools;

// Connects on demand, with one event loop that starts with the first connection.
class Network {
 public:
  absl::StatusOr<std::unique_ptr<tools::Cluster>> Connect(const tools::ConnectRequest& request,
                                                          const millrace::Env& env) {
    if (tcp_ == nullptr) {
      auto tcp = millrace::NewTcpTransport({.name = "millrace-cli"});
      if (!tcp.ok()) return tcp.status();
      tcp_ = *std::move(tcp);
    }
    return tools::NewNetworkCluster(request, tcp_.get(), env);
  }

 private:
  std::unique_ptr<millrace::Transport> tcp_;
};

// Blocked in every thread but the one that waits for them. The first asks the command to end; where that does
// not listen, and with the second, the process ends here.
void HandleSignals(tools::Interrupt* interrupt) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::thread([signals, interrupt] {
    int signal = 0;
    sigwait(&signals, &signal);
    if (!interrupt->Raise()) _exit(128 + signal);
    sigwait(&signals, &signal);
    _exit(128 + signal);
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  // The thread of the signals may still use it when main has returned.
  static tools::Interrupt interrupt;
  HandleSignals(&interrupt);
  Network network;
  tools::Host host;
  host.in = &std::cin;
  host.out = &std::cout;
  host.err = &std::cerr;
  host.in_is_terminal = isatty(STDIN_FILENO) == 1;
  host.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  host.err_is_terminal = isatty(STDERR_FILENO) == 1;
  host.interrupt = &interrupt;
  host.connect = [&](const tools::ConnectRequest& request) { return network.Connect(request, host.env); };
  const std::vector<std::string> args(argv + 1, argv + argc);
  return tools::RunProgram(argv[0], args, host);
}
