// 1,000 random schedules of one group (see group_simulator.h). The seed in a failure's message replays it.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "coordinator/group_simulator.h"

namespace millrace::inline v0 {
namespace {

using testing::GroupSimulator;
using testing::PlantedBug;

void RunSeeds(uint64_t first, uint64_t count) {
  GroupSimulator::Counts total;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    GroupSimulator simulator(seed);
    const std::vector<std::string> wrong = simulator.Run();
    INFO("seed " << seed);
    CHECK(wrong == std::vector<std::string>{});
    total.restarts += simulator.counts().restarts;
    total.assignments += simulator.counts().assignments;
    total.commits += simulator.counts().commits;
    total.refused_commits += simulator.counts().refused_commits;
    total.failed_appends += simulator.counts().failed_appends;
    total.crashes += simulator.counts().crashes;
  }
  // The schedules did something: on average at least so much each.
  const auto n = static_cast<int>(count);
  CHECK(total.restarts > 2 * n);
  CHECK(total.assignments > 10 * n);
  CHECK(total.commits > 50 * n);
  CHECK(total.refused_commits > n);
  CHECK(total.failed_appends > n / 2);
  CHECK(total.crashes > 2 * n);
}

TEST_CASE("random group schedules, seeds 1 to 250") {
  RunSeeds(1, 250);
}
TEST_CASE("random group schedules, seeds 251 to 500") {
  RunSeeds(251, 250);
}
TEST_CASE("random group schedules, seeds 501 to 750") {
  RunSeeds(501, 250);
}
TEST_CASE("random group schedules, seeds 751 to 1000") {
  RunSeeds(751, 250);
}

// The negative control: of a planted bug most schedules tell.
int Found(PlantedBug bug) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) found += GroupSimulator(seed, bug).Run().empty() ? 0 : 1;
  return found;
}

TEST_CASE("the checker finds planted bugs") {
  CHECK(Found(PlantedBug::kNone) == 0);
  CHECK(Found(PlantedBug::kNoFencing) > 10);
  CHECK(Found(PlantedBug::kLostRecords) > 10);
  CHECK(Found(PlantedBug::kDoubleOwner) > 20);
  CHECK(Found(PlantedBug::kDeafTimers) > 10);
}

TEST_CASE("a seed replays its schedule") {
  GroupSimulator a(7), b(7);
  CHECK(a.Run() == b.Run());
  CHECK(a.counts().commits == b.counts().commits);
  CHECK(a.counts().assignments == b.counts().assignments);
}

}  // namespace
}  // namespace millrace::inline v0
