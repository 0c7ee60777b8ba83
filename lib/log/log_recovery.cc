// What is found when a log is opened. RELIABILITY: after a clean close and after the death of the process
// everything is known; after a power loss what lies past the flush point is read and checked.

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/segment_swap.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

SegmentInfo InfoOf(const ManifestSegment& segment) {
  return {.base = segment.base,
          .next_offset = segment.sealed ? segment.next_offset : segment.base,
          .max_timestamp = segment.max_timestamp,
          .length = segment.sealed ? segment.length : 0};
}

RecoveredLog FromManifest(const LogEntry& entry) {
  RecoveredLog log = {.log_start_offset = entry.log_start_offset, .epochs = entry.epochs};
  for (const ManifestSegment& segment : entry.segments) log.segments.push_back(InfoOf(segment));
  if (log.segments.empty())
    log.segments.push_back({.base = entry.log_start_offset, .next_offset = entry.log_start_offset});
  return log;
}

void SetEnd(RecoveredLog* log, SegmentEnd end) {
  SegmentInfo& last = log->segments.back();
  last.length = end.position;
  last.next_offset = last.base + end.offsets;
}

}  // namespace

absl::StatusOr<RecoveredLog> LogImpl::Recover(const LogEntry& entry, RecoveryReport* report) {
  ControlSlot* slot = nullptr;
  std::optional<ControlState> state;
  if (context_->control() != nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(slot, context_->control()->Slot(log_no_));
    if (slot != nullptr && context_->control()->survived()) state = slot->Read(context_->control()->term());
  }
  const bool closed = entry.closed && context_->trust_closed();
  if (!closed && !state.has_value()) return RecoverByScan(entry, report);

  RecoveredLog log = FromManifest(entry);
  const std::optional<FlushPoint> flushed =
      context_->flush_points() == nullptr ? std::nullopt : context_->flush_points()->Get(log_no_);
  if (closed) {
    SetEnd(&log, {.offsets = static_cast<uint32_t>(entry.end_offset - log.segments.back().base),
                  .position = entry.active_length});
    // CloseLog is said after a flush.
    log.flushed_offset = entry.end_offset;
  } else {
    // The process died. The manifest is written before the slot moves on: where they differ, the new segment
    // is still empty.
    if (state->segment_base == log.segments.back().base) SetEnd(&log, state->end);
    log.log_start_offset = std::max(log.log_start_offset, state->log_start_offset);
    log.flushed_offset = flushed.has_value() ? std::min(flushed->offset, log.segments.back().next_offset)
                                             : log.segments.front().base;
    if (!read_only_) MILLRACE_RETURN_IF_ERROR(RecoverSwaps(env_.files, directory_, entry).status());
  }
  return log;
}

namespace {

// Index of the last byte that is not zero in [from, end), plus one; `from` if all are zero.
uint64_t EndOfContent(std::span<const std::byte> bytes, uint64_t from) {
  uint64_t end = bytes.size();
  while (end > from && bytes[end - 1] == std::byte{0}) --end;
  return end;
}

// Walks whole, sound batches from `position` on, whose offsets follow on from `expected`. Returns where the
// first byte that is no such batch lies.
struct Walked {
  uint32_t position = 0;
  Offset next_offset{0};
  Timestamp max_timestamp = kNoTimestamp;
};
Walked WalkSound(std::span<const std::byte> bytes, uint32_t position, Offset expected, Offset base,
                 LeaderEpochCache* epochs) {
  Walked walked = {.position = position, .next_offset = expected};
  while (walked.position < bytes.size()) {
    const auto batch = BatchView::Parse(bytes.subspan(walked.position));
    if (!batch.ok() || !batch->CrcIsValid() || batch->base_offset() < walked.next_offset) break;
    if (batch->last_offset() - base > INT32_MAX) break;
    if (batch->leader_epoch() >= LeaderEpoch(0)) {
      if (batch->leader_epoch() < epochs->latest()) break;
      epochs->Assign(batch->leader_epoch(), batch->base_offset());
    }
    walked.position += static_cast<uint32_t>(batch->size_bytes());
    walked.next_offset = batch->next_offset();
    walked.max_timestamp = std::max(walked.max_timestamp, batch->max_timestamp());
  }
  return walked;
}

// The largest timestamp of the batches below `until`, which are durable: only their headers are looked at.
Timestamp NewestBelow(std::span<const std::byte> bytes, uint32_t until) {
  Timestamp newest = kNoTimestamp;
  uint32_t position = 0;
  while (position < until) {
    const auto batch = BatchView::Parse(bytes.subspan(position));
    if (!batch.ok()) break;
    newest = std::max(newest, batch->max_timestamp());
    position += static_cast<uint32_t>(batch->size_bytes());
  }
  return newest;
}

}  // namespace

// Finds the end of what is sound in one file, from `from` on, where the offset `expected` is.
// `sealed`: `info` says how long the segment was. `torn`: something that is not sound lay behind it.
absl::Status LogImpl::ScanSegment(SegmentInfo* info, uint32_t from, Offset expected, bool sealed,
                                  LeaderEpochCache* epochs, bool* torn, RecoveryReport* report) {
  MILLRACE_ASSIGN_OR_RETURN(const FileInfo file, env_.files->Stat(PathOf(info->base, kLogSuffix)));
  const auto size = static_cast<uint32_t>(std::min<uint64_t>(file.size_bytes, INT32_MAX));
  std::vector<std::byte> loaded;
  std::span<const std::byte> bytes;
  std::shared_ptr<Segment> segment;
  if (size > 0) {
    MILLRACE_ASSIGN_OR_RETURN(
        segment, Segment::OpenForReading(SegmentOptions(/*may_evict=*/true), info->base,
                                         PathOf(info->base, kLogSuffix), {.offsets = 0, .position = size},
                                         Segment::State::kSealed));
    MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes read, segment->Read(0, size));
    if (read.pin != segment->mapping()) {
      loaded.assign(read.bytes.begin(), read.bytes.end());
      bytes = loaded;
    } else {
      bytes = read.bytes;
    }
  }
  from = std::min(from, size);
  // What is walked says itself which epochs it has.
  if (from == 0) epochs->TruncateFromEnd(info->base);
  const SegmentInfo known = *info;
  Walked walked = WalkSound(bytes, from, expected, info->base, epochs);
  report->scanned_bytes += walked.position - from;
  // A compacted segment may reach further than its last record.
  if (sealed && walked.position == known.length)
    walked.next_offset = std::max(walked.next_offset, known.next_offset);
  info->length = walked.position;
  info->next_offset = walked.next_offset;
  info->max_timestamp = std::max({known.max_timestamp, walked.max_timestamp, NewestBelow(bytes, from)});
  const uint64_t content_end = EndOfContent(bytes, walked.position);
  *torn = content_end > walked.position;
  if (*torn) {
    report->cut_bytes += static_cast<int64_t>(content_end - walked.position);
    report->notes.push_back(
        absl::StrFormat("%s: cut %d bytes of a torn tail at position %d; the log ends at offset %d",
                        PathOf(info->base, kLogSuffix), content_end - walked.position, walked.position,
                        walked.next_offset.value()));
  }
  return absl::OkStatus();
}

absl::StatusOr<RecoveredLog> LogImpl::RecoverByScan(const LogEntry& entry, RecoveryReport* report) {
  RecoveredLog log = FromManifest(entry);
  auto names = env_.files->List(directory_);
  if (absl::IsNotFound(names.status())) names = std::vector<std::string>();  // never appended to
  if (!names.ok()) return names.status();
  std::set<Offset> present;
  for (const std::string& name : *names) {
    const auto file = ParseSegmentFileName(name);
    if (file.has_value() && file->suffix == kLogSuffix) present.insert(file->base);
  }
  if (!read_only_ && !names->empty())
    MILLRACE_RETURN_IF_ERROR(RecoverSwaps(env_.files, directory_, entry).status());
  // Segments that were begun after the manifest was last synced, and deleted ones whose new names were not.
  for (const Offset base : present) {
    const Offset first = log.segments.front().base;
    if (!read_only_ && base < first && first <= entry.log_start_offset) {
      MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(env_.files, directory_, base, "", kDeletedSuffix));
      continue;
    }
    if (base > log.segments.back().base) log.segments.push_back({.base = base, .next_offset = base});
  }
  FlushPoint flushed = {.offset = log.segments.front().base, .segment_base = log.segments.front().base};
  if (context_->flush_points() != nullptr) flushed = context_->flush_points()->Get(log_no_).value_or(flushed);

  LeaderEpochCache epochs;
  if (auto known = LeaderEpochCache::FromEntries(log.epochs); known.ok()) epochs = *std::move(known);
  epochs.TruncateFromEnd(flushed.offset);
  if (!present.empty()) report->shutdown = std::max(report->shutdown, RecoveryReport::Shutdown::kPowerLoss);
  Offset end = log.segments.front().base;
  size_t kept = 0;
  for (; kept < log.segments.size(); ++kept) {
    SegmentInfo& info = log.segments[kept];
    const bool below = kept + 1 < log.segments.size() && log.segments[kept + 1].base <= flushed.offset;
    if (kept > 0 && info.base < end) break;  // overlaps what is there: left by an attempt that was cut off
    if (kept > 0 && info.base > end && info.base > flushed.offset)
      break;  // a hole past the flush point: what follows was never acknowledged as durable
    if (info.base > end) log.damaged.push_back({.first = end, .next = info.base});
    if (!present.contains(info.base)) {
      if (!below && info.base >= flushed.offset) {
        info.next_offset = info.base;
        info.length = 0;
        end = info.base;
        ++kept;
        break;
      }
      const Offset next = below ? log.segments[kept + 1].base : flushed.offset;
      report->notes.push_back(absl::StrFormat("%s is missing", PathOf(info.base, kLogSuffix)));
      log.damaged.push_back({.first = info.base, .next = next});
      info.length = 0;
      info.next_offset = end = next;
      continue;
    }
    bool torn = false;
    uint32_t from = 0;
    const bool sealed = info.length > 0;
    MILLRACE_ASSIGN_OR_RETURN(const FileInfo file, env_.files->Stat(PathOf(info.base, kLogSuffix)));
    if (below && info.length > 0 && file.size_bytes >= info.length) {
      end = info.next_offset;  // durable, and of known length: damage shows when it is read
      continue;
    }
    if (info.base == flushed.segment_base && flushed.position <= file.size_bytes) from = flushed.position;
    MILLRACE_RETURN_IF_ERROR(ScanSegment(&info, from, from == 0 ? info.base : flushed.offset, sealed, &epochs, &torn, report));
    end = info.next_offset;
    const Offset must_reach = below                         ? log.segments[kept + 1].base
                              : info.base <= flushed.offset ? flushed.offset
                                                            : info.base;
    if (end < must_reach) {
      // Durable records are gone. They are not forgotten: their offsets stay taken, and reading them says so.
      log.damaged.push_back({.first = end, .next = must_reach});
      report->notes.push_back(absl::StrFormat("%s: offsets %d to %d were durable and are damaged",
                                              PathOf(info.base, kLogSuffix), end.value(),
                                              must_reach.value() - 1));
      info.next_offset = end = must_reach;
      if (!below) {
        log.segments.resize(kept + 1);
        log.segments.push_back({.base = end, .next_offset = end});
        kept = log.segments.size();
        break;
      }
      continue;
    }
    if (torn) {
      ++kept;
      break;
    }
  }
  for (size_t i = kept; i < log.segments.size(); ++i) {
    if (!present.contains(log.segments[i].base)) continue;
    report->notes.push_back(absl::StrFormat("%s lay behind the end of what is sound and was put aside",
                                            PathOf(log.segments[i].base, kLogSuffix)));
    if (!read_only_) {
      MILLRACE_RETURN_IF_ERROR(
          RenameSegmentFiles(env_.files, directory_, log.segments[i].base, "", kDeletedSuffix));
      context_->manifest().RemoveSegments(log_no_, std::vector<Offset>{log.segments[i].base});
    }
  }
  log.segments.resize(std::min(kept, log.segments.size()));
  log.flushed_offset = std::min(flushed.offset, log.segments.back().next_offset);
  log.epochs.assign(epochs.entries().begin(), epochs.entries().end());
  if (read_only_) return log;

  ManifestFile& manifest = context_->manifest();
  for (size_t i = 0; i + 1 < log.segments.size(); ++i) {
    const SegmentInfo& info = log.segments[i];
    manifest.SealSegment(log_no_, {.base = info.base,
                                   .next_offset = info.next_offset,
                                   .max_timestamp = info.max_timestamp,
                                   .length = info.length,
                                   .sealed = true});
  }
  const Offset last = log.segments.back().base;
  if (entry.segments.empty() || entry.segments.back().base != last) manifest.AddSegment(log_no_, last);
  MILLRACE_RETURN_IF_ERROR(manifest.Write());
  // The tail is cut now, not when somebody next appends: tools read the file as well.
  for (const SegmentInfo& info : log.segments) {
    if (!present.contains(info.base) || info.next_offset <= flushed.offset) continue;
    MILLRACE_ASSIGN_OR_RETURN(const auto file,
                              env_.files->Open(PathOf(info.base, kLogSuffix), OpenMode::kReadWrite));
    MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    // What was written from memory, or cut, may say of itself what is not so any more.
    RemoveSideFiles(info.base);
    if (size <= info.length) continue;
    MILLRACE_RETURN_IF_ERROR(file->Truncate(info.length));
    // On the disk before anything else gets there: what was cut must not come back behind what follows.
    MILLRACE_RETURN_IF_ERROR(file->Sync());
  }
  return log;
}

}  // namespace millrace::inline v0
