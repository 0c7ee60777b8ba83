// Any bytes, taken for each file of a log: the first byte says for which.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
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

namespace millrace {
namespace {

using Input = std::span<const std::byte>;

void Require(bool condition) {
  if (!condition) std::abort();
}

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

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;  // NOLINT
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data + 1, size - 1));
  const auto files = log_test::MemoryFiles();
  switch (data[0] % 6) {
    case 0:
      Indexes(files.get(), input);
      break;
    case 1:
      Guard(files.get(), input);
      break;
    case 2:
      Snapshot(input);
      break;
    case 3:
      Manifest(files.get(), input);
      break;
    case 4:
      Flush(files.get(), input);
      break;
    default:
      Texts(AsText(input));
  }
  return 0;
}
