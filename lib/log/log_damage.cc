// Damage: finding it, fencing it, giving it up; and copies of the log.

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "log/log_cursor.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// Ranges that were given up, and ranges that Open found to be gone: magic, count, {first, next}, crc. Files
// that only a log has that needs them.
constexpr std::string_view kClearedFile = "millrace.cleared";
constexpr std::string_view kFencedFile = "millrace.fenced";
constexpr uint32_t kRangesMagic = 0x6d6c6331;

}  // namespace

absl::StatusOr<std::vector<DamagedRange>> LogImpl::LoadRanges(std::string_view file) {
  std::vector<DamagedRange> ranges;
  const auto bytes = ReadWholeFile(env_.files, JoinPath(directory_, file), 1 << 20);
  if (absl::IsNotFound(bytes.status())) return ranges;
  if (!bytes.ok()) return bytes.status();
  // A damaged list is no list: the ranges are damaged, and are found to be so again.
  if (bytes->size() < 12 || Crc32c(std::span(*bytes).first(bytes->size() - 4)) !=
                                LoadBig<uint32_t>(bytes->data() + bytes->size() - 4)) {
    return ranges;
  }
  const std::span<const std::byte> content(bytes->data(), bytes->size() - 4);
  ByteReader reader(content);
  if (reader.Read<uint32_t>() != kRangesMagic) return ranges;
  const uint32_t count = reader.Read<uint32_t>();
  if (reader.remaining() != uint64_t{count} * 16) return ranges;
  for (uint32_t i = 0; i < count; ++i) {
    const Offset first(reader.Read<int64_t>());
    ranges.push_back({.first = first, .next = Offset(reader.Read<int64_t>())});
  }
  return ranges;
}

absl::Status LogImpl::WriteRanges(std::string_view file, const std::vector<DamagedRange>& ranges) {
  std::vector<std::byte> bytes(12 + ranges.size() * 16);
  StoreBig<uint32_t>(bytes.data(), kRangesMagic);
  StoreBig<uint32_t>(bytes.data() + 4, static_cast<uint32_t>(ranges.size()));
  for (size_t i = 0; i < ranges.size(); ++i) {
    StoreBig<int64_t>(bytes.data() + 8 + i * 16, ranges[i].first.value());
    StoreBig<int64_t>(bytes.data() + 16 + i * 16, ranges[i].next.value());
  }
  StoreBig<uint32_t>(bytes.data() + bytes.size() - 4, Crc32c(std::span(bytes).first(bytes.size() - 4)));
  return WriteFileAtomically(env_.files, JoinPath(directory_, file), bytes);
}

absl::Status LogImpl::LoadDamage() {
  MILLRACE_ASSIGN_OR_RETURN(std::vector<DamagedRange> cleared, LoadRanges(kClearedFile));
  MILLRACE_ASSIGN_OR_RETURN(std::vector<DamagedRange> fenced, LoadRanges(kFencedFile));
  MutexLock lock(&damage_mutex_);
  std::erase_if(fenced, [&](const DamagedRange& range) {
    return std::find(cleared.begin(), cleared.end(), range) != cleared.end();
  });
  cleared_ = std::move(cleared);
  fenced_ = std::move(fenced);
  has_cleared_.store(!cleared_.empty(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status LogImpl::CutFenced(Offset end) {
  std::vector<DamagedRange> fenced;
  std::vector<DamagedRange> cleared;
  bool cut = false;
  {
    MutexLock lock(&damage_mutex_);
    for (std::vector<DamagedRange>* ranges : {&fenced_, &cleared_}) {
      cut = std::erase_if(*ranges, [&](const DamagedRange& range) { return range.first >= end; }) > 0 || cut;
      for (DamagedRange& range : *ranges) {
        cut = cut || range.next > end;
        range.next = std::min(range.next, end);
      }
    }
    fenced = fenced_;
    cleared = cleared_;
  }
  if (!cut) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(WriteRanges(kClearedFile, cleared));
  return WriteRanges(kFencedFile, fenced);
}

absl::Status LogImpl::NoteDamage(const std::vector<DamagedRange>& found) {
  std::vector<DamagedRange> fenced;
  {
    MutexLock lock(&damage_mutex_);
    const size_t before = fenced_.size();
    for (const DamagedRange& range : found) {
      const bool known = std::find(cleared_.begin(), cleared_.end(), range) != cleared_.end() ||
                         std::find(fenced_.begin(), fenced_.end(), range) != fenced_.end();
      if (!known) fenced_.push_back(range);
    }
    if (read_only_ || fenced_.size() == before) return absl::OkStatus();
    fenced = fenced_;
  }
  const absl::Status written = WriteRanges(kFencedFile, fenced);
  return absl::IsNotFound(written) ? absl::OkStatus() : written;  // the directory itself is gone
}

absl::Status LogImpl::Fence(DamagedRange range, std::string_view what) {
  bool fresh = false;
  {
    MutexLock lock(&damage_mutex_);
    fresh = std::find(fenced_.begin(), fenced_.end(), range) == fenced_.end();
    if (fresh) fenced_.push_back(range);
  }
  const std::string message =
      absl::StrFormat("%s: offsets %d to %d are lost to %s; Seek past them, or ClearFenced", name_,
                      range.first.value(), range.next.value() - 1, what);
  if (fresh) env_.logger->Log(Severity::kError, "log", message);
  return DataLoss(range, message);
}

std::vector<DamagedRange> LogImpl::fenced() const {
  MutexLock lock(&damage_mutex_);
  return fenced_;
}

std::optional<DamagedRange> LogImpl::FencedAt(Offset offset) const {
  MutexLock lock(&damage_mutex_);
  for (const DamagedRange& range : fenced_) {
    if (range.first <= offset && offset < range.next) return range;
  }
  return std::nullopt;
}

Offset LogImpl::SkipCleared(Offset offset) const {
  if (!has_cleared_.load(std::memory_order_acquire)) return offset;
  MutexLock lock(&damage_mutex_);
  for (bool moved = true; moved;) {
    moved = false;
    for (const DamagedRange& range : cleared_) {
      if (range.first <= offset && offset < range.next) {
        offset = range.next;
        moved = true;
      }
    }
  }
  return offset;
}

absl::Status LogImpl::ClearFenced(DamagedRange range) {
  {
    GateLock lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
  }
  std::vector<DamagedRange> cleared;
  {
    MutexLock lock(&damage_mutex_);
    if (std::find(fenced_.begin(), fenced_.end(), range) == fenced_.end()) {
      return absl::NotFoundError(
          absl::StrFormat("%s: offsets %d to %d are not fenced; fenced() lists what is", name_,
                          range.first.value(), range.next.value() - 1));
    }
    cleared = cleared_;
  }
  cleared.push_back(range);
  MILLRACE_RETURN_IF_ERROR(WriteRanges(kClearedFile, cleared));
  MutexLock lock(&damage_mutex_);
  std::erase(fenced_, range);
  cleared_ = std::move(cleared);
  has_cleared_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DamagedRange>> LogImpl::Verify() {
  std::vector<DamagedRange> found;
  LogCursorImpl cursor(this, log_start_offset());
  while (true) {
    const Offset from = cursor.position();
    absl::StatusOr<LogSlice> slice = cursor.Next(4 << 20);
    if (const auto damage = DamagedRangeOf(slice.status()); damage.has_value()) {
      if (found.empty() || !(found.back() == *damage)) found.push_back(*damage);
      MILLRACE_RETURN_IF_ERROR(cursor.Seek(damage->next));
      continue;
    }
    // Deleted while it was read.
    if (ErrorCodeOf(slice.status()) == ErrorCode::kOffsetOutOfRange && from < log_start_offset()) {
      MILLRACE_RETURN_IF_ERROR(cursor.Seek(log_start_offset()));
      continue;
    }
    if (!slice.ok()) return slice.status();
    if (slice->empty()) return found;
    for (const BatchView batch : *slice) {
      if (batch.CrcIsValid()) continue;  // the cursor does not check what this process stored itself
      const DamagedRange range = {.first = std::max(from, batch.base_offset()), .next = batch.next_offset()};
      Fence(range, "a batch that does not fit its checksum").IgnoreError();
      found.push_back(range);
    }
  }
}

// --- Copies

absl::StatusOr<LogEntry> LogImpl::CopyTo(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  MutexLock maintenance_lock(&maintenance_mutex_);
  MILLRACE_RETURN_IF_ERROR(SealPending());
  LogEntry entry = {.log_start_offset = log_start_offset(), .closed = true};
  std::vector<SegmentInfo> all;
  SegmentEnd end;
  std::shared_ptr<Segment> active;
  {
    GateLock lock(&gate_);
    MutexLock segments_lock(&segments_mutex_);
    all = segments_;
    active = active_;
    if (active != nullptr) end = active->end();
    entry.epochs.assign(epochs_.entries().begin(), epochs_.entries().end());
  }
  const auto copy = [&](Offset base, std::string_view suffix, bool may_link,
                        uint64_t bytes_max) -> absl::Status {
    const std::string from = PathOf(base, suffix);
    const std::string to = JoinPath(directory, SegmentFileName(base, suffix));
    if (may_link && env_.files->Link(from, to).ok()) return absl::OkStatus();
    const auto source = env_.files->Open(from, OpenMode::kRead);
    if (absl::IsNotFound(source.status()) && suffix != kLogSuffix) return absl::OkStatus();
    if (!source.ok()) return source.status();
    MILLRACE_ASSIGN_OR_RETURN(const auto target, env_.files->Open(to, OpenMode::kCreateNew));
    std::vector<std::byte> buffer(1 << 20);
    for (uint64_t at = 0; at < bytes_max;) {
      MILLRACE_ASSIGN_OR_RETURN(
          const size_t got,
          (*source)->ReadAt(at, std::span(buffer).first(std::min<uint64_t>(buffer.size(), bytes_max - at))));
      if (got == 0) break;
      MILLRACE_RETURN_IF_ERROR(target->WriteAt(at, std::span(buffer).first(got)));
      at += got;
    }
    return target->Sync();
  };
  for (size_t i = 0; i < all.size(); ++i) {
    const SegmentInfo& info = all[i];
    const bool last = i + 1 == all.size();
    const uint64_t length = last && active != nullptr ? end.position : info.length;
    if (length > 0) MILLRACE_RETURN_IF_ERROR(copy(info.base, kLogSuffix, /*may_link=*/!last, length));
    if (!last) {
      for (const std::string_view suffix :
           {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix, kGuardSuffix}) {
        MILLRACE_RETURN_IF_ERROR(copy(info.base, suffix, /*may_link=*/false, UINT64_MAX));
      }
    }
    const Offset next = last && active != nullptr ? info.base + end.offsets : info.next_offset;
    entry.segments.push_back({.base = info.base,
                              .next_offset = next,
                              .max_timestamp = info.max_timestamp,
                              .length = static_cast<uint32_t>(length),
                              .sealed = !last});
    entry.active_length = static_cast<uint32_t>(length);
    entry.end_offset = next;
  }
  MILLRACE_RETURN_IF_ERROR(env_.files->SyncDirectory(directory));
  return entry;
}

absl::Status LogImpl::Checkpoint(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  MILLRACE_RETURN_IF_ERROR(env_.files->CreateDirectory(directory));
  MILLRACE_ASSIGN_OR_RETURN(const LogEntry entry, CopyTo(directory));
  ManifestReport report;
  MILLRACE_ASSIGN_OR_RETURN(const auto manifest,
                            ManifestFile::Open(env_.files, JoinPath(directory, kManifestFile),
                                               RecordFile::Access::kCreate, &report));
  MILLRACE_ASSIGN_OR_RETURN(const uint32_t log_no, manifest->CreateLog("", entry.segments.front().base));
  AddToManifest(manifest.get(), log_no, entry);
  manifest->CleanClose();
  MILLRACE_RETURN_IF_ERROR(manifest->Sync());
  return env_.files->SyncDirectory(ParentOf(directory));
}

// Writes what CopyTo returned under another number.
void LogImpl::AddToManifest(ManifestFile* manifest, uint32_t log_no, const LogEntry& entry) {
  for (const ManifestSegment& segment : entry.segments) {
    if (segment.sealed) {
      manifest->SealSegment(log_no, segment);
    } else if (segment.base != entry.segments.front().base) {
      manifest->AddSegment(log_no, segment.base);
    }
  }
  manifest->SetLogStartOffset(log_no, entry.log_start_offset);
  if (!entry.epochs.empty()) manifest->SetEpochs(log_no, entry.epochs);
  manifest->CloseLog(log_no, entry.active_length, entry.end_offset);
}

}  // namespace millrace::inline v0
