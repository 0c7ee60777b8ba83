// R7, for the directory of an engine: each kind of damage to each of its files, those of its topics and of
// the committed offsets among them. Topics that were not hit are whole; nothing is deleted; what is refused
// says why.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "millrace/engine.h"
#include "reliability/damage.h"
#include "reliability/flat_files.h"

namespace millrace::testing {
namespace {

constexpr char kDirectory[] = "/data";
const TopicPartition kOrders{"orders", PartitionId(0)};
const TopicPartition kAudit{"audit", PartitionId(0)};
constexpr int64_t kRecords = 20;
constexpr int64_t kCommitted = 13;

struct EngineWorld {
  EngineOptions Options() {
    EngineOptions options;
    options.directory = kDirectory;
    options.env.clock = &clock;
    options.env.files = &files;
    options.threading = Threading::kHostDriven;
    options.topic_defaults.segment_bytes = 1 << 20;
    options.offsets_topic_num_partitions = 1;
    return options;
  }

  static void Check(const absl::Status& status) {
    if (!status.ok()) throw std::runtime_error(Text(status));
  }

  // `killed`: the image is of an engine that was not closed.
  Image Make(int salt, bool killed) {
    files.Restore("/data", {});
    files.RemoveDirectory("/data").IgnoreError();
    auto engine = *Engine::Open(Options());
    for (const TopicPartition& partition : {kOrders, kAudit}) {
      Check(engine->CreateTopic(partition.topic));
      const auto log = *engine->PartitionLog(partition);
      for (int64_t i = 0; i < kRecords; ++i) {
        const std::string value =
            partition.topic + std::to_string(i) + std::string(static_cast<size_t>(salt), 'x');
        Check(log->Append({.key = "k", .value = value}).status());
        if (i == kRecords / 2) Check(log->Roll());
      }
      Check(log->Flush());
    }
    Check(engine->admin().AlterGroupOffsets("readers", {{kOrders, {.offset = Offset(kCommitted)}}}));
    clock.Advance(200'000'000'000);
    engine->RunOnce();
    if (!killed) Check(engine->Close());
    Image image = TakeImage(&files, kDirectory);
    for (const auto& [name, bytes] : image) {
      if (!name.ends_with('/')) files.Rename(std::string(kDirectory) + "/" + name, "/gone").IgnoreError();
    }
    engine.reset();
    files.Restore(kDirectory, {});
    return image;
  }

  FlatFiles files;
  SimClock clock;
};

// How many records of the topic are read; -1 where one is not what was sent, -2 where damage is told.
int64_t ReadTopic(Engine* engine, const TopicPartition& partition, std::string* why) {
  const auto log = engine->PartitionLog(partition);
  if (!log.ok()) {
    *why = Text(log.status());
    return -3;
  }
  const auto cursor = (*log)->NewCursor((*log)->log_start_offset());
  if (!cursor.ok()) return 0;
  int64_t count = 0;
  while (true) {
    const auto slice = (*cursor)->Next(1 << 20);
    if (!slice.ok()) {
      *why = Text(slice.status());
      return -2;
    }
    if (slice->empty()) return count;
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record); ++count) {
        if (record.value != partition.topic + std::to_string(count)) return -1;
      }
    }
  }
}

std::string Base(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

// "" or what is wrong. `refused`: Open was.
std::string CheckEngine(EngineWorld* world, const std::string& name, DamageKind kind, const Image& damaged,
                        bool* refused) {
  world->files.Restore(kDirectory, damaged);
  const std::string path = std::string(kDirectory) + "/" + name;
  world->files.Forbid(kind == DamageKind::kUnreadable ? path : "");
  EngineReport report;
  auto opened = Engine::Open(world->Options(), &report);
  *refused = !opened.ok();
  std::string problem;
  if (!opened.ok()) {
    if (Text(opened.status()).find(Base(name)) == std::string::npos)
      problem = "refused without naming the file: " + Text(opened.status());
  } else {
    Engine* const engine = opened->get();
    const std::string notes = Joined(report.notes);
    for (const TopicPartition& partition : {kOrders, kAudit}) {
      const std::string topic = partition.topic + "-0";
      const bool hit = name.starts_with(topic + "/");
      std::string why;
      const int64_t count = ReadTopic(engine, partition, &why);
      if (count == kRecords) continue;
      // Of what was hit: told by the read. Of all else: its topic is not known, and a note says where the log
      // is.
      const bool told =
          (hit && (count == -2 || count == -3)) || (count == -3 && notes.find(topic) != std::string::npos);
      if (!told) problem += absl::StrFormat("%s: %d records, %s%s; ", topic, count, why, notes);
    }
    const bool offsets_hit = name.starts_with("__consumer_offsets");
    const auto offsets = engine->admin().ListGroupOffsets("readers");
    const bool found = offsets.ok() && offsets->contains(kOrders);
    const bool right = found && offsets->at(kOrders).offset == Offset(kCommitted);
    const bool topics_known = notes.find("__consumer_offsets") == std::string::npos;
    if (!right && (found || (!offsets_hit && topics_known)))
      problem += "the committed offset: " + Text(offsets.status()) + notes;
    opened->reset();
  }
  world->files.Forbid("");
  // The data of both topics are still there.
  const Image after = TakeImage(&world->files, kDirectory);
  for (const auto& [file, bytes] : damaged) {
    if (!file.ends_with(".log") || file.starts_with("__") || file == name || bytes.empty()) continue;
    const auto still = after.find(file);
    if (still == after.end() || still->second.size() < bytes.size() / 2) problem += file + " is gone; ";
  }
  return problem;
}

TEST_CASE("each kind of damage to each file of an engine's directory") {
  const bool killed = GENERATE(false, true);
  EngineWorld world;
  const Image other = world.Make(1, killed);
  const Image whole = world.Make(0, killed);
  int cells = 0;
  int refusals = 0;
  std::string problems;
  for (const auto& [name, bytes] : whole) {
    if (name.ends_with('/') || name.find("spare") != std::string::npos) continue;
    for (const DamageKind kind : kAllDamage) {
      // The directory of another engine in the same place and boot: see damage_matrix_test.cc.
      const bool cannot_be_told =
          kind == DamageKind::kSwapped && killed && (name.ends_with(".log") || name == "millrace.control");
      Image damaged = whole;
      if (cannot_be_told || !ApplyDamage(kind, name, other, &damaged)) continue;
      ++cells;
      bool refused = false;
      const std::string problem = CheckEngine(&world, name, kind, damaged, &refused);
      refusals += refused ? 1 : 0;
      if (!problem.empty()) problems += "\n" + name + " " + std::string(DamageName(kind)) + ": " + problem;
    }
  }
  INFO((killed ? "killed: " : "closed: ") << cells << " cells, " << refusals << " refused" << problems);
  CHECK(problems.empty());
  CHECK(cells > 150);
}

// R6 for what an engine adds to its logs: the registry, Kafka's text files, committed offsets.
TEST_CASE("a flipped bit in the files of an engine's own") {
  const bool killed = GENERATE(false, true);
  EngineWorld world;
  const Image whole = world.Make(0, killed);
  int flips = 0;
  int refusals = 0;
  int wrong = 0;
  std::string first;
  for (const auto& [name, bytes] : whole) {
    const bool own = name == "millrace.topics" || name == "millrace.manifest" || name == "meta.properties" ||
                     name.ends_with("-checkpoint") || name.ends_with("partition.metadata") ||
                     (name.starts_with("__consumer_offsets") && name.ends_with(".log"));
    // Behind the batches of a log that was not closed there is room.
    for (size_t bit = 0; own && bit < std::min<size_t>(bytes.size(), 1000) * 8; ++bit) {
      Image damaged = whole;
      damaged[name][bit / 8] ^= std::byte{1} << (bit % 8);
      ++flips;
      bool refused = false;
      const std::string problem = CheckEngine(&world, name, DamageKind::kTruncated, damaged, &refused);
      refusals += refused ? 1 : 0;
      if (!problem.empty() && wrong++ == 0) first = absl::StrFormat("%s, bit %d: %s", name, bit, problem);
    }
  }
  INFO((killed ? "killed: " : "closed: ") << flips << " flips, " << refusals << " refused; " << first);
  CHECK(wrong == 0);
  CHECK(flips > 5000);
}

TEST_CASE("an engine that loses a topic that was not hit is found out") {
  EngineWorld world;
  const Image other = world.Make(1, false);
  const Image whole = world.Make(0, false);
  int opened = 0;
  int found = 0;
  for (const auto& [name, bytes] : whole) {
    if (name.ends_with('/') || name.starts_with("audit-0")) continue;
    for (const DamageKind kind : kAllDamage) {
      Image damaged = whole;
      if (!ApplyDamage(kind, name, other, &damaged)) continue;
      damaged.erase("audit-0/00000000000000000000.log");
      bool refused = false;
      const std::string problem = CheckEngine(&world, name, kind, damaged, &refused);
      if (refused) continue;
      ++opened;
      // Where it does not know its topics, it says so of this one, too.
      if (!problem.empty() || name == "millrace.topics") ++found;
    }
  }
  CHECK(found == opened);
  CHECK(opened > 100);
}

}  // namespace
}  // namespace millrace::testing
