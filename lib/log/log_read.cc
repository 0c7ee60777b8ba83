// Cursors.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_cursor.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/sound_batch.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::Status LogImpl::CheckOpen() const {
  GateLock lock(&gate_);
  if (closed_) return Error(ErrorCode::kKafkaStorageError, absl::StrFormat("the log %s is closed", name_));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LogCursor>> LogImpl::NewCursor(Offset start) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (start > Offset(end_.load(std::memory_order_acquire)) && read_only_) RefreshFromWriter();
  auto cursor = std::make_unique<LogCursorImpl>(this, start);
  MILLRACE_RETURN_IF_ERROR(cursor->Seek(start));
  return cursor;
}

absl::Status LogCursorImpl::Seek(Offset offset) {
  if (offset < log_->log_start_offset() || offset > log_->log_end_offset()) {
    return Error(
        ErrorCode::kOffsetOutOfRange,
        absl::StrFormat("%s: offset %d is outside the log, which holds %d to %d", log_->name_, offset.value(),
                        log_->log_start_offset().value(), log_->log_end_offset().value()));
  }
  position_ = offset;
  segment_.reset();
  return absl::OkStatus();
}

absl::Status LogCursorImpl::OutOfRange() const {
  return Error(
      ErrorCode::kOffsetOutOfRange,
      absl::StrFormat("%s: offset %d is no longer there; the log holds %d to %d", log_->name_,
                      position_.value(), log_->log_start_offset().value(), log_->log_end_offset().value()));
}

absl::Status LogCursorImpl::FencedError(DamagedRange range) const {
  return DataLoss(range, absl::StrFormat("%s: offsets %d to %d are damaged; Seek past them, or ClearFenced",
                                         log_->name_, range.first.value(), range.next.value() - 1));
}

absl::StatusOr<LogSlice> LogCursorImpl::Next(size_t bytes_max) {
  if (segment_ != nullptr) [[likely]] {
    const Segment& segment = *segment_;
    const SegmentEnd end = segment.end();
    const uint32_t bytes = end.position - byte_;
    if (segment.state() == Segment::State::kActive && !log_->read_only_) {
      if (bytes == 0) return LogSlice{.next_offset = position_};
      const bool simple = byte_ >= segment.trusted_from() && segment.mapped() && bytes <= bytes_max &&
                          byte_ < end.position && position_ >= log_->log_start_offset() &&
                          !log_->has_deleted_pins_.load(std::memory_order_relaxed);
      if (simple) [[likely]] {
        byte_ = end.position;
        position_ = segment.base() + end.offsets;
        return LogSlice{.pin = segment.mapping(),
                        .bytes = {segment.data() + (end.position - bytes), bytes},
                        .next_offset = position_};
      }
    }
  }
  return NextSlow(bytes_max);
}

absl::StatusOr<LogSlice> LogCursorImpl::NextSlow(size_t bytes_max) {
  if (log_->has_deleted_pins_.load(std::memory_order_relaxed) && !log_->CanPin()) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("%s: readers hold more than %d bytes of deleted segments; let slices go", log_->name_,
                        log_->pinned_bytes_max_));
  }
  while (true) {
    if (segment_ != nullptr && segment_->state() == Segment::State::kGone) segment_.reset();
    if (segment_ == nullptr) {
      MILLRACE_RETURN_IF_ERROR(log_->CheckOpen());
      MILLRACE_RETURN_IF_ERROR(Locate());
      if (segment_ == nullptr) return LogSlice{.next_offset = position_};
    }
    if (position_ < log_->log_start_offset()) return OutOfRange();
    // The state before the end: a sealed segment's end is final.
    const Segment::State state = segment_->state();
    const SegmentEnd end = segment_->end();
    if (byte_ > end.position) return OutOfRange();  // cut off by a truncation
    if (byte_ < end.position) {
      absl::StatusOr<LogSlice> slice = ReadChunk(end, bytes_max);
      if (!slice.ok() || !slice->empty()) return slice;
      continue;  // went past a stretch that was given up
    }
    if (state == Segment::State::kSealed) {
      // Where records that the segment had are gone.
      if (const auto fenced = log_->FencedAt(position_); fenced.has_value()) return FencedError(*fenced);
      const DamagedRange rest = {.first = position_, .next = segment_->next_offset()};
      if (segment_->is_short() && rest.first < rest.next && log_->SkipCleared(rest.first) < rest.next)
        return log_->Fence(rest, absl::StrFormat("the missing end of segment %d", segment_->base().value()));
      std::shared_ptr<Segment> next;
      MILLRACE_ASSIGN_OR_RETURN(next, log_->SegmentAfter(segment_->base()));
      position_ = std::max(position_, segment_->next_offset());
      if (next == nullptr) {
        if (!log_->read_only_ || !log_->RefreshFromWriter()) return LogSlice{.next_offset = position_};
        segment_.reset();
        continue;
      }
      segment_.reset();
      position_ = std::max(position_, next->base());
      continue;
    }
    if (state == Segment::State::kGone) continue;
    if (!log_->read_only_ || !log_->RefreshFromWriter()) return LogSlice{.next_offset = position_};
  }
}

absl::Status LogCursorImpl::Locate() {
  const Offset end(log_->end_.load(std::memory_order_acquire));
  if (position_ < log_->log_start_offset() || position_ > end) return OutOfRange();
  position_ = std::max(position_, log_->SkipCleared(position_));
  if (const auto fenced = log_->FencedAt(position_); fenced.has_value()) return FencedError(*fenced);
  MILLRACE_ASSIGN_OR_RETURN(segment_, log_->SegmentFor(position_));
  byte_ = 0;
  if (segment_ == nullptr) return absl::OkStatus();
  position_ = std::max(position_, segment_->base());
  MILLRACE_ASSIGN_OR_RETURN(byte_, log_->PositionOf(*segment_, position_));
  return absl::OkStatus();
}

// Whole batches from byte_ on. Those that this process did not store itself are checked.
absl::StatusOr<LogSlice> LogCursorImpl::ReadChunk(SegmentEnd end, size_t bytes_max) {
  std::array<std::byte, kBatchHeaderBytes> buffer;
  size_t wanted = std::min<size_t>(bytes_max, end.position - byte_);
  const auto first = segment_->ReadHeader(byte_, buffer);
  if (first.ok() && first->length() >= static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes)) {
    wanted = std::max(wanted, std::min<size_t>(first->size_bytes(), end.position - byte_));
  } else {
    wanted = std::max(wanted, std::min<size_t>(kBatchHeaderBytes, end.position - byte_));
  }
  MILLRACE_ASSIGN_OR_RETURN(Segment::Bytes chunk, segment_->Read(byte_, wanted));
  size_t used = 0;
  Offset next = position_;
  while (used < chunk.bytes.size()) {
    const auto rest = chunk.bytes.subspan(used);
    const uint32_t at = byte_ + static_cast<uint32_t>(used);
    const bool trusted = at >= segment_->trusted_from();
    size_t size = 0;
    if (rest.size() >= kBatchHeaderBytes) {
      const BatchView batch(rest.data());
      const bool sensible = batch.length() >= static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes) &&
                            batch.size_bytes() <= end.position - at;
      if (sensible) size = batch.size_bytes();
    }
    if (size > rest.size() ||
        (size == 0 && rest.size() < kBatchHeaderBytes && at + kBatchHeaderBytes <= end.position))
      break;  // for the next call
    if (size == 0 || (!trusted && !IsSoundBatch(*segment_, rest.first(size), at, next, end))) {
      if (used > 0) break;  // what came before first
      MILLRACE_RETURN_IF_ERROR(Damaged(at, next, end));
      return LogSlice{.next_offset = position_};
    }
    next = BatchView(rest.data()).next_offset();
    used += size;
    if (used >= bytes_max) break;
  }
  byte_ += static_cast<uint32_t>(used);
  position_ = next;
  return LogSlice{.pin = std::move(chunk.pin), .bytes = chunk.bytes.first(used), .next_offset = next};
}

// Where the first sound batch behind a damaged one begins, whose offsets lie beyond `expected`. The guard
// knows; without it, the damaged batch's own length may still be right.
std::optional<std::pair<uint32_t, Offset>> LogCursorImpl::SoundBehind(uint32_t position, Offset expected,
                                                                      SegmentEnd end) {
  std::array<std::byte, kBatchHeaderBytes> buffer;
  for (uint32_t from = position;;) {
    const auto found = segment_->NextGuardedBatch(from);
    if (!found.ok() || !found->has_value() || **found >= end.position || **found <= from) break;
    const auto header = segment_->ReadHeader(**found, buffer);
    if (!header.ok()) break;
    const auto verdict = segment_->CheckHeader(**found, *header);
    if (verdict.ok() && *verdict == GuardReader::Verdict::kMatches && header->base_offset() > expected)
      return std::pair(**found, header->base_offset());
    from = **found;
  }
  const auto sound_at = [&](uint32_t next) -> std::optional<std::pair<uint32_t, Offset>> {
    const auto header = segment_->ReadHeader(next, buffer);
    if (!header.ok() || header->size_bytes() > end.position - next) return std::nullopt;
    const auto bytes = segment_->Read(next, header->size_bytes());
    if (!bytes.ok()) return std::nullopt;
    const auto batch = BatchView::Parse(bytes->bytes);
    if (!batch.ok() || batch->base_offset() <= expected || !batch->CrcIsValid() ||
        batch->next_offset() > segment_->base() + end.offsets)
      return std::nullopt;
    return std::pair(next, batch->base_offset());
  };
  std::optional<std::pair<uint32_t, Offset>> found;
  const auto damaged = segment_->ReadHeader(position, buffer);
  if (damaged.ok() && damaged->size_bytes() >= kBatchHeaderBytes &&
      damaged->size_bytes() < end.position - position)
    found = sound_at(position + static_cast<uint32_t>(damaged->size_bytes()));
  // Where this process began to append.
  const uint32_t own = segment_->trusted_from();
  if (!found.has_value() && own > position && own < end.position) found = sound_at(own);
  return found.has_value() ? found : SearchBatch(*segment_, position, expected + 1, end);
}

// The batch at `position` is damaged. OK: that was given up, and the cursor stands behind it now.
absl::Status LogCursorImpl::Damaged(uint32_t position, Offset expected, SegmentEnd end) {
  const auto [next_byte, next] =
      SoundBehind(position, expected, end).value_or(std::pair(end.position, segment_->base() + end.offsets));
  const DamagedRange range = {.first = std::max(expected, segment_->base()),
                              .next = std::max(next, expected + 1)};
  if (log_->SkipCleared(range.first) >= range.next) {
    byte_ = next_byte;
    position_ = std::max(position_, range.next);
    return absl::OkStatus();
  }
  return log_->Fence(range, absl::StrFormat("a damaged batch at position %d of segment %d", position,
                                            segment_->base().value()));
}

// --- Segments

absl::StatusOr<std::shared_ptr<Segment>> LogImpl::SegmentFor(Offset offset) {
  Offset base;
  {
    MutexLock lock(&segments_mutex_);
    auto at = std::upper_bound(segments_.begin(), segments_.end(), offset,
                               [](Offset wanted, const SegmentInfo& info) { return wanted < info.base; });
    if (at != segments_.begin()) --at;
    // Past the end of this one's records: compacted away, or a hole; the next one is where reading goes on.
    const bool is_last = std::next(at) == segments_.end();
    if (!is_last && at->open == nullptr && offset >= at->next_offset) ++at;
    if (at->open != nullptr) return at->open;
    if (at->length == 0 && std::next(at) == segments_.end()) return std::shared_ptr<Segment>();
    if (std::next(at) == segments_.end() && offset >= at->next_offset) return std::shared_ptr<Segment>();
    base = at->base;
  }
  return OpenSegment(base);
}

absl::StatusOr<std::shared_ptr<Segment>> LogImpl::SegmentAfter(Offset base) {
  Offset next;
  {
    MutexLock lock(&segments_mutex_);
    const auto at =
        std::upper_bound(segments_.begin(), segments_.end(), base,
                         [](Offset wanted, const SegmentInfo& info) { return wanted < info.base; });
    if (at == segments_.end()) return std::shared_ptr<Segment>();
    if (at->open != nullptr) return at->open;
    if (at->length == 0 && std::next(at) == segments_.end()) return std::shared_ptr<Segment>();
    next = at->base;
  }
  return OpenSegment(next);
}

// Opens a segment for reading, without a lock (other logs may have to give something up for it).
absl::StatusOr<std::shared_ptr<Segment>> LogImpl::OpenSegment(Offset base) {
  Touch();
  while (true) {
    SegmentInfo info;
    bool last = false;
    {
      MutexLock lock(&segments_mutex_);
      const auto at = std::find_if(segments_.begin(), segments_.end(),
                                   [&](const SegmentInfo& s) { return s.base == base; });
      if (at == segments_.end()) return SegmentAfter(base);
      if (at->open != nullptr) return at->open;
      info = *at;
      last = std::next(at) == segments_.end();
    }
    const SegmentEnd end = {.offsets = static_cast<uint32_t>(info.next_offset - info.base),
                            .position = info.length};
    const Segment::State state = last && read_only_ ? Segment::State::kActive : Segment::State::kSealed;
    const DamagedRange all = {.first = base, .next = info.next_offset};
    if (SkipCleared(base) >= all.next && all.next > base) return SegmentAfter(base);
    Segment::Options options = SegmentOptions(/*may_evict=*/true);
    options.closed = !last;
    auto found = Segment::OpenForReading(options, base, PathOf(base, kLogSuffix), end, state);
    if (absl::IsDataLoss(found.status())) found = OpenShort(base, end);
    if (absl::IsNotFound(found.status())) return Fence(all, "a missing file");
    MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Segment> opened, std::move(found));
    MutexLock lock(&segments_mutex_);
    const auto at = std::find_if(segments_.begin(), segments_.end(),
                                 [&](const SegmentInfo& s) { return s.base == base; });
    // Changed meanwhile: look again.
    if (at == segments_.end() || at->open != nullptr || at->length != info.length ||
        at->next_offset != info.next_offset)
      continue;
    at->open = opened;
    return opened;
  }
}

// Of a file that is shorter than it was written: what there is.
absl::StatusOr<std::shared_ptr<Segment>> LogImpl::OpenShort(Offset base, SegmentEnd end) {
  const std::string path = PathOf(base, kLogSuffix);
  MILLRACE_ASSIGN_OR_RETURN(const FileInfo file, env_.files->Stat(path));
  end.position = static_cast<uint32_t>(std::min<uint64_t>(end.position, file.size_bytes));
  MILLRACE_ASSIGN_OR_RETURN(
      std::shared_ptr<Segment> segment,
      Segment::OpenForReading(SegmentOptions(/*may_evict=*/true), base, path, end, Segment::State::kSealed));
  segment->set_short();
  return segment;
}

namespace {

// Whether the batch at `position` begins at or below `offset`, for certain. What the header of the batch
// before it says of its last offset is then wrong: neither the guard nor its place vouches for that.
bool IsBefore(Segment& segment, uint32_t position, SegmentEnd end, Offset offset) {
  if (position >= segment.trusted_from() || position >= end.position) return false;
  std::array<std::byte, kBatchHeaderBytes> buffer;
  const auto batch = segment.ReadHeader(position, buffer);
  if (!batch.ok() || batch->magic() != 2 || batch->base_offset() > offset ||
      batch->base_offset() < segment.base())
    return false;
  const auto verdict = segment.CheckHeader(position, *batch);
  return verdict.ok() && *verdict != GuardReader::Verdict::kDiffers;
}

// Whether the batch at `position` does not fit its checksum.
bool IsDamaged(const Segment& segment, uint32_t position) {
  if (position >= segment.trusted_from()) return false;
  std::array<std::byte, kBatchHeaderBytes> buffer;
  const auto header = segment.ReadHeader(position, buffer);
  if (!header.ok() || header->size_bytes() > segment.end().position - position) return true;
  const auto bytes = segment.Read(position, header->size_bytes());
  if (!bytes.ok()) return true;
  const auto batch = BatchView::Parse(bytes->bytes);
  return !batch.ok() || !batch->CrcIsValid();
}

// Whether there is the header of a whole batch, as far as that can be told without reading the batch.
bool IsHeader(Segment& segment, const BatchView& batch, uint32_t position, SegmentEnd end) {
  if (!IsWholeHeader(batch, end.position - position)) return false;
  if (position >= segment.trusted_from()) return true;
  const auto verdict = segment.CheckHeader(position, batch);
  return !verdict.ok() || *verdict != GuardReader::Verdict::kDiffers;
}

// Where to look on behind the damage at `position` for what lies at `offset`: a batch that begins at or below
// it. The guard knows; else the length of the damaged batch may be right; else each byte is tried.
// `before`: the batch whose length led to `position`; that may be what is damaged.
std::optional<uint32_t> BehindDamage(Segment& segment, uint32_t before, uint32_t position, SegmentEnd end,
                                     Offset offset) {
  std::array<std::byte, kBatchHeaderBytes> buffer;
  std::optional<uint32_t> next;
  if (const auto found = segment.NextGuardedBatch(position); found.ok()) next = *found;
  if (!next.has_value()) {
    const auto damaged = segment.ReadHeader(position, buffer);
    const bool plausible =
        damaged.ok() && damaged->length() > 0 && damaged->size_bytes() < end.position - position;
    const auto behind = plausible ? position + static_cast<uint32_t>(damaged->size_bytes()) : position;
    if (plausible && IsBefore(segment, behind, end, offset)) return behind;
  }
  // What this process has appended itself.
  if (!next.has_value() && segment.trusted_from() > position) next = segment.trusted_from();
  if (next.has_value() && *next < end.position) {
    const auto batch = segment.ReadHeader(*next, buffer);
    if (batch.ok() && batch->base_offset() <= offset) return next;
  }
  const auto found = SearchBatch(segment, before, segment.base() + 1, end);
  return found.has_value() && found->second <= offset ? std::optional(found->first) : std::nullopt;
}

}  // namespace

// A reopened active segment has no indexes of what it held before, until somebody needs them.
absl::Status LogImpl::CompleteIndexes(Segment& segment) {
  if (segment.indexes_complete()) return absl::OkStatus();
  SegmentIndexes rebuilt(segment.base());
  rebuilt.transactions = segment.indexes().transactions;
  MILLRACE_RETURN_IF_ERROR(segment.RebuildIndexes(segment.end(), config_.index_interval_bytes, &rebuilt));
  segment.indexes() = std::move(rebuilt);
  segment.set_indexes_complete(true);
  if (active_.get() != &segment) return absl::OkStatus();
  const TimestampPosition newest = segment.indexes().times.Last();
  index_due_ =
      static_cast<uint32_t>(segment.indexes().offsets.Last().position + config_.index_interval_bytes + 1);
  if (newest.timestamp >= max_timestamp_) {
    max_timestamp_ = newest.timestamp;
    max_timestamp_offset_ = newest.offset;
  }
  // The newest may be in a damaged batch, which the index passes over; its entries must follow on all the
  // same.
  max_timestamp_offset_ = std::max(max_timestamp_offset_, newest.offset);
  newest_known_ = true;
  return absl::OkStatus();
}

// The byte at which the batch with `offset` begins, or the first one behind it.
absl::StatusOr<uint32_t> LogImpl::PositionOf(Segment& segment, Offset offset) {
  if (offset <= segment.base()) return 0;
  const SegmentEnd end = segment.end();
  if (offset >= segment.base() + end.offsets) return end.position;
  uint32_t position = 0;
  if (segment.state() == Segment::State::kActive && !read_only_) {
    GateLock lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CompleteIndexes(segment));
    position = segment.indexes().offsets.Floor(offset).position;
  } else {
    int64_t interval;
    {
      GateLock lock(&gate_);
      interval = config_.index_interval_bytes;
    }
    MILLRACE_ASSIGN_OR_RETURN(const SegmentIndexes* indexes, segment.LoadIndexes(interval));
    position = indexes->offsets.Floor(offset).position;
  }
  // `before`: the batch whose length led to `position`, and which ends below `offset` if its header is right.
  uint32_t before = position;
  while (position < end.position) {
    std::array<std::byte, kBatchHeaderBytes> buffer;
    const auto batch = segment.ReadHeader(position, buffer);
    if (batch.ok() && IsHeader(segment, *batch, position, end)) {
      const auto behind = position + static_cast<uint32_t>(batch->size_bytes());
      if (batch->last_offset() < offset || IsBefore(segment, behind, end, offset)) {
        before = std::exchange(position, behind);
        continue;
      }
      const bool skipped = before < position && batch->base_offset() > offset && IsDamaged(segment, before);
      // What it says of its last offset is under its checksum.
      if (position >= segment.trusted_from()) return skipped ? before : position;
      const Offset base = batch->base_offset();
      MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes bytes, segment.Read(position, batch->size_bytes()));
      if (IsSoundBatch(segment, bytes.bytes, position, base, end)) return skipped ? before : position;
    }
    const std::optional<uint32_t> next = BehindDamage(segment, before, position, end, offset);
    if (!next.has_value()) return position;  // it is what is looked for
    before = position = *next;
  }
  return before < position && IsDamaged(segment, before) ? before : std::min(position, end.position);
}

// Readers of another process's log: takes over what it has published. True if anything is new.
bool LogImpl::RefreshFromWriter() {
  if (context_->control() == nullptr) return false;
  const auto slot = context_->control()->Slot(log_no_);
  if (!slot.ok() || *slot == nullptr) return false;
  const std::optional<ControlState> state = (*slot)->Read(context_->control()->term());
  if (!state.has_value()) return false;
  const Offset end = state->segment_base + state->end.offsets;
  log_start_.store(std::max(log_start_offset(), state->log_start_offset).value(), std::memory_order_release);
  MutexLock lock(&segments_mutex_);
  if (end <= Offset(end_.load(std::memory_order_relaxed)) && state->segment_base == segments_.back().base)
    return false;
  if (state->segment_base != segments_.back().base) {
    // Rolled since: the manifest says what lies between.
    const auto manifest = context_->FreshManifest();
    if (!manifest.ok()) return false;
    const std::optional<LogEntry> entry = (*manifest)->Find(log_no_);
    if (!entry.has_value()) return false;
    for (const ManifestSegment& segment : entry->segments) {
      if (segment.base < segments_.back().base) continue;
      if (segment.base > segments_.back().base)
        segments_.push_back({.base = segment.base, .next_offset = segment.base});
      SegmentInfo& info = segments_.back();
      if (!segment.sealed) continue;
      info.length = segment.length;
      info.next_offset = segment.next_offset;
      info.max_timestamp = segment.max_timestamp;
      if (info.open != nullptr) {
        info.open->Publish(
            {.offsets = static_cast<uint32_t>(info.next_offset - info.base), .position = info.length});
        info.open->set_state(Segment::State::kSealed);
      }
    }
    if (segments_.back().base != state->segment_base)
      return true;  // rolled again meanwhile: the next look finds it
  }
  SegmentInfo& last = segments_.back();
  last.length = state->end.position;
  last.next_offset = end;
  if (last.open != nullptr) last.open->Publish(state->end);
  end_.store(end.value(), std::memory_order_release);
  return true;
}

}  // namespace millrace::inline v0
