#include "tools/dump_log.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/endian.h"
#include "base/parse_number.h"
#include "base/strings.h"
#include "millrace/offsets_topic.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::inline v0::tools {
namespace {

std::string_view TimestampName(TimestampType type) {
  return type == TimestampType::kCreateTime ? "CreateTime" : "LogAppendTime";
}

std::string_view CodecName(Compression codec) {
  constexpr std::string_view kNames[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  const auto index = static_cast<size_t>(codec);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

void PrintBatch(const BatchView& batch, uint64_t position, bool valid, std::ostream& out) {
  out << "baseOffset: " << batch.base_offset().value() << " lastOffset: " << batch.last_offset().value()
      << " count: " << batch.record_count() << " baseSequence: " << batch.base_sequence()
      << " lastSequence: " << batch.last_sequence() << " producerId: " << batch.producer_id().value()
      << " producerEpoch: " << batch.producer_epoch().value()
      << " partitionLeaderEpoch: " << batch.leader_epoch().value()
      << " isTransactional: " << (batch.is_transactional() ? "true" : "false")
      << " isControl: " << (batch.is_control() ? "true" : "false") << " deleteHorizonMs: ";
  if (const std::optional<Timestamp> horizon = batch.delete_horizon(); horizon.has_value()) {
    out << "OptionalLong[" << horizon->value() << ']';
  } else {
    out << "OptionalLong.empty";
  }
  out << " position: " << position << ' ' << TimestampName(batch.timestamp_type()) << ": "
      << batch.max_timestamp().value() << " size: " << batch.size_bytes() << " magic: " << int{batch.magic()}
      << " compresscodec: " << CodecName(batch.compression()) << " crc: " << batch.crc()
      << " isvalid: " << (valid ? "true" : "false") << '\n';
}

int64_t SizeOf(const std::optional<std::string_view>& bytes) {
  return bytes.has_value() ? static_cast<int64_t>(bytes->size()) : -1;
}

void PrintMetadata(const BatchView& batch, const RecordView& record, std::ostream& out) {
  int64_t sequence = -1;
  if (batch.base_sequence() >= 0) {
    sequence = (int64_t{batch.base_sequence()} + (record.offset - batch.base_offset())) & INT32_MAX;
  }
  out << "| offset: " << record.offset.value() << ' ' << TimestampName(batch.timestamp_type()) << ": "
      << record.timestamp.value() << " keySize: " << SizeOf(record.key)
      << " valueSize: " << SizeOf(record.value) << " sequence: " << sequence << " headerKeys: [";
  std::string_view comma;
  for (const Header& header : record.headers) {
    out << comma << header.key;
    comma = ",";
  }
  out << ']';
  if (!batch.is_control()) return;
  const std::optional<ControlMarker> marker = ParseControlMarker(record);
  if (!marker.has_value()) return;
  out << " endTxnMarker: " << (marker->type == ControlType::kCommit ? "COMMIT" : "ABORT")
      << " coordinatorEpoch: " << marker->coordinator_epoch;
}

void PrintOffsetsRecord(const RecordView& record, std::string_view prefix, std::ostream& out) {
  out << prefix << "key: ";
  const absl::StatusOr<OffsetsRecordText> text = DescribeOffsetsRecord(record);
  if (text.ok()) {
    out << text->key << " payload: " << text->value.value_or("<DELETE>");
  } else if (ErrorCodeOf(text.status()) == ErrorCode::kUnsupportedVersion) {
    out << ToStd(text.status().message()) << " at offset " << record.offset.value() << ", skipping.";
  } else {
    out << "Error at offset " << record.offset.value() << ", skipping. " << ToStd(text.status().message());
  }
}

void PrintRecords(const BatchView& batch, const DumpOptions& options, std::ostream& out) {
  RecordReader reader(batch);
  for (RecordView record; reader.Next(&record);) {
    std::string_view prefix = "| ";
    if (!options.skip_metadata) {
      PrintMetadata(batch, record, out);
      prefix = " ";
    }
    if (options.contents && options.offsets && !batch.is_control()) {
      PrintOffsetsRecord(record, prefix, out);
    } else if (options.contents && !batch.is_control()) {
      if (record.key.has_value()) {
        out << prefix << "key: " << *record.key;
        prefix = " ";
      }
      if (record.value.has_value()) out << prefix << "payload: " << *record.value;
    }
    out << '\n';
  }
  if (!reader.status().ok()) out << "| " << ToStd(reader.status().message()) << '\n';
}

struct MappedWhole {
  std::unique_ptr<File> file;
  std::unique_ptr<MappedFile> map;
  std::span<const std::byte> bytes;
};

absl::StatusOr<MappedWhole> MapWhole(FileSystem& files, std::string_view path) {
  MappedWhole whole;
  absl::StatusOr<std::unique_ptr<File>> file = files.Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  whole.file = *std::move(file);
  absl::StatusOr<uint64_t> size = whole.file->Size();
  if (!size.ok()) return size.status();
  if (*size == 0) return whole;
  absl::StatusOr<std::unique_ptr<MappedFile>> map = whole.file->Map(*size, MapAccess::kRead);
  if (!map.ok()) return map.status();
  whole.map = *std::move(map);
  whole.bytes = whole.map->bytes();
  return whole;
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// The number that a segment's file is named by; nullopt for another name.
std::optional<int64_t> StartOffset(std::string_view path) {
  const std::string_view name = BaseName(path);
  const size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::nullopt : ParseNumber<int64_t>(name.substr(0, dot));
}

// Of an index: an offset from the segment's first, and where (.index) or when (.timeindex) it is.
struct IndexEntry {
  int64_t offset = 0;
  int64_t value = 0;
};

std::vector<IndexEntry> EntriesOf(std::span<const std::byte> bytes, bool of_time) {
  const size_t size = of_time ? 12 : 8;
  std::vector<IndexEntry> entries;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    const std::byte* const from = bytes.data() + at;
    const IndexEntry entry =
        of_time ? IndexEntry{.offset = LoadBig<int32_t>(from + 8), .value = LoadBig<int64_t>(from)}
                : IndexEntry{.offset = LoadBig<int32_t>(from), .value = LoadBig<int32_t>(from + 4)};
    // What was allocated and not yet written is zero.
    if (entry.offset == 0 && at > 0) break;
    entries.push_back(entry);
  }
  return entries;
}

absl::Status CheckSanity(std::span<const IndexEntry> entries, std::string_view path) {
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].offset > entries[i - 1].offset && entries[i].value > entries[i - 1].value) continue;
    return absl::DataLossError(
        ToAbsl(StrCat(path, ": entry ", i, " is not beyond the one before it; the index must be rebuilt")));
  }
  return absl::OkStatus();
}

// Each entry of an offset index names the last offset of the batch at its position.
absl::Status HoldAgainstLog(FileSystem& files, const std::string& log, std::string_view index, int64_t start,
                            std::span<const IndexEntry> entries, std::ostream& out) {
  absl::StatusOr<MappedWhole> whole = MapWhole(files, log);
  if (!whole.ok()) return whole.status();
  std::string mismatches;
  for (const IndexEntry& entry : entries) {
    int64_t found = -1;
    if (entry.value >= 0 && static_cast<uint64_t>(entry.value) < whole->bytes.size()) {
      const auto batch = BatchView::Parse(whole->bytes.subspan(static_cast<size_t>(entry.value)));
      if (batch.ok()) found = batch->last_offset().value();
    }
    if (found == start + entry.offset) continue;
    StrAppend(&mismatches, "  Index offset: ", start + entry.offset, ", log offset: ", found, "\n");
  }
  if (mismatches.empty()) return absl::OkStatus();
  out << "Mismatches in :" << index << '\n' << mismatches;
  return absl::DataLossError(ToAbsl(StrCat(index, " does not fit ", log)));
}

}  // namespace

absl::Status DumpLog(FileSystem& files, std::string_view path, const DumpOptions& options,
                     std::ostream& out) {
  absl::StatusOr<MappedWhole> whole = MapWhole(files, path);
  if (!whole.ok()) return whole.status();
  if (const std::optional<int64_t> start = StartOffset(path); start.has_value()) {
    out << "Log starting offset: " << *start << '\n';
  }
  const std::span<const std::byte> bytes =
      whole->bytes.first(std::min<uint64_t>(whole->bytes.size(), options.bytes_max));
  size_t position = 0;
  while (position < bytes.size()) {
    const absl::StatusOr<BatchView> batch = BatchView::Parse(bytes.subspan(position));
    if (!batch.ok()) break;
    const bool valid = batch->CrcIsValid();
    PrintBatch(*batch, position, valid, out);
    if (options.records && valid) PrintRecords(*batch, options, out);
    position += batch->size_bytes();
  }
  if (position < bytes.size() && bytes.size() == whole->bytes.size()) {
    out << "Found " << bytes.size() - position << " invalid bytes at the end of " << BaseName(path) << '\n';
  }
  return absl::OkStatus();
}

absl::Status DumpIndex(FileSystem& files, std::string_view path, IndexCheck check, std::ostream& out) {
  absl::StatusOr<MappedWhole> whole = MapWhole(files, path);
  if (!whole.ok()) return whole.status();
  const std::optional<int64_t> start = StartOffset(path);
  if (!start.has_value()) {
    return absl::InvalidArgumentError(ToAbsl(StrCat(path, " is not named by an offset, as an index is")));
  }
  const bool of_time = path.ends_with(".timeindex");
  const std::vector<IndexEntry> entries = EntriesOf(whole->bytes, of_time);
  if (check == IndexCheck::kSanity) {
    if (absl::Status sane = CheckSanity(entries, path); !sane.ok()) return sane;
    out << path << " passed sanity check.\n";
    return absl::OkStatus();
  }
  if (check == IndexCheck::kPrint) {
    if (entries.empty()) out << path << " is empty.\n";
    for (const IndexEntry& entry : entries) {
      if (of_time) {
        out << "timestamp: " << entry.value << " offset: " << *start + entry.offset << '\n';
      } else {
        out << "offset: " << *start + entry.offset << " position: " << entry.value << '\n';
      }
    }
  }
  if (of_time) return absl::OkStatus();
  const std::string log = StrCat(path.substr(0, path.rfind('.')), ".log");
  if (check == IndexCheck::kPrint && !files.Stat(log).ok()) return absl::OkStatus();
  return HoldAgainstLog(files, log, path, *start, entries, out);
}

}  // namespace millrace::inline v0::tools
