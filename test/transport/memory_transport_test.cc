#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testing/conformance.h"
#include "millrace/testing/sim_env.h"
#include "testing/memory_raw_peer.h"
#include "transport/findings.h"

namespace millrace {
namespace {

using test::Findings;

// The suite over transports that `make` gives for a network in a simulated world.
template <typename Make>
std::string CheckSimulated(Make make) {
  SimEnv sim(1);
  std::shared_ptr<MemoryNetwork> network;
  const auto new_transport = [&] {
    network = std::make_shared<MemoryNetwork>(sim.env(), nullptr);
    return make(NewMemoryTransport(network, "client"));
  };
  const auto connect_raw = [&](std::string_view address) {
    return MemoryRawPeer::Connect(network, "raw", address);
  };
  const auto drive = [&] {
    if (sim.executor->RunReady(1000) == 0) sim.executor->RunFor(1'000'000);
  };
  const auto start = [&](absl::AnyInvocable<void()> task) { sim.executor->Post(std::move(task)); };
  const Findings findings;
  CheckTransport({.new_transport = new_transport,
                  .connect_raw = connect_raw,
                  .drive = drive,
                  .start = start,
                  .clock = &sim.clock,
                  .address = "somewhere:0"},
                 findings);
  return findings.text();
}

TEST_CASE("The in-memory transport conforms on one thread") {
  CHECK(CheckSimulated([](std::unique_ptr<Transport> plain) { return plain; }) == "");
}

TEST_CASE("The in-memory transport conforms on several threads") {
  const auto executor = NewThreadExecutor({.threads = 3, .name = "memory"});
  const Env env = Env{.executor = executor.get()}.WithDefaults();
  std::shared_ptr<MemoryNetwork> network;
  std::vector<std::thread> threads;
  const auto new_transport = [&] {
    network = std::make_shared<MemoryNetwork>(env, nullptr);
    return NewMemoryTransport(network, "client");
  };
  const auto connect_raw = [&](std::string_view address) {
    return MemoryRawPeer::Connect(network, "raw", address);
  };
  const auto drive = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  const auto start = [&](absl::AnyInvocable<void()> task) { threads.emplace_back(std::move(task)); };
  const Findings findings;
  CheckTransport({.new_transport = new_transport,
                  .connect_raw = connect_raw,
                  .drive = drive,
                  .start = start,
                  .clock = Clock::System(),
                  .address = "somewhere:0"},
                 findings);
  for (std::thread& thread : threads) thread.join();
  CHECK(findings.text() == "");
}

}  // namespace
}  // namespace millrace
