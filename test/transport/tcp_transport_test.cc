#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testing/conformance.h"
#include "millrace/transport.h"
#include "transport/findings.h"
#include "transport/tcp_raw_peer.h"

namespace millrace {
namespace {

using test::Findings;
using test::TcpRawPeer;

// The suite over TCP with so many loops.
std::string CheckTcp(int loops) {
  std::vector<std::thread> threads;
  const auto new_transport = [loops] { return *NewTcpTransport({.threads = loops}); };
  const auto connect_raw = [](std::string_view address) -> std::unique_ptr<RawPeer> {
    return TcpRawPeer::Connect(address);
  };
  const auto drive = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  const auto start = [&](absl::AnyInvocable<void()> task) { threads.emplace_back(std::move(task)); };
  const Findings findings;
  CheckTransport({.new_transport = new_transport,
                  .connect_raw = connect_raw,
                  .drive = drive,
                  .start = start,
                  .clock = Clock::System()},
                 findings);
  for (std::thread& thread : threads) thread.join();
  return findings.text();
}

TEST_CASE("TCP conforms with one loop") {
  CHECK(CheckTcp(1) == "");
}

TEST_CASE("TCP conforms with three loops") {
  CHECK(CheckTcp(3) == "");
}

}  // namespace
}  // namespace millrace
