// Broker: an engine and a port. Every Kafka client can connect.
//
//   broker [--directory DIR] [--listen HOST:PORT] [--advertise HOST:PORT] [--metrics HOST:PORT]
//
// Without a directory everything is in memory. Port 0 (the default) takes a free one; the first line printed
// is what clients are configured with as bootstrap servers. With --metrics a second one names the page that
// Prometheus scrapes. Ends with SIGTERM or SIGINT.

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/broker.h"
#include "millrace/metrics_listener.h"
#include "millrace/millrace.h"

namespace {

struct Flags {
  std::string directory;
  std::string listen = "127.0.0.1:0";
  std::string advertise;
  std::string metrics;
};

// False: a flag that nobody knows, or one without its value.
bool Parse(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    std::string* const value = flag == "--directory"   ? &flags->directory
                               : flag == "--listen"    ? &flags->listen
                               : flag == "--advertise" ? &flags->advertise
                               : flag == "--metrics"   ? &flags->metrics
                                                       : nullptr;
    if (value == nullptr || i + 1 == argc) return false;
    *value = argv[i + 1];
  }
  return true;
}

int Fail(std::string_view what, const absl::Status& why) {
  std::cerr << "broker: " << what << ": " << why.message() << '\n';
  return 1;
}

// Blocked in every thread, so that one can wait for them.
sigset_t BlockEnd() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  if (!Parse(argc, argv, &flags)) {
    std::cerr << "usage: broker [--directory DIR] [--listen HOST:PORT] [--advertise HOST:PORT] [--metrics "
                 "HOST:PORT]\n";
    return 2;
  }
  const sigset_t signals = BlockEnd();
  auto engine = millrace::Engine::Open({.directory = flags.directory});
  if (!engine.ok()) return Fail("opening the engine", engine.status());
  auto tcp = millrace::NewTcpTransport();
  if (!tcp.ok()) return Fail("starting the network", tcp.status());
  auto broker = millrace::Broker::Start(
      {.engine = engine->get(),
       .listeners = {
           {.transport = tcp->get(), .address = flags.listen, .advertised_address = flags.advertise}}});
  if (!broker.ok()) return Fail("starting the broker", broker.status());
  std::cout << (*broker)->bootstrap_servers() << std::endl;
  absl::StatusOr<std::unique_ptr<millrace::MetricsListener>> metrics = nullptr;
  if (!flags.metrics.empty()) {
    metrics = millrace::MetricsListener::Start({.engine = engine->get(), .address = flags.metrics});
    if (!metrics.ok()) return Fail("listening for metrics", metrics.status());
    std::cout << "http://" << (*metrics)->address() << "/metrics" << std::endl;
  }

  int signal = 0;
  sigwait(&signals, &signal);
  metrics = nullptr;
  if (absl::Status closed = (*broker)->Close(absl::Seconds(10)); !closed.ok()) return Fail("closing", closed);
  if (absl::Status closed = (*engine)->Close(absl::Seconds(30)); !closed.ok()) return Fail("closing", closed);
  std::cout << "closed\n";
  return 0;
}
