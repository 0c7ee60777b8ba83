#include "log/cleaner.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "log/fake_cleanable_log.h"
#include "millrace/testing/sim_env.h"
#include "record/batches.h"

namespace millrace {
namespace {

using log_test::FakeCleanableLog;
using log_test::Records;
using record_test::BorrowedRecord;
using record_test::OwnedRecord;

constexpr Timestamp kNow{1'700'000'100'000};

struct Workload {
  Records records = {};
  Offset end{0};
};

struct WorkloadOptions {
  int segments = 5;
  int batches = 12;
  int records = 10;
  int keys = 40;
  size_t value_bytes = 60;
  std::optional<Compression> codec = std::nullopt;
};

std::vector<std::byte> Encode(const std::vector<OwnedRecord>& records, BatchOptions options) {
  BatchBuilder builder(options);
  const int64_t base = records.front().offset;
  for (const OwnedRecord& record : records) {
    builder.AppendAt(static_cast<int32_t>(record.offset - base), BorrowedRecord(record).get(),
                     Timestamp(record.timestamp));
  }
  const auto bytes = builder.Finish(Offset(base));
  REQUIRE(bytes.ok());
  return {bytes->begin(), bytes->end()};
}

OwnedRecord KeyedRecord(std::mt19937_64& random, int64_t offset, const WorkloadOptions& options) {
  OwnedRecord record{.offset = offset, .timestamp = kNow.value() - 50'000 + offset};
  record.key = "key-" + std::to_string(random() % static_cast<unsigned>(options.keys));
  if (random() % 5 != 0) record.value = record_test::RandomText(random, random() % options.value_bytes);
  if (random() % 4 == 0) record.headers.emplace_back("h", record_test::RandomText(random, 5));
  return record;
}

// Adds random segments to `log` and to `load`.
void Append(FakeCleanableLog* log, Workload* load, uint64_t seed, WorkloadOptions options = {}) {
  std::mt19937_64 random(seed);
  for (int s = 0; s < options.segments; ++s) {
    const Offset base = load->end;
    std::vector<std::vector<std::byte>> batches;
    for (int b = 0; b < options.batches; ++b) {
      std::vector<OwnedRecord> records;
      for (size_t count = 1 + random() % static_cast<unsigned>(options.records); count > 0; --count) {
        records.push_back(KeyedRecord(random, load->end.value(), options));
        load->records[records.back().offset] = records.back();
        ++load->end;
      }
      const auto codec = options.codec.value_or(static_cast<Compression>(random() % 5));
      batches.push_back(Encode(records, {.compression = codec}));
    }
    REQUIRE(log->AddSegment(base, batches, load->end).ok());
  }
}

// The state that a reader of the whole log ends with.
std::map<std::string, OwnedRecord> Latest(const Records& records) {
  std::map<std::string, OwnedRecord> latest;
  for (const auto& [offset, record] : records) {
    if (record.value.has_value()) {
      latest[*record.key] = record;
    } else {
      latest.erase(*record.key);
    }
  }
  return latest;
}

// "" if `now` is what compaction may have made of `before`: nothing changed, nothing invented, the last value
// of every key there. With `complete`, also that nothing is left that should be gone.
std::string Judge(const Records& before, const Records& now, bool complete, bool tombstones_gone) {
  std::map<std::string, int64_t> last;
  for (const auto& [offset, record] : before) last[*record.key] = offset;
  for (const auto& [offset, record] : now) {
    const auto original = before.find(offset);
    if (original == before.end()) return "a record out of nowhere at " + std::to_string(offset);
    if (!(original->second == record)) return "a record was changed at " + std::to_string(offset);
    if (complete && last.at(*record.key) != offset) return "an old record stayed: " + std::to_string(offset);
    if (complete && tombstones_gone && !record.value.has_value()) return "a tombstone stayed";
  }
  for (const auto& [key, offset] : last) {
    const bool is_tombstone = !before.at(offset).value.has_value();
    if (!now.contains(offset) && !(is_tombstone && tombstones_gone)) return "lost: " + key;
  }
  if (Latest(before) != Latest(now)) return "the final state differs";
  return "";
}

CleaningPlan PlanAll(FileSystem* files, const CleanableLog& log, Offset checkpoint = kNoOffset) {
  const auto plan = PlanCleaning(files, log, checkpoint, kNow);
  REQUIRE(plan.ok());
  return *plan;
}

// Cleans until nothing is dirty; returns the number of passes.
int Clean(FileSystem* files, FakeCleanableLog* log, Timestamp now, CleanerOptions options = {},
          Offset first_dirty = kNoOffset) {
  int passes = 0;
  for (;;) {
    const auto plan = PlanCleaning(files, *log, first_dirty, now);
    REQUIRE(plan.ok());
    if (passes > 0 && plan->dirty_bytes == 0) return passes;
    Cleaning cleaning(files, log, *plan, options, now, {3, 4});
    const absl::Status status = cleaning.Run();
    INFO(std::string(status.message()));
    REQUIRE(status.ok());
    REQUIRE((plan->dirty_bytes == 0 || cleaning.first_dirty_after() > first_dirty));
    first_dirty = cleaning.first_dirty_after();
    ++passes;
  }
}

struct World {
  explicit World(uint64_t seed) : sim(seed), log(sim.files.get(), "/log") {
    REQUIRE(sim.files->CreateDirectory("/log").ok());
    REQUIRE(sim.files->SyncDirectory("/").ok());
  }
  FileSystem* files() { return sim.files.get(); }
  SimEnv sim;
  FakeCleanableLog log;
};

TEST_CASE("A cleaning keeps the last value of every key, at its offset, as it was", "[log][cleaner]") {
  const auto seed = static_cast<uint64_t>(GENERATE(range(0, 12)));
  INFO("seed " << seed);
  World world(seed);
  Workload load;
  Append(&world.log, &load, seed);
  Clean(world.files(), &world.log, kNow);
  std::vector<std::pair<int64_t, int64_t>> ranges;
  const auto once = world.log.ReadAll(&ranges);
  REQUIRE(once.ok());
  CHECK(Judge(load.records, *once, true, false) == "");
  CHECK(once->size() < load.records.size());
  CHECK(std::is_sorted(ranges.begin(), ranges.end()));
  CHECK(world.log.ClosedSegments().back().next_offset == load.end);

  // More is written; the tombstones are not old enough yet, then they are.
  Append(&world.log, &load, seed + 1000, {.segments = 2});
  Clean(world.files(), &world.log, kNow + 999, {}, kNoOffset);
  const auto twice = world.log.ReadAll();
  REQUIRE(twice.ok());
  CHECK(Judge(load.records, *twice, true, false) == "");
  Clean(world.files(), &world.log, kNow + 3000);
  const auto gone = world.log.ReadAll();
  REQUIRE(gone.ok());
  CHECK(Judge(load.records, *gone, true, true) == "");
}

TEST_CASE("Tombstones stay until their horizon and go at it", "[log][cleaner]") {
  World world(1);
  const std::vector<OwnedRecord> records = {{.offset = 0, .timestamp = 5, .key = "a", .value = "1"},
                                            {.offset = 1, .timestamp = 6, .key = "a"},
                                            {.offset = 2, .timestamp = 7, .key = "b", .value = "2"}};
  REQUIRE(world.log.AddSegment(Offset(0), {Encode(records, {})}, Offset(3)).ok());
  Clean(world.files(), &world.log, kNow);
  auto batches = world.log.Batches();
  REQUIRE(batches.ok());
  REQUIRE(batches->size() == 1);
  CHECK(batches->front().count == 2);
  CHECK(batches->front().horizon == kNow + 1000);
  CHECK(batches->front().base == 0);
  CHECK(batches->front().last == 2);
  // A second pass does not move the horizon, and one before it takes nothing away.
  Clean(world.files(), &world.log, kNow + 999);
  batches = world.log.Batches();
  REQUIRE(batches.ok());
  CHECK(batches->front().count == 2);
  CHECK(batches->front().horizon == kNow + 1000);
  Clean(world.files(), &world.log, kNow + 1000);
  const auto left = world.log.ReadAll();
  REQUIRE(left.ok());
  REQUIRE(left->size() == 1);
  CHECK(left->at(2) == records[2]);
}

TEST_CASE("Keys that do not fit the buffer take several passes", "[log][cleaner]") {
  World world(2);
  Workload load;
  Append(&world.log, &load, 5, {.segments = 6, .keys = 200});
  const int passes = Clean(world.files(), &world.log, kNow, {.dedupe_buffer_bytes = 24 * 40});
  CHECK(passes > 3);
  const auto records = world.log.ReadAll();
  REQUIRE(records.ok());
  CHECK(Judge(load.records, *records, true, false) == "");
}

TEST_CASE("A batch with more keys than the buffer takes is an error that changes nothing", "[log][cleaner]") {
  World world(2);
  Workload load;
  Append(&world.log, &load, 5, {.segments = 1, .batches = 2, .records = 30, .keys = 10000});
  Cleaning cleaning(world.files(), &world.log, PlanAll(world.files(), world.log),
                    {.dedupe_buffer_bytes = 24 * 2}, kNow, {1, 2});
  const absl::Status status = cleaning.Run();
  CHECK(ErrorCodeOf(status) == ErrorCode::kKafkaStorageError);
  CHECK(std::string(status.message()).find("dedupe buffer") != std::string::npos);
  const auto records = world.log.ReadAll();
  REQUIRE(records.ok());
  CHECK(*records == load.records);
}

TEST_CASE("Small results are merged, up to segment.bytes", "[log][cleaner]") {
  World world(3);
  Workload load;
  Append(&world.log, &load, 5, {.segments = 20, .batches = 4, .codec = Compression::kNone});
  world.log.settings.segment_bytes = 4096;
  Clean(world.files(), &world.log, kNow);
  const auto segments = world.log.ClosedSegments();
  CHECK(segments.size() < 20);
  for (size_t i = 0; i < segments.size(); ++i) {
    CHECK(segments[i].length <= 4096);
    if (i > 0) CHECK(segments[i].base >= segments[i - 1].next_offset);
  }
  const auto records = world.log.ReadAll();
  REQUIRE(records.ok());
  CHECK(Judge(load.records, *records, true, false) == "");
  const auto names = world.files()->List("/log");
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    CHECK(name.find(".cleaned") == std::string::npos);
    CHECK(name.find(".swap") == std::string::npos);
  }
}

TEST_CASE("Records are rewritten with the topic's codec, or their own", "[log][cleaner]") {
  for (const auto topic : {std::optional<Compression>(), std::optional(Compression::kZstd)}) {
    World world(4);
    world.log.settings.compression_type = topic;
    Workload load;
    Append(&world.log, &load, 9, {.segments = 1, .keys = 10, .codec = Compression::kLz4});
    Clean(world.files(), &world.log, kNow);
    const auto batches = world.log.Batches();
    REQUIRE(batches.ok());
    REQUIRE(!batches->empty());
    for (const auto& batch : *batches) {
      CHECK(
          (batch.compression == topic.value_or(Compression::kLz4) || batch.compression == Compression::kLz4));
    }
    const bool any_zstd = std::any_of(batches->begin(), batches->end(), [](const auto& batch) {
      return batch.compression == Compression::kZstd;
    });
    CHECK(any_zstd == topic.has_value());
  }
}

std::vector<std::byte> ProducerBatch(int64_t offset, std::vector<std::string> keys, int64_t producer,
                                     int32_t sequence, bool transactional) {
  std::vector<OwnedRecord> records;
  for (const std::string& key : keys) {
    records.push_back({.offset = offset++, .timestamp = 5, .key = key, .value = "v"});
  }
  return Encode(records, {.producer_id = ProducerId(producer),
                          .producer_epoch = ProducerEpoch(0),
                          .base_sequence = sequence,
                          .transactional = transactional});
}

TEST_CASE("The batch with a producer's last sequence stays, empty", "[log][cleaner]") {
  World world(5);
  REQUIRE(
      world.log
          .AddSegment(Offset(0),
                      {ProducerBatch(0, {"a", "b"}, 7, 0, false), ProducerBatch(2, {"a", "b"}, 7, 2, false),
                       ProducerBatch(4, {"a", "b"}, 8, 0, false)},
                      Offset(6))
          .ok());
  world.log.producers = {
      {.producer_id = ProducerId(7), .producer_epoch = ProducerEpoch(0), .last_sequence = 3},
      {.producer_id = ProducerId(8), .producer_epoch = ProducerEpoch(0), .last_sequence = 1}};
  Clean(world.files(), &world.log, kNow);
  auto batches = world.log.Batches();
  REQUIRE(batches.ok());
  REQUIRE(batches->size() == 2);
  CHECK(batches->at(0).base == 2);
  CHECK(batches->at(0).last == 3);
  CHECK(batches->at(0).count == 0);
  CHECK(batches->at(0).last_sequence == 3);
  CHECK(batches->at(1).count == 2);
  // The producer is forgotten: nothing is left to keep.
  world.log.producers = {};
  Clean(world.files(), &world.log, kNow);
  batches = world.log.Batches();
  REQUIRE(batches.ok());
  CHECK(batches->size() == 1);
}

std::vector<std::byte> Marker(ControlType type, int64_t offset, int64_t producer) {
  return EncodeControlBatch({.type = type, .coordinator_epoch = 1}, ProducerId(producer), ProducerEpoch(0),
                            Timestamp(9), Offset(offset), LeaderEpoch(0));
}

TEST_CASE("Aborted records go at once, markers when nothing of theirs is left", "[log][cleaner]") {
  World world(6);
  REQUIRE(world.log
              .AddSegment(Offset(0),
                          {ProducerBatch(0, {"a"}, 1, 0, true), ProducerBatch(1, {"a", "b"}, 2, 0, true),
                           Marker(ControlType::kCommit, 3, 1), Marker(ControlType::kAbort, 4, 2),
                           ProducerBatch(5, {"c"}, 2, 2, true), Marker(ControlType::kCommit, 6, 2)},
                          Offset(7))
              .ok());
  world.log.aborted = {{.producer_id = ProducerId(2),
                        .first_offset = Offset(1),
                        .last_offset = Offset(4),
                        .last_stable_offset = Offset(4)}};
  Clean(world.files(), &world.log, kNow);
  auto batches = world.log.Batches();
  REQUIRE(batches.ok());
  // The aborted "a" does not hide the committed one.
  REQUIRE(batches->size() == 5);
  CHECK(batches->at(0).base == 0);
  CHECK(batches->at(1).base == 3);
  CHECK(batches->at(2).base == 4);
  CHECK_FALSE(batches->at(2).horizon.has_value());
  CHECK(batches->at(3).base == 5);
  // The entry of the abort marker that stays is in the new index.
  const auto index = ReadWholeFile(world.files(), "/log/00000000000000000000.txnindex", 1000);
  REQUIRE(index.ok());
  const auto entries = TransactionIndex::FromBytes(Offset(0), *index);
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 1);
  CHECK(entries->At(0) == world.log.aborted[0]);
  // Nothing of the transaction was seen: the marker gets its horizon, ...
  Clean(world.files(), &world.log, kNow);
  batches = world.log.Batches();
  REQUIRE(batches.ok());
  REQUIRE(batches->size() == 5);
  CHECK(batches->at(2).horizon == kNow + 1000);
  CHECK_FALSE(batches->at(1).horizon.has_value());
  world.log.aborted = {};
  // ... and goes.
  Clean(world.files(), &world.log, kNow + 1000);
  batches = world.log.Batches();
  REQUIRE(batches.ok());
  REQUIRE(batches->size() == 4);
  CHECK(batches->at(2).base == 5);
}

TEST_CASE("Plans follow the ratio, the lags, fences and open transactions", "[log][cleaner]") {
  World world(7);
  Workload load;
  Append(&world.log, &load, 1, {.segments = 4, .codec = Compression::kNone});
  const auto segments = world.log.ClosedSegments();
  const auto plan_at = [&](Offset checkpoint) { return PlanAll(world.files(), world.log, checkpoint); };
  CHECK(plan_at(kNoOffset).due);
  CHECK(plan_at(kNoOffset).end == load.end);
  CHECK(plan_at(segments[1].next_offset).clean_bytes == segments[0].length + segments[1].length);
  CHECK_FALSE(plan_at(segments[2].next_offset).due);
  CHECK_FALSE(plan_at(load.end).due);
  // A checkpoint of a longer life is not believed.
  CHECK(plan_at(load.end + 5).first_dirty == Offset(0));
  world.log.settings.max_compaction_lag_ms = 1000;
  CHECK(plan_at(segments[2].next_offset).due);
  CHECK_FALSE(plan_at(load.end).due);
  world.log.settings.max_compaction_lag_ms = INT64_MAX;
  world.log.settings.min_compaction_lag_ms = kNow.value() - segments[2].max_timestamp.value();
  CHECK(plan_at(kNoOffset).end == segments[2].next_offset);
  world.log.settings.min_compaction_lag_ms = 0;
  world.log.cleanable_end = segments[1].next_offset + 1;
  CHECK(plan_at(kNoOffset).end == segments[1].next_offset);
  world.log.cleanable_end = Offset(INT64_MAX);
  world.log.fenced = {{.first = segments[1].base + 1, .next = segments[1].base + 2}};
  CHECK(plan_at(kNoOffset).end == segments[0].next_offset);
}

TEST_CASE("Compaction does not build on damage", "[log][cleaner]") {
  World world(8);
  Workload load;
  Append(&world.log, &load, 1, {.segments = 3, .codec = Compression::kNone});
  const std::string path = "/log/" + SegmentFileName(world.log.ClosedSegments()[1].base, kLogSuffix);
  // In the middle of the first batch; in the part of its header that its CRC does not cover.
  const size_t at = GENERATE(size_t{80}, size_t{14});
  auto file = world.files()->Open(path, OpenMode::kReadWrite);
  REQUIRE(file.ok());
  std::byte bad[1];
  REQUIRE((*file)->ReadAt(at, bad).ok());
  bad[0] ^= std::byte{4};
  REQUIRE((*file)->WriteAt(at, bad).ok());
  Cleaning cleaning(world.files(), &world.log, PlanAll(world.files(), world.log), {}, kNow, {1, 2});
  const absl::Status status = cleaning.Run();
  CHECK(absl::IsDataLoss(status));
  const auto range = DamagedRangeOf(status);
  REQUIRE(range.has_value());
  CHECK(range->first == world.log.ClosedSegments()[1].base);
  CHECK(world.log.ClosedSegments().size() == 3);
}

TEST_CASE("A full disk ends the cleaning and nothing else", "[log][cleaner]") {
  World world(9);
  Workload load;
  Append(&world.log, &load, 1, {.segments = 2});
  world.sim.files->Fail({.kind = SimFaultKind::kNoSpace, .operation = FileOperation::kWrite, .nth = 2});
  Cleaning cleaning(world.files(), &world.log, PlanAll(world.files(), world.log), {}, kNow, {1, 2});
  CHECK(absl::IsResourceExhausted(cleaning.Run()));
  CHECK(world.sim.files->faults_fired() == 1);
  const auto records = world.log.ReadAll();
  REQUIRE(records.ok());
  CHECK(*records == load.records);
  Clean(world.files(), &world.log, kNow);
  const auto after = world.log.ReadAll();
  REQUIRE(after.ok());
  CHECK(Judge(load.records, *after, true, false) == "");
}

// Stops a cleaning at its nth call to the file system; says what is wrong afterwards. True in `done` if the
// cleaning got through.
std::string CrashAt(uint64_t nth, bool power_loss, bool careless, bool* done) {
  World world(nth);
  Workload load;
  Append(&world.log, &load, 11, {.segments = 4, .batches = 6});
  REQUIRE(world.files()->SyncAll("/").ok());
  world.log.settings.segment_bytes = 6000;
  world.log.careless = careless;
  {
    Cleaning cleaning(world.files(), &world.log, PlanAll(world.files(), world.log), {}, kNow, {1, 2});
    world.sim.files->StopAtCall(nth);
    *done = cleaning.Run().ok();
  }
  world.sim.files->StopAtCall(0);
  if (power_loss) {
    world.sim.Crash({.seed = nth});
  } else {
    world.sim.KillProcess();
  }
  FakeCleanableLog reopened(world.files(), "/log");
  if (const absl::Status status = reopened.Load(); !status.ok()) return std::string(status.message());
  const auto records = reopened.ReadAll();
  if (!records.ok()) return std::string(records.status().message());
  std::string wrong = Judge(load.records, *records, false, false);
  if (!wrong.empty()) return wrong;
  // And what is left can be cleaned.
  reopened.settings.segment_bytes = 6000;
  Clean(world.files(), &reopened, kNow);
  const auto after = reopened.ReadAll();
  if (!after.ok()) return std::string(after.status().message());
  const auto names = world.files()->List("/log");
  for (const std::string& name : *names) {
    if (name.ends_with(kSwapSuffix) || name.ends_with(kCleanedSuffix)) return name + " was left";
  }
  return Judge(load.records, *after, true, false);
}

TEST_CASE("A cleaning survives a stop at each of its calls", "[log][cleaner]") {
  const bool power_loss = GENERATE(false, true);
  bool done = false;
  uint64_t nth = 1;
  for (; !done; ++nth) {
    const std::string wrong = CrashAt(nth, power_loss, false, &done);
    INFO("stopped at call " << nth << (power_loss ? ", power lost" : ", killed"));
    REQUIRE(wrong == "");
    REQUIRE(nth < 500);
  }
  CHECK(nth > 60);
}

TEST_CASE("A careless swap does not survive it (negative control)", "[log][cleaner]") {
  bool done = false;
  int lost = 0;
  for (uint64_t nth = 1; !done && nth < 500; ++nth) {
    if (!CrashAt(nth, true, true, &done).empty()) ++lost;
  }
  CHECK(lost > 0);
}

}  // namespace
}  // namespace millrace
