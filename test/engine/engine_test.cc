// Whole engines over the real log, on the disk and in memory.

#include "millrace/engine.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/status.h"
#include "millrace/testing/sim_env.h"
#include "temp_dir.h"

namespace millrace {
namespace {

using test::TempDir;
using Values = std::vector<std::string>;

std::unique_ptr<Engine> Open(EngineOptions options, EngineReport* report = nullptr) {
  auto engine = Engine::Open(std::move(options), report);
  if (!engine.ok()) FAIL(engine.status());
  return *std::move(engine);
}

void Send(Engine& engine, std::string_view topic, const Values& values) {
  auto producer = engine.NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(producer.ok());
  for (const std::string& value : values) REQUIRE((*producer)->Send(topic, {.value = value}).ok());
  REQUIRE((*producer)->Close().ok());
}

Values Read(Log& log, Offset from = Offset(0)) {
  Values values;
  auto cursor = log.NewCursor(from);
  REQUIRE(cursor.ok());
  for (;;) {
    const auto slice = (*cursor)->Next(1 << 20);
    REQUIRE(slice.ok());
    if (slice->empty()) return values;
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      RecordView record;
      while (reader.Next(&record)) values.emplace_back(record.value.value_or("(null)"));
      REQUIRE(reader.status().ok());
    }
  }
}

Values Read(Engine& engine, const std::string& topic, int partition = 0) {
  auto log = engine.PartitionLog({topic, PartitionId(partition)});
  REQUIRE(log.ok());
  return Read(**log);
}

// What this process holds of the kinds that an engine takes.
struct Held {
  size_t descriptors = 0;
  size_t threads = 0;
  size_t maps = 0;  // of files below a directory

  static Held Now(const std::string& directory) {
    Held held;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
      held.descriptors += !entry.path().empty();
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
      held.threads += !entry.path().empty();
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) held.maps += line.find(directory) != std::string::npos;
    return held;
  }
  bool operator==(const Held&) const = default;
};

std::ostream& operator<<(std::ostream& to, const Held& held) {
  return to << held.descriptors << " descriptors, " << held.threads << " threads, " << held.maps << " maps";
}

TEST_CASE("what is published is there, and is there after closing and opening again") {
  const TempDir dir;
  TopicId id;
  {
    auto engine = Open({.directory = dir.Path("a/b/events")});
    REQUIRE(engine->CreateTopic("orders", {.partitions = 3}).ok());
    Send(*engine, "orders", {"a", "b"});
    auto producer = engine->NewProducer();
    auto topic = (*producer)->Topic("orders");
    REQUIRE((*producer)->Send(*topic, {.value = "c"}, PartitionId(2)).ok());
    REQUIRE((*producer)->Close().ok());
    id = engine->admin().DescribeTopic("orders")->id;
    REQUIRE(engine->Close().ok());
    REQUIRE(engine->Close().ok());
  }
  EngineReport report;
  auto engine = Open({.directory = dir.Path("a/b/events")}, &report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kClean);
  const auto described = engine->admin().DescribeTopic(id);
  REQUIRE(described.ok());
  CHECK(described->name == "orders");
  REQUIRE(described->partitions.size() == 3);
  CHECK(Read(*engine, "orders", 2).back() == "c");
  int64_t total = 0;
  for (const auto& partition : described->partitions) total += partition.log_end_offset.value();
  CHECK(total == 3);
  Send(*engine, "orders", {"d"});
}

TEST_CASE("an engine without a directory lives in memory and touches no disk") {
  auto engine = Open({});
  REQUIRE(engine->CreateTopic("orders").ok());
  Send(*engine, "orders", {"a", "b"});
  CHECK(Read(*engine, "orders") == Values{"a", "b"});
  auto other = Open({});
  CHECK(other->admin().ListTopics().empty());
  REQUIRE(engine->Close().ok());
}

TEST_CASE("both file backends serve an engine") {
  for (const FileBackend backend : {FileBackend::kMapped, FileBackend::kReadWrite}) {
    const TempDir dir;
    for (int round = 0; round < 2; ++round) {
      auto engine = Open({.directory = dir.path(), .backend = backend});
      engine->CreateTopic("orders").IgnoreError();
      Send(*engine, "orders", {"a"});
      CHECK(Read(*engine, "orders").size() == static_cast<size_t>(round) + 1);
    }
  }
}

TEST_CASE("a host-driven engine has no thread: everything happens in RunOnce and in the calls") {
  const TempDir dir;
  const Held before = Held::Now(dir.path());
  TopicConfig durable;
  durable.durability = Durability::kPowerLoss;
  auto engine = Open({.directory = dir.path(), .threading = Threading::kHostDriven});
  REQUIRE(engine->CreateTopic("orders", {.partitions = 1, .config = durable}).ok());
  auto producer = engine->NewProducer({.linger = absl::Milliseconds(1)});
  auto topic = (*producer)->Topic("orders");
  int acked = 0;
  const auto count = [&](absl::StatusOr<Appended> at) { acked += at.ok(); };
  REQUIRE((*producer)->Send(*topic, {.value = "a"}, count).ok());
  CHECK(engine->NextDue() != kNever);
  // The host's loop: what is due is done when it is due, nothing before.
  while (acked == 0) engine->RunOnce();
  REQUIRE((*producer)->Send(*topic, {.value = "b"}, count).ok());
  REQUIRE((*producer)->Flush().ok());  // nobody else runs tasks: the call does
  CHECK(acked == 2);
  CHECK(Held::Now(dir.path()).threads == before.threads);
  REQUIRE((*producer)->Close().ok());
  REQUIRE(engine->Close().ok());
  CHECK(engine->RunOnce() == 0);
}

TEST_CASE("closing leaves no descriptor, no mapping and no thread behind") {
  const TempDir dir;
  // A sanitizer's runtime starts a thread of its own with the first one.
  std::thread([] {}).join();
  const Held before = Held::Now(dir.path());
  for (int round = 0; round < 3; ++round) {
    auto engine = Open({.directory = dir.path()});
    engine->CreateTopic("orders", {.partitions = 8}).IgnoreError();
    auto producer = engine->NewProducer({.linger = absl::Microseconds(100)});
    auto topic = (*producer)->Topic("orders");
    for (int p = 0; p < 8; ++p) {
      REQUIRE((*producer)->SendWithFuture(*topic, {.key = std::to_string(p), .value = "v"}).get().ok());
    }
    CHECK(Held::Now(dir.path()).maps > before.maps);
    CHECK(Held::Now(dir.path()).threads > before.threads);
    REQUIRE((*producer)->Close().ok());
    REQUIRE(engine->Close().ok());
    // The producer and the engine still exist: closed is closed.
    CHECK(Held::Now(dir.path()) == before);
  }
}

TEST_CASE("many engines live side by side in one process") {
  const TempDir dir;
  std::vector<std::unique_ptr<Engine>> engines;
  for (int i = 0; i < 12; ++i) {
    const std::string path = i % 3 == 2 ? "" : dir.Path(std::to_string(i));
    engines.push_back(Open({.directory = path}));
    REQUIRE(engines.back()->CreateTopic("t").ok());
  }
  for (size_t i = 0; i < engines.size(); ++i) Send(*engines[i], "t", {std::to_string(i)});
  for (size_t i = 0; i < engines.size(); ++i) CHECK(Read(*engines[i], "t") == Values{std::to_string(i)});
}

TEST_CASE("a directory has one writer; the second is told who the first is") {
  const TempDir dir;
  auto engine = Open({.directory = dir.path()});
  const auto second = Engine::Open({.directory = dir.path()});
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(std::string(second.status().message()).find("process " + std::to_string(getpid()) + " (this one)") !=
        std::string::npos);
  REQUIRE(engine->Close().ok());
  CHECK(Engine::Open({.directory = dir.path()}).ok());
}

TEST_CASE("a reader beside the writer sees what it has written, and may change nothing") {
  const TempDir dir;
  auto writer = Open({.directory = dir.path()});
  REQUIRE(writer->CreateTopic("orders").ok());
  Send(*writer, "orders", {"a"});
  auto reader = Open({.directory = dir.path(), .read_only = true});
  CHECK(reader->admin().ListTopics() == Values{"orders"});
  CHECK(Read(*reader, "orders") == Values{"a"});
  Send(*writer, "orders", {"b"});
  CHECK(Read(*reader, "orders") == Values{"a", "b"});
  REQUIRE(writer->CreateTopic("later").ok());
  Send(*writer, "later", {"x"});
  CHECK(Read(*reader, "later") == Values{"x"});
  const auto refused = [](const absl::Status& status) {
    return status.code() == absl::StatusCode::kFailedPrecondition;
  };
  CHECK(refused(reader->CreateTopic("mine")));
  CHECK(refused(reader->DeleteTopic("orders")));
  CHECK(refused(reader->NewProducer().status()));
  CHECK(refused(reader->NewConsumer({.group = "g"}).status()));
  CHECK(reader->NewConsumer().ok());
  CHECK(refused(reader->admin().ListGroups().status()));
  REQUIRE(reader->Close().ok());
  REQUIRE(writer->Close().ok());
}

TEST_CASE("what an engine refuses to open, with what it says, and that nothing is changed") {
  const TempDir dir;
  const auto code = [](EngineOptions options) { return Engine::Open(std::move(options)).status().code(); };
  CHECK(code({.directory = dir.path(), .num_partitions = 0}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.directory = "", .read_only = true}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.directory = dir.Path("missing"), .read_only = true}) == absl::StatusCode::kNotFound);
  CHECK(std::filesystem::is_empty(dir.path()));
  std::ofstream(dir.Path("file")) << "something";
  CHECK(code({.directory = dir.Path("file")}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.directory = dir.path()}) == absl::StatusCode::kInvalidArgument);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
  // A directory that is one log.
  {
    auto log = Log::Open(dir.Path("log"), {});
    REQUIRE(log.ok());
    REQUIRE((*log)->Append({.value = "v"}).ok());
  }
  CHECK(code({.directory = dir.Path("log")}) == absl::StatusCode::kInvalidArgument);
  // Topics that cannot be understood.
  {
    auto engine = Open({.directory = dir.Path("events")});
    REQUIRE(engine->CreateTopic("a").ok());
    REQUIRE(engine->CreateTopic("b").ok());
    Send(*engine, "a", {"kept"});
  }
  {
    std::fstream file(dir.Path("events/millrace.topics"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(45);
    const int was = file.get();
    file.seekp(45);
    file.put(static_cast<char>(was ^ 0x55));
  }
  CHECK(code({.directory = dir.Path("events")}) == absl::StatusCode::kDataLoss);
  CHECK(std::filesystem::exists(dir.Path("events/a-0")));
}

TEST_CASE("a topic made again keeps its records though the registry remembers its predecessor's end alone") {
  test::TempDir dir;
  const EngineOptions options{.directory = dir.Path("events")};
  const std::string topics = dir.Path("events/millrace.topics");
  {
    auto engine = Open(options);
    REQUIRE(engine->CreateTopic("orders").ok());
    Send(*engine, "orders", {"old"});
    REQUIRE(engine->admin().DeleteTopic("orders").ok());
    REQUIRE(engine->Close().ok());
  }
  std::filesystem::copy_file(topics, dir.Path("kept"));
  {
    auto engine = Open(options);
    REQUIRE(engine->CreateTopic("orders").ok());
    Send(*engine, "orders", {"new"});
    REQUIRE(engine->Close().ok());
  }
  std::filesystem::copy_file(dir.Path("kept"), topics, std::filesystem::copy_options::overwrite_existing);
  for (int opening = 0; opening < 2; ++opening) {
    EngineReport report;
    auto engine = Engine::Open(options, &report);
    REQUIRE(engine.ok());
    CHECK(std::any_of(report.notes.begin(), report.notes.end(),
                      [](const std::string& note) { return note.starts_with("orders-0 is of no topic"); }));
  }
  auto engine = Open(options);
  REQUIRE(engine->CreateTopic("orders").ok());
  CHECK(Read(*engine, "orders") == Values{"new"});
}

TEST_CASE("options that cannot be meant are refused by name") {
  const auto refused = [](const absl::Status& status, std::string_view field) {
    return ErrorCodeOf(status) == ErrorCode::kInvalidConfig &&
           std::string(status.message()).find(field) != std::string::npos;
  };
  CHECK(EngineOptions{}.Validate().ok());
  const std::vector<std::pair<std::string_view, EngineOptions>> engines = {
      {"budgets.descriptors", {.budgets = {.descriptors = 63}}},
      {"budgets.mappings", {.budgets = {.mappings = 63}}},
      {"budgets.memory_bytes", {.budgets = {.memory_bytes = 1000}}},
      {"budgets.partitions", {.budgets = {.partitions = 0}}},
      {"budgets.topics", {.budgets = {.topics = 0}}},
      {"budgets.groups", {.budgets = {.groups = 0}}},
      {"budgets.producer_ids", {.budgets = {.producer_ids = 0}}},
      {"producer_id_expiration", {.producer_id_expiration = absl::ZeroDuration()}},
      {"num_partitions", {.num_partitions = 0}},
      {"offsets_topic_num_partitions", {.offsets_topic_num_partitions = 0}},
      {"offsets_retention", {.offsets_retention = absl::ZeroDuration()}},
      {"group_min_session_timeout", {.group_min_session_timeout = absl::ZeroDuration()}},
      {"group_min_session_timeout", {.group_max_session_timeout = absl::Milliseconds(1)}},
      {"group_initial_rebalance_delay", {.group_initial_rebalance_delay = -absl::Seconds(1)}},
      {"group_max_size", {.group_max_size = 0}},
      {"offset_metadata_max_bytes", {.offset_metadata_max_bytes = -1}},
      {"retention_check_interval", {.retention_check_interval = absl::ZeroDuration()}},
      {"cleaner_io_max_bytes_per_second", {.cleaner_io_max_bytes_per_second = 0}},
      {"cleaner_dedupe_buffer_bytes", {.cleaner_dedupe_buffer_bytes = 1}},
      {"read_only", {.read_only = true}},
      {"retention.ms", {.topic_defaults = {.retention_ms = -2}}},
  };
  for (const auto& [field, options] : engines) {
    INFO(field);
    CHECK(refused(options.Validate(), field));
    CHECK(refused(Engine::Open(options).status(), field));
  }
  const std::vector<std::pair<std::string_view, ProducerOptions>> producers = {
      {"acks", {.acks = static_cast<Acks>(7)}},
      {"linger", {.linger = -absl::Seconds(1)}},
      {"linger", {.linger = absl::Hours(2)}},
      {"batch_bytes", {.batch_bytes = 60}},
      {"max_request_bytes", {.max_request_bytes = 0}},
      {"buffer_bytes", {.buffer_bytes = 1}},
      {"max_block", {.max_block = -absl::Seconds(1)}},
      {"compression", {.compression = static_cast<Compression>(5)}},
      {"compression_level", {.compression_level = 1}},
      {"compression_level", {.compression = Compression::kGzip, .compression_level = 10}},
      {"compression_level", {.compression = Compression::kLz4, .compression_level = 0}},
      {"compression_level", {.compression = Compression::kZstd, .compression_level = 23}},
  };
  const auto engine = Open({});
  for (const auto& [field, options] : producers) {
    INFO(field);
    CHECK(refused(engine->NewProducer(options).status(), field));
  }
  CHECK(engine->NewProducer({.compression = Compression::kZstd, .compression_level = 22}).ok());
}

TEST_CASE("topics: created, listed, described, changed, deleted") {
  auto engine = Open({.topic_defaults = {.retention_ms = 1234}});
  Admin& admin = engine->admin();
  TopicConfig config;
  config.segment_bytes = 1 << 20;
  const auto id = admin.CreateTopic("orders", {.partitions = 2, .config = config});
  REQUIRE(id.ok());
  CHECK(ErrorCodeOf(admin.CreateTopic("orders").status()) == ErrorCode::kTopicAlreadyExists);
  CHECK(ErrorCodeOf(admin.CreateTopic("a b").status()) == ErrorCode::kInvalidTopicException);
  auto described = admin.DescribeTopic("orders");
  REQUIRE(described.ok());
  CHECK(described->id == *id);
  CHECK(described->config.segment_bytes == 1 << 20);
  CHECK(described->config.retention_ms == 1234);  // the engine's default
  REQUIRE(admin.AlterTopicConfig("orders", {{"retention.ms", "99"}, {"segment.bytes", std::nullopt}}).ok());
  described = admin.DescribeTopic(*id);
  CHECK(described->config.retention_ms == 99);
  CHECK(described->config.segment_bytes == TopicConfig{}.segment_bytes);
  REQUIRE(admin.AlterTopicConfig("orders", {{"retention.ms", std::nullopt}}).ok());
  CHECK(admin.DescribeTopic("orders")->config.retention_ms == 1234);
  REQUIRE(admin.AddPartitions("orders", 5).ok());
  REQUIRE((*engine->PartitionLog({"orders", PartitionId(4)}))->SetLeaderEpoch(LeaderEpoch(3)).ok());
  described = admin.DescribeTopic("orders");
  REQUIRE(described->partitions.size() == 5);
  CHECK(described->partitions[3].leader_epoch == LeaderEpoch(0));
  CHECK(described->partitions[4].leader_epoch == LeaderEpoch(3));
  CHECK(admin.ListTopics() == Values{"orders"});
  Send(*engine, "orders", {"a"});
  REQUIRE(admin.DeleteTopic("orders").ok());
  CHECK(ErrorCodeOf(admin.DeleteTopic("orders")) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf(admin.DescribeTopic("orders").status()) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf(admin.DescribeTopic(*id).status()) == ErrorCode::kUnknownTopicId);
  REQUIRE(admin.CreateTopic("orders").ok());
  CHECK(Read(*engine, "orders").empty());
}

TEST_CASE("records: deleted from the front, found by time, made durable") {
  auto engine = Open({});
  Admin& admin = engine->admin();
  REQUIRE(engine->CreateTopic("orders").ok());
  const TopicPartition partition{"orders", PartitionId(0)};
  auto producer = engine->NewProducer({.linger = absl::ZeroDuration()});
  const int64_t now = Clock::System()->Wall().value();
  for (int i = 0; i < 10; ++i) {
    REQUIRE((*producer)
                ->Send("orders", {.value = std::to_string(i), .timestamp = Timestamp(now - 1000 + i)})
                .ok());
  }
  CHECK(*admin.BeginningOffset(partition) == Offset(0));
  CHECK(*admin.EndOffset(partition) == Offset(10));
  const auto found = admin.OffsetForTime(partition, Timestamp(now - 1000 + 4));
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  CHECK((*found)->offset == Offset(4));
  CHECK(*admin.DeleteRecordsBefore(partition, Offset(3)) == Offset(3));
  CHECK(*admin.BeginningOffset(partition) == Offset(3));
  CHECK(ErrorCodeOf(admin.DeleteRecordsBefore(partition, Offset(11)).status()) ==
        ErrorCode::kOffsetOutOfRange);
  CHECK(admin.FlushTopic("orders").ok());
  CHECK((*engine->PartitionLog(partition))->flushed_offset() == Offset(10));
  CHECK(*admin.DeleteRecordsBefore(partition, kNoOffset) == Offset(10));
  CHECK(ErrorCodeOf(admin.EndOffset({"orders", PartitionId(1)}).status()) ==
        ErrorCode::kUnknownTopicOrPartition);
  CHECK(ErrorCodeOf(admin.EndOffset({"nope", PartitionId(0)}).status()) ==
        ErrorCode::kUnknownTopicOrPartition);
  const auto damaged = admin.Verify();
  REQUIRE(damaged.ok());
  CHECK(damaged->empty());
}

TEST_CASE("groups: offsets set by an operator are kept over a restart, and deleted") {
  const TempDir dir;
  const TopicPartition partition{"orders", PartitionId(0)};
  {
    auto engine = Open({.directory = dir.path()});
    REQUIRE(engine->CreateTopic("orders").ok());
    Admin& admin = engine->admin();
    CHECK(admin.ListGroups()->empty());
    REQUIRE(admin.AlterGroupOffsets("billing", {{partition, {.offset = Offset(7), .metadata = "why"}}}).ok());
    CHECK(ErrorCodeOf(
              admin.AlterGroupOffsets("billing", {{{"nope", PartitionId(0)}, {.offset = Offset(7)}}})) ==
          ErrorCode::kUnknownTopicOrPartition);
    CHECK(admin.ListTopics() == Values{"orders"});
    CHECK(admin.ListTopics(/*with_internal=*/true) == Values{"__consumer_offsets", "orders"});
    CHECK_FALSE(admin.DeleteTopic("__consumer_offsets").ok());
  }
  auto engine = Open({.directory = dir.path()});
  Admin& admin = engine->admin();
  const auto groups = admin.ListGroups();
  REQUIRE(groups.ok());
  REQUIRE(groups->size() == 1);
  CHECK((*groups)[0].group == "billing");
  auto offsets = admin.ListGroupOffsets("billing");
  REQUIRE(offsets.ok());
  CHECK(offsets->at(partition).offset == Offset(7));
  CHECK(offsets->at(partition).metadata == "why");
  CHECK(admin.DescribeGroup("billing")->state == GroupState::kEmpty);
  REQUIRE(admin.DeleteTopic("orders").ok());  // and its offsets
  CHECK(admin.ListGroupOffsets("billing")->empty());
}

TEST_CASE("a checkpoint is an engine of its own, as of then") {
  const TempDir dir;
  auto engine = Open({.directory = dir.Path("a")});
  REQUIRE(engine->CreateTopic("orders", {.partitions = 2}).ok());
  Send(*engine, "orders", {"a", "b", "c"});
  REQUIRE(engine->admin().Checkpoint(dir.Path("copy")).ok());
  CHECK_FALSE(engine->admin().Checkpoint(dir.Path("copy")).ok());
  Send(*engine, "orders", {"later"});
  EngineReport report;
  auto copy = Open({.directory = dir.Path("copy")}, &report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kClean);
  CHECK(copy->admin().DescribeTopic("orders")->id == engine->admin().DescribeTopic("orders")->id);
  Values all = Read(*copy, "orders", 0);
  for (const std::string& value : Read(*copy, "orders", 1)) all.push_back(value);
  std::sort(all.begin(), all.end());
  CHECK(all == Values{"a", "b", "c"});
}

TEST_CASE("a killed process loses nothing that was acknowledged, and its directory opens at once") {
  const TempDir dir;
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto engine = Engine::Open({.directory = dir.path()});
    if (!engine.ok() || !(*engine)->CreateTopic("orders").ok()) _exit(1);
    auto producer = (*engine)->NewProducer({.linger = absl::ZeroDuration()});
    for (int i = 0; i < 1000; ++i) {
      if (!(*producer)->Send("orders", {.value = std::to_string(i)}).ok()) _exit(2);
    }
    if (write(pipe_ends[1], "x", 1) != 1) _exit(3);
    for (;;) pause();
  }
  char ready = 0;
  REQUIRE(read(pipe_ends[0], &ready, 1) == 1);
  REQUIRE(kill(child, SIGKILL) == 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  EngineReport report;
  auto engine = Open({.directory = dir.path()}, &report);
  CHECK(report.shutdown == RecoveryReport::Shutdown::kProcessCrash);
  CHECK(Read(*engine, "orders").size() == 1000);
}

#ifndef __SANITIZE_THREAD__  // its runtime does not let a child of a process with threads start any
TEST_CASE("after fork the parent's engine goes on, and the child may open one of its own or read along") {
  const TempDir dir;
  auto engine = Open({.directory = dir.Path("a")});
  REQUIRE(engine->CreateTopic("orders").ok());
  Send(*engine, "orders", {"before"});
  const pid_t child = fork();
  if (child == 0) {
    // The parent's engine is neither used nor destroyed here.
    auto writer = Engine::Open({.directory = dir.Path("a")});
    if (writer.ok()) _exit(1);  // the parent has it
    auto mine = Engine::Open({.directory = dir.Path("b")});
    if (!mine.ok() || !(*mine)->CreateTopic("t").ok()) _exit(2);
    auto reader = Engine::Open({.directory = dir.Path("a"), .read_only = true});
    if (!reader.ok()) _exit(3);
    auto end = (*reader)->admin().EndOffset({"orders", PartitionId(0)});
    if (!end.ok() || end->value() < 1) _exit(4);
    if (!(*reader)->Close().ok() || !(*mine)->Close().ok()) _exit(5);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  Send(*engine, "orders", {"after"});
  CHECK(Read(*engine, "orders") == Values{"before", "after"});
  CHECK_FALSE(Engine::Open({.directory = dir.Path("a")}).ok());  // still ours after the child's end
  REQUIRE(engine->Close().ok());
}
#endif

TEST_CASE("after a power loss durable records are there, and topics that were made durable") {
  TopicConfig durable;
  durable.durability = Durability::kPowerLoss;
  durable.segment_bytes = 1 << 16;
  for (uint64_t seed = 0; seed < 15; ++seed) {
    SimEnv sim(seed);
    size_t acked = 0;
    {
      auto engine = Engine::Open(
          {.directory = "/data", .env = sim.env(), .registry_durability = Durability::kPowerLoss});
      REQUIRE(engine.ok());
      REQUIRE((*engine)->CreateTopic("money", {.partitions = 1, .config = durable}).ok());
      auto producer = (*engine)->NewProducer({.linger = absl::ZeroDuration()});
      auto topic = (*producer)->Topic("money");
      for (uint64_t i = 0; i < 5 + seed; ++i) {
        REQUIRE((*producer)
                    ->Send(*topic, {.value = std::to_string(i)},
                           [&](absl::StatusOr<Appended> at) { acked += at.ok(); })
                    .ok());
        if (i % 3 == 0) REQUIRE((*producer)->Flush().ok());
      }
      sim.files->Stop();
    }
    const size_t promised = acked;
    REQUIRE(promised > 0);
    sim.Crash({.seed = seed});
    EngineReport report;
    INFO(seed);
    auto engine = Open({.directory = "/data", .env = sim.env()}, &report);
    CHECK(report.shutdown == RecoveryReport::Shutdown::kPowerLoss);
    const Values values = Read(*engine, "money");
    CHECK(values.size() >= promised);
    for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == std::to_string(i));
  }
}

}  // namespace
}  // namespace millrace
