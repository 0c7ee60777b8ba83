// R4: after a power loss the disk has what was synced, and of the rest any pages, in any order, some of them
// torn. Whatever is left, the log opens, holds every durable record once, in order and whole, and nothing
// that was not appended.
//
// MILLRACE_PAGE_ORDER_IMAGES: power losses in all (default 20,000). MILLRACE_SEED: where the seeds begin.

#include <catch2/catch.hpp>
#include <string>

#include "reliability/world.h"
#include "setting.h"

namespace millrace::testing {
namespace {

// One directory lives through several power losses (and a few kills). Adds the images checked to `images`.
std::string Lives(WorldOptions options, int64_t* images) {
  World world(options);
  std::string problem = world.Open();
  for (int life = 0; life < 6 && problem.empty(); ++life) {
    if (world.Below(2) == 0) world.sim.files->StopAtCall(1 + world.Below(60), world.Below(2) == 0);
    const auto operations = 1 + world.Below(40);
    for (uint64_t i = 0; i < operations && !world.stopped(); ++i) world.RandomOperation();
    if (!world.stopped() && world.Below(12) == 0) {
      const absl::Status closed = world.Close();
      if (!closed.ok() && !world.stopped()) return "Close: " + std::string(closed.message());
    }
    if (world.refused() > 0) return "an append was refused" + world.History();
    const uint64_t how = world.Below(16);
    if (how == 0) {
      problem = world.ReopenAfterKill();
    } else {
      const SimKeep keep = how == 1 ? SimKeep::kSynced : how == 2 ? SimKeep::kEverything : SimKeep::kRandom;
      problem = world.ReopenAfterCrash(
          {.seed = options.seed * 100 + static_cast<uint64_t>(life), .keep = keep, .same_boot = how == 3});
      ++*images;
    }
    if (problem.empty() && world.Below(3) == 0) problem = world.CheckProducer();
  }
  return problem.empty() ? "" : problem + world.History();
}

TEST_CASE("any order of pages after a power loss leaves a log that holds what was durable") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const int64_t segment_bytes = GENERATE(4096, 16384);
  const int64_t wanted = test::Setting("MILLRACE_PAGE_ORDER_IMAGES", 20'000) / 4;
  auto seed = static_cast<uint64_t>(test::Setting("MILLRACE_SEED", 1));
  int64_t images = 0;
  for (; images < wanted; ++seed) {
    const std::string problem =
        Lives({.seed = seed, .backend = backend, .segment_bytes = segment_bytes, .executor = seed % 3 != 0},
              &images);
    INFO("MILLRACE_SEED=" << seed << ", backend " << static_cast<int>(backend) << ", segments of "
                          << segment_bytes << " bytes, image " << images << ": " << problem);
    REQUIRE(problem.empty());
  }
}

TEST_CASE("a flush that does nothing is found out") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  int64_t images = 0;
  int found = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const std::string problem = Lives({.seed = seed, .backend = backend, .lying_flush = true}, &images);
    if (problem.find("the log ends at") != std::string::npos) ++found;
  }
  INFO(images << " images");
  CHECK(found > 50);
}

}  // namespace
}  // namespace millrace::testing
