#include "log/segment_swap.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/batch_guard.h"
#include "log/log_files.h"

namespace millrace::inline v0 {
namespace {

constexpr std::array<std::string_view, 4> kBesideLog = {kOffsetIndexSuffix, kTimeIndexSuffix,
                                                        kTransactionIndexSuffix, kGuardSuffix};

std::string PathOf(std::string_view directory, Offset base, std::string_view suffix,
                   std::string_view more = {}) {
  return JoinPath(directory, StrCat(SegmentFileName(base, suffix), more));
}

absl::Status UnlessNotFound(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// The seal of a guard file; nullopt if there is no such file, or it has none.
absl::StatusOr<std::optional<GuardSeal>> ReadSeal(FileSystem* files, const std::string& path, Offset base) {
  const auto file = files->Open(path, OpenMode::kRead);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  MILLRACE_RETURN_IF_ERROR(file.status());
  const auto guard = GuardReader::Open(file->get(), base);
  if (!guard.ok()) return std::nullopt;
  return guard->seal();
}

const ManifestSegment* FindSealed(const LogEntry& entry, Offset base) {
  for (const ManifestSegment& segment : entry.segments) {
    if (segment.base == base && segment.sealed) return &segment;
  }
  return nullptr;
}

// What RecoverSwaps found in a directory.
struct Leftovers {
  // Of segments whose log has the suffix ".swap".
  std::vector<Offset> swaps = {};
  // Of others, names with ".swap" or ".cleaned".
  std::vector<std::string> orphans = {};
  std::vector<Offset> logs = {};
};

Leftovers Sort(const std::vector<std::string>& names) {
  Leftovers found;
  const std::string log_swap = StrCat(kLogSuffix, kSwapSuffix);
  for (const std::string& name : names) {
    const auto file = ParseSegmentFileName(name);
    if (!file.has_value()) continue;
    if (file->suffix == log_swap) found.swaps.push_back(file->base);
    if (file->suffix == kLogSuffix) found.logs.push_back(file->base);
  }
  for (const std::string& name : names) {
    const auto file = ParseSegmentFileName(name);
    if (!file.has_value()) continue;
    const bool of_swap = std::find(found.swaps.begin(), found.swaps.end(), file->base) != found.swaps.end();
    if (file->suffix.ends_with(kCleanedSuffix) || (file->suffix.ends_with(kSwapSuffix) && !of_swap)) {
      found.orphans.push_back(name);
    }
  }
  return found;
}

// Completes or undoes the swap at `base`.
absl::Status RecoverSwap(FileSystem* files, std::string_view directory, const LogEntry& entry, Offset base,
                         const std::vector<Offset>& logs) {
  const std::string guard = PathOf(directory, base, kGuardSuffix);
  MILLRACE_ASSIGN_OR_RETURN(auto seal, ReadSeal(files, StrCat(guard, kSwapSuffix), base));
  if (!seal.has_value()) {
    MILLRACE_ASSIGN_OR_RETURN(seal, ReadSeal(files, guard, base));
  }
  const ManifestSegment* const segment = FindSealed(entry, base);
  const bool taken_over = segment != nullptr && seal.has_value() && seal->log_bytes == segment->length &&
                          seal->next_offset == segment->next_offset &&
                          seal->max_timestamp == segment->max_timestamp;
  if (!taken_over) return RemoveSegmentFiles(files, directory, base, kSwapSuffix);
  // Indexes that the new segment does not have must not be the old one's.
  const std::array<std::pair<std::string_view, uint32_t>, 3> indexes = {
      {{kOffsetIndexSuffix, seal->offset_index_crc},
       {kTimeIndexSuffix, seal->time_index_crc},
       {kTransactionIndexSuffix, seal->transaction_index_crc}}};
  for (const auto& [suffix, crc] : indexes) {
    if (crc != 0) continue;
    MILLRACE_RETURN_IF_ERROR(UnlessNotFound(files->Remove(PathOf(directory, base, suffix))));
  }
  std::vector<Offset> removed;
  for (const Offset log : logs) {
    if (log > base && log < segment->next_offset) removed.push_back(log);
  }
  return FinishSwap(files, directory, base, removed);
}

}  // namespace

absl::Status RenameSegmentFiles(FileSystem* files, std::string_view directory, Offset base,
                                std::string_view from, std::string_view to) {
  for (const std::string_view suffix : kBesideLog) {
    MILLRACE_RETURN_IF_ERROR(UnlessNotFound(
        files->Rename(PathOf(directory, base, suffix, from), PathOf(directory, base, suffix, to))));
  }
  MILLRACE_RETURN_IF_ERROR(files->SyncDirectory(directory));
  return UnlessNotFound(
      files->Rename(PathOf(directory, base, kLogSuffix, from), PathOf(directory, base, kLogSuffix, to)));
}

absl::Status RemoveSegmentFiles(FileSystem* files, std::string_view directory, Offset base,
                                std::string_view suffix) {
  absl::Status removed = files->Remove(PathOf(directory, base, kLogSuffix, suffix));
  MILLRACE_RETURN_IF_ERROR(UnlessNotFound(removed));
  // A swap without its log is none: nothing may come back in another order.
  if (removed.ok()) MILLRACE_RETURN_IF_ERROR(files->SyncDirectory(directory));
  for (const std::string_view beside : kBesideLog) {
    MILLRACE_RETURN_IF_ERROR(UnlessNotFound(files->Remove(PathOf(directory, base, beside, suffix))));
  }
  return absl::OkStatus();
}

absl::Status PrepareSwap(FileSystem* files, std::string_view directory, Offset base) {
  MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(files, directory, base, kCleanedSuffix, kSwapSuffix));
  return files->SyncDirectory(directory);
}

absl::Status FinishSwap(FileSystem* files, std::string_view directory, Offset base,
                        std::span<const Offset> removed) {
  for (const Offset old : removed) {
    MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(files, directory, old, "", kDeletedSuffix));
  }
  MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(files, directory, base, kSwapSuffix, ""));
  return files->SyncDirectory(directory);
}

absl::StatusOr<bool> RecoverSwaps(FileSystem* files, std::string_view directory, const LogEntry& entry) {
  const auto names = files->List(directory);
  if (absl::IsNotFound(names.status())) return false;
  MILLRACE_RETURN_IF_ERROR(names.status());
  const Leftovers found = Sort(*names);
  for (const Offset base : found.swaps) {
    MILLRACE_RETURN_IF_ERROR(RecoverSwap(files, directory, entry, base, found.logs));
  }
  for (const std::string& name : found.orphans) {
    MILLRACE_RETURN_IF_ERROR(UnlessNotFound(files->Remove(JoinPath(directory, name))));
  }
  return !found.swaps.empty() || !found.orphans.empty();
}

}  // namespace millrace::inline v0
