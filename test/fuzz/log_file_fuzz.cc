// Any bytes, taken for each file of a log.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "fuzz/fuzz_target.h"
#include "log/batch_guard.h"
#include "log/files.h"
#include "log/flush_points.h"
#include "log/leader_epoch_cache.h"
#include "log/manifest_file.h"
#include "log/offset_index.h"
#include "log/producer_state_table.h"
#include "log/text_checkpoints.h"
#include "log/time_index.h"
#include "log/transaction_index.h"
#include "millrace/topic.h"

namespace millrace::inline v0::fuzz {
namespace {

void Indexes(FileSystem* files, Input input) {
  const Offset base(1000);
  log_test::Put(files, "/d/f", input);
  const auto file = log_test::OpenFile(files, "/d/f");
  const auto offsets = OffsetIndex::FromBytes(base, input, 1 << 20);
  const auto offset_file = OffsetIndexFile::Open(file.get(), base, 1 << 20);
  // What loads whole must look up the same by pages.
  if (offsets.ok()) Require(offset_file.ok());
  for (int64_t target = 990; offset_file.ok() && target < 3000; target += 100) {
    const auto found = offset_file->Floor(Offset(target));
    if (offsets.ok()) Require(*found == offsets->Floor(Offset(target)));
    if (found.ok()) Require(found->position < (1 << 20));
  }
  const auto times = TimeIndex::FromBytes(base, input);
  const auto time_file = TimeIndexFile::Open(file.get(), base);
  for (int64_t target = -5; time_file.ok() && target < 3000; target += 100) {
    const auto found = time_file->Floor(Timestamp(target));
    if (times.ok()) Require(*found == times->Floor(Timestamp(target)));
  }
  const auto aborted = TransactionIndex::FromBytes(base, input);
  std::vector<AbortedTransaction> collected;
  if (aborted.ok()) aborted->Collect(Offset(0), Offset(INT64_MAX), &collected);
}

void Guard(FileSystem* files, Input input) {
  log_test::Put(files, "/d/f", input);
  const auto file = log_test::OpenFile(files, "/d/f");
  const std::vector<std::byte> header(64);
  if (auto reader = GuardReader::Open(file.get(), Offset(0)); reader.ok()) {
    for (uint32_t position = 0; position < 2000; position += 61) {
      Require(reader->Check(position, header.data()).ok());
      Require(reader->NextBatch(position).ok());
      Require(reader->Floor(position).ok());
    }
    Require(reader->CountDamagedPages().ok());
  }
  auto guard = BatchGuard::Resume(file.get(), Offset(0), 1 << 20);
  Require(guard.ok() && guard->covered_position() <= (1 << 20));
  guard->Extend(input);
  Require(guard->WriteSealed(file.get(), {}).ok());
  Require(GuardReader::Open(file.get(), Offset(0))->seal().has_value());
}

void Snapshot(Input input) {
  ProducerStateTable table;
  if (!table.LoadSnapshot(input, Offset(INT64_MAX), kNoTimestamp).ok()) return;
  const auto bytes = table.EncodeSnapshot();
  ProducerStateTable again;
  Require(again.LoadSnapshot(bytes, Offset(INT64_MAX), kNoTimestamp).ok());
  Require(again.EncodeSnapshot() == bytes);
}

// The payloads get a header and checksums, so that they reach the manifest.
void Manifest(FileSystem* files, Input input) {
  ManifestReport report;
  log_test::Put(files, "/d/f", input);
  ManifestFile::Open(files, "/d/f", RecordFile::Access::kReadOnly, &report).status().IgnoreError();
  files->Remove("/d/f").IgnoreError();
  {
    auto records = log_test::Must(
        RecordFile::Open(files, "/d/f", ManifestFile::kKind, RecordFile::Access::kCreate, nullptr, nullptr));
    while (input.size() > 2) {
      const size_t length = std::min<size_t>(std::to_integer<size_t>(input[1]), input.size() - 2);
      records->Append(std::to_integer<uint8_t>(input[0]) % 255, input.subspan(2, length));
      input = input.subspan(2 + length);
    }
    Require(records->Write().ok());
  }
  auto manifest = log_test::Must(ManifestFile::Open(files, "/d/f", RecordFile::Access::kCreate, &report));
  const auto logs = manifest->Logs();
  Require(manifest->Compact().ok());
  manifest = log_test::Must(ManifestFile::Open(files, "/d/f", RecordFile::Access::kReadOnly, &report));
  Require(report.trusted && manifest->Logs() == logs);
}

void Flush(FileSystem* files, Input input) {
  log_test::Put(files, "/d/f", input);
  auto points = FlushPoints::Open(files, "/d/f", false, nullptr);
  if (!points.ok()) return;
  (*points)->Set(3, {.offset = Offset(5)});
  Require((*points)->Sync().ok());
}

void Texts(std::string_view text) {
  if (const auto cache = LeaderEpochCache::FromText(text); cache.ok()) {
    Require(LeaderEpochCache::FromText(cache->ToText())->ToText() == cache->ToText());
  }
  if (const auto entries = DecodeOffsetCheckpoint(text); entries.ok()) {
    Require(*DecodeOffsetCheckpoint(EncodeOffsetCheckpoint(*entries)) == *entries);
  }
  if (const auto properties = DecodeMetaProperties(text); properties.ok()) {
    Require(*DecodeMetaProperties(EncodeMetaProperties(*properties)) == *properties);
  }
  DecodePartitionMetadata(text).status().IgnoreError();
  for (const std::string_view name : TopicConfig::Names()) {
    TopicConfig config;
    if (!config.Set(name, text).ok()) continue;
    TopicConfig again;
    Require(again.Set(name, *config.Get(name)).ok() && again == config);
  }
}

std::vector<Bytes> ThreeEach(std::initializer_list<size_t> lengths, uint8_t step) {
  std::vector<Bytes> seeds;
  for (const size_t length : lengths) {
    Bytes& seed = seeds.emplace_back(length);
    for (size_t i = 0; i < length; ++i) seed[i] = static_cast<std::byte>(i % 4 == 3 ? i / 4 * step : 0);
  }
  return seeds;
}

// Entries as the indexes themselves write them.
std::vector<Bytes> IndexSeeds() {
  std::vector<Bytes> seeds = ThreeEach({0, 8, 96, 4096}, 3);
  OffsetIndex offsets(Offset(1000));
  TimeIndex times(Offset(1000));
  TransactionIndex transactions(Offset(1000));
  for (int i = 1; i < 40; ++i) {
    offsets.Append(Offset(1000 + 10 * i), static_cast<uint32_t>(100 * i));
    times.MaybeAppend(Timestamp(50 * i), Offset(1000 + 10 * i));
    transactions.Append({.producer_id = ProducerId(i % 3),
                         .first_offset = Offset(1000 + i),
                         .last_offset = Offset(1001 + i),
                         .last_stable_offset = Offset(1000 + i)});
  }
  seeds.push_back(log_test::ToBytes(offsets.bytes()));
  seeds.push_back(log_test::ToBytes(times.bytes()));
  seeds.push_back(log_test::ToBytes(transactions.bytes()));
  return seeds;
}

std::vector<Bytes> GuardSeeds() {
  const auto files = log_test::MemoryFiles();
  const auto file = log_test::OpenFile(files.get(), "/d/f");
  BatchGuard guard(Offset(0));
  Require(guard.WriteSealed(file.get(), {}).ok());
  std::vector<Bytes> seeds = ThreeEach({0, 64, 700}, 5);
  seeds.push_back(log_test::ReadAll(files.get(), "/d/f"));
  return seeds;
}

std::vector<Bytes> SnapshotSeeds() {
  return {ProducerStateTable().EncodeSnapshot(), ToInput("")};
}

std::vector<Bytes> ManifestSeeds() {
  const auto files = log_test::MemoryFiles();
  ManifestReport report;
  auto manifest =
      log_test::Must(ManifestFile::Open(files.get(), "/d/f", RecordFile::Access::kCreate, &report));
  Require(manifest->Sync().ok());
  manifest.reset();
  std::vector<Bytes> seeds = ThreeEach({30, 300}, 1);
  if (files->Open("/d/f", OpenMode::kRead).ok()) seeds.push_back(log_test::ReadAll(files.get(), "/d/f"));
  // Runs of a type, a length and a payload.
  Bytes runs;
  for (int type = 0; type < 12; ++type) {
    runs.push_back(static_cast<std::byte>(type));
    runs.push_back(std::byte{24});
    for (int i = 0; i < 24; ++i) runs.push_back(static_cast<std::byte>(i % 4 == 3 ? type : 0));
  }
  seeds.push_back(runs);
  return seeds;
}

std::vector<Bytes> TextSeeds() {
  return {ToInput("0\n2\n0 0\n3 1000\n"),
          ToInput("0\n1\ntopic 0 17\n"),
          ToInput("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n"),
          ToInput("#\nversion=1\nnode.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=x\n"),
          ToInput("compact,delete"),
          ToInput("9223372036854775807"),
          ToInput("zstd"),
          ToInput("true")};
}

template <typename Run>
auto WithFiles(Run run) {
  return [run](Input input) {
    const auto files = log_test::MemoryFiles();
    run(files.get(), input);
  };
}

}  // namespace

void AddLogFileTargets(Targets* to) {
  to->push_back({.name = "log.indexes", .run = WithFiles(Indexes), .seeds = IndexSeeds, .cost_micros = 20});
  to->push_back({.name = "log.guard", .run = WithFiles(Guard), .seeds = GuardSeeds, .cost_micros = 30});
  to->push_back({.name = "log.producer_snapshot", .run = Snapshot, .seeds = SnapshotSeeds});
  to->push_back(
      {.name = "log.manifest", .run = WithFiles(Manifest), .seeds = ManifestSeeds, .cost_micros = 50});
  to->push_back({.name = "log.flush_points",
                 .run = WithFiles(Flush),
                 .seeds = [] { return ThreeEach({0, 100, 8192, 20000}, 7); },
                 .cost_micros = 30});
  to->push_back({.name = "log.texts",
                 .run = [](Input input) { Texts(AsText(input)); },
                 .seeds = TextSeeds,
                 .cost_micros = 30});
}

}  // namespace millrace::inline v0::fuzz
