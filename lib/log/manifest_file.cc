#include "log/manifest_file.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "absl/container/btree_set.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// Numbers are part of the format: never change one, never use one again. Payloads, big-endian; all but the
// last two begin with the u32 log number.
enum class ManifestFile::Type : uint8_t {
  kLogCreated = 1,        // i64 base, directory (the rest)
  kLogDeleted = 2,        // -
  kLogRenamed = 3,        // directory (the rest)
  kSegmentAdded = 4,      // i64 base
  kSegmentSealed = 5,     // segment
  kSegmentUnsealed = 6,   // i64 base
  kSegmentsReplaced = 7,  // u32 count, i64 bases removed; u32 count, segments added
  kSegmentsRemoved = 8,   // i64 bases (the rest)
  kLogStartOffset = 9,    // i64 offset
  kEpochs = 10,           // {i32 epoch, i64 start} (the rest)
  kLogClosed = 11,        // u32 length of the last segment, i64 end offset
  kLogOpened = 12,        // -
  kLogState = 13,         // by compaction: all of a log; see EncodeState
  kOpened = 14,           // -
  kCleanClose = 15,       // -
};

namespace {

constexpr size_t kDirectoryBytesMax = 255;
// Compaction waits for so much, and for twice the state.
constexpr uint64_t kCompactionBytesMin = 256 << 10;
// i64 base, i64 next offset, i64 max timestamp, u32 length, u8 sealed.
constexpr size_t kSegmentBytes = 29;
constexpr size_t kEpochBytes = 12;
// Older ones are left out; followers that far behind start anew.
constexpr size_t kEpochsMax = 1 << 14;
// Of one kSegmentsRemoved.
constexpr size_t kRemovedMax = 1 << 16;

void Write(ByteWriter* writer, const ManifestSegment& segment) {
  writer->Write<int64_t>(segment.base.value());
  writer->Write<int64_t>(segment.next_offset.value());
  writer->Write<int64_t>(segment.max_timestamp.value());
  writer->Write<uint32_t>(segment.length);
  writer->Write<uint8_t>(segment.sealed ? 1 : 0);
}

ManifestSegment ReadSegment(ByteReader* reader) {
  ManifestSegment segment;
  segment.base = Offset(reader->Read<int64_t>());
  segment.next_offset = Offset(reader->Read<int64_t>());
  segment.max_timestamp = Timestamp(reader->Read<int64_t>());
  segment.length = reader->Read<uint32_t>();
  segment.sealed = reader->Read<uint8_t>() != 0;
  return segment;
}

void Write(ByteWriter* writer, const EpochEntry& entry) {
  writer->Write<int32_t>(entry.epoch.value());
  writer->Write<int64_t>(entry.start_offset.value());
}

EpochEntry ReadEpoch(ByteReader* reader) {
  EpochEntry entry;
  entry.epoch = LeaderEpoch(reader->Read<int32_t>());
  entry.start_offset = Offset(reader->Read<int64_t>());
  return entry;
}

std::vector<std::byte> Payload(uint32_t log_no) {
  std::vector<std::byte> payload;
  ByteWriter(&payload).Write<uint32_t>(log_no);
  return payload;
}

// A log is one record as long as it fits (some 30,000 segments); longer ones are continued by kSegmentAdded
// and kSegmentSealed.
size_t SegmentsInState(const LogEntry& log) {
  const size_t room = RecordFile::kPayloadBytesMax - 1024 - log.epochs.size() * kEpochBytes;
  return std::min(log.segments.size(), room / kSegmentBytes);
}

// u32 log number, i64 log start offset, u8 closed, i64 end offset, u32 active length, u8 bytes of the
// directory's name, name, u32 count, epochs, u32 count, segments.
std::vector<std::byte> EncodeState(const LogEntry& log) {
  std::vector<std::byte> payload = Payload(log.log_no);
  ByteWriter writer(&payload);
  writer.Write<int64_t>(log.log_start_offset.value());
  writer.Write<uint8_t>(log.closed ? 1 : 0);
  writer.Write<int64_t>(log.end_offset.value());
  writer.Write<uint32_t>(log.active_length);
  writer.Write<uint8_t>(static_cast<uint8_t>(log.directory.size()));
  writer.WriteText(log.directory);
  writer.Write<uint32_t>(static_cast<uint32_t>(log.epochs.size()));
  for (const EpochEntry& entry : log.epochs) Write(&writer, entry);
  const size_t segments = SegmentsInState(log);
  writer.Write<uint32_t>(static_cast<uint32_t>(segments));
  for (size_t i = 0; i < segments; ++i) Write(&writer, log.segments[i]);
  return payload;
}

bool DecodeState(ByteReader* reader, LogEntry* log) {
  log->log_start_offset = Offset(reader->Read<int64_t>());
  log->closed = reader->Read<uint8_t>() != 0;
  log->end_offset = Offset(reader->Read<int64_t>());
  log->active_length = reader->Read<uint32_t>();
  log->directory = std::string(reader->ReadText(reader->Read<uint8_t>()));
  const uint32_t epochs = reader->Read<uint32_t>();
  if (epochs > kEpochsMax) return false;
  for (uint32_t i = 0; i < epochs && reader->ok(); ++i) log->epochs.push_back(ReadEpoch(reader));
  const uint32_t segments = reader->Read<uint32_t>();
  for (uint32_t i = 0; i < segments && reader->ok(); ++i) log->segments.push_back(ReadSegment(reader));
  return reader->AtEnd();
}

absl::Status CheckDirectory(std::string_view name) {
  const bool bad_character =
      std::ranges::any_of(name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; });
  if (!bad_character && name != "." && name != ".." && name.size() <= kDirectoryBytesMax)
    return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("a log's directory must be one name of at most ",
                                           kDirectoryBytesMax, " bytes without '/' or control characters"));
}

auto FindSegment(std::vector<ManifestSegment>* segments, Offset base) {
  return std::ranges::lower_bound(*segments, base, {}, &ManifestSegment::base);
}

// Adds or replaces.
void PutSegment(std::vector<ManifestSegment>* segments, const ManifestSegment& segment) {
  const auto at = FindSegment(segments, segment.base);
  if (at != segments->end() && at->base == segment.base) {
    *at = segment;
    return;
  }
  segments->insert(at, segment);
}

bool RemoveSegment(std::vector<ManifestSegment>* segments, Offset base) {
  const auto at = FindSegment(segments, base);
  if (at == segments->end() || at->base != base) return false;
  segments->erase(at);
  return true;
}

// Bytes of a log's record in a compacted file, roughly.
uint64_t StateBytes(const LogEntry& log) {
  return 64 + log.directory.size() + log.segments.size() * kSegmentBytes + log.epochs.size() * kEpochBytes;
}

}  // namespace

// --- Replay. Every function returns "" or what does not fit; what can be understood is applied all the same.

std::string ManifestFile::ApplyToSegments(Type type, ByteReader* reader, LogEntry* log) {
  switch (type) {
    case Type::kSegmentAdded:
    case Type::kSegmentUnsealed: {
      const Offset base(reader->Read<int64_t>());
      if (!reader->AtEnd()) return "is malformed";
      PutSegment(&log->segments, {.base = base});
      return "";
    }
    case Type::kSegmentSealed: {
      const ManifestSegment segment = ReadSegment(reader);
      if (!reader->AtEnd()) return "is malformed";
      PutSegment(&log->segments, segment);
      return "";
    }
    case Type::kSegmentsReplaced: {
      std::string wrong;
      const uint32_t removed = reader->Read<uint32_t>();
      for (uint32_t i = 0; i < removed && reader->ok(); ++i) {
        const Offset base(reader->Read<int64_t>());
        if (reader->ok() && !RemoveSegment(&log->segments, base))
          wrong = StrCat("replaces the unknown segment ", base);
      }
      const uint32_t added = reader->Read<uint32_t>();
      for (uint32_t i = 0; i < added && reader->ok(); ++i) {
        const ManifestSegment segment = ReadSegment(reader);
        if (reader->ok()) PutSegment(&log->segments, segment);
      }
      return reader->AtEnd() ? wrong : "is malformed";
    }
    case Type::kSegmentsRemoved: {
      std::string wrong;
      while (reader->remaining() > 0 && reader->ok()) {
        const Offset base(reader->Read<int64_t>());
        if (reader->ok() && !RemoveSegment(&log->segments, base))
          wrong = StrCat("removes the unknown segment ", base);
      }
      return reader->ok() ? wrong : "is malformed";
    }
    default:
      return StrCat("has the unknown type ", static_cast<int>(type));
  }
}

std::string ManifestFile::ApplyToLog(Type type, ByteReader* reader, LogEntry* log) {
  switch (type) {
    case Type::kLogStartOffset:
      log->log_start_offset = Offset(reader->Read<int64_t>());
      return reader->AtEnd() ? "" : "is malformed";
    case Type::kEpochs: {
      std::vector<EpochEntry> epochs;
      while (reader->remaining() > 0 && reader->ok()) epochs.push_back(ReadEpoch(reader));
      if (!reader->ok() || epochs.size() > kEpochsMax) return "is malformed";
      log->epochs = std::move(epochs);
      return "";
    }
    case Type::kLogClosed:
      log->active_length = reader->Read<uint32_t>();
      log->end_offset = Offset(reader->Read<int64_t>());
      log->closed = reader->AtEnd();
      return log->closed ? "" : "is malformed";
    case Type::kLogOpened:
      log->closed = false;
      log->active_length = 0;
      log->end_offset = kNoOffset;
      return reader->AtEnd() ? "" : "is malformed";
    default:
      return ApplyToSegments(type, reader, log);
  }
}

std::string ManifestFile::Insert(LogEntry log) {
  if (!CheckDirectory(log.directory).ok()) return "names a directory outside";
  log_no_limit_ = std::max(log_no_limit_, log.log_no + 1);
  if (by_directory_.contains(log.directory)) return StrCat("creates \"", log.directory, "\" a second time");
  std::string wrong;
  if (const auto old = logs_.find(log.log_no); old != logs_.end()) {
    wrong = StrCat("gives the number of \"", old->second.directory, "\" away");
    by_directory_.erase(old->second.directory);
    logs_.erase(old);
  }
  by_directory_[log.directory] = log.log_no;
  logs_.emplace(log.log_no, std::move(log));
  return wrong;
}

std::string ManifestFile::ApplyToDirectory(Type type, ByteReader* reader, uint32_t log_no) {
  switch (type) {
    case Type::kLogCreated: {
      LogEntry log{.log_no = log_no};
      const Offset base(reader->Read<int64_t>());
      log.directory = std::string(reader->ReadText(reader->remaining()));
      log.log_start_offset = base;
      log.segments.push_back({.base = base});
      return reader->ok() ? Insert(std::move(log)) : "is malformed";
    }
    case Type::kLogState: {
      LogEntry log{.log_no = log_no};
      return DecodeState(reader, &log) ? Insert(std::move(log)) : "is malformed";
    }
    case Type::kLogDeleted: {
      const auto found = logs_.find(log_no);
      if (found == logs_.end()) return StrCat("deletes the unknown log ", log_no);
      by_directory_.erase(found->second.directory);
      logs_.erase(found);
      deleted_.push_back(log_no);
      return "";
    }
    default: {
      const auto found = logs_.find(log_no);
      const std::string directory(reader->ReadText(reader->remaining()));
      if (found == logs_.end()) return StrCat("renames the unknown log ", log_no);
      if (!CheckDirectory(directory).ok()) return "names a directory outside";
      if (by_directory_.contains(directory)) return StrCat("renames to \"", directory, "\", which there is");
      by_directory_.erase(found->second.directory);
      by_directory_[directory] = log_no;
      found->second.directory = directory;
      return "";
    }
  }
}

std::string ManifestFile::Apply(uint8_t type, std::span<const std::byte> payload) {
  ByteReader reader(payload);
  const Type kind{type};
  if (kind == Type::kOpened || kind == Type::kCleanClose) {
    clean_ = kind == Type::kCleanClose;
    return "";
  }
  clean_ = false;
  const uint32_t log_no = reader.Read<uint32_t>();
  if (!reader.ok() || log_no >= kLogsMax) return "is malformed";
  if (kind == Type::kLogCreated || kind == Type::kLogState || kind == Type::kLogDeleted ||
      kind == Type::kLogRenamed) {
    return ApplyToDirectory(kind, &reader, log_no);
  }
  const auto found = logs_.find(log_no);
  if (found == logs_.end()) return StrCat("speaks of the unknown log ", log_no);
  return ApplyToLog(kind, &reader, &found->second);
}

absl::StatusOr<std::unique_ptr<ManifestFile>> ManifestFile::Open(FileSystem* files, std::string_view path,
                                                                 RecordFile::Access access,
                                                                 ManifestReport* report) {
  ManifestReport own_report;
  if (report == nullptr) report = &own_report;
  *report = {};
  std::unique_ptr<ManifestFile> manifest(new ManifestFile());
  // For each record, not around all: the file's lock comes before the manifest's.
  const auto visit = [&](uint8_t type, std::span<const std::byte> payload) {
    MutexLock lock(&manifest->mutex_);
    const std::string wrong = manifest->Apply(type, payload);
    if (!wrong.empty()) {
      report->trusted = false;
      report->notes.push_back(StrCat(path, ": a record ", wrong));
    }
    return absl::OkStatus();
  };
  MILLRACE_ASSIGN_OR_RETURN(manifest->file_,
                            RecordFile::Open(files, path, kKind, access, visit, &report->file));
  MutexLock lock(&manifest->mutex_);
  if (!report->file.damaged.empty()) report->trusted = false;
  if (report->file.torn_bytes > 0) manifest->clean_ = false;
  if (report->trusted) manifest->FindGaps();
  report->clean = manifest->clean_ && report->trusted;
  report->notes.insert(report->notes.begin(), report->file.notes.begin(), report->file.notes.end());
  return manifest;
}

// --- Changes

void ManifestFile::CommitLocked(Type type, const std::vector<std::byte>& payload) {
  const std::string wrong = Apply(static_cast<uint8_t>(type), payload);
  MILLRACE_CHECK(wrong.empty());
  file_->Append(static_cast<uint8_t>(type), payload);
}

void ManifestFile::Commit(Type type, const std::vector<std::byte>& payload) {
  MutexLock lock(&mutex_);
  CommitLocked(type, payload);
}

void ManifestFile::FindGaps() {
  // Numbers of which the file says nothing.
  const absl::btree_set<uint32_t> deleted(deleted_.begin(), deleted_.end());
  for (uint32_t log_no = log_no_limit_; log_no-- > 0;) {
    if (!logs_.contains(log_no) && !deleted.contains(log_no)) free_.push_back(log_no);
  }
}

uint32_t ManifestFile::NextLogNo() {
  // Gaps of a file that was compacted, the lowest first, then new ones.
  while (!free_.empty()) {
    const uint32_t log_no = free_.back();
    free_.pop_back();
    if (!logs_.contains(log_no)) return log_no;
  }
  return log_no_limit_;
}

absl::StatusOr<uint32_t> ManifestFile::CreateLog(std::string_view directory, Offset base) {
  MILLRACE_RETURN_IF_ERROR(CheckDirectory(directory));
  MutexLock lock(&mutex_);
  if (by_directory_.contains(std::string(directory))) {
    return absl::AlreadyExistsError(StrCat("there is a log in \"", directory, "\" already"));
  }
  const uint32_t log_no = NextLogNo();
  if (log_no >= kLogsMax) {
    return absl::ResourceExhaustedError(StrCat("a directory holds at most ", kLogsMax, " logs"));
  }
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter writer(&payload);
  writer.Write<int64_t>(base.value());
  writer.WriteText(directory);
  CommitLocked(Type::kLogCreated, payload);
  return log_no;
}

void ManifestFile::DeleteLog(uint32_t log_no) {
  Commit(Type::kLogDeleted, Payload(log_no));
}

absl::Status ManifestFile::RenameLog(uint32_t log_no, std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckDirectory(directory));
  MutexLock lock(&mutex_);
  if (by_directory_.contains(std::string(directory))) {
    return absl::AlreadyExistsError(StrCat("there is a log in \"", directory, "\" already"));
  }
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter(&payload).WriteText(directory);
  CommitLocked(Type::kLogRenamed, payload);
  return absl::OkStatus();
}

void ManifestFile::AddSegment(uint32_t log_no, Offset base) {
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter(&payload).Write<int64_t>(base.value());
  Commit(Type::kSegmentAdded, payload);
}

void ManifestFile::SealSegment(uint32_t log_no, ManifestSegment sealed) {
  sealed.sealed = true;
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter writer(&payload);
  millrace::Write(&writer, sealed);
  Commit(Type::kSegmentSealed, payload);
}

void ManifestFile::UnsealSegment(uint32_t log_no, Offset base) {
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter(&payload).Write<int64_t>(base.value());
  Commit(Type::kSegmentUnsealed, payload);
}

void ManifestFile::ReplaceSegments(uint32_t log_no, std::span<const Offset> removed,
                                   std::span<const ManifestSegment> added) {
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter writer(&payload);
  writer.Write<uint32_t>(static_cast<uint32_t>(removed.size()));
  for (const Offset base : removed) writer.Write<int64_t>(base.value());
  writer.Write<uint32_t>(static_cast<uint32_t>(added.size()));
  for (const ManifestSegment& segment : added) millrace::Write(&writer, segment);
  Commit(Type::kSegmentsReplaced, payload);
}

void ManifestFile::RemoveSegments(uint32_t log_no, std::span<const Offset> bases) {
  while (!bases.empty()) {
    const std::span<const Offset> some = bases.first(std::min(bases.size(), kRemovedMax));
    std::vector<std::byte> payload = Payload(log_no);
    ByteWriter writer(&payload);
    for (const Offset base : some) writer.Write<int64_t>(base.value());
    Commit(Type::kSegmentsRemoved, payload);
    bases = bases.subspan(some.size());
  }
}

void ManifestFile::SetLogStartOffset(uint32_t log_no, Offset offset) {
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter(&payload).Write<int64_t>(offset.value());
  Commit(Type::kLogStartOffset, payload);
}

void ManifestFile::SetEpochs(uint32_t log_no, std::span<const EpochEntry> epochs) {
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter writer(&payload);
  if (epochs.size() > kEpochsMax) epochs = epochs.last(kEpochsMax);
  for (const EpochEntry& entry : epochs) millrace::Write(&writer, entry);
  Commit(Type::kEpochs, payload);
}

void ManifestFile::CloseLog(uint32_t log_no, uint32_t active_length, Offset end_offset) {
  std::vector<std::byte> payload = Payload(log_no);
  ByteWriter writer(&payload);
  writer.Write<uint32_t>(active_length);
  writer.Write<int64_t>(end_offset.value());
  Commit(Type::kLogClosed, payload);
}

void ManifestFile::OpenedLog(uint32_t log_no) {
  Commit(Type::kLogOpened, Payload(log_no));
}

void ManifestFile::Opened() {
  Commit(Type::kOpened, {});
}

void ManifestFile::CleanClose() {
  Commit(Type::kCleanClose, {});
}

// --- Look-ups and compaction

std::optional<LogEntry> ManifestFile::Find(uint32_t log_no) const {
  MutexLock lock(&mutex_);
  const auto found = logs_.find(log_no);
  if (found == logs_.end()) return std::nullopt;
  return found->second;
}

bool ManifestFile::WasDeleted(uint32_t log_no) const {
  MutexLock lock(&mutex_);
  return std::ranges::find(deleted_, log_no) != deleted_.end();
}

std::optional<LogEntry> ManifestFile::FindDirectory(std::string_view directory) const {
  MutexLock lock(&mutex_);
  const auto found = by_directory_.find(std::string(directory));
  if (found == by_directory_.end()) return std::nullopt;
  return logs_.find(found->second)->second;
}

std::vector<LogEntry> ManifestFile::Logs() const {
  MutexLock lock(&mutex_);
  std::vector<LogEntry> logs;
  logs.reserve(logs_.size());
  for (const auto& [log_no, log] : logs_) logs.push_back(log);
  return logs;
}

size_t ManifestFile::log_count() const {
  MutexLock lock(&mutex_);
  return logs_.size();
}

uint32_t ManifestFile::log_no_limit() const {
  MutexLock lock(&mutex_);
  return log_no_limit_;
}

bool ManifestFile::WantsCompaction() const {
  const uint64_t size = file_->size_bytes();
  if (size < kCompactionBytesMin) return false;
  MutexLock lock(&mutex_);
  uint64_t state = 0;
  for (const auto& [log_no, log] : logs_) state += StateBytes(log);
  return size > 2 * state;
}

void ManifestFile::EncodeAll(RecordFile::Filler* filler) {
  const auto put = [&](Type type, const std::vector<std::byte>& payload) {
    filler->Append(static_cast<uint8_t>(type), payload);
  };
  for (const auto& [log_no, log] : logs_) {
    put(Type::kLogState, EncodeState(log));
    for (size_t i = SegmentsInState(log); i < log.segments.size(); ++i) {
      std::vector<std::byte> payload = Payload(log_no);
      ByteWriter writer(&payload);
      writer.Write<int64_t>(log.segments[i].base.value());
      put(Type::kSegmentAdded, payload);
      if (!log.segments[i].sealed) continue;
      payload = Payload(log_no);
      ByteWriter sealed(&payload);
      millrace::Write(&sealed, log.segments[i]);
      put(Type::kSegmentSealed, payload);
    }
  }
  if (clean_) put(Type::kCleanClose, {});
}

absl::Status ManifestFile::Compact() {
  std::vector<uint32_t> forgotten;
  MILLRACE_RETURN_IF_ERROR(file_->Replace([&](RecordFile::Filler* filler) {
    MutexLock lock(&mutex_);
    EncodeAll(filler);
    filler->Supersede();
    forgotten = deleted_;
  }));
  // Only now does the file not speak of them any more.
  MutexLock lock(&mutex_);
  deleted_.erase(deleted_.begin(), deleted_.begin() + static_cast<std::ptrdiff_t>(forgotten.size()));
  free_.insert(free_.end(), forgotten.begin(), forgotten.end());
  std::ranges::sort(free_, std::greater<>());
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
