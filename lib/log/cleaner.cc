#include "log/cleaner.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kStepBytes = int64_t{256} << 10;

bool Overlaps(const DamagedRange& range, const ManifestSegment& segment) {
  return range.first < segment.next_offset && segment.base < range.next;
}

// `now` less `age_ms`, without overflow.
Timestamp Before(Timestamp now, int64_t age_ms) {
  return age_ms > now.value() ? Timestamp(std::numeric_limits<int64_t>::min()) : now - age_ms;
}

// The latest timestamp of the first batch of a segment, which stands for its oldest record.
absl::StatusOr<Timestamp> FirstTimestamp(FileSystem* files, const std::string& directory,
                                         const ManifestSegment& segment) {
  if (segment.length < kBatchHeaderBytes) return kNoTimestamp;
  MILLRACE_ASSIGN_OR_RETURN(
      const std::unique_ptr<File> file,
      files->Open(JoinPath(directory, SegmentFileName(segment.base, kLogSuffix)), OpenMode::kRead));
  std::array<std::byte, kBatchHeaderBytes> header;
  MILLRACE_RETURN_IF_ERROR(ReadExactly(file.get(), 0, header));
  return BatchView(header.data()).max_timestamp();
}

}  // namespace

absl::StatusOr<CleaningPlan> PlanCleaning(FileSystem* files, const CleanableLog& log, Offset checkpoint,
                                          Timestamp now) {
  const TopicConfig config = log.config();
  const std::vector<ManifestSegment> segments = log.ClosedSegments();
  const std::vector<DamagedRange> fenced = log.FencedRanges();
  const Offset limit = log.CleanableEnd();
  const Timestamp youngest = Before(now, config.min_compaction_lag_ms);
  const Timestamp oldest = Before(now, config.max_compaction_lag_ms);
  CleaningPlan plan{.first_dirty = std::max(checkpoint, log.log_start_offset())};
  // A checkpoint beyond the end: the log was truncated, or is another one.
  if (!segments.empty() && plan.first_dirty > segments.back().next_offset) {
    plan.first_dirty = log.log_start_offset();
  }
  plan.end = plan.first_dirty;
  bool overdue = false;
  for (const ManifestSegment& segment : segments) {
    if (segment.next_offset <= plan.first_dirty) {
      plan.clean_bytes += segment.length;
      continue;
    }
    const bool damaged = std::any_of(fenced.begin(), fenced.end(),
                                     [&](const DamagedRange& range) { return Overlaps(range, segment); });
    const bool young = config.min_compaction_lag_ms > 0 && segment.max_timestamp > youngest;
    if (segment.next_offset > limit || damaged || young) break;
    plan.dirty_bytes += segment.length;
    plan.end = segment.next_offset;
    if (config.max_compaction_lag_ms < INT64_MAX && !overdue) {
      MILLRACE_ASSIGN_OR_RETURN(const Timestamp first, FirstTimestamp(files, log.directory(), segment));
      overdue = first != kNoTimestamp && first <= oldest;
    }
  }
  plan.due = plan.dirty_bytes > 0 && (overdue || plan.dirty_ratio() > config.min_cleanable_dirty_ratio);
  return plan;
}

Cleaning::Cleaning(FileSystem* files, CleanableLog* log, CleaningPlan plan, CleanerOptions options,
                   Timestamp now, std::array<uint64_t, 2> seed)
    : files_(files), log_(log), plan_(plan), options_(options), now_(now), seed_(seed) {}

Cleaning::~Cleaning() {
  if (output_ != nullptr) output_->Discard();
}

absl::Status Cleaning::Run() {
  for (;;) {
    MILLRACE_ASSIGN_OR_RETURN(const bool done, Step());
    if (done) return absl::OkStatus();
  }
}

absl::StatusOr<bool> Cleaning::Step() {
  absl::Status status;
  switch (phase_) {
    case Phase::kStart:
      status = Start();
      break;
    case Phase::kMap:
      status = StepMap();
      break;
    case Phase::kRewrite:
      status = StepRewrite();
      break;
    case Phase::kDone:
      break;
  }
  if (!status.ok()) {
    if (output_ != nullptr) output_->Discard();
    output_ = nullptr;
    scanner_ = nullptr;
    phase_ = Phase::kDone;
    return status;
  }
  return phase_ == Phase::kDone;
}

bool Cleaning::IsFenced(const ManifestSegment& segment) const {
  return std::any_of(fenced_.begin(), fenced_.end(),
                     [&](const DamagedRange& range) { return Overlaps(range, segment); });
}

absl::Status Cleaning::Start() {
  directory_ = log_->directory();
  config_ = log_->config();
  segments_ = log_->ClosedSegments();
  fenced_ = log_->FencedRanges();
  std::erase_if(segments_, [&](const ManifestSegment& segment) { return segment.base >= plan_.end; });
  uint64_t keys_max = 0;
  for (const ManifestSegment& segment : segments_) {
    const Offset first = std::max(segment.base, plan_.first_dirty);
    if (segment.next_offset > first) keys_max += static_cast<uint64_t>(segment.next_offset - first);
  }
  map_ = std::make_unique<OffsetMap>(options_.dedupe_buffer_bytes, keys_max, options_.load_factor, seed_);
  map_->set_end_offset(plan_.first_dirty);
  if (!segments_.empty()) {
    MILLRACE_ASSIGN_OR_RETURN(aborted_, log_->Aborted(segments_.front().base, plan_.end));
  }
  map_transactions_.Add(aborted_);
  phase_ = Phase::kMap;
  return absl::OkStatus();
}

absl::Status Cleaning::OpenScanner(const ManifestSegment& segment) {
  MILLRACE_ASSIGN_OR_RETURN(
      scanner_, SegmentScanner::Open(files_, directory_, segment.base, segment.next_offset, segment.length));
  return absl::OkStatus();
}

absl::Status Cleaning::StepMap() {
  int64_t done = 0;
  while (done < kStepBytes && !map_full_ && at_ < segments_.size()) {
    const ManifestSegment& segment = segments_[at_];
    if (segment.next_offset <= plan_.first_dirty) {
      ++at_;
      continue;
    }
    if (scanner_ == nullptr) MILLRACE_RETURN_IF_ERROR(OpenScanner(segment));
    MILLRACE_ASSIGN_OR_RETURN(const auto batch, scanner_->Next());
    if (!batch.has_value()) {
      map_->set_end_offset(segment.next_offset);
      scanner_ = nullptr;
      ++at_;
      continue;
    }
    done += static_cast<int64_t>(batch->size_bytes());
    MILLRACE_RETURN_IF_ERROR(MapBatch(*batch));
  }
  io_bytes_ += done;
  if (done >= kStepBytes && !map_full_) return absl::OkStatus();
  scanner_ = nullptr;
  if (map_full_ && map_->end_offset() <= plan_.first_dirty) {
    return Error(ErrorCode::kKafkaStorageError,
                 StrCat("compaction of ", directory_, ": a single batch has more keys than the ",
                        map_->capacity(), " that the dedupe buffer takes; give it more memory"));
  }
  return StartRewrite();
}

absl::Status Cleaning::MapBatch(BatchView batch) {
  if (batch.is_control()) {
    std::optional<ControlMarker> marker;
    RecordReader reader(batch, &plain_, options_.decompressed_bytes_max);
    RecordView record;
    if (reader.Next(&record)) marker = ParseControlMarker(record);
    MILLRACE_RETURN_IF_ERROR(reader.status());
    std::optional<AbortedTransaction> unused;
    map_transactions_.OnControlBatch(batch, marker, batch.record_count() == 0, &unused);
  } else if (!map_transactions_.OnBatch(batch)) {
    RecordReader reader(batch, &plain_, options_.decompressed_bytes_max);
    RecordView record;
    while (reader.Next(&record)) {
      if (!record.key.has_value() || record.offset < plan_.first_dirty) continue;
      if (map_->Put(*record.key, record.offset)) continue;
      // What was put of this batch stays: those records win over older ones, and stay themselves.
      map_full_ = true;
      return absl::OkStatus();
    }
    MILLRACE_RETURN_IF_ERROR(reader.status());
  }
  map_->set_end_offset(std::max(map_->end_offset(), batch.next_offset()));
  return absl::OkStatus();
}

void Cleaning::MakeGroups() {
  int64_t bytes = 0;
  for (const ManifestSegment& segment : segments_) {
    if (segment.base >= map_->end_offset() || IsFenced(segment)) {
      // Nothing is merged across it.
      if (!groups_.empty() && !groups_.back().empty()) groups_.emplace_back();
      continue;
    }
    const bool fits = !groups_.empty() && !groups_.back().empty() &&
                      bytes + segment.length <= config_.segment_bytes &&
                      segment.next_offset - groups_.back().front().base <= int64_t{INT32_MAX};
    if (!fits) {
      if (groups_.empty() || !groups_.back().empty()) groups_.emplace_back();
      bytes = 0;
    }
    groups_.back().push_back(segment);
    bytes += segment.length;
  }
  if (!groups_.empty() && groups_.back().empty()) groups_.pop_back();
}

absl::Status Cleaning::StartRewrite() {
  MakeGroups();
  const BatchFilter::Options options{.map = map_.get(),
                                     .transactions = &transactions_,
                                     .now = now_,
                                     .delete_retention_ms = config_.delete_retention_ms,
                                     .compression = config_.compression_type,
                                     .gzip_level = config_.compression_gzip_level,
                                     .lz4_level = config_.compression_lz4_level,
                                     .zstd_level = config_.compression_zstd_level,
                                     .decompressed_bytes_max = options_.decompressed_bytes_max};
  filter_ = std::make_unique<BatchFilter>(options, log_->ProducersForCleaning());
  transactions_.Add(aborted_);
  phase_ = groups_.empty() ? Phase::kDone : Phase::kRewrite;
  return absl::OkStatus();
}

absl::Status Cleaning::StartGroup() {
  MILLRACE_ASSIGN_OR_RETURN(output_, CleanedSegment::Create(files_, directory_, groups_[group_].front().base,
                                                            config_.index_interval_bytes));
  at_ = 0;
  group_bytes_ = 0;
  changed_ = groups_[group_].size() > 1;
  return absl::OkStatus();
}

absl::Status Cleaning::StepRewrite() {
  if (output_ == nullptr) MILLRACE_RETURN_IF_ERROR(StartGroup());
  const std::vector<ManifestSegment>& group = groups_[group_];
  for (int64_t done = 0; done < kStepBytes;) {
    if (at_ == group.size()) return FinishGroup();
    if (scanner_ == nullptr) MILLRACE_RETURN_IF_ERROR(OpenScanner(group[at_]));
    MILLRACE_ASSIGN_OR_RETURN(const auto batch, scanner_->Next());
    if (!batch.has_value()) {
      group_bytes_ += group[at_].length;
      scanner_ = nullptr;
      ++at_;
      continue;
    }
    MILLRACE_ASSIGN_OR_RETURN(const BatchFilter::Result kept, filter_->Filter(*batch, &stats_));
    changed_ = changed_ || kept.bytes.data() != batch->data();
    const auto moved = static_cast<int64_t>(batch->size_bytes() + kept.bytes.size());
    done += moved;
    io_bytes_ += moved;
    if (kept.aborted.has_value()) output_->AppendAborted(*kept.aborted);
    if (kept.bytes.empty()) continue;
    if (kept.bytes.size() > uint64_t{INT32_MAX} - output_->size_bytes()) {
      return Error(ErrorCode::kKafkaStorageError,
                   StrCat("compaction of ", directory_, ": segment ", output_->base(),
                          " would grow beyond 2 GiB; make segment.bytes smaller"));
    }
    MILLRACE_RETURN_IF_ERROR(output_->Append(kept.bytes));
  }
  return absl::OkStatus();
}

absl::Status Cleaning::FinishGroup() {
  const std::vector<ManifestSegment>& group = groups_[group_];
  if (!changed_) {
    output_->Discard();
  } else {
    std::vector<Offset> removed;
    for (const ManifestSegment& segment : group) removed.push_back(segment.base);
    std::optional<ManifestSegment> added;
    const uint32_t size = output_->size_bytes();
    if (size == 0) {
      output_->Discard();
    } else {
      MILLRACE_ASSIGN_OR_RETURN(added, output_->Finish(group.back().next_offset));
    }
    MILLRACE_RETURN_IF_ERROR(log_->SwapSegments(removed, added));
    freed_bytes_ += group_bytes_ - static_cast<int64_t>(size);
  }
  output_ = nullptr;
  if (++group_ == groups_.size()) phase_ = Phase::kDone;
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
