// R14 with wire clients: random schedules of one group over a broker (see wire_groups.h). The seed in a
// failure's message replays it, but for the order of hash tables. MILLRACE_GROUP_SCHEDULES: how many (default
// 1,000).

#include "reliability/wire_groups.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "setting.h"

namespace millrace::inline v0 {
namespace {

using testing::WireBug;
using testing::WireGroups;

TEST_CASE("R14: random schedules of a group of wire clients") {
  const auto schedules = static_cast<uint64_t>(test::Setting("MILLRACE_GROUP_SCHEDULES", 1000));
  WireGroups::Counts total;
  for (uint64_t seed = 1; seed <= schedules; ++seed) {
    WireGroups groups(seed);
    INFO("seed " << seed);
    CHECK(groups.Run() == std::vector<std::string>{});
    const WireGroups::Counts& counts = groups.counts();
    total.kills += counts.kills;
    total.closes += counts.closes;
    total.parted += counts.parted;
    total.crashes += counts.crashes;
    total.connections_lost += counts.connections_lost;
    total.assignments += counts.assignments;
    total.commits += counts.commits;
    total.refused_commits += counts.refused_commits;
    total.records += counts.records;
    total.reads += counts.reads;
  }
  // The schedules did something: on average at least so much each.
  const auto n = static_cast<int>(schedules);
  CHECK(total.kills > n);
  CHECK(total.closes > n);
  CHECK(total.parted > n);
  CHECK(total.crashes > n);
  CHECK(total.connections_lost > 5 * n);
  CHECK(total.assignments > 5 * n);
  CHECK(total.commits > 50 * n);
  CHECK(total.refused_commits > n / 4);
  CHECK(total.records > 300 * n);
  CHECK(total.reads > 300 * n);
}

// The negative control: how many schedules tell of a planted bug. Within a process a seed replays its
// schedule; from one to the next the order of hash tables differs, so that the numbers vary a little.
int Found(WireBug bug, uint64_t schedules) {
  int found = 0;
  for (uint64_t seed = 1; seed <= schedules; ++seed) found += WireGroups(seed, bug).Run().empty() ? 0 : 1;
  return found;
}

TEST_CASE("R14: the checker of wire clients finds planted bugs") {
  CHECK(Found(WireBug::kSkips, 20) > 5);
  CHECK(Found(WireBug::kLostPower, 20) > 8);
  CHECK(Found(WireBug::kDoubleOwner, 20) > 5);
  CHECK(Found(WireBug::kDeaf, 60) > 4);  // some 16
}

TEST_CASE("R14: a seed replays its schedule") {
  WireGroups a(7);
  WireGroups b(7);
  CHECK(a.Run() == b.Run());
  CHECK(a.counts().commits == b.counts().commits);
  CHECK(a.counts().reads == b.counts().reads);
}

}  // namespace
}  // namespace millrace::inline v0
