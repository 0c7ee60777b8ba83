// R8: a full disk is an error, within one call; reads go on, and writes as soon as there is space, without a
// restart. On a real file system of 4 MiB (where the process may mount one), and a simulated one. (errno_test
// has ENOSPC at each single call.)

#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"
#include "temp_dir.h"

namespace millrace::testing {
namespace {

// A tmpfs, while it lives.
class SmallDisk {
 public:
  SmallDisk() {
    std::filesystem::create_directory(path());
    mounted_ = ::mount("tmpfs", path().c_str(), "tmpfs", 0, "size=4m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  std::string path() const { return temp_.Path("disk"); }
  // Takes all the space there is.
  void Fill() const {
    std::ofstream filler(path() + "/filler", std::ios::binary | std::ios::app);
    for (const size_t size : {size_t{65536}, size_t{4096}, size_t{1}}) {
      const std::string block(size, 'f');
      while (filler.write(block.data(), static_cast<std::streamsize>(size)).flush()) {
      }
      filler.clear();
    }
  }
  void Free() const { std::filesystem::remove(path() + "/filler"); }

 private:
  test::TempDir temp_;
  bool mounted_ = false;
};

std::string ValueOf(int64_t offset) {
  return std::to_string(offset) + std::string(500, static_cast<char>('a' + offset % 26));
}

struct Victim {
  Victim(std::string at, FileBackend with, Env on = {}) : directory(std::move(at)), backend(with), env(on) {
    const absl::Status opened = TryOpen();
    INFO(std::string(opened.message()));
    REQUIRE(opened.ok());
  }

  absl::Status TryOpen() {
    LogOptions options;
    options.env = env;
    // No two records have the same key: what is compacted is rewritten as it was.
    options.config = {.cleanup_policy = {.remove = true, .compact = true},
                      .segment_bytes = 128 << 10,
                      .file_delete_delay_ms = 0};
    options.backend = backend;
    auto opened = Log::Open(directory, options);
    if (!opened.ok()) return opened.status();
    log = *std::move(opened);
    return absl::OkStatus();
  }
  absl::Status Append() {
    const std::string value = ValueOf(acknowledged);
    const auto appended = log->Append({.key = std::to_string(acknowledged), .value = value});
    if (!appended.ok()) return appended.status();
    REQUIRE(appended->first_offset == Offset(acknowledged));
    ++acknowledged;
    return absl::OkStatus();
  }
  absl::Status DeleteBefore(int64_t offset) {
    const absl::Status deleted = log->DeleteRecordsBefore(Offset(offset));
    // What was refused may have been done all the same: only not more than it.
    if (deleted.ok() || log->log_start_offset() == Offset(offset)) start = offset;
    return deleted;
  }
  // The last batches, one record each; those at or behind `to` go.
  absl::Status Truncate(int64_t to) {
    const absl::Status truncated = log->TruncateTo(Offset(to));
    if (truncated.ok()) acknowledged = std::min(acknowledged, to);
    return truncated;
  }
  // Everything that was acknowledged is there, and nothing else: "", or what is wrong.
  std::string Problem() const {
    if (log->log_start_offset() != Offset(start)) return "another start";
    if (log->log_end_offset() != Offset(acknowledged)) return "another end";
    auto cursor = log->NewCursor(Offset(start));
    if (!cursor.ok()) return std::string(cursor.status().message());
    int64_t expected = start;
    while (true) {
      const auto slice = (*cursor)->Next(1 << 20);
      if (!slice.ok()) return std::string(slice.status().message());
      if (slice->empty()) break;
      for (const BatchView batch : *slice) {
        RecordReader reader(batch);
        for (RecordView record; reader.Next(&record); ++expected) {
          if (record.offset != Offset(expected) || record.value != ValueOf(expected))
            return "record " + std::to_string(expected) + " is not what was acknowledged";
        }
      }
    }
    return expected == acknowledged ? "" : "only " + std::to_string(expected) + " records";
  }
  // The steps of its life. The copy goes to `copy`.
  std::vector<std::pair<const char*, std::function<absl::Status()>>> Steps(const std::string& copy) {
    return {
        {"append", [this] { return Append(); }},
        {"appends over the extent",
         [this] {
           absl::Status appended;
           for (int i = 0; i < 400 && appended.ok(); ++i) appended = Append();
           return appended;
         }},
        {"roll", [this] { return log->Roll(); }},
        {"maintenance", [this] { return log->RunMaintenance(); }},
        {"flush", [this] { return log->Flush(); }},
        {"compact", [this] { return log->Compact(/*force=*/true).status(); }},
        {"truncate", [this] { return Truncate(acknowledged - 3); }},
        {"delete records", [this] { return DeleteBefore(acknowledged / 2); }},
        {"copy", [this, copy] { return log->Checkpoint(copy); }},
    };
  }

  const std::string directory;
  const FileBackend backend;
  const Env env;
  std::unique_ptr<Log> log;
  int64_t start = 0;
  int64_t acknowledged = 0;
};

void CheckIsFull(const absl::Status& status) {
  const std::string message(status.message());
  INFO(message);
  const auto code = ErrorCodeOf(status);
  const bool full = absl::IsResourceExhausted(status) || code == ErrorCode::kKafkaStorageError;
  CHECK(full);
  CHECK(message.find("space") != std::string::npos);
}

TEST_CASE("a real disk that is full refuses, and takes again") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const SmallDisk disk;
  if (!disk.mounted()) {
    WARN("cannot mount a tmpfs here: skipped");
    return;
  }
  Victim victim(disk.path() + "/log-0", backend);
  absl::Status status;
  for (int i = 0; i < 20'000 && status.ok(); ++i) status = victim.Append();
  CheckIsFull(status);
  CheckIsFull(victim.Append());
  REQUIRE(victim.acknowledged > 1000);
  CHECK(victim.Problem() == "");
  // Deleting works on a full disk, and makes room.
  REQUIRE(victim.DeleteBefore(victim.acknowledged / 2).ok());
  REQUIRE(victim.log->RunMaintenance().ok());
  for (int i = 0; i < 200; ++i) REQUIRE(victim.Append().ok());
  CHECK(victim.Problem() == "");
  REQUIRE(victim.log->Close().ok());
  REQUIRE(victim.TryOpen().ok());
  CHECK(victim.Problem() == "");
}

// The disk fills up by what others write, before each step of a log's life.
TEST_CASE("a real disk may fill up at any time") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const SmallDisk disk;
  if (!disk.mounted()) {
    WARN("cannot mount a tmpfs here: skipped");
    return;
  }
  Victim victim(disk.path() + "/log-0", backend);
  for (int i = 0; i < 30; ++i) REQUIRE(victim.Append().ok());
  int refused = 0;
  for (const auto& [name, step] : victim.Steps(disk.path() + "/copy")) {
    INFO(name);
    disk.Fill();
    absl::Status status = step();
    if (!status.ok()) {
      CheckIsFull(status);
      ++refused;
    }
    CHECK(victim.Problem() == "");
    disk.Free();
    status = step();
    INFO(std::string(status.message()));
    CHECK(status.ok());
    std::filesystem::remove_all(disk.path() + "/copy");
    CHECK(victim.Problem() == "");
  }
  CHECK(refused >= 3);
  REQUIRE(victim.log->Close().ok());
  REQUIRE(victim.TryOpen().ok());
  CHECK(victim.Problem() == "");
}

// The disk is full before each step, and the process is killed behind it. The next one finds the disk full as
// well: it opens the log or says why not, and loses nothing by it.
TEST_CASE("a process may die on a full disk") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  int refused = 0;
  for (size_t nth = 0;; ++nth) {
    SimEnv sim(nth + 1);
    Victim victim("/log-0", backend, sim.env());
    for (int i = 0; i < 500; ++i) REQUIRE(victim.Append().ok());
    const auto steps = victim.Steps("/copy");
    if (nth == steps.size()) break;
    INFO(steps[nth].first);
    sim.files->SetCapacity(0);
    const absl::Status status = steps[nth].second();
    if (!status.ok()) {
      CheckIsFull(status);
      ++refused;
    }
    CHECK(victim.Problem() == "");
    victim.log.reset();
    sim.KillProcess();
    const absl::Status reopened = victim.TryOpen();
    if (!reopened.ok()) CheckIsFull(reopened);
    if (reopened.ok()) CHECK(victim.Problem() == "");
    victim.log.reset();
    sim.KillProcess();
    sim.files->SetCapacity(UINT64_MAX);
    REQUIRE(victim.TryOpen().ok());
    CHECK(victim.Problem() == "");
    CHECK(victim.Append().ok());
  }
  CHECK(refused >= 3);
}

TEST_CASE("an engine on a full disk says so, and goes on when there is space") {
  SimEnv sim(8);
  auto engine = Engine::Open({.directory = "/data", .env = sim.env(), .offsets_topic_num_partitions = 1});
  REQUIRE(engine.ok());
  Admin& admin = (*engine)->admin();
  REQUIRE((*engine)->CreateTopic("before").ok());
  auto producer = (*engine)->NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(producer.ok());
  const std::string value(2000, 'v');
  const auto send = [&] {
    absl::Status answer = absl::UnknownError("no answer");
    const absl::Status sent = (*producer)->Send("before", {.value = value},
                                                [&](absl::StatusOr<Appended> at) { answer = at.status(); });
    (*producer)->Flush().IgnoreError();
    return sent.ok() ? answer : sent;
  };
  const Consumer::Offsets offsets = {{{"before", PartitionId(0)}, {.offset = Offset(1)}}};
  REQUIRE(send().ok());

  sim.files->SetCapacity(0);
  // What is allocated already is still there to be used.
  absl::Status status;
  int topics = 0;
  for (; topics < 1000 && status.ok(); ++topics)
    status = (*engine)->CreateTopic("topic-" + std::to_string(topics));
  CheckIsFull(status);
  const std::string refused = "topic-" + std::to_string(topics - 1);
  CHECK_FALSE(admin.DescribeTopic(refused).ok());
  CHECK(admin.ListTopics().size() == static_cast<size_t>(topics));  // and "before"
  status = absl::OkStatus();
  int sent = 1;
  for (; sent < 1000 && status.ok(); ++sent) status = send();
  CheckIsFull(status);
  const absl::Status committed = admin.AlterGroupOffsets("group", offsets);
  CHECK_FALSE(committed.ok());
  CHECK(admin.EndOffset({"before", PartitionId(0)}).value() == Offset(sent - 1));

  sim.files->SetCapacity(UINT64_MAX);
  CHECK((*engine)->CreateTopic(refused).ok());
  CHECK(send().ok());
  CHECK(admin.AlterGroupOffsets("group", offsets).ok());
  CHECK((*engine)->Close().ok());
  producer->reset();
  engine->reset();
  engine = Engine::Open({.directory = "/data", .env = sim.env()});
  REQUIRE(engine.ok());
  CHECK((*engine)->admin().EndOffset({"before", PartitionId(0)}).value() == Offset(sent));
  CHECK((*engine)->admin().ListGroupOffsets("group")->size() == 1);
}

// The controls: a filler that is not there refuses nothing; what was never acknowledged is missed.
TEST_CASE("a disk that is not full is seen not to be, and a record that is not there as well") {
  SimEnv sim(1);
  Victim victim("/log-0", FileBackend::kMapped, sim.env());
  for (int i = 0; i < 500; ++i) CHECK(victim.Append().ok());
  CHECK(victim.Problem() == "");
  ++victim.acknowledged;
  CHECK(victim.Problem() != "");
  --victim.acknowledged;
  ++victim.start;
  CHECK(victim.Problem() != "");
  --victim.start;
  sim.files->SetCapacity(0);
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = victim.Append();
  CHECK_FALSE(status.ok());
}

}  // namespace
}  // namespace millrace::testing
