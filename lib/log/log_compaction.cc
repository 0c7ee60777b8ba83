#include "log/log_compaction.h"

#include <algorithm>
#include <utility>

#include "base/parse_number.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kCleanerCheckpointFile = "cleaner-offset-checkpoint";
// A log with a directory of its own has no topic.
constexpr std::string_view kNameOfSingleLog = "log-0";

}  // namespace

std::optional<TopicPartition> ParseLogName(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  const std::optional<int32_t> partition = ParseNumber<int32_t>(name.substr(dash + 1));
  if (!partition.has_value() || *partition < 0) return std::nullopt;
  return TopicPartition{.topic = std::string(name.substr(0, dash)), .partition = PartitionId(*partition)};
}

CleanerCheckpoint::CleanerCheckpoint(FileSystem* files, std::string_view directory)
    : files_(files), path_(JoinPath(directory, kCleanerCheckpointFile)) {
  const auto text = ReadTextFile(files_, path_);
  if (!text.ok()) return;
  const auto entries = DecodeOffsetCheckpoint(*text);
  if (!entries.ok()) return;
  MutexLock lock(&mutex_);
  for (const CheckpointEntry& entry : *entries) first_dirty_[entry.partition.ToString()] = entry.offset;
}

Offset CleanerCheckpoint::Get(std::string_view log) const {
  MutexLock lock(&mutex_);
  const auto found = first_dirty_.find(log.empty() ? kNameOfSingleLog : log);
  return found == first_dirty_.end() ? kNoOffset : found->second;
}

void CleanerCheckpoint::Set(std::string_view log, Offset first_dirty) {
  MutexLock lock(&mutex_);
  Offset& entry = first_dirty_[std::string(log.empty() ? kNameOfSingleLog : log)];
  changed_ = changed_ || entry != first_dirty;
  entry = first_dirty;
}

void CleanerCheckpoint::Forget(std::string_view log) {
  MutexLock lock(&mutex_);
  const auto found = first_dirty_.find(log);
  if (found == first_dirty_.end()) return;
  first_dirty_.erase(found);
  changed_ = true;
}

absl::Status CleanerCheckpoint::Write() {
  std::vector<CheckpointEntry> entries;
  {
    MutexLock lock(&mutex_);
    if (!changed_) return absl::OkStatus();
    changed_ = false;
    for (const auto& [name, offset] : first_dirty_) {
      if (auto partition = ParseLogName(name); partition.has_value()) {
        entries.push_back({.partition = *std::move(partition), .offset = offset});
      }
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.partition < b.partition; });
  absl::Status status = WriteTextFile(files_, path_, EncodeOffsetCheckpoint(entries), false);
  if (!status.ok()) {
    MutexLock lock(&mutex_);
    changed_ = true;
  }
  return status;
}

absl::StatusOr<int64_t> CompactLog(const Env& env, LogImpl* log, std::string_view name, bool force,
                                   const CleanerOptions& options, CleanerCheckpoint* checkpoint) {
  const Timestamp now = env.clock->Wall();
  int64_t freed = 0;
  for (bool first = true;; first = false) {
    MILLRACE_ASSIGN_OR_RETURN(const CleaningPlan plan,
                              PlanCleaning(env.files, *log, checkpoint->Get(name), now));
    // Forced, the first pass looks at what is clean, too: horizons may have come.
    const bool go = first ? force || plan.due : plan.dirty_bytes > 0;
    if (!go) break;
    Cleaning cleaning(env.files, log, plan, options, now, {env.random->Next(), env.random->Next()});
    MILLRACE_RETURN_IF_ERROR(cleaning.Run());
    freed += cleaning.freed_bytes();
    checkpoint->Set(name, cleaning.first_dirty_after());
    if (cleaning.first_dirty_after() <= plan.first_dirty) break;
  }
  MILLRACE_RETURN_IF_ERROR(checkpoint->Write());
  return freed;
}

}  // namespace millrace::inline v0
