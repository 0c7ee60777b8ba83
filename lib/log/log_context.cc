#include "log/log_context.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/lost_logs.h"

namespace millrace::inline v0 {

absl::StatusOr<std::unique_ptr<LogContext>> LogContext::Open(Options options, Report* report) {
  Report ignored;
  if (report == nullptr) report = &ignored;
  FileSystem& files = *options.env.files;
  const std::string directory = options.directory;
  if (!options.read_only) {
    const absl::Status made = files.CreateDirectory(directory);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    if (made.ok()) MILLRACE_RETURN_IF_ERROR(files.SyncDirectory(ParentOf(directory)));
    if (options.backend == FileBackend::kMapped) MILLRACE_RETURN_IF_ERROR(files.CheckMappable(directory));
  }
  auto context = std::unique_ptr<LogContext>(new LogContext(std::move(options)));
  if (!context->read_only()) {
    const std::string owner = absl::StrFormat("process %d", getpid());
    MILLRACE_ASSIGN_OR_RETURN(context->lock_, files.Lock(JoinPath(directory, kLockFile), owner));
  }
  MILLRACE_RETURN_IF_ERROR(context->OpenFiles(report));
  return context;
}

absl::Status LogContext::OpenFiles(Report* report) {
  FileSystem& files = *env().files;
  MILLRACE_RETURN_IF_ERROR(ForgetSlots());
  ManifestReport found;
  auto manifest =
      ManifestFile::Open(&files, JoinPath(directory(), kManifestFile),
                         read_only() ? RecordFile::Access::kReadOnly : RecordFile::Access::kCreate, &found);
  if (absl::IsDataLoss(manifest.status())) {
    return absl::DataLossError(
        StrCat(manifest.status().message(),
               "; restore it, or move it away: then the logs are taken to be what their directories hold"));
  }
  if (!manifest.ok()) return manifest.status();
  manifest_ = *std::move(manifest);
  report->notes = found.notes;
  MILLRACE_ASSIGN_OR_RETURN(const VolumeIdentity identity, files.Volume(directory()));
  auto control = ControlFile::Open(&files, JoinPath(directory(), kControlFile), read_only(), identity);
  if (control.ok()) {
    control_ = *std::move(control);
  } else if (!read_only() || !absl::IsNotFound(control.status())) {
    return control.status();
  }
  FlushPointsReport flushed;
  auto points = FlushPoints::Open(&files, JoinPath(directory(), kFlushPointsFile), read_only(), &flushed);
  if (absl::IsDataLoss(points.status()) && !read_only()) {
    report->notes.push_back(
        absl::StrFormat("%s made anew: %s", kFlushPointsFile, std::string(points.status().message())));
    MILLRACE_RETURN_IF_ERROR(files.Remove(JoinPath(directory(), kFlushPointsFile)));
    points = FlushPoints::Open(&files, JoinPath(directory(), kFlushPointsFile), read_only(), &flushed);
  }
  if (points.ok()) {
    flush_points_ = *std::move(points);
  } else if (!read_only() || !absl::IsNotFound(points.status())) {
    return points.status();
  }
  lost_flush_points_ = flushed.both_damaged;
  // They are made, durably, before the manifest is: a directory without them has lost them.
  flush_points_lost_ = flushed.created && !found.file.created;
  if (!found.clean && found.trusted) found.trusted = KnowsWhatIsFlushed(report);
  bool adopted = false;
  if (!read_only() && (found.file.created || !found.trusted)) {
    MILLRACE_ASSIGN_OR_RETURN(adopted, AdoptLogs(report));
  }
  incomplete_ = adopted || !found.trusted;

  const bool survived = control_ != nullptr && control_->survived();
  const bool clean = found.clean && found.trusted;
  {
    MutexLock lock(&writing_mutex_);
    writing_ = !found.clean;
  }
  trust_closed_ = found.trusted && (clean || survived);
  shutdown_ = clean || (found.file.created && !adopted) ? RecoveryReport::Shutdown::kClean
              : survived                                ? RecoveryReport::Shutdown::kProcessCrash
                                                        : RecoveryReport::Shutdown::kPowerLoss;
  report->shutdown = shutdown_;
  if (read_only()) return absl::OkStatus();
  if (!trust_closed_) {
    // From here on "closed" means closed since this moment.
    for (const LogEntry& log : manifest_->Logs()) {
      if (log.closed) manifest_->OpenedLog(log.log_no);
    }
    trust_closed_ = true;
  }
  manifest_->Opened();
  // A hole stays one, and means a look at everything each time, until the file is made anew.
  return found.trusted ? manifest_->Write() : manifest_->Compact();
}

// Their slots have the numbers of a manifest that is gone.
absl::Status LogContext::ForgetSlots() {
  FileSystem& files = *env().files;
  if (read_only() || !absl::IsNotFound(files.Stat(JoinPath(directory(), kManifestFile)).status())) {
    return absl::OkStatus();
  }
  for (const std::string_view name : {kControlFile, kFlushPointsFile}) {
    const absl::Status removed = files.Remove(JoinPath(directory(), name));
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LogContext::AdoptLogs(Report* report) {
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<uint32_t> adopted,
                            AdoptLostLogs(env().files, directory(), manifest_.get(), &report->notes));
  // Numbers that were another log's, or may be given to another.
  std::vector<uint32_t> doubtful = adopted;
  for (uint32_t log_no = 0; log_no < flush_points_->log_no_limit(); ++log_no) {
    if (!manifest_->Find(log_no).has_value()) doubtful.push_back(log_no);
  }
  for (const uint32_t log_no : doubtful) {
    flush_points_->Clear(log_no);
    MILLRACE_ASSIGN_OR_RETURN(ControlSlot* const slot, control_->Slot(log_no));
    if (slot != nullptr) slot->Clear();
  }
  lost_flush_points_.insert(lost_flush_points_.end(), adopted.begin(), adopted.end());
  return !adopted.empty();
}

// The manifest is synced before a flush point in a new segment is: where it does not know that, its end is
// gone.
bool LogContext::KnowsWhatIsFlushed(Report* report) const {
  bool knows = true;
  if (flush_points_ == nullptr) return knows;
  const auto lacks = [&](std::string_view what) {
    report->notes.push_back(absl::StrFormat("%s lacks %s, which was flushed: its end is lost",
                                            JoinPath(directory(), kManifestFile), what));
    knows = false;
  };
  for (const uint32_t log_no : flush_points_->Logs()) {
    const std::optional<LogEntry> log = manifest_->Find(log_no);
    const Offset flushed = flush_points_->Get(log_no)->segment_base;
    if (!log.has_value() && !manifest_->WasDeleted(log_no)) {
      lacks(absl::StrFormat("log %d", log_no));
    } else if (log.has_value() && !log->segments.empty() && flushed > log->segments.back().base) {
      lacks(absl::StrFormat("segment %d of \"%s\"", flushed.value(), log->directory));
    }
  }
  return knows;
}

bool LogContext::FlushPointLost(uint32_t log_no) const {
  return flush_points_lost_ ||
         std::find(lost_flush_points_.begin(), lost_flush_points_.end(), log_no) != lost_flush_points_.end();
}

absl::StatusOr<std::unique_ptr<ManifestFile>> LogContext::FreshManifest() const {
  ManifestReport found;
  return ManifestFile::Open(env().files, JoinPath(directory(), kManifestFile), RecordFile::Access::kReadOnly,
                            &found);
}

absl::Status LogContext::BeginWriting() {
  MutexLock lock(&writing_mutex_);
  if (writing_) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(manifest_->Sync());
  writing_ = true;
  return absl::OkStatus();
}

absl::Status LogContext::CleanClose() {
  if (read_only()) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(flush_points_->Sync());
  manifest_->CleanClose();
  return manifest_->Sync();
}

void LogContext::Release() {
  if (read_only()) return;
  manifest_->Close();
  flush_points_->Close();
  control_ = nullptr;
  lock_ = nullptr;
}

}  // namespace millrace::inline v0
