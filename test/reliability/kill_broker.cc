// A broker that is killed by broker_kill_test: kill_broker DIRECTORY HOST:PORT [FORGETS]. Says where it
// listens, and serves until its standard input ends. FORGETS: of so many produce requests one is carried out,
// and its connection ends in place of the answer.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "millrace/broker.h"
#include "millrace/millrace.h"

namespace {

int Fail(const absl::Status& status) {
  std::cerr << "kill_broker: " << status.message() << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  auto engine = millrace::Engine::Open({.directory = argv[1]});
  if (!engine.ok()) return Fail(engine.status());
  auto tcp = millrace::NewTcpTransport();
  if (!tcp.ok()) return Fail(tcp.status());
  auto broker = millrace::Broker::Start(
      {.engine = engine->get(), .listeners = {{.transport = tcp->get(), .address = argv[2]}}});
  if (!broker.ok()) return Fail(broker.status());
  const auto forgets = static_cast<uint64_t>(argc > 3 ? std::atoll(argv[3]) : 0);
  for (uint64_t nth = forgets; forgets > 0 && nth <= 1000 * forgets; nth += forgets) {
    const auto added = (*broker)->faults().Add(
        {.api = millrace::wire::ApiKey::kProduce, .nth = nth, .carry_out = true, .drop = true});
    if (!added.ok()) return Fail(added.status());
  }
  std::cout << (*broker)->bootstrap_servers() << std::endl;
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  if (auto closed = (*broker)->Close(absl::Seconds(10)); !closed.ok()) return Fail(closed);
  if (auto closed = (*engine)->Close(absl::Seconds(30)); !closed.ok()) return Fail(closed);
  return 0;
}
