// Truncation. A published end is never taken back in a file that readers may have mapped: what stays of the
// segment is copied to a new file.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/segment_swap.h"
#include "log/sound_batch.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::Status LogImpl::TruncateTo(Offset offset) {
  MutexLock maintenance_lock(&maintenance_mutex_);
  MILLRACE_RETURN_IF_ERROR(SealPending());
  GateLock lock(&gate_);
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  const Offset end(end_.load(std::memory_order_relaxed));
  if (offset >= end) return absl::OkStatus();
  if (offset < log_start_offset()) {
    return Error(ErrorCode::kOffsetOutOfRange,
                 absl::StrFormat("%s: cannot truncate to offset %d below the log's start %d", name_,
                                 offset.value(), log_start_offset().value()));
  }
  if (active_ == nullptr) MILLRACE_RETURN_IF_ERROR(OpenActive());
  MILLRACE_ASSIGN_OR_RETURN(Truncation cut, PrepareTruncation(offset));
  // Durable before the data goes: recovery must not miss what was truncated on purpose.
  if (flushed_offset() > cut.end()) {
    context_->flush_points()->Set(
        log_no_, {.offset = cut.end(), .segment_base = cut.base, .position = cut.kept.end.position});
    MILLRACE_RETURN_IF_ERROR(context_->flush_points()->Sync());
    flushed_.store(cut.end().value(), std::memory_order_release);
  }
  // Until the files are what the slot says, a dead process's successor finds out by reading them.
  slot_->Clear();
  absl::Status status = TellTruncated(cut);
  if (absl::IsResourceExhausted(status)) {
    // No space to say so, and nothing has happened yet: it can be tried again.
    Untell(cut);
    slot_->Begin(context_->control()->term(), base_, active_->end(), log_start_offset());
    slot_end_ = slot_->end();
    return status;
  }
  if (status.ok()) status = SwapTruncated(cut);
  if (!status.ok()) {
    PoisonLocked(status);
    return status;
  }
  AdoptTruncated(std::move(cut));
  return absl::OkStatus();
}

// The new file of the segment that `offset` lies in, durable under a temporary name.
absl::StatusOr<LogImpl::Truncation> LogImpl::PrepareTruncation(Offset offset) {
  std::vector<SegmentInfo> all;
  {
    MutexLock segments_lock(&segments_mutex_);
    all = segments_;
  }
  size_t keep = all.size() - 1;
  while (keep > 0 && all[keep].base >= offset) --keep;
  const SegmentInfo& last = all[keep];
  Truncation cut = {.base = last.base};
  for (size_t i = keep + 1; i < all.size(); ++i) cut.gone.push_back(all[i].base);
  std::shared_ptr<Segment> source = last.open;
  if (source == nullptr && last.length > 0) {
    const SegmentEnd whole = {.offsets = static_cast<uint32_t>(last.next_offset - last.base),
                              .position = last.length};
    MILLRACE_ASSIGN_OR_RETURN(
        source, Segment::OpenForReading(SegmentOptions(/*may_evict=*/false), last.base,
                                        PathOf(last.base, kLogSuffix), whole, Segment::State::kSealed));
  }
  if (source != nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(cut.kept, KeepBelow(*source, offset));
  }
  // The batch at `offset` may begin below the log's start, which stays.
  if (cut.end() < log_start_offset())
    cut.kept.end.offsets = static_cast<uint32_t>(log_start_offset() - cut.base);
  cut.path = PathOf(last.base, kLogSuffix) + std::string(kTemporarySuffix);
  env_.files->Remove(cut.path).IgnoreError();
  MILLRACE_ASSIGN_OR_RETURN(cut.fresh,
                            Segment::Create(SegmentOptions(/*may_evict=*/false), last.base, cut.path,
                                            std::max<uint64_t>(cut.kept.end.position, 1)));
  if (cut.kept.end.position > 0) {
    MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes bytes, source->Read(0, cut.kept.end.position));
    MILLRACE_RETURN_IF_ERROR(cut.fresh->Store(0, bytes.bytes));
  }
  cut.fresh->Publish(cut.kept.end);
  cut.fresh->set_indexes_complete(cut.kept.end.position == 0);
  MILLRACE_RETURN_IF_ERROR(cut.fresh->file()->Sync());
  return cut;
}

// Durable on return: an older manifest would speak of segments that new ones have taken the place of.
absl::Status LogImpl::TellTruncated(const Truncation& cut) {
  ManifestFile& manifest = context_->manifest();
  if (!cut.gone.empty()) manifest.RemoveSegments(log_no_, cut.gone);
  manifest.UnsealSegment(log_no_, cut.base);
  LeaderEpochCache epochs = epochs_;
  if (epochs.TruncateFromEnd(cut.end())) manifest.SetEpochs(log_no_, epochs.entries());
  return manifest.Sync();
}

void LogImpl::Untell(const Truncation& cut) {
  ManifestFile& manifest = context_->manifest();
  MutexLock segments_lock(&segments_mutex_);
  for (size_t i = 0; i < segments_.size(); ++i) {
    const SegmentInfo& info = segments_[i];
    if (info.base < cut.base) continue;
    if (i + 1 == segments_.size()) {
      manifest.AddSegment(log_no_, info.base);
    } else {
      manifest.SealSegment(log_no_, {.base = info.base,
                                     .next_offset = info.next_offset,
                                     .max_timestamp = info.max_timestamp,
                                     .length = info.length,
                                     .sealed = true});
    }
  }
  manifest.SetEpochs(log_no_, epochs_.entries());
}

// Puts the shortened segment in its place and the segments behind it away.
absl::Status LogImpl::SwapTruncated(const Truncation& cut) {
  for (const Offset old : cut.gone)
    MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(env_.files, directory_, old, "", kDeletedSuffix));
  RemoveSideFiles(cut.base);
  RemoveSnapshotsFrom(cut.end() + 1);
  MILLRACE_RETURN_IF_ERROR(env_.files->Rename(cut.path, PathOf(cut.base, kLogSuffix)));
  MILLRACE_RETURN_IF_ERROR(env_.files->SyncDirectory(directory_));
  // Offsets that are given out again are neither damaged nor given up.
  return CutFenced(cut.end());
}

void LogImpl::AdoptTruncated(Truncation cut) {
  {
    MutexLock segments_lock(&segments_mutex_);
    while (segments_.back().base > cut.base) {
      Forget(segments_.back());
      segments_.pop_back();
    }
    Forget(segments_.back());
    segments_.back() = {.base = cut.base, .next_offset = cut.base, .open = cut.fresh};
    const Timestamp now = env_.clock->Wall();
    for (const Offset base : cut.gone) lingering_.push_back({.base = base, .due = now});
  }
  epochs_.TruncateFromEnd(cut.end());
  producers_.Clear();
  producers_loaded_ = false;
  CountAppended();
  active_ = std::move(cut.fresh);
  data_ = active_->data();
  base_ = cut.base;
  position_ = counted_position_ = cut.kept.end.position;
  snapshot_at_ = position_;
  offsets_ = counted_offsets_ = cut.kept.end.offsets;
  max_timestamp_ = cut.kept.max_timestamp;
  max_timestamp_offset_ = cut.end() - 1;
  newest_known_ = true;
  index_due_ = static_cast<uint32_t>(position_ + config_.index_interval_bytes + 1);
  slot_->Begin(context_->control()->term(), base_, cut.kept.end, log_start_offset());
  slot_end_ = slot_->end();
  end_.store(cut.end().value(), std::memory_order_release);
  limit_ = 0;
}

// The whole batches of `source` that lie below `offset`: a batch is never cut. What vouches for them, the
// guard, goes with the old file: damage must not pass for data afterwards.
absl::StatusOr<LogImpl::Kept> LogImpl::KeepBelow(Segment& source, Offset offset) const {
  Kept kept;
  const SegmentEnd end = source.end();
  Offset expected = source.base();
  while (kept.end.position < end.position) {
    const uint32_t at = kept.end.position;
    const auto damaged = [&] {
      return DataLoss(
          {.first = expected, .next = source.next_offset()},
          absl::StrFormat("%s: cannot truncate to offset %d through a damaged batch at position %d "
                          "of segment %d; offset %d, where it begins, would do",
                          name_, offset.value(), at, source.base().value(), expected.value()));
    };
    std::array<std::byte, kBatchHeaderBytes> buffer;
    MILLRACE_ASSIGN_OR_RETURN(const BatchView header, source.ReadHeader(at, buffer));
    if (!IsWholeHeader(header, end.position - at)) return damaged();
    MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes bytes, source.Read(at, header.size_bytes()));
    if (!IsSoundBatch(source, bytes.bytes, at, expected, end)) return damaged();
    const auto batch = BatchView::Parse(bytes.bytes);
    if (!batch.ok()) return batch.status();
    if (batch->next_offset() > offset) break;
    expected = batch->next_offset();
    kept.end.position += static_cast<uint32_t>(batch->size_bytes());
    kept.end.offsets = static_cast<uint32_t>(expected - source.base());
    kept.max_timestamp = std::max(kept.max_timestamp, batch->max_timestamp());
  }
  return kept;
}

bool LogImpl::RemoveSnapshotsFrom(Offset offset) {
  const auto names = env_.files->List(directory_);
  if (!names.ok()) return false;
  bool any = false;
  for (const std::string& name : *names) {
    const auto file = ParseSegmentFileName(name);
    if (!file.has_value() || file->suffix != kSnapshotSuffix || file->base < offset) continue;
    any = true;
    env_.files->Remove(JoinPath(directory_, name))
        .IgnoreError();  // it names an end beyond the log's: never read
  }
  return any;
}

}  // namespace millrace::inline v0
