#include "log/scan_recovery.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/endian.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "log/segment_swap.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr uint32_t kWindowBytes = 4 << 20;
constexpr size_t kBatchLengthAt = 8;

// A walk over the batches of one file, a window at a time where it is not mapped.
class Walk {
 public:
  Walk(const Segment& segment, uint32_t size, uint32_t position, Offset expected, Offset log_start,
       LeaderEpochCache* epochs)
      : segment_(segment),
        size_(size),
        position_(position),
        expected_(expected),
        log_start_(log_start),
        epochs_(epochs) {}

  // Steps over whole, sound batches, whose offsets and epochs follow on.
  absl::Status Run() {
    while (position_ < size_) {
      MILLRACE_ASSIGN_OR_RETURN(const std::optional<BatchView> batch, BatchAt(position_));
      if (!batch.has_value() || !batch->CrcIsValid() || batch->base_offset() < expected_) break;
      if (batch->last_offset() - segment_.base() > INT32_MAX) break;
      if (batch->leader_epoch() >= LeaderEpoch(0) && batch->leader_epoch() < epochs_->latest()) break;
      const Step step = {.end = position_ + static_cast<uint32_t>(batch->size_bytes()),
                         .base = batch->base_offset(),
                         .next = batch->next_offset(),
                         .epoch = batch->leader_epoch(),
                         .newest = batch->max_timestamp()};
      // Nothing in a batch vouches for its own base offset. A gap, as compaction leaves them, is believed if
      // the batch behind it agrees; where there is none, it was never acknowledged as durable. At the log's
      // start there may be one: what lay below it was deleted, and lost before that.
      if (step.base > expected_ && step.base != log_start_) {
        MILLRACE_ASSIGN_OR_RETURN(const std::optional<BatchView> next, BatchAt(step.end));
        if (!next.has_value() || next->base_offset() < step.next) break;
      }
      if (step.epoch >= LeaderEpoch(0)) epochs_->Assign(step.epoch, step.base);
      position_ = step.end;
      expected_ = step.next;
      newest_ = std::max(newest_, step.newest);
    }
    return absl::OkStatus();
  }

  // Moves on to the next sound batch behind what is not. False if there is none.
  absl::StatusOr<bool> Skip() {
    for (uint32_t at = position_; size_ - at >= kBatchHeaderBytes && at < size_;) {
      ++at;
      MILLRACE_ASSIGN_OR_RETURN(const std::optional<BatchView> batch, BatchAt(at));
      if (!batch.has_value() || batch->base_offset() < expected_ || !batch->CrcIsValid()) continue;
      if (batch->last_offset() - segment_.base() > INT32_MAX) continue;
      const Offset base = batch->base_offset();
      const Offset next = batch->next_offset();
      MILLRACE_ASSIGN_OR_RETURN(const auto behind, BatchAt(at + static_cast<uint32_t>(batch->size_bytes())));
      if (behind.has_value() && behind->base_offset() < next)
        continue;  // nothing else vouches for the offset
      position_ = at;
      expected_ = base;
      return true;
    }
    return false;
  }

  // Index of the last byte that is not zero, plus one; position() if all behind it are zero.
  absl::StatusOr<uint32_t> EndOfContent() {
    for (uint32_t end = size_; end > position_;) {
      const uint32_t from = end - std::min(end - position_, kWindowBytes);
      MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes window, segment_.Read(from, end - from));
      const auto last = std::find_if(window.bytes.rbegin(), window.bytes.rend(),
                                     [](std::byte byte) { return byte != std::byte{0}; });
      if (last != window.bytes.rend()) return from + static_cast<uint32_t>(window.bytes.rend() - last);
      end = from;
    }
    return position_;
  }

  uint32_t position() const { return position_; }
  Offset expected() const { return expected_; }
  Timestamp newest() const { return newest_; }

 private:
  struct Step {
    uint32_t end = 0;
    Offset base{0};
    Offset next{0};
    LeaderEpoch epoch = kNoLeaderEpoch;
    Timestamp newest = kNoTimestamp;
  };

  // The batch at `position`, if there is a whole one; valid until the next call.
  absl::StatusOr<std::optional<BatchView>> BatchAt(uint32_t position) {
    const uint32_t rest = size_ - position;
    if (rest < kBatchHeaderBytes) return std::nullopt;
    MILLRACE_ASSIGN_OR_RETURN(const auto header, Fetch(position, kBatchHeaderBytes));
    const auto length = LoadBig<int32_t>(header.data() + kBatchLengthAt);
    if (length < static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes)) return std::nullopt;
    const uint64_t size = static_cast<uint64_t>(length) + kBatchPrefixBytes;
    if (size > rest) return std::nullopt;
    MILLRACE_ASSIGN_OR_RETURN(const auto bytes, Fetch(position, static_cast<uint32_t>(size)));
    const auto batch = BatchView::Parse(bytes);
    if (!batch.ok()) return std::nullopt;
    return *batch;
  }

  absl::StatusOr<std::span<const std::byte>> Fetch(uint32_t position, uint32_t bytes) {
    const bool held = position >= window_at_ && position - window_at_ <= window_.bytes.size() &&
                      bytes <= window_.bytes.size() - (position - window_at_);
    if (!held) {
      MILLRACE_ASSIGN_OR_RETURN(
          window_, segment_.Read(position, std::min(std::max(bytes, kWindowBytes), size_ - position)));
      window_at_ = position;
    }
    return window_.bytes.subspan(position - window_at_, bytes);
  }

  const Segment& segment_;
  const uint32_t size_;
  uint32_t position_;
  Offset expected_;
  const Offset log_start_;
  LeaderEpochCache* const epochs_;
  Timestamp newest_ = kNoTimestamp;
  Segment::Bytes window_;
  uint32_t window_at_ = 0;
};

// The batches below `until`, by their headers alone.
struct Below {
  Timestamp newest = kNoTimestamp;
  // Behind the last of them.
  uint32_t position = 0;
  Offset next{0};
};

Below HeadersBelow(const Segment& segment, uint32_t until) {
  Below below = {.next = segment.base()};
  std::array<std::byte, kBatchHeaderBytes> buffer;
  while (below.position < until) {
    const auto batch = segment.ReadHeader(below.position, buffer);
    if (!batch.ok() || batch->length() < static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes)) break;
    if (batch->size_bytes() > until - below.position) break;
    below.newest = std::max(below.newest, batch->max_timestamp());
    below.next = batch->next_offset();
    below.position += static_cast<uint32_t>(batch->size_bytes());
  }
  return below;
}

SegmentInfo InfoOf(const ManifestSegment& segment) {
  return {.base = segment.base,
          .next_offset = segment.sealed ? segment.next_offset : segment.base,
          .max_timestamp = segment.max_timestamp,
          .length = segment.sealed ? segment.length : 0};
}

}  // namespace

RecoveredLog RecoveredFromManifest(const LogEntry& entry) {
  RecoveredLog log = {.log_start_offset = entry.log_start_offset, .epochs = entry.epochs};
  for (const ManifestSegment& segment : entry.segments) log.segments.push_back(InfoOf(segment));
  if (log.segments.empty())
    log.segments.push_back({.base = entry.log_start_offset, .next_offset = entry.log_start_offset});
  return log;
}

bool HasUnknownSegments(const LogEntry& entry) {
  const auto open = [](const ManifestSegment& segment) { return !segment.sealed; };
  return std::count_if(entry.segments.begin(), entry.segments.end(), open) > 1;
}

absl::StatusOr<RecoveredLog> ScanRecovery::Run() {
  found_ = RecoveredFromManifest(entry_);
  FindFlushPoint();
  MILLRACE_RETURN_IF_ERROR(FindSegments());
  if (auto known = LeaderEpochCache::FromEntries(found_.epochs); known.ok()) epochs_ = *std::move(known);
  epochs_.TruncateFromEnd(flushed_.offset);
  if (!present_.empty())
    report_->shutdown = std::max(report_->shutdown, RecoveryReport::Shutdown::kPowerLoss);

  end_ = found_.segments.front().base;
  size_t kept = 0;
  for (Verdict verdict = Verdict::kGoOn; verdict == Verdict::kGoOn && kept < found_.segments.size();) {
    MILLRACE_ASSIGN_OR_RETURN(verdict, Take(kept));
    if (verdict == Verdict::kSkip) {
      found_.segments.erase(found_.segments.begin() + static_cast<ptrdiff_t>(kept));
      verdict = Verdict::kGoOn;
    } else if (verdict != Verdict::kEndsBefore) {
      ++kept;
    }
  }
  found_.segments.resize(kept);
  if (end_ < found_.log_start_offset) {
    // Deleted, all of it, and more that is lost: those offsets are not given out again.
    end_ = std::max(flushed_.offset, found_.log_start_offset);
    found_.segments.back().next_offset = end_;
  }
  if (end_ < flushed_.offset) {
    found_.damaged.push_back({.first = end_, .next = flushed_.offset});
    Note(absl::StrFormat("%s: offsets %d to %d were durable and their segments are missing", log_->name_,
                         end_.value(), flushed_.offset.value() - 1));
    end_ = flushed_.offset;
  }
  if (found_.segments.back().next_offset < end_) {
    // Durable records at the end are gone: their offsets stay taken.
    found_.segments.back().next_offset = end_;
    found_.segments.push_back({.base = end_, .next_offset = end_});
  }
  found_.flushed_offset = std::min(flushed_.offset, end_);
  found_.epochs.assign(epochs_.entries().begin(), epochs_.entries().end());
  if (log_->read_only_) return std::move(found_);

  TellManifest();
  MILLRACE_RETURN_IF_ERROR(log_->context_->manifest().Write());
  MILLRACE_RETURN_IF_ERROR(PutAside());
  MILLRACE_RETURN_IF_ERROR(CutTails());
  // Names that are gone must not come back in another power loss, when others have taken their offsets. In
  // the same boot a truncation died half way: what is seen of it may not be on the disk yet.
  const ControlFile* const control = log_->context_->control();
  const bool same_boot = control != nullptr && control->survived() && !present_.empty();
  if (log_->RemoveSnapshotsFrom(end_ + 1) || put_aside_ || same_boot)
    MILLRACE_RETURN_IF_ERROR(log_->env_.files->SyncDirectory(log_->directory_));
  return std::move(found_);
}

absl::Status ScanRecovery::FindSegments() {
  auto names = log_->env_.files->List(log_->directory_);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();  // never appended to
  if (!names.ok()) return names.status();
  if (!log_->read_only_ && !names->empty()) {
    MILLRACE_RETURN_IF_ERROR(RecoverSwaps(log_->env_.files, log_->directory_, entry_).status());
    MILLRACE_ASSIGN_OR_RETURN(names, log_->env_.files->List(log_->directory_));
  }
  std::set<Offset> deleted;
  for (const std::string& name : *names) {
    const auto file = ParseSegmentFileName(name);
    if (!file.has_value()) continue;
    if (file->suffix == kLogSuffix) present_.insert(file->base);
    if (file->suffix == StrCat(kLogSuffix, kDeletedSuffix)) deleted.insert(file->base);
  }
  PassDeleted(deleted);
  for (const ManifestSegment& segment : entry_.segments) {
    if (segment.sealed) sealed_.emplace(segment.base, segment.next_offset);
  }
  // Segments that were begun after the manifest was last synced; it is whenever something of them is flushed.
  for (const Offset base : present_) {
    if (base >= flushed_.offset && base > found_.segments.back().base)
      found_.segments.push_back({.base = base, .next_offset = base});
  }
  return absl::OkStatus();
}

// A disk too full to say so first had its oldest segments deleted all the same.
void ScanRecovery::PassDeleted(const std::set<Offset>& deleted) {
  std::vector<SegmentInfo>& segments = found_.segments;
  while (!present_.contains(segments.front().base) && deleted.contains(segments.front().base)) {
    const auto next = present_.upper_bound(segments.front().base);
    if (next == present_.end() && segments.size() == 1) return;
    const Offset base = segments.size() > 1 ? segments[1].base : *next;
    segments.erase(segments.begin());
    if (segments.empty()) segments.push_back({.base = base, .next_offset = base});
    found_.log_start_offset = std::max(found_.log_start_offset, base);
  }
}

void ScanRecovery::FindFlushPoint() {
  flushed_ = {.offset = found_.segments.front().base, .segment_base = found_.segments.front().base};
  FlushPoints* const points = log_->context_->flush_points();
  const auto known = points == nullptr ? std::nullopt : points->Get(log_->log_no_);
  const bool unknown = HasUnknownSegments(entry_);
  search_ = log_->context_->incomplete() || log_->context_->FlushPointLost(log_->log_no_) || unknown;
  if (known.has_value()) flushed_ = *known;
  if (!search_ || (known.has_value() && !unknown)) return;
  const FlushPoint assumed = AssumedFlushPoint();
  if (assumed.offset <= flushed_.offset) return;
  flushed_ = assumed;
  Note(absl::StrFormat("%s: its flush point is lost; closed segments count as flushed, up to offset %d",
                       log_->name_, flushed_.offset.value()));
}

// How far the log was durable is not known any more. Whatever has something behind it is taken to be: one too
// many is reported as damaged, rather than one too few cut.
FlushPoint ScanRecovery::AssumedFlushPoint() const {
  FlushPoint point;
  for (const ManifestSegment& segment : entry_.segments) {
    const Offset durable = segment.sealed ? segment.next_offset : segment.base;
    if (durable > point.offset) point = {.offset = durable, .segment_base = durable};
  }
  return point;
}

std::optional<Offset> ScanRecovery::DurableEnd(size_t index) const {
  const auto sealed = sealed_.find(found_.segments[index].base);
  Offset end;
  if (sealed != sealed_.end()) {
    end = sealed->second;
  } else if (index + 1 < found_.segments.size()) {
    end = found_.segments[index + 1].base;
  } else {
    return std::nullopt;
  }
  return end <= flushed_.offset ? std::optional(end) : std::nullopt;
}

absl::StatusOr<ScanRecovery::Verdict> ScanRecovery::Take(size_t index) {
  SegmentInfo& info = found_.segments[index];
  if (index > 0) {
    // Overlaps what is there: left by an attempt that was cut off. Or a hole past the flush point: what
    // follows was never acknowledged as durable.
    if (info.base < end_ || (info.base > end_ && info.base > flushed_.offset))
      return search_ ? Verdict::kSkip : Verdict::kEndsBefore;
  }
  if (info.base > end_) {
    found_.damaged.push_back({.first = end_, .next = info.base});
    end_ = info.base;
  }
  if (!present_.contains(info.base)) return TakeMissing(index);
  const bool sealed = sealed_.contains(info.base);
  const std::string path = log_->PathOf(info.base, kLogSuffix);
  MILLRACE_ASSIGN_OR_RETURN(const FileInfo file, log_->env_.files->Stat(path));
  if (file.is_directory) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s is a directory where a segment should be; put the file back, or move it away", path));
  }
  const std::optional<Offset> durable_end = DurableEnd(index);
  if (durable_end.has_value() && sealed && file.size_bytes >= info.length) {
    end_ = info.next_offset;  // durable, and of known length: damage shows when it is read
    return Verdict::kGoOn;
  }
  bool torn = false;
  MILLRACE_RETURN_IF_ERROR(Scan(&info, sealed, &torn));
  end_ = info.next_offset;
  const Offset must_reach = durable_end.value_or(info.base <= flushed_.offset ? flushed_.offset : info.base);
  if (search_ && durable_end.has_value() && !torn && end_ < *durable_end) {
    end_ = info.next_offset = *durable_end;  // compaction leaves such gaps
  }
  if (end_ < must_reach) return TakeDamaged(index, must_reach);
  return torn ? Verdict::kEndsHere : Verdict::kGoOn;
}

ScanRecovery::Verdict ScanRecovery::TakeMissing(size_t index) {
  SegmentInfo& info = found_.segments[index];
  info.length = 0;
  info.max_timestamp = kNoTimestamp;
  const std::optional<Offset> durable_end = DurableEnd(index);
  if (!durable_end.has_value() && info.base >= flushed_.offset) {
    info.next_offset = end_ = info.base;
    return Verdict::kEndsHere;
  }
  Note(absl::StrFormat("%s is missing", log_->PathOf(info.base, kLogSuffix)));
  const Offset next = durable_end.value_or(flushed_.offset);
  found_.damaged.push_back({.first = info.base, .next = next});
  end_ = next;
  if (!durable_end.has_value()) return Verdict::kEndsHere;
  info.next_offset = next;
  return Verdict::kGoOn;
}

// Durable records are gone. They are not forgotten: their offsets stay taken, and reading them says so.
ScanRecovery::Verdict ScanRecovery::TakeDamaged(size_t index, Offset must_reach) {
  SegmentInfo& info = found_.segments[index];
  found_.damaged.push_back({.first = end_, .next = must_reach});
  Note(absl::StrFormat("%s: offsets %d to %d were durable and are damaged",
                       log_->PathOf(info.base, kLogSuffix), end_.value(), must_reach.value() - 1));
  end_ = must_reach;
  if (!DurableEnd(index).has_value()) return Verdict::kEndsHere;
  info.next_offset = must_reach;
  return Verdict::kGoOn;
}

absl::Status ScanRecovery::Scan(SegmentInfo* info, bool sealed, bool* torn) {
  scanned_.insert(info->base);
  const std::string path = log_->PathOf(info->base, kLogSuffix);
  const SegmentInfo known = *info;
  MILLRACE_ASSIGN_OR_RETURN(const FileInfo file, log_->env_.files->Stat(path));
  const auto size = static_cast<uint32_t>(std::min<uint64_t>(file.size_bytes, INT32_MAX));
  uint32_t from = 0;
  Offset expected = info->base;
  if (info->base == flushed_.segment_base && flushed_.position <= size && flushed_.offset > info->base) {
    from = flushed_.position;
    expected = flushed_.offset;
  }
  std::shared_ptr<Segment> segment;
  if (size > 0) {
    MILLRACE_ASSIGN_OR_RETURN(
        segment, Segment::OpenForReading(log_->SegmentOptions(/*may_evict=*/true), info->base, path,
                                         {.offsets = 0, .position = size}, Segment::State::kSealed));
  }
  const Below below = from > 0 ? HeadersBelow(*segment, from) : Below();
  if (from > 0 && (below.position != from || below.next != expected)) {
    // Damage below the flush point; or it is not this log's, if everything is sound across it.
    LeaderEpochCache ignored;
    Walk across(*segment, size, 0, info->base, found_.log_start_offset, &ignored);
    MILLRACE_RETURN_IF_ERROR(across.Run());
    if (across.position() > from || across.expected() > expected) {
      Note(absl::StrFormat("%s: the flush point in %s, offset %d at position %d, is not where a batch begins",
                           path, kFlushPointsFile, expected.value(), from));
      from = 0;
      expected = info->base;
    }
  }
  // What is walked says itself which epochs it has.
  if (from == 0) epochs_.TruncateFromEnd(info->base);
  info->length = from;
  info->next_offset = expected;
  info->max_timestamp = kNoTimestamp;
  if (size == 0) return absl::OkStatus();
  Walk walk(*segment, size, from, expected, found_.log_start_offset, &epochs_);
  MILLRACE_RETURN_IF_ERROR(walk.Run());
  while (search_ && walk.position() < size) {
    MILLRACE_ASSIGN_OR_RETURN(const bool found, walk.Skip());
    if (!found) break;
    Note(absl::StrFormat("%s: damaged in front of offset %d", path, walk.expected().value()));
    MILLRACE_RETURN_IF_ERROR(walk.Run());
  }
  report_->scanned_bytes += walk.position() - from;
  info->length = walk.position();
  info->next_offset = walk.expected();
  info->max_timestamp = std::max(walk.newest(), from > 0 ? below.newest : kNoTimestamp);
  // A compacted segment may reach further than its last record.
  if (sealed && walk.position() == known.length) {
    info->next_offset = std::max(info->next_offset, known.next_offset);
    info->max_timestamp = std::max(info->max_timestamp, known.max_timestamp);
  }
  MILLRACE_ASSIGN_OR_RETURN(const uint32_t content_end, walk.EndOfContent());
  *torn = content_end > walk.position();
  if (*torn && search_ && walk.position() == 0) {
    foreign_.insert(info->base);
    Note(
        absl::StrFormat("%s holds no batch and was put aside as %s", path, path + std::string(kStraySuffix)));
    return absl::OkStatus();
  }
  if (*torn) {
    report_->cut_bytes += content_end - walk.position();
    Note(absl::StrFormat("%s: cut %d bytes of a torn tail at position %d; the log ends at offset %d", path,
                         content_end - walk.position(), walk.position(), info->next_offset.value()));
  }
  return absl::OkStatus();
}

// What is not part of the log must not be taken for it another time.
absl::Status ScanRecovery::PutAside() {
  for (const Offset base : present_) {
    const auto kept = [&](const SegmentInfo& info) { return info.base == base; };
    if (std::any_of(found_.segments.begin(), found_.segments.end(), kept)) continue;
    Note(absl::StrFormat("%s is no part of what is sound and was put aside", log_->PathOf(base, kLogSuffix)));
    foreign_.insert(base);
  }
  for (const Offset base : foreign_) {
    MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(log_->env_.files, log_->directory_, base, "",
                                                search_ ? kStraySuffix : kDeletedSuffix));
    put_aside_ = true;
  }
  return absl::OkStatus();
}

void ScanRecovery::TellManifest() {
  ManifestFile& manifest = log_->context_->manifest();
  std::vector<Offset> gone;
  for (const ManifestSegment& segment : entry_.segments) {
    const auto here = [&](const SegmentInfo& info) { return info.base == segment.base; };
    if (std::none_of(found_.segments.begin(), found_.segments.end(), here)) gone.push_back(segment.base);
  }
  if (!gone.empty()) manifest.RemoveSegments(log_->log_no_, gone);
  for (size_t i = 0; i + 1 < found_.segments.size(); ++i) {
    const SegmentInfo& info = found_.segments[i];
    manifest.SealSegment(log_->log_no_, {.base = info.base,
                                         .next_offset = info.next_offset,
                                         .max_timestamp = info.max_timestamp,
                                         .length = info.length,
                                         .sealed = true});
  }
  const Offset last = found_.segments.back().base;
  const bool active =
      !entry_.segments.empty() && entry_.segments.back().base == last && !entry_.segments.back().sealed;
  if (!active) manifest.AddSegment(log_->log_no_, last);
  if (found_.log_start_offset != entry_.log_start_offset)
    manifest.SetLogStartOffset(log_->log_no_, found_.log_start_offset);
  if (found_.epochs != entry_.epochs) manifest.SetEpochs(log_->log_no_, found_.epochs);
  found_.names_unsynced = true;
}

// Now, not when somebody next appends: tools read the files as well.
absl::Status ScanRecovery::CutTails() {
  const SegmentInfo& last = found_.segments.back();
  if (present_.contains(last.base)) log_->RemoveSideFilesBeyond(last.base, last.length);
  for (const SegmentInfo& info : found_.segments) {
    if (!scanned_.contains(info.base) || foreign_.contains(info.base)) continue;
    MILLRACE_ASSIGN_OR_RETURN(
        const auto file, log_->env_.files->Open(log_->PathOf(info.base, kLogSuffix), OpenMode::kReadWrite));
    MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    // What was written from memory, or cut, may say of itself what is not so any more.
    log_->RemoveSideFiles(info.base);
    if (size <= info.length) continue;
    MILLRACE_RETURN_IF_ERROR(file->Truncate(info.length));
    // On the disk before anything else gets there: what was cut must not come back behind what follows.
    MILLRACE_RETURN_IF_ERROR(file->Sync());
  }
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
