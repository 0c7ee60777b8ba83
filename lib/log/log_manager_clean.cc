// Compaction in the background: the dirtiest log first, one at a time, throttled.

#include <algorithm>
#include <utility>

#include "base/return_if_error.h"
#include "log/cleaner_round.h"
#include "log/log_manager.h"

namespace millrace::inline v0 {
namespace {

// A log whose compaction failed is left alone for so many rounds.
constexpr int64_t kRoundsAfterFailure = 20;

// What the manifest alone says of a log's dirt; the real plan knows the lags, too.
double DirtyRatio(const LogEntry& entry, Offset checkpoint) {
  int64_t clean = 0;
  int64_t dirty = 0;
  for (const ManifestSegment& segment : entry.segments) {
    if (!segment.sealed) continue;
    (segment.next_offset <= checkpoint ? clean : dirty) += segment.length;
  }
  return dirty == 0 ? 0 : static_cast<double>(dirty) / static_cast<double>(clean + dirty);
}

}  // namespace

bool LogManager::StartCleaning() {
  std::vector<std::pair<double, std::string>> dirty;
  std::vector<std::pair<std::string, std::pair<uint32_t, std::shared_ptr<const TopicConfig>>>> logs;
  {
    MutexLock lock(&mutex_);
    for (const auto& [name, entry] : entries_) {
      if (entry->config != nullptr && !entry->config->cleanup_policy.compact) continue;
      logs.push_back({name, {entry->log_no, entry->config}});
    }
  }
  const MonotonicNanos now = env_.clock->Monotonic();
  for (auto& [name, of] : logs) {
    if (of.second == nullptr) of.second = ConfigOf(name);
    if (of.second == nullptr || !of.second->cleanup_policy.compact) continue;
    if (const auto failed = uncleanable_.find(name); failed != uncleanable_.end()) {
      if (failed->second > now) continue;
      uncleanable_.erase(failed);
    }
    const std::optional<LogEntry> entry = context_->manifest().Find(of.first);
    const double ratio = entry.has_value() ? DirtyRatio(*entry, cleaned_->Get(name)) : 0;
    const bool lag = ratio > 0 && of.second->max_compaction_lag_ms < INT64_MAX;
    if (ratio > of.second->min_cleanable_dirty_ratio || lag) dirty.emplace_back(ratio, name);
  }
  std::sort(dirty.begin(), dirty.end(), std::greater<>());
  for (const auto& [ratio, name] : dirty) {
    const auto log = GetLog(name);
    if (!log.ok()) continue;
    const auto plan = PlanCleaning(env_.files, **log, cleaned_->Get(name), env_.clock->Wall());
    Warn(StrCat("planning the compaction of ", name), plan.status());
    if (!plan.ok() || !plan->due) continue;
    CleanerOptions options = options_.cleaner;
    options.dedupe_buffer_bytes = std::min<uint64_t>(options.dedupe_buffer_bytes, options_.memory_bytes / 4);
    round_ = std::make_unique<CleanerRound>(env_, name, *log, *plan, options);
    return true;
  }
  return false;
}

void LogManager::FinishCleaning(const absl::Status& status) {
  if (status.ok()) {
    cleaned_->Set(round_->name, round_->cleaning.first_dirty_after());
  } else if (!absl::IsAborted(status)) {
    Warn(StrCat("compaction of ", round_->name), status);
    uncleanable_[round_->name] = In(kRoundsAfterFailure * options_.cleaner_backoff_ms);
  }
  {
    MutexLock lock(&mutex_);
    ++counts_.cleanings;
    counts_.cleaned_bytes += round_->cleaning.freed_bytes();
  }
  round_ = nullptr;
}

MonotonicNanos LogManager::RunCleaner() {
  if (round_ == nullptr && !StartCleaning()) return In(options_.cleaner_backoff_ms);
  const absl::StatusOr<bool> done = round_->cleaning.Step();
  if (!done.ok() || *done) {
    FinishCleaning(done.status());
    // There may be another log as dirty.
    return env_.clock->Monotonic();
  }
  const double seconds =
      static_cast<double>(round_->cleaning.io_bytes()) / options_.cleaner_io_max_bytes_per_second;
  const double nanos = std::min(seconds * 1e9, 1e18);
  return std::max(round_->started + static_cast<int64_t>(nanos), env_.clock->Monotonic());
}

}  // namespace millrace::inline v0
