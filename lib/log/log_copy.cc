// Copies of a log: a directory of its own that opens as if it had been closed now.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kCopyBytes = 1 << 20;

// Copies the first `bytes` bytes of a file, durably.
absl::Status CopyFile(FileSystem* files, const std::string& from, const std::string& to, uint64_t bytes) {
  MILLRACE_ASSIGN_OR_RETURN(const auto source, files->Open(from, OpenMode::kRead));
  MILLRACE_ASSIGN_OR_RETURN(const auto target, files->Open(to, OpenMode::kCreateNew));
  std::vector<std::byte> buffer(std::min<uint64_t>(kCopyBytes, bytes));
  for (uint64_t at = 0; at < bytes; at += buffer.size()) {
    buffer.resize(std::min<uint64_t>(kCopyBytes, bytes - at));
    MILLRACE_RETURN_IF_ERROR(ReadExactly(source.get(), at, buffer));
    MILLRACE_RETURN_IF_ERROR(target->WriteAt(at, buffer));
  }
  return target->Sync();
}

}  // namespace

// One closed segment. Its `.log` does not change any more: a link to it is as good as a copy.
absl::Status LogImpl::CopySegment(const SegmentInfo& info, std::string_view directory) {
  const auto target = [&](std::string_view suffix) {
    return JoinPath(directory, SegmentFileName(info.base, suffix));
  };
  const std::string log_path = PathOf(info.base, kLogSuffix);
  if (info.length > 0 && !env_.files->Link(log_path, target(kLogSuffix)).ok())
    MILLRACE_RETURN_IF_ERROR(CopyFile(env_.files, log_path, target(kLogSuffix), info.length));
  for (const std::string_view suffix :
       {kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix, kGuardSuffix}) {
    const auto file = env_.files->Stat(PathOf(info.base, suffix));
    if (absl::IsNotFound(file.status())) continue;
    if (!file.ok()) return file.status();
    MILLRACE_RETURN_IF_ERROR(
        CopyFile(env_.files, PathOf(info.base, suffix), target(suffix), file->size_bytes));
  }
  return absl::OkStatus();
}

// Snapshots of producers up to `end`, and what was fenced and given up.
absl::Status LogImpl::CopyState(Offset end, std::string_view directory) {
  const auto names = env_.files->List(directory_);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();  // never appended to
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const auto file = ParseSegmentFileName(name);
    const bool wanted = file.has_value() ? file->suffix == kSnapshotSuffix && file->base <= end
                                         : name == kClearedFile || name == kFencedFile;
    if (!wanted) continue;
    const std::string path = JoinPath(directory_, name);
    const auto found = env_.files->Stat(path);
    if (absl::IsNotFound(found.status())) continue;  // an old snapshot that was just removed
    if (!found.ok()) return found.status();
    MILLRACE_RETURN_IF_ERROR(CopyFile(env_.files, path, JoinPath(directory, name), found->size_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<LogEntry> LogImpl::CopyTo(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  // A link shares the bytes, durable or not.
  if (!read_only_) MILLRACE_RETURN_IF_ERROR(Flush());
  MutexLock maintenance_lock(&maintenance_mutex_);
  MILLRACE_RETURN_IF_ERROR(SealPending());
  LogEntry entry = {.log_start_offset = log_start_offset(), .closed = true};
  std::vector<SegmentInfo> all;
  {
    GateLock lock(&gate_);
    MutexLock segments_lock(&segments_mutex_);
    all = segments_;
    if (active_ != nullptr) {
      all.back().length = active_->end().position;
      all.back().next_offset = active_->next_offset();
    }
    entry.epochs.assign(epochs_.entries().begin(), epochs_.entries().end());
  }
  const SegmentInfo& last = all.back();
  for (const SegmentInfo& info : all) {
    if (info.base != last.base) {
      MILLRACE_RETURN_IF_ERROR(CopySegment(info, directory));
    } else if (info.length > 0) {
      MILLRACE_RETURN_IF_ERROR(CopyFile(env_.files, PathOf(info.base, kLogSuffix),
                                        JoinPath(directory, SegmentFileName(info.base, kLogSuffix)),
                                        info.length));
    }
    entry.segments.push_back({.base = info.base,
                              .next_offset = info.next_offset,
                              .max_timestamp = info.max_timestamp,
                              .length = info.length,
                              .sealed = info.base != last.base});
  }
  entry.active_length = last.length;
  entry.end_offset = last.next_offset;
  MILLRACE_RETURN_IF_ERROR(CopyState(entry.end_offset, directory));
  MILLRACE_RETURN_IF_ERROR(env_.files->SyncDirectory(directory));
  return entry;
}

absl::Status LogImpl::Checkpoint(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  MILLRACE_RETURN_IF_ERROR(env_.files->CreateDirectory(directory));
  const auto copy = [&]() -> absl::Status {
    MILLRACE_ASSIGN_OR_RETURN(const LogEntry entry, CopyTo(directory));
    ManifestReport report;
    MILLRACE_ASSIGN_OR_RETURN(const auto manifest,
                              ManifestFile::Open(env_.files, JoinPath(directory, kManifestFile),
                                                 RecordFile::Access::kCreate, &report));
    MILLRACE_ASSIGN_OR_RETURN(const uint32_t log_no, manifest->CreateLog("", entry.segments.front().base));
    AddToManifest(manifest.get(), log_no, entry);
    manifest->CleanClose();
    MILLRACE_RETURN_IF_ERROR(manifest->Sync());
    return env_.files->SyncDirectory(ParentOf(directory));
  };
  absl::Status status = copy();
  if (!status.ok()) RemoveTree(env_.files, std::string(directory));
  return status;
}

// Writes what CopyTo returned under another number.
void LogImpl::AddToManifest(ManifestFile* manifest, uint32_t log_no, const LogEntry& entry) {
  for (const ManifestSegment& segment : entry.segments) {
    if (segment.sealed) {
      manifest->SealSegment(log_no, segment);
    } else if (segment.base != entry.segments.front().base) {
      manifest->AddSegment(log_no, segment.base);
    }
  }
  manifest->SetLogStartOffset(log_no, entry.log_start_offset);
  if (!entry.epochs.empty()) manifest->SetEpochs(log_no, entry.epochs);
  manifest->CloseLog(log_no, entry.active_length, entry.end_offset);
}

}  // namespace millrace::inline v0
