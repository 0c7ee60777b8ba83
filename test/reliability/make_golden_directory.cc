// Writes what `test/golden/directory_vN` holds: an engine's directory of each kind, and what is in it.
//
//   make_golden_directory DIRECTORY      (which must not exist)
//
// Run once for each new version of the format, never again: golden_directory_test reads what older versions
// wrote.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "millrace/testing/sim_env.h"
#include "reliability/describe_engine.h"

namespace millrace::testing {
namespace {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

void Send(Engine& engine, std::string_view topic, int partition, const ProducerOptions& options,
          const std::vector<Record>& records) {
  auto producer = engine.NewProducer(options);
  Must(producer.status());
  auto handle = (*producer)->Topic(topic);
  Must(handle.status());
  Must((*producer)->SendBatch(*handle, PartitionId(partition), records));
  Must((*producer)->Close());
}

void SetEpoch(Engine& engine, std::string_view topic, int epoch) {
  auto log = engine.PartitionLog({std::string(topic), PartitionId(0)});
  Must(log.status());
  Must((*log)->SetLeaderEpoch(LeaderEpoch(epoch)));
}

void Furnish(Engine& engine) {
  TopicConfig config;
  config.segment_bytes = 1024;
  config.index_interval_bytes = 64;
  config.retention_ms = -1;
  Must(engine.CreateTopic("plain", {.partitions = 2, .config = config}));
  const std::string large(700, 'x');
  const std::vector<Header> headers = {{"first", "one"}, {"second", std::nullopt}, {"", ""}};
  const Timestamp time(1'700'000'000'123);
  const std::vector<Record> records = {
      {.key = "a key", .value = "a value", .headers = headers, .timestamp = time},
      {.value = "no key", .timestamp = time + 1},
      {.key = "", .value = "", .timestamp = time - 5}};
  for (const Compression codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                  Compression::kLz4, Compression::kZstd}) {
    Send(engine, "plain", 0, {.compression = codec}, records);
    Send(engine, "plain", 0, {}, {{.key = "large", .value = large, .timestamp = time + 10}});
  }
  SetEpoch(engine, "plain", 2);
  Send(engine, "plain", 0, {.idempotent = true}, records);
  SetEpoch(engine, "plain", 5);
  Send(engine, "plain", 0, {.idempotent = true}, records);
  Must(engine.admin().DeleteRecordsBefore({"plain", PartitionId(0)}, Offset(5)).status());
  Send(engine, "plain", 1, {}, {{.key = "alone", .value = "in its partition", .timestamp = time}});

  config.cleanup_policy = {.remove = false, .compact = true};
  Must(engine.CreateTopic("compacted", {.config = config}));
  for (int i = 0; i < 30; ++i) {
    const std::string key = "key " + std::to_string(i % 5);
    const std::string value = "value " + std::to_string(i) + std::string(60, 'v');
    Send(engine, "compacted", 0, {}, {{.key = key, .value = value, .timestamp = time + i}});
  }
  Send(engine, "compacted", 0, {}, {{.key = "key 3", .timestamp = time + 40}});
  auto log = engine.PartitionLog({"compacted", PartitionId(0)});
  Must(log.status());
  Must((*log)->Compact(true).status());

  Must(engine.CreateTopic("empty"));
  Must(engine.CreateTopic("deleted"));
  Must(engine.DeleteTopic("deleted"));
  Must(engine.admin().AlterGroupOffsets(
      "readers", {{{"plain", PartitionId(0)}, {.offset = Offset(7), .metadata = "where I was"}},
                  {{"plain", PartitionId(1)}, {.offset = Offset(1)}}}));
}

void CopyOut(FileSystem& files, const std::string& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  const auto names = files.List(from);
  Must(names.status());
  for (const std::string& name : *names) {
    const std::string path = from + "/" + name;
    const auto info = files.Stat(path);
    Must(info.status());
    // The lock and the shared memory are nobody's any more.
    if (name == ".lock" || name == "millrace.control") continue;
    if (info->is_directory) {
      CopyOut(files, path, to / name);
      continue;
    }
    auto file = files.Open(path, OpenMode::kRead);
    Must(file.status());
    std::vector<std::byte> bytes(info->size_bytes);
    if (!bytes.empty()) Must((*file)->ReadAt(0, bytes).status());
    std::ofstream out(to / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

int Main(const std::filesystem::path& to) {
  for (const bool close : {true, false}) {
    SimEnv sim(2026);
    auto engine = Engine::Open({.directory = "/data", .env = sim.env(), .offsets_topic_num_partitions = 1});
    Must(engine.status());
    Furnish(**engine);
    sim.executor->RunFor(2'000'000'000);
    const std::string text = DescribeEngine(**engine);
    if (close) {
      Must((*engine)->Close());
      CopyOut(*sim.files, "/data", to / "closed");
      std::ofstream(to / "content.txt") << text;
    } else {
      CopyOut(*sim.files, "/data", to / "cut_off");
      sim.files->Stop();
    }
  }
  return 0;
}

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
  if (argc != 2 || std::filesystem::exists(argv[1])) {
    std::fprintf(stderr, "usage: make_golden_directory DIRECTORY (which must not exist)\n");
    return 2;
  }
  return millrace::testing::Main(argv[1]);
}
