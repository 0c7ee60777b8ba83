// What changes a log beside appends: retention, truncation, the cleaner's swap, and the chores of
// RunMaintenance.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/segment_swap.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::Status LogImpl::RunMaintenance() {
  if (read_only_) return absl::OkStatus();
  MutexLock lock(&maintenance_mutex_);
  bool due = false;
  {
    GateLock gate_lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
    CountAppended();
    if (active_ != nullptr && position_ > 0 && IsOld()) MILLRACE_RETURN_IF_ERROR(RollLocked());
    if (config_.durability == Durability::kInterval && unflushed_since_ != kNever) {
      const int64_t flush_ms = config_.flush_ms != INT64_MAX ? config_.flush_ms : 1000;
      due = (env_.clock->Monotonic() - unflushed_since_) / 1'000'000 >= flush_ms;
    }
  }
  {
    MutexLock sync_lock(&sync_mutex_);
    due = due || (durable_posted_ && env_.executor == nullptr);
  }
  MILLRACE_RETURN_IF_ERROR(SealPending());
  if (due) RunDurable();
  SweepLeftovers();
  MILLRACE_RETURN_IF_ERROR(DeleteOldSegments());
  RemoveLingering(/*all=*/false);
  MILLRACE_RETURN_IF_ERROR(SyncFlushPoint(/*now=*/false));
  if (own_context_ != nullptr && context_->manifest().WantsCompaction())
    return context_->manifest().Compact();
  return absl::OkStatus();
}

// Kafka's segment.ms, in two times: a record that is so much newer than the segment's first, as records are
// stamped, and the segment's own age. Records of long ago do not make a segment old.
void LogImpl::StartAge(Timestamp first, Timestamp now) {
  const int64_t age = std::max<int64_t>(config_.segment_ms - roll_jitter_ms_, 1);
  const auto after = [age](Timestamp from) {
    const int64_t start = std::max<int64_t>(from.value(), 0);
    return Timestamp(age > INT64_MAX - start ? INT64_MAX : start + age);
  };
  roll_at_ = after(first == kNoTimestamp ? now : first);
  wall_roll_at_ = after(now);
  began_ = env_.clock->Monotonic();
  began_base_ = base_;
}

// A reopened segment is as old as this process knows it to be, or as its first record says.
void LogImpl::ResumeAge(const Segment& segment) {
  const MonotonicNanos known = began_base_ == segment.base() ? began_ : env_.clock->Monotonic();
  const Timestamp now = env_.clock->CoarseWall();
  std::array<std::byte, kBatchHeaderBytes> buffer;
  const auto first = segment.ReadHeader(0, buffer);
  StartAge(first.ok() && first->magic() == 2 ? first->max_timestamp() : kNoTimestamp, now);
  began_ = known;
  if (IsOld()) wall_roll_at_ = now;
}

// By either clock: the wall clock may have been set back since the segment began.
bool LogImpl::IsOld() const {
  if (env_.clock->Wall() >= wall_roll_at_) return true;
  const int64_t age = std::max<int64_t>(config_.segment_ms - roll_jitter_ms_, 1);
  return (env_.clock->Monotonic() - began_) / 1'000'000 >= age;
}

// Of a segment that was reopened it may not be known how new its records are. The file's last change comes
// after them: while that is not late, they are not, and nothing need be read.
absl::Status LogImpl::ResolveTimestamps() {
  const TopicConfig config = this->config();
  if (!config.cleanup_policy.remove || config.retention_ms < 0) return absl::OkStatus();
  const Timestamp now = env_.clock->Wall();
  std::vector<Offset> unknown;
  {
    GateLock gate_lock(&gate_);
    MutexLock lock(&segments_mutex_);
    for (const SegmentInfo& info : segments_) {
      const bool active = active_ != nullptr && info.open == active_;
      const bool known = active ? newest_known_ : info.length == 0 || info.max_timestamp != kNoTimestamp;
      if (!known) unknown.push_back(info.base);
    }
  }
  for (const Offset base : unknown) {
    const auto file = env_.files->Stat(PathOf(base, kLogSuffix));
    if (!file.ok() || now - Timestamp(file->modified_ms) <= config.retention_ms) return absl::OkStatus();
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, OpenSegment(base));
    if (segment == nullptr) continue;
    GateLock gate_lock(&gate_);
    if (segment == active_) {
      MILLRACE_RETURN_IF_ERROR(CompleteIndexes(*segment));
      continue;
    }
    MILLRACE_ASSIGN_OR_RETURN(const SegmentIndexes* indexes,
                              segment->LoadIndexes(config_.index_interval_bytes));
    MutexLock lock(&segments_mutex_);
    const auto at = std::find_if(segments_.begin(), segments_.end(),
                                 [&](const SegmentInfo& info) { return info.base == base; });
    if (at != segments_.end()) at->max_timestamp = indexes->times.Last().timestamp;
  }
  return absl::OkStatus();
}

// Kafka's deleteRetentionMsBreachedSegments and deleteRetentionSizeBreachedSegments, oldest first.
absl::StatusOr<std::vector<Offset>> LogImpl::FindOldSegments() {
  const TopicConfig config = this->config();
  std::vector<Offset> old;
  const Offset log_start = log_start_offset();
  const Timestamp now = env_.clock->Wall();
  bool roll = false;
  GateLock gate_lock(&gate_);
  {
    MutexLock lock(&segments_mutex_);
    int64_t size = 0;
    for (const SegmentInfo& info : segments_)
      size += info.open != nullptr ? info.open->end().position : info.length;
    int64_t beyond = config.retention_bytes < 0 ? 0 : size - config.retention_bytes;
    for (size_t i = 0; i < segments_.size(); ++i) {
      const bool last = i + 1 == segments_.size();
      const SegmentInfo& info = segments_[i];
      const int64_t length = info.open != nullptr ? info.open->end().position : info.length;
      const Timestamp newest = last && active_ != nullptr ? KnownNewest() : info.max_timestamp;
      const bool out = !last && info.next_offset <= log_start;
      const bool late = config.cleanup_policy.remove && config.retention_ms >= 0 && newest != kNoTimestamp &&
                        now - newest > config.retention_ms;
      const bool large =
          config.cleanup_policy.remove && config.retention_bytes >= 0 && beyond >= length && length > 0;
      if (!out && !late && !(large && !last)) break;
      if (last) {
        roll = late && length > 0;
        break;
      }
      beyond -= length;
      old.push_back(info.base);
    }
  }
  if (!roll) return old;
  // The newest records are late as well: they go with a segment of their own.
  if (active_ == nullptr) MILLRACE_RETURN_IF_ERROR(OpenActive());
  old.push_back(base_);
  MILLRACE_RETURN_IF_ERROR(RollLocked());
  return old;
}

absl::Status LogImpl::DeleteOldSegments() {
  MILLRACE_RETURN_IF_ERROR(ResolveTimestamps());
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<Offset> old, FindOldSegments());
  if (old.empty()) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(SealPending());
  return RemoveSegments(old);
}

absl::Status LogImpl::DeleteRecordsBefore(Offset offset) {
  MutexLock maintenance_lock(&maintenance_mutex_);
  bool durable = false;
  {
    GateLock lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
    durable = config_.durability == Durability::kPowerLoss;
  }
  if (offset > Offset(end_.load(std::memory_order_acquire)) || offset < Offset(0)) {
    return Error(ErrorCode::kOffsetOutOfRange,
                 absl::StrFormat("%s: cannot delete before offset %d; the log ends at %d", name_,
                                 offset.value(), end_.load(std::memory_order_acquire)));
  }
  if (offset <= log_start_offset()) return absl::OkStatus();
  RaiseLogStart(offset);
  ManifestFile& manifest = context_->manifest();
  MILLRACE_RETURN_IF_ERROR(durable ? manifest.Sync() : manifest.Write());
  std::vector<Offset> below;
  {
    MutexLock lock(&segments_mutex_);
    for (size_t i = 0; i + 1 < segments_.size(); ++i) {
      if (segments_[i].next_offset <= offset && segments_[i + 1].base <= offset)
        below.push_back(segments_[i].base);
    }
  }
  return below.empty() ? absl::OkStatus() : RemoveSegments(below);
}

void LogImpl::RaiseLogStart(Offset offset) {
  if (offset <= log_start_offset()) return;
  context_->manifest().SetLogStartOffset(log_no_, offset);
  GateLock lock(&gate_);
  log_start_.store(offset.value(), std::memory_order_release);
  if (slot_ != nullptr) slot_->SetLogStart(offset);
  epochs_.TruncateFromStart(offset);
}

// Takes closed segments out of the log. Their files linger under another name, for readers in other
// processes.
absl::Status LogImpl::RemoveSegments(const std::vector<Offset>& bases) {
  Offset start = log_start_offset();
  {
    MutexLock lock(&segments_mutex_);
    for (size_t i = 0; i + 1 < segments_.size(); ++i) {
      if (std::find(bases.begin(), bases.end(), segments_[i].base) != bases.end())
        start = std::max(start, segments_[i + 1].base);
    }
  }
  RaiseLogStart(start);
  std::vector<Offset> gone;
  {
    MutexLock lock(&segments_mutex_);
    for (const Offset base : bases) {
      const auto at = std::find_if(segments_.begin(), segments_.end(),
                                   [&](const SegmentInfo& info) { return info.base == base; });
      if (at == segments_.end()) continue;
      Forget(*at);
      segments_.erase(at);
      gone.push_back(base);
    }
  }
  context_->manifest().RemoveSegments(log_no_, gone);
  // Durable before the files go, or they would be missed after a power loss. Where the disk is too full to
  // say so, it is said afterwards: deleting is what frees it.
  absl::Status status = context_->manifest().Sync();
  const bool full = absl::IsResourceExhausted(status);
  if (!status.ok() && !full) return status;  // the files stay, and are found to be nobody's by the next Open
  absl::Status renamed;
  for (const Offset base : gone) {
    renamed.Update(RenameSegmentFiles(env_.files, directory_, base, "", kDeletedSuffix));
    Linger(base);
  }
  RemoveLingering(/*all=*/full);
  if (full) status = context_->manifest().Sync();
  status.Update(renamed);
  return status;
}

// The segment is no longer part of the log; who holds memory of it is counted from now on.
void LogImpl::Forget(SegmentInfo& info) {
  context_->metrics().segments_removed.Add();
  context_->budget()->ReleaseDisk(info.length);
  if (info.open == nullptr) return;
  info.open->set_state(Segment::State::kGone);
  std::erase(unsealed_, info.open);
  std::erase(unsynced_, info.open);
  if (info.open->mapped()) {
    deleted_pins_.push_back({.mapping = info.open->mapping(), .bytes = info.length});
    has_deleted_pins_.store(true, std::memory_order_relaxed);
  }
  info.open.reset();
}

void LogImpl::Linger(Offset base) {
  int64_t delay;
  {
    GateLock lock(&gate_);
    delay = config_.file_delete_delay_ms;
  }
  const Timestamp now = env_.clock->Wall();
  MutexLock lock(&segments_mutex_);
  lingering_.push_back(
      {.base = base, .due = Timestamp(delay > INT64_MAX - now.value() ? INT64_MAX : now.value() + delay)});
}

void LogImpl::RemoveLingering(bool all) {
  const Timestamp now = env_.clock->Wall();
  std::vector<Offset> due;
  {
    MutexLock lock(&segments_mutex_);
    std::erase_if(lingering_, [&](const LingeringFile& file) {
      if (!all && file.due > now) return false;
      due.push_back(file.base);
      return true;
    });
  }
  for (const Offset base : due)
    RemoveSegmentFiles(env_.files, directory_, base, kDeletedSuffix)
        .IgnoreError();  // swept with the next open
}

// What earlier lives left behind: files that were to be deleted, spares, temporary ones, snapshots older than
// the last two.
void LogImpl::SweepLeftovers() {
  {
    MutexLock lock(&segments_mutex_);
    if (std::exchange(swept_, true)) return;
  }
  const auto names = env_.files->List(directory_);
  if (!names.ok()) return;
  std::vector<std::string> snapshots;
  std::string spare;
  {
    MutexLock lock(&segments_mutex_);
    spare = spare_path_;
  }
  for (const std::string& name : *names) {
    const std::string path = JoinPath(directory_, name);
    const auto file = ParseSegmentFileName(name);
    if (file.has_value() && file->suffix == kSnapshotSuffix) snapshots.push_back(path);
    const bool left =
        name.ends_with(kTemporarySuffix) || (file.has_value() && file->suffix.ends_with(kDeletedSuffix));
    const bool ours = file.has_value() || name.starts_with("spare-");
    if (left && ours && path != spare) env_.files->Remove(path).IgnoreError();
  }
  std::sort(snapshots.begin(), snapshots.end());
  for (size_t i = 0; i + 2 < snapshots.size(); ++i) env_.files->Remove(snapshots[i]).IgnoreError();
}

// --- CleanableLog

std::vector<ManifestSegment> LogImpl::ClosedSegments() const {
  std::vector<ManifestSegment> closed;
  MutexLock lock(&segments_mutex_);
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    const SegmentInfo& info = segments_[i];
    closed.push_back({.base = info.base,
                      .next_offset = info.next_offset,
                      .max_timestamp = info.max_timestamp,
                      .length = info.length,
                      .sealed = true});
  }
  return closed;
}

Offset LogImpl::CleanableEnd() const {
  GateLock lock(&gate_);
  const Offset end(end_.load(std::memory_order_relaxed));
  return producers_.FirstUnstableOffset().value_or(end);
}

absl::StatusOr<std::vector<AbortedTransaction>> LogImpl::Aborted(Offset from, Offset until) {
  std::vector<AbortedTransaction> aborted;
  std::vector<ManifestSegment> segments = ClosedSegments();
  for (const ManifestSegment& segment : segments) {
    if (segment.next_offset <= from) continue;
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> open, OpenSegment(segment.base));
    MILLRACE_ASSIGN_OR_RETURN(const SegmentIndexes* indexes,
                              open->LoadIndexes(config().index_interval_bytes));
    if (indexes->transactions.Collect(from, until, &aborted)) break;
  }
  return aborted;
}

absl::Status LogImpl::SwapSegments(std::span<const Offset> removed,
                                   const std::optional<ManifestSegment>& added) {
  MutexLock maintenance_lock(&maintenance_mutex_);
  {
    GateLock lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
  }
  MILLRACE_RETURN_IF_ERROR(PrepareSwapOf(removed, added));
  absl::Status status = TellSwapped(removed, added);
  // No space to say so: nothing has happened yet, and it can be tried again.
  if (absl::IsResourceExhausted(status)) return status;
  if (status.ok()) status = FinishSwapOf(removed, added);
  // Half done: Revive, or the next Open, brings it to its end.
  if (!status.ok()) Poison(status);
  return status;
}

absl::Status LogImpl::PrepareSwapOf(std::span<const Offset> removed,
                                    const std::optional<ManifestSegment>& added) {
  {
    MutexLock lock(&segments_mutex_);
    for (const Offset base : removed) {
      const auto at = std::find_if(segments_.begin(), segments_.end(),
                                   [&](const SegmentInfo& info) { return info.base == base; });
      if (at == segments_.end() || std::next(at) == segments_.end())
        return absl::AbortedError(
            absl::StrFormat("%s: segments were deleted while they were compacted", name_));
    }
  }
  return added.has_value() ? PrepareSwap(env_.files, directory_, added->base) : absl::OkStatus();
}

// Says it to the manifest, durably. Where the disk is too full for that, it is taken back.
absl::Status LogImpl::TellSwapped(std::span<const Offset> removed,
                                  const std::optional<ManifestSegment>& added) {
  ManifestFile& manifest = context_->manifest();
  const std::optional<LogEntry> before = manifest.Find(log_no_);
  if (!before.has_value()) return absl::InternalError(absl::StrFormat("%s is not in the manifest", name_));
  std::vector<ManifestSegment> now;
  if (added.has_value()) now.push_back(*added);
  manifest.ReplaceSegments(log_no_, removed, now);
  const absl::Status status = manifest.Sync();
  if (!absl::IsResourceExhausted(status)) return status;
  std::vector<Offset> bases;
  if (added.has_value()) bases.push_back(added->base);
  std::vector<ManifestSegment> old;
  for (const ManifestSegment& segment : before->segments) {
    if (std::find(removed.begin(), removed.end(), segment.base) != removed.end()) old.push_back(segment);
  }
  manifest.ReplaceSegments(log_no_, bases, old);
  return status;
}

absl::Status LogImpl::FinishSwapOf(std::span<const Offset> removed,
                                   const std::optional<ManifestSegment>& added) {
  MutexLock lock(&segments_mutex_);
  if (added.has_value()) {
    MILLRACE_RETURN_IF_ERROR(FinishSwap(env_.files, directory_, added->base, removed));
  } else {
    for (const Offset base : removed)
      MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(env_.files, directory_, base, "", kDeletedSuffix));
  }
  const Timestamp due = env_.clock->Wall();
  auto place = segments_.begin();
  for (const Offset base : removed) {
    place = std::find_if(segments_.begin(), segments_.end(),
                         [&](const SegmentInfo& info) { return info.base == base; });
    Forget(*place);
    place = segments_.erase(place);
    lingering_.push_back({.base = base, .due = due});
  }
  if (added.has_value()) {
    segments_.insert(place, {.base = added->base,
                             .next_offset = added->next_offset,
                             .max_timestamp = added->max_timestamp,
                             .length = added->length});
    context_->budget()->CountDisk(added->length);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> LogImpl::Compact(bool force) {
  {
    GateLock lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
    if (!config_.cleanup_policy.compact) {
      return Error(ErrorCode::kInvalidConfig,
                   absl::StrFormat("%s is not compacted: set cleanup.policy=compact", name_));
    }
  }
  MILLRACE_RETURN_IF_ERROR(SealPending());
  return compactor_ ? compactor_(this, force) : CompactOnce(force);
}

// For a log of its own: from the place its checkpoint file names.
absl::StatusOr<int64_t> LogImpl::CompactOnce(bool force) {
  const std::string path = JoinPath(directory_, "cleaner-offset-checkpoint");
  Offset from = kNoOffset;
  if (const auto text = ReadTextFile(env_.files, path); text.ok()) {
    if (const auto entries = DecodeOffsetCheckpoint(*text); entries.ok() && !entries->empty())
      from = entries->front().offset;
  }
  const Timestamp now = env_.clock->Wall();
  MILLRACE_ASSIGN_OR_RETURN(const CleaningPlan plan, PlanCleaning(env_.files, *this, from, now));
  if (!plan.due && !force) return 0;
  Cleaning cleaning(env_.files, this, plan, {}, now, {env_.random->Next(), env_.random->Next()});
  MILLRACE_RETURN_IF_ERROR(cleaning.Run());
  const std::vector<CheckpointEntry> entries = {
      {.partition = {.topic = "log"}, .offset = cleaning.first_dirty_after()}};
  MILLRACE_RETURN_IF_ERROR(WriteTextFile(env_.files, path, EncodeOffsetCheckpoint(entries)));
  return cleaning.freed_bytes();
}

}  // namespace millrace::inline v0
