// What a LogManager does in the background: maintenance, retention, sweeps, checkpoints; see also
// log_manager_delete.cc and, for compaction, log_manager_clean.cc.

#include <algorithm>
#include <utility>

#include "base/return_if_error.h"
#include "log/cleaner_round.h"
#include "log/log_files.h"
#include "log/log_manager.h"
#include "log/text_checkpoints.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kRetentionSlice = 1000;
constexpr size_t kSyncTogether = 8;

constexpr std::string_view kRecoveryPointFile = "recovery-point-offset-checkpoint";
constexpr std::string_view kLogStartFile = "log-start-offset-checkpoint";
constexpr std::string_view kHighWatermarkFile = "replication-offset-checkpoint";

}  // namespace

// --- Cold

std::vector<LogManager::Named> LogManager::Victims(MonotonicNanos before, size_t count_max) const {
  std::vector<std::pair<MonotonicNanos, Named>> found;
  {
    MutexLock lock(&mutex_);
    for (const auto& [name, entry] : entries_) {
      if (entry->log == nullptr || entry->busy) continue;
      const MonotonicNanos used = entry->log->last_used();
      // Cold already, and only worth closing if nobody holds it.
      if (entry->log.use_count() > 1 && entry->log->IsCold()) continue;
      if (used <= before) found.push_back({used, {.name = name, .log = entry->log}});
    }
  }
  const size_t count = std::min(count_max, found.size());
  std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Named> victims;
  victims.reserve(count);
  for (size_t i = 0; i < count; ++i) victims.push_back(std::move(found[i].second));
  return victims;
}

// One sync of the file system for all of them.
absl::Status LogManager::SyncTogether(const std::vector<Named>& logs) {
  std::vector<std::pair<LogImpl*, LogImpl::SyncMark>> unflushed;
  for (const Named& log : logs) {
    if (auto mark = log.log->UnflushedMark(); mark.has_value()) unflushed.emplace_back(log.log.get(), *mark);
  }
  if (unflushed.size() < kSyncTogether) {
    // A few are better off with syncs of their own.
    for (const auto& [log, mark] : unflushed) log->FlushUntold().IgnoreError();  // poisons it: it stays open
    return absl::OkStatus();
  }
  MILLRACE_RETURN_IF_ERROR(env_.files->SyncAll(options_.directory));
  MILLRACE_RETURN_IF_ERROR(context_->manifest().Sync());
  for (const auto& [log, mark] : unflushed) log->NoteSynced(mark);
  return absl::OkStatus();
}

void LogManager::CloseUnheld(const Named& victim) {
  Entry* entry = nullptr;
  {
    MutexLock lock(&mutex_);
    const auto found = entries_.find(victim.name);
    if (found == entries_.end() || found->second->busy || found->second->log != victim.log) return;
    entry = found->second.get();
    // The entry's and the victim's.
    if (victim.log.use_count() > 2) return;
    entry->busy = true;
    entry->log = nullptr;
    --open_;
  }
  WriteMetadata(victim.name);
  Warn(StrCat("closing ", victim.name), victim.log->Close());
  MutexLock lock(&mutex_);
  entry->busy = false;
  changed_.SignalAll();
}

void LogManager::WriteMetadata(const std::string& name) {
  TopicId id;
  {
    MutexLock lock(&mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second->metadata_written) return;
    found->second->metadata_written = true;
    id = found->second->topic_id;
  }
  if (id.IsZero()) return;
  // One that is there was written by an earlier owner, or by Kafka.
  const std::string path = JoinPath(PathOf(name), kPartitionMetadataFile);
  auto file = env_.files->Open(path, OpenMode::kCreateNew);
  if (!file.ok()) return;
  const std::string text = EncodePartitionMetadata(id);
  Warn("writing partition.metadata", (*file)->WriteAt(0, AsBytes(text)));
}

size_t LogManager::MakeCold(const std::vector<Named>& victims) {
  if (victims.empty()) return 0;
  Warn("syncing the file system", SyncTogether(victims));
  size_t cold = 0;
  for (const Named& victim : victims) {
    // What cannot be flushed stays as it is: poisoned, it must not be forgotten.
    if (!victim.log->GoCold()) continue;
    ++cold;
    CloseUnheld(victim);
  }
  Warn("writing the manifest", context_->manifest().Write());
  context_->budget()->Swept();
  MutexLock lock(&mutex_);
  ++counts_.sweeps;
  counts_.went_cold += cold;
  return cold;
}

// Called by a log that wants to open one more segment, maybe with locks of its own: must not wait for a sweep
// that may wait for those.
bool LogManager::EvictForBudget() {
  // Declared first: the logs go when the sweep is over, for their destructors wait for tasks of theirs.
  std::vector<Named> victims;
  if (!sweep_mutex_.TryLock()) return false;
  victims = Victims(kNever, std::max<size_t>(static_cast<size_t>(stats().descriptors) / 4, 4));
  const size_t cold = MakeCold(victims);
  sweep_mutex_.Unlock();
  return cold > 0;
}

void LogManager::SweepIfTight() {
  if (options_.read_only || !context_->budget()->tight()) return;
  std::vector<Named> victims;
  MutexLock lock(&sweep_mutex_);
  if (!context_->budget()->tight()) return;
  victims = Victims(kNever, std::max<size_t>(static_cast<size_t>(stats().descriptors) / 8, 4));
  MakeCold(victims);
}

// Before a log is opened. What the executor sweeps nobody need wait for, unless it does not keep up.
void LogManager::SweepIfNobodyElseDoes() {
  if (swept_in_background_.load(std::memory_order_relaxed) && !context_->budget()->full()) return;
  SweepIfTight();
}

// Too many objects: the longest unused quarter goes, as far as nobody holds them.
void LogManager::SweepOpenLogs() {
  std::vector<Named> victims;
  if (!sweep_mutex_.TryLock()) return;
  victims = Victims(kNever, std::max<size_t>(stats().open / 4, 16));
  MakeCold(victims);
  sweep_mutex_.Unlock();
}

// A limit is near, and whoever has found out cannot stop for a sweep.
void LogManager::WakeSweeper() {
  if (env_.executor == nullptr) return;
  env_.executor->Post([background = background_] {
    MutexLock lock(&background->mutex);
    if (background->manager != nullptr) background->manager->SweepIfTight();
  });
}

size_t LogManager::Sweep(int64_t idle_ms) {
  if (options_.read_only) return 0;
  std::vector<Named> victims;
  MutexLock lock(&sweep_mutex_);
  const MonotonicNanos before =
      idle_ms == 0 ? kNever : env_.clock->Monotonic() - std::min<int64_t>(idle_ms, 1 << 30) * 1'000'000;
  victims = Victims(before, SIZE_MAX);
  return MakeCold(victims);
}

// --- Due work

void LogManager::Schedule(const std::shared_ptr<Background>& background, Executor* executor,
                          MonotonicNanos when) {
  executor->PostAt(when, [background, executor] {
    MutexLock lock(&background->mutex);
    if (background->manager == nullptr) return;
    const MonotonicNanos next = background->manager->RunMaintenance();
    if (next != kNever) Schedule(background, executor, next);
  });
}

void LogManager::StartBackground() {
  if (env_.executor == nullptr) return;
  {
    MutexLock lock(&background_->mutex);
    if (background_->manager != nullptr) return;
    background_->manager = this;
  }
  swept_in_background_.store(true, std::memory_order_relaxed);
  Schedule(background_, env_.executor, env_.clock->Monotonic());
}

MonotonicNanos LogManager::RunMaintenance() {
  MutexLock lock(&due_mutex_);
  {
    MutexLock state(&mutex_);
    if (closed_) return kNever;
  }
  const auto now = [this] { return env_.clock->Monotonic(); };
  if (now() >= maintenance_due_) {
    MaintainOpenLogs();
    maintenance_due_ = In(options_.maintenance_interval_ms);
  }
  if (options_.read_only) return maintenance_due_;
  SweepIfTight();
  if (now() >= sweep_due_) {
    Sweep(options_.cold_after_ms);
    sweep_due_ = In(std::max<int64_t>(options_.cold_after_ms / 4, 1));
  }
  if (now() >= retention_due_) {
    if (retention_left_.empty()) retention_left_ = Names();
    if (!RetentionSlice()) retention_due_ = In(options_.retention_check_interval_ms);
  }
  if (now() >= cleaner_due_) cleaner_due_ = RunCleaner();
  if (now() >= checkpoint_due_) {
    Warn("writing checkpoints", WriteCheckpoints());
    Warn("writing the cleaner's checkpoint", cleaned_->Write());
    if (context_->manifest().WantsCompaction()) {
      Warn("compacting the manifest", context_->manifest().Compact());
    }
    checkpoint_due_ = In(options_.checkpoint_interval_ms);
  }
  const MonotonicNanos reap = ReapDue();
  return std::min({maintenance_due_, sweep_due_, retention_due_, cleaner_due_, checkpoint_due_, reap});
}

void LogManager::MaintainOpenLogs() {
  std::vector<Named> logs;
  {
    MutexLock lock(&mutex_);
    for (const auto& [name, entry] : entries_) {
      // Cold ones are left to retention.
      if (entry->log == nullptr || entry->busy || entry->log->IsCold()) continue;
      logs.push_back({.name = name, .log = entry->log});
    }
  }
  for (const Named& log : logs) Warn(StrCat("maintenance of ", log.name), log.log->RunMaintenance());
}

bool LogManager::RetentionIsDue(const LogEntry& entry, const TopicConfig& config) const {
  if (!config.cleanup_policy.remove || entry.segments.empty()) return false;
  const Timestamp now = env_.clock->Wall();
  const ManifestSegment& first = entry.segments.front();
  if (config.retention_bytes >= 0) {
    int64_t bytes = entry.active_length;
    for (const ManifestSegment& segment : entry.segments) bytes += segment.sealed ? segment.length : 0;
    if (first.sealed && bytes - first.length >= config.retention_bytes) return true;
  }
  if (config.retention_ms < 0) return false;
  const auto expired = [&](Timestamp time) { return now.value() - time.value() > config.retention_ms; };
  if (first.sealed && first.max_timestamp != kNoTimestamp) return expired(first.max_timestamp);
  // Of the last one the manifest does not know the records' time; the file's change comes after it.
  if (entry.closed && entry.active_length == 0) return false;
  const auto file =
      env_.files->Stat(JoinPath(PathOf(entry.directory), SegmentFileName(first.base, kLogSuffix)));
  return file.ok() && file->size_bytes > 0 && expired(Timestamp(file->modified_ms));
}

bool LogManager::RetentionSlice() {
  for (size_t left = kRetentionSlice; left > 0 && !retention_left_.empty(); --left) {
    const std::string name = std::move(retention_left_.back());
    retention_left_.pop_back();
    std::shared_ptr<const TopicConfig> config;
    uint32_t log_no = 0;
    {
      MutexLock lock(&mutex_);
      const auto found = entries_.find(name);
      if (found == entries_.end() || found->second->busy) continue;
      const Entry& entry = *found->second;
      if (entry.log != nullptr && !entry.log->IsCold()) continue;
      config = entry.config;
      log_no = entry.log_no;
    }
    if (config == nullptr) config = ConfigOf(name);
    const std::optional<LogEntry> known = context_->manifest().Find(log_no);
    if (config == nullptr || !known.has_value() || !RetentionIsDue(*known, *config)) continue;
    const auto log = GetLog(name);
    Warn(StrCat("retention of ", name), log.ok() ? (*log)->RunMaintenance() : log.status());
  }
  return !retention_left_.empty();
}

// --- Kafka's text files

absl::Status LogManager::WriteCheckpoints() {
  std::map<std::string_view, std::vector<CheckpointEntry>> files;
  for (const LogEntry& log : context_->manifest().Logs()) {
    const auto partition = ParseLogName(log.directory);
    if (!partition.has_value()) continue;
    std::shared_ptr<LogImpl> open;
    {
      MutexLock lock(&mutex_);
      const auto found = entries_.find(log.directory);
      if (found != entries_.end()) open = found->second->log;
    }
    const auto flushed = context_->flush_points()->Get(log.log_no);
    const Offset start = open == nullptr ? log.log_start_offset : open->log_start_offset();
    Offset end = open == nullptr ? log.end_offset : open->log_end_offset();
    end = std::max(end, start);
    const Offset point = flushed.has_value() ? std::max(flushed->offset, start) : start;
    files[kRecoveryPointFile].push_back({.partition = *partition, .offset = point});
    files[kHighWatermarkFile].push_back({.partition = *partition, .offset = end});
    if (start > Offset(0)) files[kLogStartFile].push_back({.partition = *partition, .offset = start});
  }
  for (const std::string_view name : {kRecoveryPointFile, kHighWatermarkFile, kLogStartFile}) {
    std::vector<CheckpointEntry>& entries = files[name];
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    std::string text = EncodeOffsetCheckpoint(entries);
    if (checkpoints_[name] == text) continue;
    MILLRACE_RETURN_IF_ERROR(WriteTextFile(env_.files, PathOf(name), text, false));
    checkpoints_[name] = std::move(text);
  }
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
