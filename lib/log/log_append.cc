// Appending: the fast path, and what it leaves to the slow one.

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// A producer-state snapshot at least so often: what recovery must replay at the most.
constexpr int64_t kSnapshotBytes = 64 << 20;
constexpr uint64_t kFirstExtent = 16 << 10;
// A log that fills segments gets its next one prepared; one that stays smaller than this does not.
constexpr uint32_t kSpareFrom = 1 << 20;

// What a new segment gets of the disk.
uint64_t FirstExtent(const TopicConfig& config) {
  const auto all = static_cast<uint64_t>(config.segment_bytes);
  return config.preallocate ? all : std::min(kFirstExtent, all);
}

}  // namespace

absl::Status LogImpl::CheckWritable() const {
  if (closed_) return Error(ErrorCode::kKafkaStorageError, absl::StrFormat("the log %s is closed", name_));
  if (read_only_) {
    return absl::FailedPreconditionError(absl::StrFormat("the log %s was opened read-only", name_));
  }
  return poison_;
}

// One record as a batch of its own. All that can be decided ahead is in limit_, roll_at_ and plain_; the rest
// is encoding, two stores that publish (to this process and to others), and one comparison for the index.
absl::StatusOr<AppendResult> LogImpl::Append(const Record& record, Timestamp now) {
  if (now == kNoTimestamp) now = env_.clock->CoarseWall();
  const size_t bound = OneRecordBatchBound(record);
  gate_.Lock();
  const bool fast = plain_ && record.timestamp == kNoTimestamp && now < roll_at_ &&
                    position_ + bound <= limit_ && bound <= static_cast<size_t>(message_bytes_max_);
  if (!fast) [[unlikely]] {
    absl::StatusOr<AppendResult> result = AppendSlow(record, now);
    if (gate_.UnlockAndCheck()) TellListeners();
    return result;
  }
  const Offset offset = base_ + offsets_;
  const size_t bytes = EncodeOneRecordBatch(data_ + position_, record, now, offset, leader_epoch_);
  Publish(bytes, 1, now);
  if (gate_.UnlockAndCheck()) [[unlikely]]
    TellListeners();
  return AppendResult{.first_offset = offset, .last_offset = offset};
}

inline void LogImpl::Publish(size_t bytes, int32_t offsets, Timestamp timestamp) {
  const uint32_t at = position_;
  position_ += static_cast<uint32_t>(bytes);
  offsets_ += static_cast<uint32_t>(offsets);
  const SegmentEnd end = {.offsets = offsets_, .position = position_};
  const Offset next = base_ + offsets_;
  if (timestamp > max_timestamp_) {
    max_timestamp_ = timestamp;
    max_timestamp_offset_ = next - 1;
  }
  // The shared word first: what a reader of this process has seen, recovery after a kill -9 sees as well.
  slot_end_->Publish(end.word());
  active_->Publish(end);
  end_.store(next.value(), std::memory_order_release);
  if (at >= index_due_) [[unlikely]]
    AddIndexEntry(at, next - 1);
}

void LogImpl::AddIndexEntry(uint32_t position, Offset last_offset) {
  if (active_->indexes_complete()) {
    SegmentIndexes& indexes = active_->indexes();
    indexes.offsets.Append(last_offset, position);
    indexes.times.MaybeAppend(max_timestamp_, max_timestamp_offset_);
  }
  index_due_ =
      static_cast<uint32_t>(std::min<int64_t>(position + config_.index_interval_bytes + 1, UINT32_MAX));
  if (IndexIsFull()) limit_ = 0;
}

bool LogImpl::IndexIsFull() const {
  return static_cast<int64_t>(active_->indexes().offsets.bytes().size() + OffsetIndex::kEntryBytes) >
         config_.segment_index_bytes;
}

absl::Status LogImpl::CheckTimestamp(Timestamp timestamp) const {
  if (config_.message_timestamp_type == TimestampType::kLogAppendTime) return absl::OkStatus();
  const bool unbounded = config_.message_timestamp_before_max_ms == INT64_MAX &&
                         config_.message_timestamp_after_max_ms == INT64_MAX;
  if (timestamp == kNoTimestamp || unbounded) return absl::OkStatus();
  const Timestamp now = env_.clock->Wall();
  if (now - timestamp > config_.message_timestamp_before_max_ms ||
      timestamp - now > config_.message_timestamp_after_max_ms) {
    return Error(ErrorCode::kInvalidTimestamp,
                 absl::StrFormat(
                     "%s: timestamp %d is too far from the present %d (message.timestamp.before.max.ms %d, "
                     "message.timestamp.after.max.ms %d)",
                     name_, timestamp.value(), now.value(), config_.message_timestamp_before_max_ms,
                     config_.message_timestamp_after_max_ms));
  }
  return absl::OkStatus();
}

absl::Status LogImpl::CheckRecord(const Record& record, size_t bound, Timestamp timestamp,
                                  Timestamp now) const {
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  if (bound > static_cast<size_t>(config_.max_message_bytes) &&
      bound - 32 > static_cast<size_t>(config_.max_message_bytes)) {
    return Error(ErrorCode::kMessageTooLarge,
                 absl::StrFormat("%s: a record of up to %d bytes is over max.message.bytes %d", name_, bound,
                                 config_.max_message_bytes));
  }
  if (config_.cleanup_policy.compact && !record.key.has_value()) {
    return Error(ErrorCode::kInvalidRecord,
                 absl::StrFormat("%s is compacted: a record needs a key (cleanup.policy)", name_));
  }
  if (timestamp != now && timestamp < Timestamp(0)) {
    return Error(ErrorCode::kInvalidTimestamp,
                 absl::StrFormat("%s: timestamp %d is negative", name_, timestamp.value()));
  }
  return timestamp == now ? absl::OkStatus() : CheckTimestamp(timestamp);
}

absl::StatusOr<AppendResult> LogImpl::AppendSlow(const Record& record, Timestamp now) {
  const bool append_time = config_.message_timestamp_type == TimestampType::kLogAppendTime;
  const Timestamp timestamp = append_time || record.timestamp == kNoTimestamp ? now : record.timestamp;
  const size_t bound = OneRecordBatchBound(record);
  MILLRACE_RETURN_IF_ERROR(CheckRecord(record, bound, timestamp, now));
  if (append_time || data_ == nullptr || config_.compression_type.has_value()) {
    // Not worth a fast path of its own: the batch is built beside the log and stored as one.
    BatchBuilder builder({.compression = config_.compression_type.value_or(Compression::kNone)});
    Record plain = record;
    plain.timestamp = timestamp;
    builder.Append(plain, timestamp);
    MILLRACE_ASSIGN_OR_RETURN(const std::span<std::byte> batch, builder.Finish());
    return AppendBatchLocked(batch, AppendOrigin::kCoordinator);
  }
  MILLRACE_RETURN_IF_ERROR(ResumeEpoch());
  MILLRACE_RETURN_IF_ERROR(PrepareAppend(bound, 1, timestamp));
  const Offset offset = base_ + offsets_;
  Record stamped = record;
  stamped.timestamp = timestamp;
  const size_t bytes = EncodeOneRecordBatch(data_ + position_, stamped, now, offset, leader_epoch_);
  Publish(bytes, 1, timestamp);
  NoteUnflushed();
  return AppendResult{.first_offset = offset, .last_offset = offset};
}

namespace {

// Offsets and epoch lie outside the CRC.
void Stamp(std::span<std::byte> batch, Offset base_offset, LeaderEpoch epoch) {
  StoreBig<int64_t>(batch.data(), base_offset.value());
  StoreBig<int32_t>(batch.data() + 12, epoch.value());
}

// The time of a log-append-time topic lies inside it.
void StampTime(std::span<std::byte> batch, Timestamp append_time) {
  const auto attributes = static_cast<uint16_t>(BatchView(batch.data()).attributes() | 8);
  StoreBig<uint16_t>(batch.data() + 21, attributes);
  StoreBig<int64_t>(batch.data() + 35, append_time.value());
  StoreBig<uint32_t>(batch.data() + 17, Crc32c(batch.subspan(21)));
}

}  // namespace

absl::StatusOr<AppendResult> LogImpl::AppendBatchLocked(std::span<std::byte> batch, AppendOrigin origin) {
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  const BatchView view(batch.data());
  const bool replicated = origin == AppendOrigin::kReplication;
  if (!replicated) MILLRACE_RETURN_IF_ERROR(CheckSize(batch.size()));
  const Offset end(end_.load(std::memory_order_relaxed));
  if (replicated && view.base_offset() < end) {
    return Error(ErrorCode::kOffsetOutOfRange,
                 absl::StrFormat("%s: a batch at offset %d does not follow on; the log ends at %d", name_,
                                 view.base_offset().value(), end.value()));
  }
  const Offset first = replicated ? view.base_offset() : end;
  const Offset last = first + view.last_offset_delta();
  AppendResult result = {.first_offset = first, .last_offset = last};
  Timestamp max_timestamp = view.max_timestamp();
  if (!replicated) {
    if (config_.message_timestamp_type == TimestampType::kLogAppendTime) {
      max_timestamp = std::max(env_.clock->CoarseWall(), max_timestamp_);
      result.append_time = max_timestamp;
      StampTime(batch, max_timestamp);
    } else if (max_timestamp > max_timestamp_ || config_.message_timestamp_before_max_ms != INT64_MAX) {
      MILLRACE_RETURN_IF_ERROR(CheckTimestamp(max_timestamp));
    }
    MILLRACE_RETURN_IF_ERROR(ResumeEpoch());
    Stamp(batch, first, leader_epoch_);
  }
  if (view.producer_id() != kNoProducerId) {
    MILLRACE_RETURN_IF_ERROR(LoadProducers());
    const ProducerBatch producer = ProducerBatch::Of(view);
    MILLRACE_ASSIGN_OR_RETURN(const auto duplicate, producers_.Check(producer, origin));
    if (duplicate.has_value()) {
      return AppendResult{
          .first_offset = duplicate->first_offset, .last_offset = duplicate->last_offset, .duplicate = true};
    }
  }
  const auto offsets = static_cast<int32_t>(last - end + 1);
  MILLRACE_RETURN_IF_ERROR(PrepareAppend(batch.size(), offsets, max_timestamp));
  MILLRACE_RETURN_IF_ERROR(active_->Store(position_, batch));
  if (replicated && view.leader_epoch() >= LeaderEpoch(0) && epochs_.Assign(view.leader_epoch(), first))
    MILLRACE_RETURN_IF_ERROR(NoteEpochs());
  if (view.producer_id() != kNoProducerId) {
    if (auto ended = producers_.Update(ProducerBatch::Of(view)); ended.has_value() && ended->aborted) {
      active_->indexes().transactions.Append({.producer_id = ended->producer_id,
                                              .first_offset = ended->first_offset,
                                              .last_offset = ended->last_offset,
                                              .last_stable_offset = ended->last_stable_offset});
    }
  } else if (producers_loaded_) {
    producers_.set_map_end_offset(last + 1);
  }
  Publish(batch.size(), offsets, max_timestamp);
  NoteUnflushed();
  return result;
}

// --- Room

bool LogImpl::MustRoll(size_t bytes, int32_t offsets, Timestamp timestamp, Timestamp now) const {
  if (position_ == 0) return false;
  if (position_ + bytes > static_cast<uint64_t>(config_.segment_bytes)) return true;
  if (!active_->indexes().offsets.Fits(base_ + offsets_ + offsets)) return true;
  return IndexIsFull() || timestamp >= roll_at_ || now >= wall_roll_at_;
}

// Makes sure that `bytes` bytes and `offsets` offsets can be appended: opens, makes, grows or rolls the
// active segment.
absl::Status LogImpl::PrepareAppend(size_t bytes, int32_t offsets, Timestamp timestamp) {
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  if (bytes > static_cast<uint64_t>(config_.segment_bytes)) {
    return Error(ErrorCode::kRecordListTooLarge,
                 absl::StrFormat("%s: a batch of %d bytes does not fit into a segment of %d bytes", name_,
                                 bytes, config_.segment_bytes));
  }
  if (active_ == nullptr) MILLRACE_RETURN_IF_ERROR(OpenActive());
  const Timestamp now = env_.clock->CoarseWall();
  if (MustRoll(bytes, offsets, timestamp, now)) MILLRACE_RETURN_IF_ERROR(RollLocked());
  if (position_ == 0) StartAge(timestamp, now);
  if (position_ + bytes > active_->allocated()) MILLRACE_RETURN_IF_ERROR(MakeRoom(bytes));
  PrepareAhead(/*populate=*/bytes < Segment::kWrittenBatch);
  SetLimits();
  if (position_ - snapshot_at_ >= kSnapshotBytes) MILLRACE_RETURN_IF_ERROR(TakeSnapshot());
  Touch();
  return absl::OkStatus();
}

absl::Status LogImpl::MakeRoom(size_t bytes) {
  return active_->Grow(position_ + bytes,
                       std::max<uint64_t>(static_cast<uint64_t>(config_.segment_bytes), position_ + bytes),
                       /*populate=*/false);
}

// How far appends may go before this is looked at again: to the end of what is allocated, or, with an
// executor, to the middle of the last extent, so that the next one is ready before it is needed.
void LogImpl::SetLimits() {
  const auto segment_bytes = static_cast<uint64_t>(config_.segment_bytes);
  uint64_t limit = std::min(active_->allocated(), segment_bytes);
  const uint64_t middle = limit - limit / 4;
  if (env_.executor != nullptr && limit < segment_bytes && position_ < middle) limit = middle;
  // Snapshots, and what interval flushes count, must not be passed over.
  limit = std::min(limit, position_ + static_cast<uint64_t>(kSnapshotBytes));
  if (config_.durability == Durability::kInterval &&
      (unflushed_since_ == kNever || config_.flush_messages != INT64_MAX))
    limit = 0;
  if (IndexIsFull()) limit = 0;
  limit_ = static_cast<uint32_t>(limit);
  message_bytes_max_ = config_.max_message_bytes;
  plain_ = data_ != nullptr && !config_.cleanup_policy.compact && !config_.compression_type.has_value() &&
           config_.message_timestamp_type == TimestampType::kCreateTime && poison_.ok() && !closed_;
}

// `populate`: what is appended goes to the mapping, rather than through the file.
void LogImpl::PrepareAhead(bool populate) {
  if (env_.executor == nullptr) return;
  const auto segment_bytes = static_cast<uint64_t>(config_.segment_bytes);
  const uint64_t allocated = active_->allocated();
  if (!growing_ && allocated < segment_bytes && position_ >= allocated - allocated / 4 &&
      allocated > kFirstExtent) {
    growing_ = true;
    Background([segment = active_, allocated, segment_bytes, populate](LogImpl* log) {
      segment->GrowAhead(allocated + 1, segment_bytes, populate)
          .IgnoreError();  // the append that needs it tells
      GateLock lock(&log->gate_);
      log->growing_ = false;
      if (log->active_ == segment && log->poison_.ok()) log->SetLimits();
    });
  }
  if (!spare_wanted_ && position_ >= kSpareFrom && position_ >= segment_bytes / 2) {
    spare_wanted_ = true;
    Background([populate](LogImpl* log) { log->PrepareSpare(populate); });
  }
}

absl::Status LogImpl::OpenActive() {
  MILLRACE_RETURN_IF_ERROR(context_->BeginWriting());
  MILLRACE_RETURN_IF_ERROR(EnsureDirectory());
  if (slot_ == nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(slot_, context_->control()->Slot(log_no_));
  }
  SegmentInfo info;
  {
    MutexLock lock(&segments_mutex_);
    if (!segments_.empty()) info = segments_.back();
  }
  const SegmentEnd end = {.offsets = static_cast<uint32_t>(info.next_offset - info.base),
                          .position = info.length};
  const std::string path = PathOf(info.base, kLogSuffix);
  const uint64_t first = FirstExtent(config_);
  std::shared_ptr<Segment> segment;
  const Segment::Options options = SegmentOptions(/*may_evict=*/false);
  if (end.position == 0) {
    if (!std::exchange(directory_empty_, false)) {
      context_->env().files->Remove(path).IgnoreError();  // an attempt that was cut off
      RemoveSideFiles(info.base);
    }
    MILLRACE_ASSIGN_OR_RETURN(segment, Segment::Create(options, info.base, path, first));
    segment->set_side_files(false);
  } else {
    MILLRACE_ASSIGN_OR_RETURN(segment, Segment::OpenActive(options, info.base, path, end));
    segment->set_indexes_complete(false);
  }
  context_->manifest().OpenedLog(log_no_);
  MILLRACE_RETURN_IF_ERROR(context_->manifest().Write());
  slot_->Begin(context_->control()->term(), info.base, end, log_start_offset());
  slot_end_ = slot_->end();
  base_ = info.base;
  position_ = counted_position_ = end.position;
  offsets_ = counted_offsets_ = end.offsets;
  data_ = segment->data();
  snapshot_at_ = position_;
  max_timestamp_ = end.position == 0 ? kNoTimestamp : info.max_timestamp;
  max_timestamp_offset_ = info.next_offset - 1;
  newest_known_ = end.position == 0 || info.max_timestamp != kNoTimestamp;
  index_due_ = static_cast<uint32_t>(position_ + config_.index_interval_bytes + 1);
  if (end.position > 0) ResumeAge(*segment);
  {
    MutexLock lock(&segments_mutex_);
    if (segments_.empty()) segments_.push_back(info);
    // Those who read the file while the log was cold find their place anew.
    if (segments_.back().open != nullptr) segments_.back().open->set_state(Segment::State::kGone);
    segments_.back().open = segment;
    names_unsynced_ = true;
  }
  active_ = std::move(segment);
  return end.position <= config_.index_interval_bytes ? CompleteIndexes(*active_) : absl::OkStatus();
}

// Closes the active segment for appends and begins the next. Its files are completed in the background.
absl::Status LogImpl::RollLocked() {
  const Offset next = base_ + offsets_;
  const std::string path = PathOf(next, kLogSuffix);
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Segment> fresh, TakeSpare(next));
  if (producers_loaded_) producers_.RemoveExpired(env_.clock->CoarseWall());
  if (producers_loaded_ && !producers_.empty()) MILLRACE_RETURN_IF_ERROR(TakeSnapshot());
  const SegmentEnd end = active_->end();
  ManifestFile& manifest = context_->manifest();
  manifest.SealSegment(log_no_, {.base = base_,
                                 .next_offset = next,
                                 .max_timestamp = KnownNewest(),
                                 .length = end.position,
                                 .sealed = true});
  manifest.AddSegment(log_no_, next);
  if (absl::Status written = manifest.Write(); !written.ok()) {
    manifest.RemoveSegments(log_no_, std::vector<Offset>{next});
    manifest.UnsealSegment(log_no_, base_);
    env_.files->Remove(path).IgnoreError();
    return Error(ErrorCode::kKafkaStorageError,
                 absl::StrFormat("%s: cannot begin a segment: %s", name_, std::string(written.message())));
  }
  FinishTimeIndex();
  {
    MutexLock lock(&segments_mutex_);
    SegmentInfo& closed = segments_.back();
    closed.next_offset = next;
    closed.max_timestamp = KnownNewest();
    closed.length = end.position;
    unsealed_.push_back(active_);
    unsynced_.push_back(active_);
    segments_.push_back({.base = next, .next_offset = next, .open = fresh});
    names_unsynced_ = true;
  }
  active_->set_state(Segment::State::kSealed);
  CountAppended();
  context_->metrics().rolls.Add();
  BeginSegment(next, std::move(fresh));
  Background(
      [](LogImpl* log) { log->SealPending().IgnoreError(); });  // tried again by RunMaintenance and Close
  return absl::OkStatus();
}

// The next segment, under its name: the spare, or a new one.
absl::StatusOr<std::shared_ptr<Segment>> LogImpl::TakeSpare(Offset base) {
  std::shared_ptr<Segment> spare;
  std::string spare_path;
  {
    MutexLock lock(&segments_mutex_);
    spare = std::exchange(spare_, nullptr);
    spare_path = std::exchange(spare_path_, std::string());
  }
  const std::string path = PathOf(base, kLogSuffix);
  if (spare != nullptr && env_.files->Rename(spare_path, path).ok()) {
    spare->Rebase(base);
    return spare;
  }
  if (spare != nullptr) env_.files->Remove(spare_path).IgnoreError();
  env_.files->Remove(path).IgnoreError();  // a roll that was cut off
  RemoveSideFiles(base);
  MILLRACE_ASSIGN_OR_RETURN(
      std::shared_ptr<Segment> made,
      Segment::Create(SegmentOptions(/*may_evict=*/false), base, path, FirstExtent(config_)));
  made->set_side_files(false);
  return made;
}

void LogImpl::CountAppended() {
  if (active_ == nullptr) return;
  const int64_t bytes = int64_t{position_} - counted_position_;
  const int64_t messages = int64_t{offsets_} - counted_offsets_;
  if (bytes > 0) context_->metrics().bytes_in.Add(bytes);
  if (messages > 0) context_->metrics().messages_in.Add(messages);
  if (meter_ != nullptr && messages > 0) {
    meter_->bytes_in.fetch_add(bytes, std::memory_order_relaxed);
    meter_->messages_in.fetch_add(messages, std::memory_order_relaxed);
  }
  counted_position_ = position_;
  counted_offsets_ = offsets_;
}

void LogImpl::BeginSegment(Offset base, std::shared_ptr<Segment> fresh) {
  slot_->Roll(base, {});
  slot_end_ = slot_->end();
  active_ = std::move(fresh);
  data_ = active_->data();
  base_ = base;
  snapshot_at_ -= position_;
  position_ = counted_position_ = 0;
  offsets_ = counted_offsets_ = 0;
  limit_ = 0;
  index_due_ = static_cast<uint32_t>(config_.index_interval_bytes + 1);
  max_timestamp_ = kNoTimestamp;
  max_timestamp_offset_ = base;
  newest_known_ = true;
  growing_ = false;
  spare_wanted_ = false;
  roll_jitter_ms_ = config_.segment_jitter_ms > 0
                        ? static_cast<int64_t>(env_.random->Below(
                              static_cast<uint64_t>(std::min(config_.segment_jitter_ms, config_.segment_ms))))
                        : 0;
}

// Brings the snapshots up to date, so that no more than kSnapshotBytes must be read to know the producers.
absl::Status LogImpl::TakeSnapshot() {
  MILLRACE_RETURN_IF_ERROR(LoadProducers());
  WriteSnapshot().IgnoreError();  // a cache
  snapshot_at_ = position_;
  return absl::OkStatus();
}

absl::Status LogImpl::Roll() {
  GateLock lock(&gate_);
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  if (active_ == nullptr) {
    MutexLock segments_lock(&segments_mutex_);
    if (segments_.empty() || segments_.back().length == 0) return absl::OkStatus();
  }
  if (active_ == nullptr) MILLRACE_RETURN_IF_ERROR(OpenActive());
  if (position_ == 0) return absl::OkStatus();
  return RollLocked();
}

absl::Status LogImpl::SetLeaderEpoch(LeaderEpoch epoch) {
  GateLock lock(&gate_);
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  if (epoch < epochs_.latest() || epoch < LeaderEpoch(0)) {
    return Error(ErrorCode::kFencedLeaderEpoch,
                 absl::StrFormat("%s: leader epoch %d is below the current one, %d", name_, epoch.value(),
                                 epochs_.latest().value()));
  }
  if (epochs_.Assign(epoch, Offset(end_.load(std::memory_order_relaxed))))
    MILLRACE_RETURN_IF_ERROR(NoteEpochs());
  leader_epoch_ = epoch;
  return absl::OkStatus();
}

// A truncation takes away where the leader's epoch began, not the epoch.
absl::Status LogImpl::ResumeEpoch() {
  if (leader_epoch_ <= epochs_.latest()) return absl::OkStatus();
  epochs_.Assign(leader_epoch_, Offset(end_.load(std::memory_order_relaxed)));
  return NoteEpochs();
}

// A new epoch survives the process before a batch of it is there, and a power loss when one is flushed.
absl::Status LogImpl::NoteEpochs() {
  {
    MutexLock lock(&segments_mutex_);
    names_unsynced_ = true;
  }
  context_->manifest().SetEpochs(log_no_, epochs_.entries());
  return context_->manifest().Write();
}

void LogImpl::NoteUnflushed() {
  if (config_.durability != Durability::kInterval) return;
  if (unflushed_since_ == kNever) {
    unflushed_since_ = env_.clock->Monotonic();
    const int64_t flush_ms = config_.flush_ms != INT64_MAX         ? config_.flush_ms
                             : config_.flush_messages == INT64_MAX ? 1000
                                                                   : INT64_MAX;
    if (env_.executor != nullptr && flush_ms != INT64_MAX) {
      env_.executor->PostAt(unflushed_since_ + flush_ms * 1'000'000, [state = background_] {
        MutexLock background_lock(&state->mutex);
        if (state->log != nullptr) state->log->Flush().IgnoreError();  // poisons the log, which tells
      });
    }
    SetLimits();
  }
  const bool due = config_.flush_messages != INT64_MAX &&
                   end_.load(std::memory_order_relaxed) - flushed_.load(std::memory_order_relaxed) >=
                       config_.flush_messages;
  if (due) Background([](LogImpl* log) { log->Flush().IgnoreError(); });
}

}  // namespace millrace::inline v0
