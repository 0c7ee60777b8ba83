// The conformance suites, over every implementation that is shipped.

#include "millrace/testing/conformance.h"

#include <poll.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testing/sim_env.h"
#include "temp_dir.h"

namespace millrace {
namespace {

class Findings {
 public:
  // const, as absl::FunctionRef asks for.
  void operator()(std::string_view wrong) const { lines_.emplace_back(wrong); }
  void CheckNone() const {
    for (const std::string& line : lines_) FAIL_CHECK(line);
    CHECK(lines_.empty());
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  mutable std::vector<std::string> lines_;
};

TEST_CASE("The system's files conform") {
  const test::TempDir directory;
  Findings findings;
  CheckFileSystem(*FileSystem::System(), directory.path(), findings);
  findings.CheckNone();
}

TEST_CASE("Files in memory conform") {
  const auto files = NewMemoryFileSystem();
  REQUIRE(files->CreateDirectory("/data").ok());
  Findings findings;
  CheckFileSystem(*files, "/data", findings);
  findings.CheckNone();
}

TEST_CASE("Simulated files conform, also after a crash") {
  SimClock clock;
  const auto files = NewSimFileSystem(&clock);
  for (const char* directory : {"/data", "/more"}) {
    REQUIRE(files->CreateDirectory(directory).ok());
    REQUIRE(files->SyncDirectory("/").ok());
    Findings findings;
    CheckFileSystem(*files, directory, findings);
    findings.CheckNone();
    files->Crash({.seed = 1});
  }
}

TEST_CASE("The suite finds what is wrong") {
  // Every tenth call fails: a suite that says nothing then checks nothing.
  SimClock clock;
  const auto files = NewSimFileSystem(&clock);
  REQUIRE(files->CreateDirectory("/data").ok());
  for (uint64_t nth = 10; nth < 100; nth += 10) files->Fail({.nth = nth});
  Findings findings;
  CheckFileSystem(*files, "/data", findings);
  CHECK(files->faults_fired() >= 5);
  CHECK(findings.lines().size() >= 5);
}

TEST_CASE("Clocks conform") {
  Findings findings;
  CheckClock(*Clock::System(), findings);
  SimClock clock;
  CheckClock(clock, findings);
  findings.CheckNone();
}

TEST_CASE("Executors conform") {
  Findings findings;
  Clock* const clock = Clock::System();
  const auto wait = [&] {
    std::atomic<uint32_t> word = 0;
    Parker::System()->Park(word, 0, clock->Monotonic() + 200'000);
  };
  SECTION("threads") {
    const auto executor = NewThreadExecutor();
    CheckExecutor(*executor, *clock, wait, findings);
  }
  SECTION("manual") {
    const auto executor = NewManualExecutor();
    CheckExecutor(*executor, *clock, [&] { executor->RunOnce(); }, findings);
  }
  SECTION("simulated") {
    SimClock simulated;
    const auto executor = NewSimExecutor(&simulated);
    CheckExecutor(*executor, simulated, [&] { executor->RunFor(100'000); }, findings);
  }
  findings.CheckNone();
}

TEST_CASE("Parkers conform") {
  Findings findings;
  SECTION("the system's") {
    std::vector<std::thread> threads;
    CheckParker(
        *Parker::System(), *Clock::System(),
        [&](absl::AnyInvocable<void()> task) { threads.emplace_back(std::move(task)); }, findings);
    for (std::thread& thread : threads) thread.join();
  }
  SECTION("simulated") {
    SimEnv sim(1);
    CheckParker(
        *sim.parker, sim.clock, [&](absl::AnyInvocable<void()> task) { sim.executor->Post(std::move(task)); },
        findings);
  }
  findings.CheckNone();
}

TEST_CASE("An event descriptor is readable from Signal to Clear") {
  const auto event = Parker::System()->NewEventDescriptor();
  REQUIRE(event.ok());
  const auto readable = [&] {
    ::pollfd poll = {.fd = (*event)->fd(), .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, 0) == 1;
  };
  CHECK_FALSE(readable());
  (*event)->Signal();
  (*event)->Signal();
  CHECK(readable());
  (*event)->Clear();
  CHECK_FALSE(readable());
}

}  // namespace
}  // namespace millrace
