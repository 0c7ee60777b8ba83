// Opening, closing, going cold.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::StatusOr<std::unique_ptr<Log>> Log::Open(std::string_view directory, LogOptions options,
                                               RecoveryReport* report) {
  MILLRACE_RETURN_IF_ERROR(options.config.Validate());
  RecoveryReport ignored;
  if (report == nullptr) report = &ignored;
  *report = RecoveryReport();
  options.env = options.env.WithDefaults();
  LogContext::Report found;
  LogImpl::Open open;
  MILLRACE_ASSIGN_OR_RETURN(open.own_context, LogContext::Open({.directory = std::string(directory),
                                                                .env = options.env,
                                                                .backend = options.backend,
                                                                .read_only = options.read_only},
                                                               &found));
  open.context = open.own_context.get();
  open.directory = std::string(directory);
  open.name = std::string(directory);
  open.options = options;
  ManifestFile& manifest = open.context->manifest();
  std::optional<LogEntry> entry = manifest.FindDirectory("");
  if (!entry.has_value()) {
    if (open.context->read_only()) {
      return absl::NotFoundError(absl::StrFormat("%s holds no log yet", directory));
    }
    MILLRACE_RETURN_IF_ERROR(manifest.CreateLog("").status());
    entry = manifest.FindDirectory("");
  }
  open.entry = *std::move(entry);
  report->shutdown = found.shutdown;
  report->notes = found.notes;
  return LogImpl::OpenIn(std::move(open), report);
}

absl::StatusOr<std::unique_ptr<LogImpl>> LogImpl::OpenIn(Open open, RecoveryReport* report) {
  RecoveryReport ignored;
  if (report == nullptr) report = &ignored;
  const LogEntry entry = std::move(open.entry);
  open.entry.log_no = entry.log_no;
  auto log = std::unique_ptr<LogImpl>(new LogImpl(std::move(open)));
  const MonotonicNanos began = log->env_.clock->Monotonic();
  if (const absl::Status started = log->Start(entry, report); !started.ok()) {
    // Nothing of it is known: nothing is to be written.
    log->Abandon();
    return started;
  }
  LogMetrics& metrics = log->context_->metrics();
  metrics.open_time.Record(log->env_.clock->Monotonic() - began);
  if (report->cut_bytes > 0) metrics.recovery_cut_bytes.Add(static_cast<int64_t>(report->cut_bytes));
  return log;
}

LogImpl::LogImpl(Open open)
    : own_context_(std::move(open.own_context)),
      context_(open.context),
      meter_(std::move(open.meter)),
      directory_(std::move(open.directory)),
      name_(std::move(open.name)),
      log_no_(open.entry.log_no),
      fresh_(open.fresh),
      env_(open.options.env),
      read_only_(open.context->read_only()),
      pinned_bytes_max_(open.options.pinned_bytes_max),
      background_(std::make_shared<BackgroundState>()),
      config_(open.options.config),
      producers_(
          {.expiration_ms = context_->producer_id_expiration_ms(), .budget = context_->producer_budget()}),
      segment_bytes_(config_.segment_bytes) {
  MutexLock lock(&background_->mutex);
  background_->log = this;
}

LogImpl::~LogImpl() {
  Close().IgnoreError();
  MutexLock lock(&background_->mutex);
  background_->log = nullptr;
}

absl::Status LogImpl::Start(const LogEntry& entry, RecoveryReport* report) {
  if (!fresh_) MILLRACE_RETURN_IF_ERROR(LoadDamage());
  MILLRACE_ASSIGN_OR_RETURN(RecoveredLog recovered, Recover(entry, report));
  report->end_offset = recovered.segments.back().next_offset;
  report->damaged = recovered.damaged;
  MILLRACE_RETURN_IF_ERROR(NoteDamage(recovered.damaged));
  // A truncation that did not get to it.
  if (!read_only_) MILLRACE_RETURN_IF_ERROR(CutFenced(report->end_offset));
  Adopt(std::move(recovered));
  return read_only_ ? absl::OkStatus() : ReopenUnsynced();
}

void LogImpl::Adopt(RecoveredLog recovered) {
  GateLock lock(&gate_);
  auto epochs = LeaderEpochCache::FromEntries(std::move(recovered.epochs));
  if (epochs.ok()) epochs_ = *std::move(epochs);
  // Of a log without records everything is known.
  producers_loaded_ = recovered.log_start_offset == recovered.segments.back().next_offset;
  epochs_.TruncateFromStart(recovered.log_start_offset);
  leader_epoch_ = epochs_.latest();
  end_.store(recovered.segments.back().next_offset.value(), std::memory_order_relaxed);
  flushed_.store(recovered.flushed_offset.value(), std::memory_order_relaxed);
  log_start_.store(recovered.log_start_offset.value(), std::memory_order_relaxed);
  last_used_.store(env_.clock->Monotonic().value(), std::memory_order_relaxed);
  int64_t bytes = 0;
  for (const SegmentInfo& info : recovered.segments) bytes += info.length;
  // A directory with many logs counts them all when it is opened.
  if (own_context_ != nullptr) context_->budget()->CountDisk(bytes);
  MutexLock segments_lock(&segments_mutex_);
  segments_ = std::move(recovered.segments);
  // Of files that the last process made, and did not flush, the names may not be on the disk either.
  names_unsynced_ = recovered.names_unsynced || recovered.flushed_offset < segments_.back().next_offset;
}

// Closed segments that may not be on the disk yet must be held open until they are: an error of writing them
// back is told only to those who had the file open (RELIABILITY: errseq).
absl::Status LogImpl::ReopenUnsynced() {
  std::vector<SegmentInfo> unsynced;
  {
    MutexLock lock(&segments_mutex_);
    for (size_t i = 0; i + 1 < segments_.size(); ++i) {
      if (segments_[i].next_offset > flushed_offset() && segments_[i].length > 0)
        unsynced.push_back(segments_[i]);
    }
  }
  for (SegmentInfo& info : unsynced) {
    const SegmentEnd end = {.offsets = static_cast<uint32_t>(info.next_offset - info.base),
                            .position = info.length};
    auto opened = Segment::OpenActive(SegmentOptions(/*may_evict=*/true), info.base,
                                      PathOf(info.base, kLogSuffix), end);
    if (absl::IsNotFound(opened.status())) continue;  // reading it tells
    MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment, std::move(opened));
    segment->set_state(Segment::State::kSealed);
    segment->set_indexes_complete(false);
    MutexLock lock(&segments_mutex_);
    const auto at = std::find_if(segments_.begin(), segments_.end(),
                                 [&](const SegmentInfo& s) { return s.base == info.base; });
    if (at != segments_.end()) at->open = segment;
    unsealed_.push_back(segment);
    unsynced_.push_back(std::move(segment));
  }
  return absl::OkStatus();
}

absl::Status LogImpl::EnsureDirectory() {
  if (directory_made_) return absl::OkStatus();
  if (own_context_ == nullptr) {
    const absl::Status made = env_.files->CreateDirectory(directory_);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    directory_empty_ = made.ok();
    MutexLock lock(&segments_mutex_);
    swept_ = swept_ || directory_empty_;
  }
  directory_made_ = true;
  return absl::OkStatus();
}

Segment::Options LogImpl::SegmentOptions(bool may_evict) const {
  return {.files = env_.files,
          .budget = context_->budget(),
          .backend = context_->backend(),
          .directory = directory_,
          .map_bytes = static_cast<uint64_t>(segment_bytes_.load(std::memory_order_relaxed)),
          .may_evict = may_evict};
}

std::string LogImpl::PathOf(Offset base, std::string_view suffix) const {
  return JoinPath(directory_, SegmentFileName(base, suffix));
}

TopicConfig LogImpl::config() const {
  GateLock lock(&gate_);
  return config_;
}

Offset LogImpl::log_start_offset() const {
  return Offset(log_start_.load(std::memory_order_acquire));
}

Offset LogImpl::log_end_offset() const {
  if (read_only_) const_cast<LogImpl*>(this)->RefreshFromWriter();
  return Offset(end_.load(std::memory_order_acquire));
}

absl::Status LogImpl::Reconfigure(TopicConfig config) {
  MILLRACE_RETURN_IF_ERROR(config.Validate());
  GateLock lock(&gate_);
  if (closed_) return CheckWritable();
  // The mapping of the active segment was made for the old size: a larger one holds from the next segment on.
  const bool grew = config.segment_bytes > config_.segment_bytes && active_ != nullptr && position_ > 0;
  segment_bytes_.store(config.segment_bytes, std::memory_order_relaxed);
  config_ = config;
  limit_ = 0;
  plain_ = false;
  return grew ? RollLocked() : absl::OkStatus();
}

void LogImpl::Background(absl::AnyInvocable<void(LogImpl*)> task) {
  if (env_.executor == nullptr) return;
  env_.executor->Post([state = background_, task = std::move(task)]() mutable {
    MutexLock lock(&state->mutex);
    if (state->log != nullptr) task(state->log);
  });
}

void LogImpl::Touch() {
  last_used_.store(env_.clock->Monotonic().value(), std::memory_order_relaxed);
}

int64_t LogImpl::size_bytes() const {
  int64_t bytes = 0;
  MutexLock lock(&segments_mutex_);
  for (const SegmentInfo& info : segments_)
    bytes += info.open != nullptr ? info.open->end().position : info.length;
  return bytes;
}

LogStats LogImpl::stats() const {
  LogStats stats = {.log_start_offset = log_start_offset(),
                    .log_end_offset = log_end_offset(),
                    .flushed_offset = flushed_offset(),
                    .size_bytes = size_bytes(),
                    .poisoned = poisoned_.load(std::memory_order_relaxed)};
  {
    GateLock lock(&gate_);
    stats.leader_epoch = leader_epoch_;
  }
  MutexLock lock(&segments_mutex_);
  stats.segments = static_cast<int32_t>(segments_.size());
  for (const SegmentInfo& info : segments_) {
    if (info.open == nullptr) continue;
    ++stats.open_files;
    if (!info.open->mapped()) continue;
    ++stats.mappings;
    stats.pinned_views += info.open->mapping().use_count() - 1;
  }
  std::erase_if(deleted_pins_, [](const DeletedPin& pin) { return pin.mapping.expired(); });
  for (const DeletedPin& pin : deleted_pins_) {
    stats.pinned_views += pin.mapping.use_count();
    stats.pinned_deleted_bytes += pin.bytes;
  }
  return stats;
}

bool LogImpl::CanPin() const {
  MutexLock lock(&segments_mutex_);
  std::erase_if(deleted_pins_, [](const DeletedPin& pin) { return pin.mapping.expired(); });
  uint64_t bytes = 0;
  for (const DeletedPin& pin : deleted_pins_) bytes += static_cast<uint64_t>(pin.bytes);
  return bytes <= pinned_bytes_max_;
}

// --- Listeners

bool LogImpl::Arm(AppendListener* listener, Offset position) {
  {
    MutexLock lock(&listeners_mutex_);
    listeners_.push_back(listener);
  }
  gate_.Arm();
  if (Offset(end_.load(std::memory_order_acquire)) <= position) return true;
  Disarm(listener);
  return false;
}

void LogImpl::Disarm(AppendListener* listener) {
  MutexLock lock(&listeners_mutex_);
  std::erase(listeners_, listener);
}

void LogImpl::TellListeners() {
  // Under the lock, so that Disarm waits for calls under way.
  MutexLock lock(&listeners_mutex_);
  for (AppendListener* listener : std::exchange(listeners_, {})) listener->OnAppend();
}

// --- Closing

// The last entry of a closed segment's time index is its newest record.
void LogImpl::FinishTimeIndex() {
  if (!active_->indexes_complete() || max_timestamp_ == kNoTimestamp) return;
  active_->indexes().times.MaybeAppend(max_timestamp_, max_timestamp_offset_);
}

// Completes the files of the active segment and cuts the log to its length, so that it may be let go of.
// Appends wait.
absl::Status LogImpl::CloseFiles() {
  if (active_ == nullptr) return absl::OkStatus();
  limit_ = 0;
  plain_ = false;
  MILLRACE_RETURN_IF_ERROR(active_->Trim());
  if (producers_loaded_ && !producers_.empty()) MILLRACE_RETURN_IF_ERROR(WriteSnapshot());
  FinishTimeIndex();
  if (!epochs_.empty()) {
    MILLRACE_RETURN_IF_ERROR(
        WriteTextFile(env_.files, JoinPath(directory_, kLeaderEpochFile), epochs_.ToText(), /*sync=*/false));
    context_->manifest().SetEpochs(log_no_, epochs_.entries());
  }
  return SealFiles(active_, config_.index_interval_bytes);
}

// Of a log that was not appended to since it was opened or went cold.
bool LogImpl::CloseReadSegments() {
  MutexLock lock(&segments_mutex_);
  if (!unsynced_.empty() || !unsealed_.empty()) return false;
  for (SegmentInfo& info : segments_) {
    if (info.open != nullptr) info.open->set_state(Segment::State::kGone);
    info.open.reset();
  }
  return true;
}

bool LogImpl::GoCold() {
  if (read_only_ || !SealPending().ok()) return false;
  GateLock lock(&gate_);
  if (closed_ || !poison_.ok()) return false;
  if (flushed_.load(std::memory_order_acquire) < end_.load(std::memory_order_relaxed)) return false;
  if (active_ == nullptr) return CloseReadSegments();
  if (!CloseFiles().ok()) return false;
  MutexLock segments_lock(&segments_mutex_);
  if (!unsynced_.empty() || !unsealed_.empty()) return false;
  Release();
  context_->manifest().CloseLog(log_no_, segments_.back().length, segments_.back().next_offset);
  return true;
}

// Lets go of every file; what is known of them stays.
void LogImpl::Release() {
  if (active_ != nullptr) {
    SegmentInfo& last = segments_.back();
    last.length = position_;
    last.next_offset = base_ + offsets_;
    last.max_timestamp = KnownNewest();
  }
  if (spare_ != nullptr) env_.files->Remove(spare_path_).IgnoreError();
  spare_.reset();
  for (SegmentInfo& info : segments_) {
    if (info.open != nullptr) info.open->set_state(Segment::State::kGone);  // cursors find their place anew
    info.open.reset();
  }
  CountAppended();
  active_.reset();
  data_ = nullptr;
  limit_ = 0;
  plain_ = false;
}

absl::Status LogImpl::Close() {
  absl::Status status = read_only_ ? absl::OkStatus() : SealPending();
  {
    GateLock lock(&gate_);
    if (std::exchange(closed_, true)) return absl::OkStatus();
    // What cannot be trusted is left as it is: the next Open recovers it.
    status.Update(poison_);
    if (!read_only_ && status.ok()) status = CloseFiles();
    limit_ = 0;
    plain_ = false;
  }
  if (!read_only_ && status.ok()) {
    status = FlushTo(Offset(end_.load(std::memory_order_acquire)));
    // Logs that share the file leave its sync to whoever closes them all.
    if (own_context_ != nullptr) status.Update(SyncFlushPoint(/*now=*/true));
    RemoveLingering(/*all=*/true);
  }
  const bool clean = status.ok() && !read_only_;
  {
    GateLock lock(&gate_);
    MutexLock segments_lock(&segments_mutex_);
    Release();
    unsealed_.clear();
    unsynced_.clear();
    if (clean) context_->manifest().CloseLog(log_no_, segments_.back().length, segments_.back().next_offset);
  }
  if (own_context_ != nullptr && clean) status.Update(own_context_->CleanClose());
  if (own_context_ != nullptr) own_context_->Release();
  CompleteDurable();
  return status;
}

void LogImpl::Abandon() {
  {
    GateLock lock(&gate_);
    closed_ = true;
    MutexLock segments_lock(&segments_mutex_);
    Release();
    unsealed_.clear();
    unsynced_.clear();
  }
  CompleteDurable();
}

}  // namespace millrace::inline v0
