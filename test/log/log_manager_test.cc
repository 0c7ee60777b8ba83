#include "log/log_manager.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "log/log_files.h"
#include "log/text_checkpoints.h"
#include "log_manager_fixture.h"
#include "millrace/testing/sim_env.h"
#include "temp_dir.h"

namespace millrace {
namespace {

TEST_CASE("Logs are created, found again, and hold what was appended", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(20));
  for (int i = 0; i < 20; ++i) {
    const auto log = Get(manager.get(), Name(i));
    REQUIRE(Put(log.get(), "k", Name(i)).ok());
  }
  CHECK(Get(manager.get(), Name(3)) == Get(manager.get(), Name(3)));
  REQUIRE(manager->Close().ok());
  CHECK(manager->Close().ok());
  CHECK(absl::IsFailedPrecondition(manager->GetLog(Name(3)).status()));
  manager.reset();

  LogManagerReport report;
  manager = world.Open(&report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kClean);
  CHECK(manager->Names().size() == 20);
  for (int i = 0; i < 20; ++i) {
    CHECK(ReadAll(Get(manager.get(), Name(i)).get()) == std::vector<std::string>{"k=" + Name(i)});
  }
}

TEST_CASE("Creating is all or nothing, and says what is wrong", "[log][manager]") {
  World world;
  auto options = world.Options();
  options.logs_max = 4;
  auto manager = world.Open(options);
  Create(manager.get(), {"a-0", "a-1"});
  const auto status = [&](std::vector<std::string> names) {
    std::vector<NewLog> logs;
    for (const std::string& name : names) logs.push_back({.name = name, .config = Config()});
    return manager->CreateLogs(logs);
  };
  CHECK(absl::IsAlreadyExists(status({"b-0", "a-1"})));
  CHECK(absl::IsInvalidArgument(status({"x/y"})));
  CHECK(absl::IsInvalidArgument(status({""})));
  CHECK(absl::IsInvalidArgument(status({"b-0", ".."})));
  CHECK(ErrorCodeOf(status({"b-0", "b-1", "b-2"})) == ErrorCode::kPolicyViolation);
  // Not even by its own files' names, nor over what lies there.
  CHECK(absl::IsInvalidArgument(status({"millrace.manifest"})));
  CHECK(absl::IsInvalidArgument(status({"meta.properties"})));
  CHECK(world.sim.files->Stat("/data/meta.properties").ok());
  CHECK(manager->Names() == std::vector<std::string>{"a-0", "a-1"});
  REQUIRE(world.sim.files->CreateDirectory("/data/b-0").ok());
  CHECK(status({"b-0"}).ok());
  CHECK_FALSE(world.sim.files->Stat("/data/b-0").ok());
  REQUIRE(manager->DeleteLogs(std::vector<std::string>{"b-0"}).ok());
  CHECK(ErrorCodeOf(manager->GetLog("b-0").status()) == ErrorCode::kUnknownTopicOrPartition);
}

TEST_CASE("Opening touches the shared files alone", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(300));
  for (int i = 0; i < 300; ++i) REQUIRE(Put(Get(manager.get(), Name(i)).get(), "k", "v").ok());
  REQUIRE(manager->Close().ok());
  manager.reset();
  const uint64_t before = world.sim.files->calls();
  manager = world.Open();
  CHECK(world.sim.files->calls() - before < 60);
  CHECK(manager->stats().open == 0);
}

TEST_CASE("A process that was killed leaves everything to be read", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(10));
  for (int i = 0; i < 10; ++i) REQUIRE(Put(Get(manager.get(), Name(i)).get(), "k", "v").ok());
  world.sim.files->Stop();
  manager.reset();
  world.sim.KillProcess();
  LogManagerReport report;
  manager = world.Open(&report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kProcessCrash);
  for (int i = 0; i < 10; ++i) CHECK(ReadAll(Get(manager.get(), Name(i)).get()).size() == 1);
}

TEST_CASE("After a power loss what was flushed is there", "[log][manager]") {
  const uint64_t seed = GENERATE(range(uint64_t{0}, uint64_t{10}));
  World world(seed);
  auto manager = world.Open();
  Create(manager.get(), Names(6));
  for (int i = 0; i < 6; ++i) {
    const auto log = Get(manager.get(), Name(i));
    REQUIRE(Put(log.get(), "k", "flushed").ok());
    REQUIRE(log->Flush().ok());
    REQUIRE(Put(log.get(), "k", "not").ok());
  }
  world.sim.files->Stop();
  manager.reset();
  world.sim.Crash({.seed = seed});
  LogManagerReport report;
  manager = world.Open(&report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kPowerLoss);
  for (int i = 0; i < 6; ++i) {
    const auto records = ReadAll(Get(manager.get(), Name(i)).get());
    REQUIRE(!records.empty());
    CHECK(records[0] == "k=flushed");
  }
}

TEST_CASE("Fifty logs live in eight descriptors", "[log][manager]") {
  World world;
  auto options = world.Options();
  options.descriptors = 8;
  options.mappings = 8;
  auto manager = world.Open(options);
  Create(manager.get(), Names(50));
  // Half of them are held, as partitions hold theirs.
  std::vector<std::shared_ptr<LogImpl>> held;
  for (int i = 0; i < 50; i += 2) held.push_back(Get(manager.get(), Name(i)));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      const absl::Status status = Put(Get(manager.get(), Name(i)).get(), "k", std::to_string(round));
      INFO(std::string(status.message()));
      REQUIRE(status.ok());
      CHECK(manager->stats().descriptors <= 9);
      CHECK(manager->stats().mappings <= 9);
    }
  }
  for (int i = 0; i < 50; ++i) {
    CHECK(ReadAll(Get(manager.get(), Name(i)).get()) == std::vector<std::string>{"k=0", "k=1", "k=2"});
  }
  CHECK(manager->stats().sweeps > 0);
  CHECK(manager->stats().went_cold > 50);
  held.clear();
  REQUIRE(manager->Close().ok());
  manager.reset();
  manager = world.Open(options);
  for (int i = 0; i < 50; ++i) CHECK(ReadAll(Get(manager.get(), Name(i)).get()).size() == 3);
}

TEST_CASE("With an executor nobody waits for a sweep below the limit", "[log][manager]") {
  World world;
  auto options = world.Options();
  options.env.executor = world.sim.executor.get();
  options.descriptors = 16;
  options.mappings = 16;
  auto manager = world.Open(options);
  manager->StartBackground();
  Create(manager.get(), Names(20));
  for (int i = 0; i < 16; ++i) REQUIRE(Put(Get(manager.get(), Name(i)).get(), "k", "v").ok());
  CHECK(manager->stats().sweeps == 0);
  CHECK(manager->stats().descriptors == 16);
  REQUIRE(Put(Get(manager.get(), Name(16)).get(), "k", "v").ok());
  CHECK(manager->stats().sweeps == 1);
  CHECK(manager->stats().descriptors <= 16);
  REQUIRE(manager->Close().ok());
}

TEST_CASE("What is counted of descriptors is what the process has", "[log][manager]") {
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const test::TempDir directory;
  World world;
  LogManagerOptions options{.directory = directory.Path("data"), .descriptors = 40, .mappings = 40};
  for (const bool read : {false, true}) {
    auto manager = world.Open(options);
    const auto before = descriptors();
    if (!read) Create(manager.get(), Names(100));
    for (int i = 0; i < 100; ++i) {
      const auto log = Get(manager.get(), Name(i));
      if (read) {
        CHECK(ReadAll(log.get()).size() == 1);
      } else {
        REQUIRE(Put(log.get(), "k", "v").ok());
      }
      REQUIRE(descriptors() - before <= manager->stats().descriptors);
    }
    CHECK(manager->stats().went_cold > 50);
    REQUIRE(manager->Close().ok());
  }
}

TEST_CASE("A log that was not used goes cold, and its object goes if nobody holds it", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(2));
  const auto held = Get(manager.get(), Name(0));
  REQUIRE(Put(held.get(), "k", "v").ok());
  REQUIRE(Put(Get(manager.get(), Name(1)).get(), "k", "v").ok());
  world.sim.clock.Advance(30'000'000'000);
  manager->RunMaintenance();
  CHECK(manager->stats().descriptors > 0);
  world.sim.clock.Advance(60'000'000'000);
  manager->RunMaintenance();
  CHECK(manager->stats().descriptors == 0);
  CHECK(manager->stats().mappings == 0);
  CHECK(manager->stats().open == 1);
  REQUIRE(Put(held.get(), "k", "w").ok());
  CHECK(ReadAll(held.get()) == std::vector<std::string>{"k=v", "k=w"});
}

TEST_CASE("A deleted log is gone; another of its name begins anew", "[log][manager]") {
  World world;
  auto manager = world.Open();
  auto config = Small();
  config.file_delete_delay_ms = 1000;
  Create(manager.get(), {"t-0"}, config);
  auto log = Get(manager.get(), "t-0");
  REQUIRE(Put(log.get(), "k", "old").ok());
  auto cursor = log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  const auto slice = (*cursor)->Next(1 << 20);
  REQUIRE(slice.ok());
  REQUIRE(manager->DeleteLogs(std::vector<std::string>{"t-0", "unknown-1"}).ok());
  CHECK_FALSE(manager->Has("t-0"));
  CHECK_FALSE(Put(log.get(), "k", "late").ok());
  // What a reader holds stays.
  CHECK(slice->begin() != slice->end());
  CHECK((*slice->begin()).CrcIsValid());
  cursor->reset();
  log.reset();

  Create(manager.get(), {"t-0"}, config);
  REQUIRE(Put(Get(manager.get(), "t-0").get(), "k", "new").ok());
  CHECK(ReadAll(Get(manager.get(), "t-0").get()) == std::vector<std::string>{"k=new"});
  const auto deleted = [&] {
    auto names = world.sim.files->List("/data");
    REQUIRE(names.ok());
    return std::count_if(names->begin(), names->end(),
                         [](const std::string& name) { return name.ends_with("-delete"); });
  };
  CHECK(deleted() == 1);
  manager->RunMaintenance();
  CHECK(deleted() == 1);
  world.sim.clock.Advance(1'100'000'000);
  manager->RunMaintenance();
  CHECK(deleted() == 0);
  CHECK(ReadAll(Get(manager.get(), "t-0").get()) == std::vector<std::string>{"k=new"});
}

TEST_CASE("A topic id that differs means another log", "[log][manager]") {
  World world;
  auto manager = world.Open();
  TopicId first;
  first.bytes[0] = std::byte{1};
  TopicId second;
  second.bytes[0] = std::byte{2};
  auto log = manager->GetOrCreate({.name = "t-0", .config = Config(Small()), .topic_id = first});
  REQUIRE(log.ok());
  REQUIRE(Put(log->get(), "k", "v").ok());
  CHECK(*manager->GetOrCreate({.name = "t-0", .config = Config(Small()), .topic_id = first}) == *log);
  log = manager->GetOrCreate({.name = "t-0", .config = Config(Small()), .topic_id = second});
  REQUIRE(log.ok());
  CHECK((*log)->log_end_offset() == Offset(0));
  REQUIRE(Put(log->get(), "k", "v").ok());
  log->reset();
  REQUIRE(manager->Close().ok());
  const auto metadata = ReadTextFile(world.sim.files.get(), "/data/t-0/partition.metadata");
  REQUIRE(metadata.ok());
  CHECK(*DecodePartitionMetadata(*metadata) == second);
}

// A deletion and a creation of the same name, stopped at the nth call.
bool DeleteStoppedAt(uint64_t nth, bool power_loss) {
  World world(nth);
  auto manager = world.Open();
  Create(manager.get(), {"t-0", "t-1"});
  REQUIRE(Put(Get(manager.get(), "t-0").get(), "k", "old").ok());
  REQUIRE(Put(Get(manager.get(), "t-1").get(), "k", "stays").ok());
  REQUIRE(Get(manager.get(), "t-1")->Flush().ok());
  REQUIRE(Get(manager.get(), "t-0")->Flush().ok());
  REQUIRE(manager->Sync().ok());
  world.sim.files->StopAtCall(nth);
  bool deleted = manager->DeleteLogs(std::vector<std::string>{"t-0"}).ok();
  std::vector<NewLog> again = {{.name = "t-0", .config = Config(Small())}};
  bool created = deleted && manager->CreateLogs(again, true).ok();
  bool done = created;
  if (created) {
    auto log = manager->GetLog("t-0");
    done = log.ok() && Put(log->get(), "k", "new").ok() && (*log)->Flush().ok();
    world.sim.clock.Advance(1'000'000'000);
    manager->RunMaintenance();
    done = done && !world.sim.files->stopped();
  }
  world.sim.files->StopAtCall(0);
  world.sim.files->Stop();
  manager.reset();
  power_loss ? world.sim.Crash({.seed = nth}) : world.sim.KillProcess();
  manager = world.Open();
  INFO("stopped at call " << nth << (power_loss ? ", power lost" : ", killed"));
  CHECK(ReadAll(Get(manager.get(), "t-1").get()) == std::vector<std::string>{"k=stays"});
  if (manager->Has("t-0")) {
    const auto records = ReadAll(Get(manager.get(), "t-0").get());
    if (created) {
      CHECK((records.empty() || records == std::vector<std::string>{"k=new"}));
      if (done) CHECK(records.size() == 1);
    } else if (deleted) {
      CHECK(records.empty());
    } else {
      CHECK((records.empty() || records == std::vector<std::string>{"k=old"}));
    }
  } else {
    CHECK_FALSE(created);
  }
  manager->RunMaintenance();
  world.sim.clock.Advance(120'000'000'000);
  manager->RunMaintenance();
  auto names = world.sim.files->List("/data");
  REQUIRE(names.ok());
  for (const std::string& name : *names) CHECK_FALSE(name.ends_with("-delete"));
  return done;
}

TEST_CASE("A deletion survives a stop at each of its calls", "[log][manager]") {
  const bool power_loss = GENERATE(false, true);
  uint64_t nth = 1;
  while (!DeleteStoppedAt(nth, power_loss)) REQUIRE(++nth < 300);
  CHECK(nth > 5);
}

TEST_CASE("A second writer is refused, a reader follows", "[log][manager]") {
  const test::TempDir temp;
  LogManagerOptions options{.directory = temp.Path("data")};
  auto writer = LogManager::Open(options);
  REQUIRE(writer.ok());
  Create(writer->get(), {"t-0"});
  REQUIRE(Put(Get(writer->get(), "t-0").get(), "k", "v").ok());
  const auto second = LogManager::Open(options);
  CHECK(absl::IsFailedPrecondition(second.status()));
  CHECK(std::string(second.status().message()).find(std::to_string(::getpid())) != std::string::npos);

  options.read_only = true;
  auto reader = LogManager::Open(options);
  INFO(std::string(reader.status().message()));
  REQUIRE(reader.ok());
  CHECK(ReadAll(Get(reader->get(), "t-0").get()) == std::vector<std::string>{"k=v"});
  CHECK(absl::IsFailedPrecondition((*reader)->CreateLogs(std::vector<NewLog>{{.name = "x-0"}})));
  CHECK(absl::IsFailedPrecondition((*reader)->DeleteLogs(std::vector<std::string>{"t-0"})));
  Create(writer->get(), {"t-1"});
  REQUIRE(Put(Get(writer->get(), "t-0").get(), "k", "w").ok());
  REQUIRE(Put(Get(writer->get(), "t-1").get(), "k", "x").ok());
  CHECK_FALSE((*reader)->Has("t-1"));
  REQUIRE((*reader)->Refresh().ok());
  CHECK(ReadAll(Get(reader->get(), "t-0").get()).size() == 2);
  CHECK(ReadAll(Get(reader->get(), "t-1").get()) == std::vector<std::string>{"k=x"});
  REQUIRE((*reader)->Close().ok());
  REQUIRE((*writer)->Close().ok());
}

TEST_CASE("A copy opens as cleanly closed, and stands by itself", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(3));
  std::vector<std::vector<std::string>> before;
  for (int i = 0; i < 3; ++i) {
    const auto log = Get(manager.get(), Name(i));
    for (int r = 0; r < 400; ++r) REQUIRE(Put(log.get(), std::to_string(r), std::string(100, 'x')).ok());
    before.push_back(ReadAll(log.get()));
  }
  REQUIRE(Get(manager.get(), Name(0))->stats().segments > 2);
  REQUIRE(world.sim.files->CreateDirectory("/copy").ok());
  const absl::Status copied = manager->Checkpoint("/copy");
  INFO(std::string(copied.message()));
  REQUIRE(copied.ok());
  CHECK(absl::IsAlreadyExists(manager->Checkpoint("/copy")));
  for (int i = 0; i < 3; ++i) REQUIRE(Put(Get(manager.get(), Name(i)).get(), "later", "y").ok());

  auto options = world.Options();
  options.directory = "/copy";
  LogManagerReport report;
  auto copy = world.Open(options, &report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kClean);
  for (int i = 0; i < 3; ++i) {
    CHECK(ReadAll(Get(copy.get(), Name(i)).get()) == before[static_cast<size_t>(i)]);
    REQUIRE(Put(Get(copy.get(), Name(i)).get(), "own", "z").ok());
    CHECK(Get(manager.get(), Name(i))->log_end_offset() == Offset(401));
  }
  const auto damaged = copy->Verify();
  REQUIRE(damaged.ok());
  CHECK(damaged->empty());
}

TEST_CASE("The disk budget refuses appends, and retention makes room", "[log][manager]") {
  World world;
  auto options = world.Options();
  options.disk_bytes = 256 << 10;
  auto manager = world.Open(options);
  auto config = Small();
  config.retention_bytes = 32 << 10;
  Create(manager.get(), {"t-0", "t-1"}, config);
  const auto log = Get(manager.get(), "t-0");
  absl::Status status;
  int written = 0;
  while (status.ok() && written < 10'000) {
    status = Put(log.get(), "k", std::string(1000, 'x'));
    if (status.ok()) ++written;
  }
  CHECK(written > 50);
  CHECK(ErrorCodeOf(status) == ErrorCode::kKafkaStorageError);
  CHECK(std::string(status.message()).find("disk") != std::string::npos);
  CHECK_FALSE(Put(Get(manager.get(), "t-1").get(), "k", "v").ok());
  CHECK(ReadAll(log.get()).size() == static_cast<size_t>(written));
  for (int i = 0; i < 3; ++i) {
    world.sim.clock.Advance(2'000'000'000);
    manager->RunMaintenance();
  }
  status = Put(log.get(), "k", "v");
  INFO(std::string(status.message()));
  CHECK(status.ok());
  CHECK(log->log_start_offset() > Offset(0));
}

TEST_CASE("Retention reaches logs that nobody has opened", "[log][manager]") {
  World world;
  auto config = Small();
  config.retention_ms = 3'600'000;
  auto manager = world.Open();
  Create(manager.get(), {"t-0"}, config);
  for (int r = 0; r < 400; ++r) {
    REQUIRE(Put(Get(manager.get(), "t-0").get(), "k", std::string(100, 'x')).ok());
  }
  REQUIRE(manager->Close().ok());
  manager.reset();
  auto options = world.Options();
  options.config_of = [&](std::string_view) { return Config(config); };
  manager = world.Open(options);
  CHECK(manager->stats().open == 0);
  world.sim.clock.Advance(int64_t{301} * 1'000'000'000);
  manager->RunMaintenance();
  CHECK(manager->stats().open == 0);
  world.sim.clock.Advance(int64_t{3601} * 1'000'000'000);
  manager->RunMaintenance();
  const auto log = Get(manager.get(), "t-0");
  CHECK(log->log_start_offset() > Offset(0));
}

TEST_CASE("Compaction runs in the background, throttled, and goes on after a restart", "[log][manager]") {
  World world;
  auto options = world.Options();
  options.env.executor = world.sim.executor.get();
  options.cleaner_io_max_bytes_per_second = 100'000;
  auto manager = world.Open(options);
  auto config = Small();
  config.cleanup_policy = {.remove = false, .compact = true};
  config.segment_bytes = 1 << 20;
  Create(manager.get(), {"t-0"}, config);
  manager->StartBackground();
  auto log = Get(manager.get(), "t-0");
  for (int r = 0; r < 12'000; ++r) {
    REQUIRE(Put(log.get(), std::to_string(r % 10), "value-" + std::to_string(r)).ok());
  }
  REQUIRE(log->Roll().ok());
  const int64_t before = log->size_bytes();
  REQUIRE(before > 900'000);
  world.sim.executor->RunFor(int64_t{16} * 1'000'000'000);
  // At 100 kB/s the best part of a megabyte takes its time.
  CHECK(log->size_bytes() == before);
  world.sim.executor->RunFor(int64_t{60} * 1'000'000'000);
  CHECK(log->size_bytes() < 100'000);
  CHECK(manager->stats().cleanings >= 1);
  CHECK(ReadAll(log.get()).size() >= 10);
  std::set<std::string> records;
  for (const std::string& record : ReadAll(log.get())) records.insert(record);
  for (int k = 0; k < 10; ++k) {
    CHECK(records.contains(std::to_string(k) + "=value-" + std::to_string(11'990 + k)));
  }
  log.reset();
  REQUIRE(manager->Close().ok());
  const auto text = ReadTextFile(world.sim.files.get(), "/data/cleaner-offset-checkpoint");
  REQUIRE(text.ok());
  const auto entries = DecodeOffsetCheckpoint(*text);
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().offset == Offset(12'000));
  manager.reset();
  manager = world.Open(options);
  CHECK(ReadAll(Get(manager.get(), "t-0").get()).size() >= 10);
}

TEST_CASE("Log::Compact keeps the last of each key", "[log][manager]") {
  World world;
  auto manager = world.Open();
  auto config = Small();
  config.cleanup_policy = {.remove = false, .compact = true};
  Create(manager.get(), {"t-0"}, config);
  const auto log = Get(manager.get(), "t-0");
  for (int r = 0; r < 2000; ++r) REQUIRE(Put(log.get(), std::to_string(r % 7), std::to_string(r)).ok());
  REQUIRE(log->Roll().ok());
  auto cursor = log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  const auto held = (*cursor)->Next(4096);
  REQUIRE(held.ok());
  const auto freed = static_cast<Log&>(*log).Compact();
  INFO(std::string(freed.status().message()));
  REQUIRE(freed.ok());
  CHECK(*freed > 50'000);
  CHECK(ReadAll(log.get()) ==
        std::vector<std::string>{"5=1993", "6=1994", "0=1995", "1=1996", "2=1997", "3=1998", "4=1999"});
  // A reader keeps what it holds, and goes on behind it.
  for (const BatchView batch : *held) CHECK(batch.CrcIsValid());
  const auto next = (*cursor)->Next(1 << 20);
  REQUIRE(next.ok());
  CHECK(next->next_offset > held->next_offset);
  CHECK(log->log_end_offset() == Offset(2000));
  REQUIRE(Put(log.get(), "8", "new").ok());
  CHECK(ReadAll(log.get()).size() == 8);
  CHECK(*static_cast<Log&>(*log).Compact() == 0);
}

TEST_CASE("Kafka's text files say what it would say", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), {"t-0", "t-1"});
  REQUIRE(Put(Get(manager.get(), "t-0").get(), "k", "v").ok());
  REQUIRE(Put(Get(manager.get(), "t-0").get(), "k", "v").ok());
  REQUIRE(Get(manager.get(), "t-0")->DeleteRecordsBefore(Offset(1)).ok());
  REQUIRE(manager->Close().ok());
  const auto lines = [&](const std::string& name) {
    const auto text = ReadTextFile(world.sim.files.get(), "/data/" + name);
    REQUIRE(text.ok());
    return *text;
  };
  CHECK(lines("recovery-point-offset-checkpoint") == "0\n2\nt 0 2\nt 1 0\n");
  CHECK(lines("replication-offset-checkpoint") == "0\n2\nt 0 2\nt 1 0\n");
  CHECK(lines("log-start-offset-checkpoint") == "0\n1\nt 0 1\n");
  CHECK(DecodeMetaProperties(lines("meta.properties")).ok());
}

TEST_CASE("Close keeps to its deadline, and the next open repairs", "[log][manager]") {
  World world;
  auto manager = world.Open();
  Create(manager.get(), Names(3));
  for (int i = 0; i < 3; ++i) REQUIRE(Put(Get(manager.get(), Name(i)).get(), "k", "v").ok());
  CHECK(absl::IsDeadlineExceeded(manager->Close(MonotonicNanos(0))));
  manager.reset();
  LogManagerReport report;
  manager = world.Open(&report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kProcessCrash);
  for (int i = 0; i < 3; ++i) CHECK(ReadAll(Get(manager.get(), Name(i)).get()).size() == 1);
}

TEST_CASE("Threads may open, append, sweep and delete at once", "[log][manager]") {
  const test::TempDir temp;
  auto manager = LogManager::Open({.directory = temp.Path("data"), .descriptors = 12, .mappings = 12});
  REQUIRE(manager.ok());
  Create(manager->get(), Names(40));
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int r = 0; r < 60; ++r) {
        const auto log = (*manager)->GetLog(Name((r * 7 + t) % 30));
        if (!log.ok() || !Put(log->get(), "k", "v").ok()) ++failures;
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 30; i < 40; ++i) {
      (*manager)->Sweep(0);
      if (!(*manager)->DeleteLogs(std::vector<std::string>{Name(i)}).ok()) ++failures;
      (*manager)->RunMaintenance();
    }
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  size_t records = 0;
  for (int i = 0; i < 30; ++i) records += ReadAll(Get(manager->get(), Name(i)).get()).size();
  CHECK(records == 180);
  REQUIRE((*manager)->Close().ok());
}

}  // namespace
}  // namespace millrace
