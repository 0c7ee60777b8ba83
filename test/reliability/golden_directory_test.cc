// R18: what older versions wrote is read. `test/golden/directory_vN/closed` was closed, `cut_off` was left as
// a power loss leaves it; both hold what `content.txt` says.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "millrace/testing/sim_env.h"
#include "reliability/describe_engine.h"
#include "temp_dir.h"

namespace millrace::testing {
namespace {

namespace fs = std::filesystem;

std::string Content(const fs::path& golden) {
  std::ifstream file(golden / "content.txt");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// On the disk, but in the time in which the directories were written: what is in them must not expire.
std::unique_ptr<Engine> Open(SimEnv& sim, const std::string& directory, FileBackend backend,
                             EngineReport* report) {
  Env env = sim.env();
  env.files = FileSystem::System();
  auto engine = Engine::Open({.directory = directory, .env = env, .backend = backend}, report);
  INFO(std::string(engine.status().message()));
  REQUIRE(engine.ok());
  return *std::move(engine);
}

TEST_CASE("directories of older versions are read, and go on") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const std::string version = GENERATE(as<std::string>(), "directory_v1");
  const std::string end = GENERATE(as<std::string>(), "closed", "cut_off");
  const fs::path golden = fs::path(MILLRACE_GOLDEN_DIRECTORY) / version;
  const std::string content = Content(golden);
  REQUIRE(content.size() > 1000);
  const test::TempDir temp;
  const std::string directory = temp.Path("engine");
  fs::copy(golden / end, directory, fs::copy_options::recursive);
  INFO(version << ", " << end);
  SimEnv sim(1);
  EngineReport report;
  {
    const auto engine = Open(sim, directory, backend, &report);
    using Shutdown = RecoveryReport::Shutdown;
    CHECK(report.shutdown == (end == "closed" ? Shutdown::kClean : Shutdown::kPowerLoss));
    CHECK(DescribeEngine(*engine) == content);
    CHECK(engine->admin().Verify()->empty());
    // A producer's next batch follows on what the old version knew of it.
    auto producer = engine->NewProducer({.linger = absl::ZeroDuration()});
    REQUIRE(producer.ok());
    CHECK((*producer)->Send("empty", {.key = "new", .value = "version"}).ok());
    CHECK((*producer)->Close().ok());
    CHECK(engine->Close().ok());
  }
  const auto engine = Open(sim, directory, backend, &report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kClean);
  const auto log = engine->PartitionLog({"empty", PartitionId(0)});
  REQUIRE(log.ok());
  CHECK((*log)->log_end_offset() == Offset(1));
  CHECK(engine->DeleteTopic("empty").ok());
}

TEST_CASE("one byte of a golden directory that differs is seen") {
  const fs::path golden = fs::path(MILLRACE_GOLDEN_DIRECTORY) / "directory_v1";
  const test::TempDir temp;
  const std::string directory = temp.Path("engine");
  fs::copy(golden / "closed", directory, fs::copy_options::recursive);
  const std::string segment = directory + "/plain-1/00000000000000000000.log";
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(70);
    file.put('?');
  }
  SimEnv sim(1);
  EngineReport report;
  const auto engine = Open(sim, directory, FileBackend::kMapped, &report);
  CHECK(DescribeEngine(*engine) != Content(golden));
}

}  // namespace
}  // namespace millrace::testing
