// Copies that fail.

#include <catch2/catch.hpp>
#include <string>

#include "log/log_files.h"
#include "log_manager_fixture.h"

namespace millrace {
namespace {

TEST_CASE("A copy that fails leaves nothing, wherever it fails", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(3));
  for (const std::string& name : Names(3)) {
    for (int i = 0; i < 5; ++i) REQUIRE(Put(Get(manager.get(), name).get(), "key", std::to_string(i)).ok());
    REQUIRE(Get(manager.get(), name)->Roll().ok());
    REQUIRE(Put(Get(manager.get(), name).get(), "key", "last").ok());
  }
  manager->RunMaintenance();
  FileSystem& files = *world.sim.files;
  REQUIRE(files.CreateDirectory("/copy").ok());
  int failures = 0;
  bool fired = true;
  for (uint64_t nth = 1; fired; ++nth) {
    const uint64_t before = world.sim.files->faults_fired();
    world.sim.files->Fail({.kind = SimFaultKind::kNoSpace, .path_contains = "/copy", .nth = nth});
    const absl::Status status = manager->Checkpoint("/copy");
    world.sim.files->ClearFaults();
    fired = world.sim.files->faults_fired() > before;
    INFO("call " << nth << ": " << std::string(status.message()));
    if (status.ok()) {
      // Done; a call that failed was one that it can do without.
      {
        LogManagerOptions options = world.Options();
        options.directory = "/copy";
        const auto copy = world.Open(std::move(options));
        for (const std::string& name : Names(3)) CHECK(ReadAll(Get(copy.get(), name).get()).size() == 6);
      }
      RemoveTree(&files, "/copy");
      REQUIRE(files.CreateDirectory("/copy").ok());
      continue;
    }
    ++failures;
    CHECK(files.List("/copy")->empty());
  }
  CHECK(failures > 20);
}

}  // namespace
}  // namespace millrace
