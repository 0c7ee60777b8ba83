// R2, of a whole engine: it stops at each call to the file system while topics are made, enlarged, changed
// and deleted, records are sent, deleted, compacted and expire, offsets are committed and everything is
// copied. It is killed, or the power goes. What was answered is so afterwards; what was not is so or not, but
// never half.
//
// MILLRACE_STOP_STRIDE: from one call to the next (default 1, all).

#include <catch2/catch.hpp>
#include <string>

#include "reliability/house.h"
#include "reliability/world.h"
#include "setting.h"

namespace millrace::testing {
namespace {

// True: the scenario made so many calls.
bool StopAt(Durability registry, Death death, uint64_t nth, bool half, std::string* problem) {
  House house({.seed = nth, .registry = registry});
  *problem = house.Open();
  if (problem->empty()) *problem = house.Furnish();
  if (!problem->empty()) return false;
  house.sim.files->StopAtCall(nth, half);
  house.Act();
  const bool stopped = house.sim.files->stopped();
  house.Die(death, nth);
  *problem = house.Open();
  if (problem->empty()) *problem = house.Check();
  if (problem->empty()) *problem = house.CheckCopy();
  if (!problem->empty()) return stopped;
  if (!house.engine->Close().ok()) *problem = "it cannot be closed";
  house.engine.reset();
  EngineReport report;
  if (problem->empty()) *problem = house.Open(&report);
  if (problem->empty()) *problem = house.Check();
  if (report.shutdown != RecoveryReport::Shutdown::kClean) *problem += "it was not closed cleanly";
  for (const std::string& note : report.notes) {
    // Files of a deleted topic wait for file.delete.delay.ms, or for this opening.
    if (!note.starts_with("the deletion of")) *problem += "still to be repaired: " + note;
  }
  return stopped;
}

uint64_t Stride() {
  return static_cast<uint64_t>(test::Setting("MILLRACE_STOP_STRIDE", 1));
}

TEST_CASE("an engine may stop at each of its calls") {
  const Death death = GENERATE(Death::kKill, Death::kPower, Death::kPowerSynced);
  const bool half = GENERATE(false, true);
  bool stopped = true;
  uint64_t nth = 1;
  for (; stopped; nth += Stride()) {
    std::string problem;
    stopped = StopAt(Durability::kPowerLoss, death, nth, half, &problem);
    INFO("stopped at call " << nth << (half ? ", half done" : "") << ", " << kDeaths[static_cast<int>(death)]
                            << ": " << problem);
    REQUIRE(problem.empty());
  }
  CHECK(nth > 100);
}

// The control: what was promised to survive a process alone is lost with the power, and that is seen.
TEST_CASE("answers that a power loss takes back are found out") {
  int found = 0;
  bool stopped = true;
  for (uint64_t nth = 1; stopped; nth += 5) {
    std::string problem;
    stopped = StopAt(Durability::kProcess, Death::kPowerSynced, nth, false, &problem);
    if (!problem.empty()) ++found;
  }
  CHECK(found > 0);
}

}  // namespace
}  // namespace millrace::testing
