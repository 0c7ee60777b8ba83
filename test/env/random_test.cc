#include "millrace/env/random.h"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "millrace/env/env.h"

namespace millrace {
namespace {

TEST_CASE("Seeded numbers are the same everywhere") {
  const auto random = Random::Seeded(1234567);
  // SplitMix64's own test vector for this seed.
  CHECK(random->Next() == 6457827717110365317u);
  CHECK(random->Next() == 3203168211198807973u);
  CHECK(random->Next() == 9817491932198370423u);
}

TEST_CASE("Below stays below, and reaches everything") {
  const auto random = Random::Seeded(1);
  std::vector<int> seen(10);
  for (int i = 0; i < 10'000; ++i) ++seen[random->Below(10)];
  for (const int count : seen) CHECK(count > 800);
  CHECK(random->Below(1) == 0);
}

TEST_CASE("The system's numbers do not repeat") {
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(Random::System()->Next());
  CHECK(seen.size() == 100);
}

TEST_CASE("Defaults fill what is missing, but for the executor") {
  const Env env = Env{}.WithDefaults();
  CHECK(env.clock == Clock::System());
  CHECK(env.files == FileSystem::System());
  CHECK(env.parker == Parker::System());
  CHECK(env.random == Random::System());
  CHECK(env.logger == Logger::None());
  CHECK(env.executor == nullptr);
  env.logger->Log(Severity::kError, "test", "goes nowhere");
  CHECK(FileOperationName(FileOperation::kVolume) == "statfs");
  CHECK(FileOperationName(FileOperation::kSync) == "fdatasync");
}

}  // namespace
}  // namespace millrace
