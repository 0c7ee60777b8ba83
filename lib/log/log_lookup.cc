// Looking things up: by timestamp, by epoch; producers.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_cursor.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// The first record of `batch`, at or after `start`, that is as late as `timestamp`.
std::optional<Log::TimestampOffset> FirstAtOrAfter(const BatchView& batch, Timestamp timestamp,
                                                   Offset start) {
  RecordReader reader(batch);
  for (RecordView record; reader.Next(&record);) {
    if (record.offset >= start && record.timestamp >= timestamp) {
      return Log::TimestampOffset{
          .timestamp = record.timestamp, .offset = record.offset, .leader_epoch = batch.leader_epoch()};
    }
  }
  return std::nullopt;
}

// The next slice, past what is damaged; empty at the end.
absl::StatusOr<LogSlice> NextSound(LogCursorImpl* cursor) {
  while (true) {
    absl::StatusOr<LogSlice> slice = cursor->Next(1 << 20);
    const auto damage = DamagedRangeOf(slice.status());
    if (!damage.has_value()) return slice;
    MILLRACE_RETURN_IF_ERROR(cursor->Seek(damage->next));
  }
}

}  // namespace

absl::StatusOr<std::optional<Log::TimestampOffset>> LogImpl::OffsetForTimestamp(Timestamp timestamp) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (read_only_) RefreshFromWriter();
  // Where the first segment that may have it begins.
  Offset start = log_start_offset();
  {
    GateLock lock(&gate_);
    MutexLock segments_lock(&segments_mutex_);
    for (size_t i = 0; i + 1 < segments_.size(); ++i) {
      // One of which it is not known may have it.
      if (segments_[i].max_timestamp >= timestamp ||
          (segments_[i].max_timestamp == kNoTimestamp && segments_[i].length > 0))
        break;
      start = std::max(start, segments_[i + 1].base);
    }
  }
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Segment> segment, SegmentFor(start));
  if (segment != nullptr && segment->state() == Segment::State::kSealed) {
    int64_t interval;
    {
      GateLock lock(&gate_);
      interval = config_.index_interval_bytes;
    }
    MILLRACE_ASSIGN_OR_RETURN(const SegmentIndexes* indexes, segment->LoadIndexes(interval));
    const TimestampPosition floor = indexes->times.Floor(timestamp - 1);
    if (floor.timestamp != kNoTimestamp) start = std::max(start, floor.offset);
  } else if (segment != nullptr && !read_only_) {
    MILLRACE_RETURN_IF_ERROR(
        PositionOf(*segment, segment->next_offset() - 1).status());  // completes the indexes
    GateLock lock(&gate_);
    const TimestampPosition floor = segment->indexes().times.Floor(timestamp - 1);
    if (floor.timestamp != kNoTimestamp) start = std::max(start, floor.offset);
  }
  LogCursorImpl cursor(this, start);
  while (true) {
    MILLRACE_ASSIGN_OR_RETURN(const LogSlice slice, NextSound(&cursor));
    if (slice.empty()) return std::optional<TimestampOffset>();
    for (const BatchView batch : slice) {
      if (batch.max_timestamp() < timestamp || batch.is_control()) continue;
      if (auto found = FirstAtOrAfter(batch, timestamp, log_start_offset()); found.has_value()) return found;
    }
  }
}

absl::StatusOr<std::optional<Log::TimestampOffset>> LogImpl::OffsetOfMaxTimestamp() {
  if (read_only_) RefreshFromWriter();
  Offset start = log_start_offset();
  {
    // The segment that has the latest; of a reopened active segment that is not known before it is read.
    GateLock lock(&gate_);
    MutexLock segments_lock(&segments_mutex_);
    const bool known =
        active_ != nullptr && newest_known_ &&
        std::none_of(segments_.begin(), std::prev(segments_.end()), [](const SegmentInfo& info) {
          return info.length > 0 && info.max_timestamp == kNoTimestamp;
        });
    if (known) {
      Timestamp latest = max_timestamp_;
      Offset from = segments_.back().base;
      for (size_t i = 0; i + 1 < segments_.size(); ++i) {
        if (segments_[i].max_timestamp <= latest) continue;
        latest = segments_[i].max_timestamp;
        from = segments_[i].base;
      }
      start = std::max(start, from);
    }
  }
  LogCursorImpl cursor(this, start);
  Timestamp latest = kNoTimestamp;
  std::optional<TimestampOffset> found;
  while (true) {
    MILLRACE_ASSIGN_OR_RETURN(const LogSlice slice, NextSound(&cursor));
    if (slice.empty()) return found;
    for (const BatchView batch : slice) {
      if (batch.max_timestamp() <= latest || batch.is_control()) continue;
      latest = batch.max_timestamp();
      found = FirstAtOrAfter(batch, latest, log_start_offset());
    }
  }
}

std::pair<LeaderEpoch, Offset> LogImpl::EpochEndOffset(LeaderEpoch epoch) const {
  GateLock lock(&gate_);
  return epochs_.EndOffsetFor(epoch, Offset(end_.load(std::memory_order_relaxed)));
}

std::vector<ProducerStateInfo> LogImpl::Producers() {
  GateLock lock(&gate_);
  if (!LoadProducers().ok()) return {};
  producers_.RemoveExpired(env_.clock->CoarseWall());
  return producers_.List();
}

// Brings the producer state up to the end: from the newest snapshot that can be read, then from the batches
// behind it. Only when somebody needs it.
absl::Status LogImpl::LoadProducers() {
  if (producers_loaded_) return absl::OkStatus();
  const Offset end(end_.load(std::memory_order_relaxed));
  producers_.Clear();
  auto names = env_.files->List(directory_);
  std::vector<Offset> snapshots;
  if (names.ok()) {
    for (const std::string& name : *names) {
      const auto file = ParseSegmentFileName(name);
      if (file.has_value() && file->suffix == kSnapshotSuffix && file->base <= end)
        snapshots.push_back(file->base);
    }
  }
  std::sort(snapshots.rbegin(), snapshots.rend());
  std::vector<SegmentInfo> segments;
  {
    MutexLock lock(&segments_mutex_);
    segments = segments_;
  }
  // From the first record there is: one below the log's start is the newest of its producer all the same.
  Offset from = segments.front().base;
  for (const Offset snapshot : snapshots) {
    // What lies between an older snapshot and the first record is gone: who trusted it would refuse the
    // sequence numbers that follow.
    if (snapshot < from) break;
    const auto bytes = ReadWholeFile(env_.files, PathOf(snapshot, kSnapshotSuffix), uint64_t{1} << 30);
    if (bytes.ok() && producers_.LoadSnapshot(*bytes, snapshot, env_.clock->Wall()).ok()) {
      from = snapshot;
      break;
    }
  }
  for (const SegmentInfo& info : segments) {
    const Offset next = info.open != nullptr ? info.open->next_offset() : info.next_offset;
    std::shared_ptr<Segment> segment = info.open;
    if (next <= from || (segment == nullptr && info.length == 0)) continue;
    if (segment == nullptr) {
      const SegmentEnd whole = {.offsets = static_cast<uint32_t>(info.next_offset - info.base),
                                .position = info.length};
      MILLRACE_ASSIGN_OR_RETURN(
          segment, Segment::OpenForReading(SegmentOptions(/*may_evict=*/false), info.base,
                                           PathOf(info.base, kLogSuffix), whole, Segment::State::kSealed));
    }
    const uint32_t length = segment->end().position;
    MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes bytes, segment->Read(0, length));
    for (uint32_t at = 0; at < length;) {
      const auto batch = BatchView::Parse(bytes.bytes.subspan(at));
      // Damage: what is behind it in this segment is not known.
      if (!batch.ok() || (at < segment->trusted_from() && !batch->CrcIsValid())) break;
      if (batch->last_offset() >= from) producers_.Update(ProducerBatch::Of(*batch));
      at += static_cast<uint32_t>(batch->size_bytes());
    }
  }
  producers_.set_map_end_offset(end);
  producers_loaded_ = true;
  return absl::OkStatus();
}

absl::Status LogImpl::WriteSnapshot() {
  return WriteFileAtomically(env_.files,
                             PathOf(Offset(end_.load(std::memory_order_relaxed)), kSnapshotSuffix),
                             producers_.EncodeSnapshot(),
                             /*sync=*/false);
}

}  // namespace millrace::inline v0
