// Deleting logs: the manifest says so, the directory gets another name, its files go later.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_manager.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kNameBytesMax = 255;

// "orders-3.<32 hexadecimal digits>-delete", as Kafka names it.
std::string DeletedName(std::string_view name, Random* random) {
  const std::string added = absl::StrFormat(".%016x%016x-delete", random->Next(), random->Next());
  return StrCat(name.substr(0, kNameBytesMax - added.size()), added);
}

}  // namespace

absl::Status LogManager::RenameDeleted(const std::vector<std::pair<std::string, uint32_t>>& logs,
                                       std::vector<Doomed>* doomed) {
  ManifestFile& manifest = context_->manifest();
  for (const auto& [name, log_no] : logs) {
    Doomed deleted{.directory = DeletedName(name, env_.random), .log_no = log_no};
    MILLRACE_RETURN_IF_ERROR(manifest.RenameLog(log_no, deleted.directory));
    doomed->push_back(std::move(deleted));
  }
  // The manifest first: a directory under its new name that the manifest does not know would be lost data.
  MILLRACE_RETURN_IF_ERROR(manifest.Sync());
  for (size_t i = 0; i < logs.size(); ++i) {
    const absl::Status renamed = env_.files->Rename(PathOf(logs[i].first), PathOf((*doomed)[i].directory));
    if (!renamed.ok() && !absl::IsNotFound(renamed)) return renamed;
  }
  // Before a log of the same name can come, whose directory must not turn out to be the old one.
  return env_.files->SyncDirectory(options_.directory);
}

absl::Status LogManager::DeleteLogs(std::span<const std::string> names) {
  std::vector<std::pair<std::string, uint32_t>> logs;
  std::vector<std::shared_ptr<LogImpl>> open;
  int64_t delay_ms = 0;
  {
    MutexLock lock(&mutex_);
    MILLRACE_RETURN_IF_ERROR(CheckOpen(true));
    for (const std::string& name : names) {
      Entry* const entry = FindIdle(name);
      if (entry == nullptr) continue;
      entry->busy = true;
      logs.emplace_back(name, entry->log_no);
      if (entry->config != nullptr) delay_ms = std::max(delay_ms, entry->config->file_delete_delay_ms);
      if (entry->log == nullptr) continue;
      open.push_back(std::move(entry->log));
      entry->log = nullptr;
      --open_;
    }
  }
  if (logs.empty()) return absl::OkStatus();
  for (const auto& log : open) log->Abandon();
  open.clear();
  std::vector<Doomed> doomed;
  const absl::Status status = RenameDeleted(logs, &doomed);
  const MonotonicNanos due = In(delay_ms);
  for (const auto& [name, log_no] : logs) cleaned_->Forget(name);
  MutexLock lock(&mutex_);
  // Even if it failed: the logs are closed, and the manifest says that they are gone.
  for (const auto& [name, log_no] : logs) entries_.erase(entries_.find(name));
  for (Doomed& deleted : doomed) {
    deleted.due = due;
    doomed_.push_back(std::move(deleted));
  }
  changed_.SignalAll();
  return status;
}

absl::Status LogManager::Reap(const Doomed& doomed) {
  const std::string path = PathOf(doomed.directory);
  const auto names = env_.files->List(path);
  if (!names.ok() && !absl::IsNotFound(names.status())) return names.status();
  if (names.ok()) {
    for (const std::string& name : *names) {
      const auto file = env_.files->Stat(JoinPath(path, name));
      if (file.ok() && name.ends_with(kLogSuffix)) {
        context_->budget()->ReleaseDisk(static_cast<int64_t>(file->size_bytes));
      }
      const absl::Status removed = env_.files->Remove(JoinPath(path, name));
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    }
    MILLRACE_RETURN_IF_ERROR(env_.files->RemoveDirectory(path));
  }
  context_->flush_points()->Clear(doomed.log_no);
  MILLRACE_ASSIGN_OR_RETURN(ControlSlot* const slot, context_->control()->Slot(doomed.log_no));
  if (slot != nullptr) slot->Clear();
  context_->manifest().DeleteLog(doomed.log_no);
  return absl::OkStatus();
}

MonotonicNanos LogManager::ReapDue() {
  if (options_.read_only) return kNever;
  const MonotonicNanos now = env_.clock->Monotonic();
  std::vector<Doomed> due;
  MonotonicNanos next = kNever;
  {
    MutexLock lock(&mutex_);
    std::vector<Doomed> later;
    for (Doomed& doomed : doomed_) {
      // A few at a time: others have work, too.
      if (doomed.due <= now && due.size() < 64) {
        due.push_back(std::move(doomed));
      } else {
        next = std::min(next, doomed.due);
        later.push_back(std::move(doomed));
      }
    }
    doomed_ = std::move(later);
  }
  for (Doomed& doomed : due) {
    const absl::Status status = Reap(doomed);
    if (status.ok()) continue;
    Warn(StrCat("removing ", doomed.directory), status);
    doomed.due = In(60'000);
    next = std::min(next, doomed.due);
    MutexLock lock(&mutex_);
    doomed_.push_back(std::move(doomed));
  }
  if (!due.empty()) Warn("writing the manifest", context_->manifest().Write());
  return next;
}

}  // namespace millrace::inline v0
