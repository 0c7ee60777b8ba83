// R9: each call to the file system fails once, with each of the errors it may fail with; or it and all that
// follow. Nothing crashes; what was refused is not there, what was acknowledged is, at once and after a kill
// or a power loss; a failed sync is never followed by a flush that claims to have worked; a full disk is
// forgotten as soon as it is not full any more.
//
// MILLRACE_ERRNO_STRIDE: from one call to the next (default 1, all).

#include <catch2/catch.hpp>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "reliability/house.h"
#include "reliability/world.h"
#include "setting.h"

namespace millrace::testing {
namespace {

struct Scenario {
  const char* name = "";
  std::function<void(World&)> act = [](World&) {};
};

void Fill(World& world) {
  for (int i = 0; i < 5; ++i) world.Append(300).IgnoreError();
  world.AppendIdempotent(3, 40).IgnoreError();
  world.Flush().IgnoreError();
  world.Roll().IgnoreError();
  world.AppendBatch(3, 100).IgnoreError();
  world.RaiseEpoch().IgnoreError();
  world.Append(700).IgnoreError();
}

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> scenarios = {
      {.name = "append and flush",
       .act =
           [](World& w) {
             for (int i = 0; i < 8; ++i) w.Append(i * 500).IgnoreError();
             w.Flush().IgnoreError();
             w.Append(20).IgnoreError();
             w.Flush().IgnoreError();
           }},
      {.name = "roll and maintenance",
       .act =
           [](World& w) {
             w.Roll().IgnoreError();
             w.AppendIdempotent(2, 30).IgnoreError();
             w.Maintain();
             w.Flush().IgnoreError();
           }},
      {.name = "delete and truncate",
       .act =
           [](World& w) {
             w.DeleteBefore(8).IgnoreError();
             w.Truncate(w.end() - 1).IgnoreError();
             w.Append(40).IgnoreError();
             w.Flush().IgnoreError();
             w.Maintain();
           }},
      {.name = "close", .act = [](World& w) { w.Close().IgnoreError(); }},
  };
  return scenarios;
}

struct Kind {
  SimFaultKind kind = SimFaultKind::kIoError;
  const char* name = "";
  // No space: over as soon as there is some.
  bool full = false;
};
constexpr Kind kKinds[] = {{SimFaultKind::kIoError, "EIO"},
                           {SimFaultKind::kNoSpace, "ENOSPC", true},
                           {SimFaultKind::kQuota, "EDQUOT", true},
                           {SimFaultKind::kReadOnly, "EROFS"},
                           {SimFaultKind::kTooManyFiles, "EMFILE"},
                           {SimFaultKind::kNoMemory, "ENOMEM"},
                           {SimFaultKind::kShortWrite, "a short write", true}};

struct Trial {
  Kind kind = kKinds[0];
  uint64_t nth = 1;
  bool for_ever = false;
  bool power_loss = false;
};

// What must be so while the process lives.
std::string CheckAlive(World& world, const Trial& trial, const std::string& scenario) {
  if (scenario == "close") return "";
  // It may have been truncated half way, which Revive, or the next opening, brings to its end.
  if (scenario == "delete and truncate") {
    const absl::Status status = world.log->Revive();
    const bool sync = status.message().find("sync") != std::string::npos;
    return status.ok() || !trial.kind.full || sync ? "" : "Revive: " + std::string(status.message());
  }
  // Reads go on; they are those of what was acknowledged.
  std::string problem = world.Check(world.end());
  if (problem.empty() && trial.kind.full) {
    absl::Status status = world.Append(50);
    status.Update(world.Flush());
    // But for a sync, which is not tried again whatever it failed with.
    const bool sync = status.message().find("a failed sync is not tried again") != std::string::npos;
    if (!status.ok() && !sync) return "still refused with space there: " + std::string(status.message());
    if (sync && world.Flush().ok()) return "flushed after all";
  }
  return problem;
}

// True: the fault fired.
bool Fail(const Scenario& scenario, WorldOptions options, const Trial& trial, std::string* problem) {
  options.seed = trial.nth;
  World world(options);
  *problem = world.Open();
  if (!problem->empty()) return false;
  Fill(world);
  world.sim.files->Fail(
      {.kind = trial.kind.kind, .nth = trial.nth, .times = trial.for_ever ? UINT64_MAX - trial.nth : 1});
  scenario.act(world);
  const bool fired = world.sim.files->faults_fired() > 0;
  world.sim.files->ClearFaults();
  *problem = CheckAlive(world, trial, scenario.name);
  if (problem->empty()) {
    *problem = trial.power_loss ? world.ReopenAfterCrash({.seed = trial.nth, .keep = SimKeep::kSynced})
                                : world.ReopenAfterKill();
  }
  if (problem->empty()) *problem = world.CheckProducer();
  if (problem->empty() && !world.Append(10).ok()) *problem = "an append is refused after opening";
  if (!problem->empty()) *problem += world.History();
  return fired;
}

// The opening meets the fault, after a kill or a power loss. True: it fired.
bool FailOpening(WorldOptions options, const Trial& trial, std::string* problem) {
  options.seed = trial.nth;
  World world(options);
  *problem = world.Open();
  if (!problem->empty()) return false;
  Fill(world);
  world.Drop();
  if (trial.power_loss) {
    world.sim.Crash({.seed = trial.nth});
  } else {
    world.sim.KillProcess();
  }
  world.sim.files->Fail(
      {.kind = trial.kind.kind, .nth = trial.nth, .times = trial.for_ever ? UINT64_MAX - trial.nth : 1});
  world.Open();
  const bool fired = world.sim.files->faults_fired() > 0;
  world.sim.files->ClearFaults();
  world.log.reset();
  *problem = world.Open();
  if (problem->empty()) *problem = world.Check(trial.power_loss ? world.durable() : world.end());
  if (problem->empty()) *problem = world.CheckProducer();
  if (!problem->empty()) *problem += world.History();
  return fired;
}

uint64_t Stride() {
  return static_cast<uint64_t>(test::Setting("MILLRACE_ERRNO_STRIDE", 1));
}

std::string Describe(const char* what, const Trial& trial) {
  return absl::StrFormat("%s: %s at call %d%s, then %s: ", what, trial.kind.name, trial.nth,
                         trial.for_ever ? " and all behind it" : "",
                         trial.power_loss ? "a power loss" : "a kill");
}

TEST_CASE("each call may fail, with each error") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const Kind kind = kKinds[GENERATE(range(size_t{0}, std::size(kKinds)))];
  for (const Scenario& scenario : Scenarios()) {
    for (const bool for_ever : {false, true}) {
      for (const bool power_loss : {false, true}) {
        Trial trial = {.kind = kind, .for_ever = for_ever, .power_loss = power_loss};
        for (bool fired = true; fired; trial.nth += Stride()) {
          std::string problem;
          fired = Fail(scenario, {.backend = backend, .executor = trial.nth % 2 == 0}, trial, &problem);
          INFO(Describe(scenario.name, trial) << problem);
          REQUIRE(problem.empty());
        }
        CHECK(trial.nth > 2 * Stride());
      }
    }
  }
}

TEST_CASE("so may each call of an opening") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const Kind kind = kKinds[GENERATE(range(size_t{0}, std::size(kKinds)))];
  for (const bool for_ever : {false, true}) {
    for (const bool power_loss : {false, true}) {
      Trial trial = {.kind = kind, .for_ever = for_ever, .power_loss = power_loss};
      for (bool fired = true; fired; trial.nth += Stride()) {
        std::string problem;
        fired = FailOpening({.backend = backend}, trial, &problem);
        INFO(Describe("opening", trial) << problem);
        REQUIRE(problem.empty());
      }
      CHECK(trial.nth > 2 * Stride());
    }
  }
}

// True: the fault fired.
bool FailEngine(const Trial& trial, std::string* problem) {
  House house({.seed = trial.nth, .may_refuse = true});
  *problem = house.Open();
  if (problem->empty()) *problem = house.Furnish();
  if (!problem->empty()) return false;
  house.sim.files->Fail(
      {.kind = trial.kind.kind, .nth = trial.nth, .times = trial.for_ever ? UINT64_MAX - trial.nth : 1});
  house.Act();
  const bool fired = house.sim.files->faults_fired() > 0;
  house.sim.files->ClearFaults();
  if (!fired && house.answered() != house.asked()) *problem = "refused without a fault";
  house.Die(trial.power_loss ? Death::kPower : Death::kKill, trial.nth);
  if (problem->empty()) *problem = house.Open();
  if (problem->empty()) *problem = house.Check();
  if (problem->empty()) *problem = house.CheckCopy();
  if (problem->empty() && !house.engine->Close().ok()) *problem = "it cannot be closed";
  return fired;
}

TEST_CASE("each call of an engine may fail, with each error") {
  const Kind kind = kKinds[GENERATE(range(size_t{0}, std::size(kKinds)))];
  Trial trial = {.kind = kind, .for_ever = GENERATE(false, true)};
  for (bool fired = true; fired; trial.nth += Stride()) {
    trial.power_loss = trial.nth % 2 != 0;
    std::string problem;
    fired = FailEngine(trial, &problem);
    INFO(Describe("engine", trial) << problem);
    REQUIRE(problem.empty());
  }
  CHECK(trial.nth > 100);
}

// The control: a flush that hides the error of a sync.
TEST_CASE("a flush that claims to have worked is found out by failing calls as well") {
  int found = 0;
  Trial trial = {.power_loss = true};
  for (bool fired = true; fired; ++trial.nth) {
    std::string problem;
    fired = Fail(Scenarios()[0], {.lying_flush = true}, trial, &problem);
    if (!problem.empty()) ++found;
  }
  CHECK(found > 0);
}

}  // namespace
}  // namespace millrace::testing
