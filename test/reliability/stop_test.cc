// R2: the process stops at each call it makes to the file system, from the first of a scenario to its last,
// and in the middle of each write. It is killed, or the power goes. Then the log opens at once, holds what
// was acknowledged and nothing that was not appended, is closed, and opens with nothing left to repair.
//
// MILLRACE_STOP_STRIDE: from one call to the next (default 1, all).

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "reliability/world.h"
#include "setting.h"

namespace millrace::testing {
namespace {

enum class Death : uint8_t { kKill, kPower, kPowerSynced };
constexpr const char* kDeaths[] = {"killed", "power lost", "power lost, only what was synced left"};

struct Scenario {
  const char* name = "";
  // Not stopped.
  std::function<void(World&)> before = [](World&) {};
  std::function<void(World&)> act = [](World&) {};
};

// Three segments, the last one active, with something unflushed in two of them.
void Fill(World& world) {
  for (int i = 0; i < 6; ++i) world.Append(200).IgnoreError();
  world.AppendIdempotent(3, 40).IgnoreError();
  world.Flush().IgnoreError();
  world.Roll().IgnoreError();
  for (int i = 0; i < 4; ++i) world.AppendBatch(3, 100).IgnoreError();
  world.RaiseEpoch().IgnoreError();
  world.Roll().IgnoreError();
  world.AppendIdempotent(2, 30).IgnoreError();
  world.Append(700).IgnoreError();
}

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> scenarios = {
      {.name = "append",
       .act =
           [](World& w) {
             for (int i = 0; i < 12 && !w.stopped(); ++i) w.Append(i * 400).IgnoreError();
           }},
      {.name = "append, idempotent",
       .before = Fill,
       .act =
           [](World& w) {
             for (int i = 0; i < 4 && !w.stopped(); ++i) w.AppendIdempotent(1 + i, 50).IgnoreError();
           }},
      {.name = "roll",
       .before = Fill,
       .act =
           [](World& w) {
             w.Roll().IgnoreError();
             w.Append(100).IgnoreError();
             w.Maintain();
           }},
      {.name = "flush",
       .before = Fill,
       .act =
           [](World& w) {
             w.Flush().IgnoreError();
             w.Append(100).IgnoreError();
             w.Flush().IgnoreError();
             w.Maintain();
           }},
      {.name = "delete records",
       .before = Fill,
       .act =
           [](World& w) {
             w.DeleteBefore(9).IgnoreError();
             w.Maintain();
             w.DeleteBefore(14).IgnoreError();
             w.Maintain();
           }},
      {.name = "truncate",
       .before = Fill,
       .act =
           [](World& w) {
             w.Truncate(w.end() - 1).IgnoreError();
             w.Append(30).IgnoreError();
             w.Truncate(11).IgnoreError();
             w.Append(60).IgnoreError();
             w.Flush().IgnoreError();
             w.Maintain();
           }},
      {.name = "leader epoch",
       .before = Fill,
       .act =
           [](World& w) {
             w.RaiseEpoch().IgnoreError();
             w.Append(30).IgnoreError();
             w.Flush().IgnoreError();
           }},
      {.name = "close", .before = Fill, .act = [](World& w) { w.Close().IgnoreError(); }},
  };
  return scenarios;
}

std::string Die(World& world, Death death, uint64_t seed) {
  if (death == Death::kKill) return world.ReopenAfterKill();
  return world.ReopenAfterCrash(
      {.seed = seed, .keep = death == Death::kPower ? SimKeep::kRandom : SimKeep::kSynced});
}

// Once more, cleanly: nothing is left to be repaired.
std::string CheckSettled(World& world) {
  std::string problem = world.CheckProducer();
  if (problem.empty() && !world.Append(10).ok()) problem = "an append is refused";
  if (problem.empty() && !world.Close().ok()) problem = "it cannot be closed";
  if (!problem.empty()) return problem;
  world.log.reset();
  problem = world.Open();
  if (problem.empty()) problem = world.Check(world.end());
  if (!problem.empty()) return "opened again: " + problem;
  if (world.report.shutdown != RecoveryReport::Shutdown::kClean) return "it was not closed cleanly";
  for (const std::string& note : world.report.notes) problem += note + "; ";
  return problem.empty() ? "" : "still to be repaired: " + problem;
}

// Stops the scenario at its nth call. True: it had so many.
bool StopAt(const Scenario& scenario, WorldOptions options, Death death, uint64_t nth, bool half,
            std::string* problem) {
  options.seed = nth;
  World world(options);
  *problem = world.Open();
  if (!problem->empty()) return false;
  scenario.before(world);
  world.sim.files->StopAtCall(nth, half);
  scenario.act(world);
  const bool stopped = world.stopped();
  world.sim.files->StopAtCall(0);
  *problem = Die(world, death, nth);
  if (problem->empty()) *problem = CheckSettled(world);
  if (!problem->empty()) *problem += world.History();
  return stopped;
}

// The opening after a death is stopped as well. True: it made so many calls.
bool StopOpeningAt(WorldOptions options, Death first, Death death, uint64_t nth, std::string* problem) {
  options.seed = nth;
  World world(options);
  *problem = world.Open();
  if (!problem->empty()) return false;
  Fill(world);
  if (nth % 3 == 0) world.Truncate(12).IgnoreError();
  world.Drop();
  if (first == Death::kKill) {
    world.sim.KillProcess();
  } else {
    world.sim.Crash({.seed = nth, .keep = first == Death::kPower ? SimKeep::kRandom : SimKeep::kSynced});
  }
  world.sim.files->StopAtCall(nth);
  world.Open();
  if (!world.stopped() && world.log != nullptr) world.Maintain();
  const bool stopped = world.stopped();
  world.sim.files->StopAtCall(0);
  world.Drop();
  if (death == Death::kKill) {
    world.sim.KillProcess();
  } else {
    world.sim.Crash({.seed = nth + 1, .keep = death == Death::kPower ? SimKeep::kRandom : SimKeep::kSynced});
  }
  *problem = world.Open();
  const bool visible = first == Death::kKill && death == Death::kKill;
  if (problem->empty()) *problem = world.Check(visible ? world.end() : world.durable());
  if (problem->empty()) *problem = CheckSettled(world);
  if (!problem->empty()) *problem += world.History();
  return stopped;
}

uint64_t Stride() {
  return static_cast<uint64_t>(test::Setting("MILLRACE_STOP_STRIDE", 1));
}

TEST_CASE("a scenario may stop at each of its calls") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const bool executor = GENERATE(true, false);
  for (const Scenario& scenario : Scenarios()) {
    uint64_t calls = 0;
    for (const Death death : {Death::kKill, Death::kPower, Death::kPowerSynced}) {
      for (const bool half : {false, true}) {
        bool stopped = true;
        uint64_t nth = 1;
        for (; stopped; nth += Stride()) {
          std::string problem;
          stopped = StopAt(scenario, {.backend = backend, .executor = executor}, death, nth, half, &problem);
          INFO(scenario.name << ", stopped at call " << nth << (half ? ", half done" : "") << ", "
                             << kDeaths[static_cast<int>(death)] << ", backend " << static_cast<int>(backend)
                             << ", executor " << executor << ": " << problem);
          REQUIRE(problem.empty());
        }
        calls = std::max(calls, nth);
      }
    }
    INFO(scenario.name);
    CHECK(calls > Stride());  // else it does nothing
  }
}

TEST_CASE("so may the opening that follows") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const Death first = GENERATE(Death::kKill, Death::kPower, Death::kPowerSynced);
  const Death death = GENERATE(Death::kKill, Death::kPower, Death::kPowerSynced);
  bool stopped = true;
  uint64_t nth = 1;
  for (; stopped; nth += Stride()) {
    std::string problem;
    stopped = StopOpeningAt({.backend = backend}, first, death, nth, &problem);
    INFO(kDeaths[static_cast<int>(first)] << ", stopped at call " << nth << " of the opening, "
                                          << kDeaths[static_cast<int>(death)] << ", backend "
                                          << static_cast<int>(backend) << ": " << problem);
    REQUIRE(problem.empty());
  }
  CHECK(nth > Stride());
}

TEST_CASE("a flush that does nothing is found out by stops as well") {
  const Scenario& flush = Scenarios()[3];
  REQUIRE(std::string(flush.name) == "flush");
  int found = 0;
  bool stopped = true;
  for (uint64_t nth = 1; stopped; ++nth) {
    std::string problem;
    stopped = StopAt(flush, {.lying_flush = true}, Death::kPowerSynced, nth, false, &problem);
    if (!problem.empty()) ++found;
  }
  CHECK(found > 0);
}

}  // namespace
}  // namespace millrace::testing
