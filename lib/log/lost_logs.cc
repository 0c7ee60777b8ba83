#include "log/lost_logs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_compaction.h"
#include "log/log_files.h"

namespace millrace::inline v0 {
namespace {

absl::StatusOr<std::vector<Offset>> SegmentsIn(FileSystem* files, const std::string& directory) {
  std::vector<Offset> bases;
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(directory));
  for (const std::string& name : names) {
    const auto file = ParseSegmentFileName(name);
    if (file.has_value() && file->suffix == kLogSuffix) bases.push_back(file->base);
  }
  std::sort(bases.begin(), bases.end());
  return bases;
}

bool MayBeLog(std::string_view name) {
  return (!name.starts_with('.') || ParseLogName(name).has_value()) && !name.ends_with(kDeletedLogSuffix) &&
         !name.ends_with(kStrayLogSuffix);
}

}  // namespace

absl::StatusOr<std::vector<FoundLog>> FindLogs(FileSystem* files, std::string_view directory) {
  std::vector<FoundLog> found;
  const std::string root(directory);
  MILLRACE_ASSIGN_OR_RETURN(std::vector<Offset> bases, SegmentsIn(files, root));
  if (!bases.empty()) found.push_back({.directory = "", .bases = std::move(bases)});
  MILLRACE_ASSIGN_OR_RETURN(std::vector<std::string> names, files->List(root));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const auto info = files->Stat(JoinPath(root, name));
    if (!MayBeLog(name) || !info.ok() || !info->is_directory) continue;
    MILLRACE_ASSIGN_OR_RETURN(bases, SegmentsIn(files, JoinPath(root, name)));
    if (!bases.empty()) found.push_back({.directory = name, .bases = std::move(bases)});
  }
  return found;
}

absl::StatusOr<std::vector<uint32_t>> AdoptLostLogs(FileSystem* files, std::string_view directory,
                                                    ManifestFile* manifest, std::vector<std::string>* notes) {
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<FoundLog> found, FindLogs(files, directory));
  std::vector<uint32_t> adopted;
  for (const FoundLog& log : found) {
    std::optional<LogEntry> entry = manifest->FindDirectory(log.directory);
    if (!entry.has_value()) {
      MILLRACE_ASSIGN_OR_RETURN(const uint32_t log_no, manifest->CreateLog(log.directory, log.bases.front()));
      adopted.push_back(log_no);
      entry = manifest->Find(log_no);
      notes->push_back(
          absl::StrFormat("%s: the manifest did not know it; it has %d segments from offset %d on",
                          JoinPath(directory, log.directory), log.bases.size(), log.bases.front().value()));
    }
    bool changed = false;
    for (const Offset base : log.bases) {
      const auto known = [&](const ManifestSegment& segment) { return segment.base == base; };
      if (std::any_of(entry->segments.begin(), entry->segments.end(), known)) continue;
      manifest->AddSegment(entry->log_no, base);
      changed = true;
    }
    if (changed && entry->closed) manifest->OpenedLog(entry->log_no);
  }
  return adopted;
}

}  // namespace millrace::inline v0
