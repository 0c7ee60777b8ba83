// The swap that puts a cleaned segment into the place of those it was made of, safe against a crash at every
// step:
//   1. PrepareSwap: ".cleaned" becomes ".swap", durably; the log's own file last.
//   2. The manifest says ReplaceSegments and is synced: now it has happened.
//   3. FinishSwap: the old files get the suffix ".deleted", ".swap" goes; the log's own file last.
// RecoverSwaps undoes what did not reach 2 and completes what did.

#ifndef MILLRACE_LOG_SEGMENT_SWAP_H_
#define MILLRACE_LOG_SEGMENT_SWAP_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/manifest_file.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Requires: CleanedSegment::Finish() has succeeded.
absl::Status PrepareSwap(FileSystem* files, std::string_view directory, Offset base);
// `removed`: the base offsets of the segments that were replaced.
absl::Status FinishSwap(FileSystem* files, std::string_view directory, Offset base,
                        std::span<const Offset> removed);
// Call before the files of a log are used, with its entry of the manifest. True if there was anything to do.
// O(files in the directory).
absl::StatusOr<bool> RecoverSwaps(FileSystem* files, std::string_view directory, const LogEntry& entry);

// Renames those files of the segment at `base` that are there, by their additional suffix ("": none): the
// indexes and the guard, then, behind a sync of the directory, the log.
absl::Status RenameSegmentFiles(FileSystem* files, std::string_view directory, Offset base,
                                std::string_view from, std::string_view to);
// Removes those that are there, the log first.
absl::Status RemoveSegmentFiles(FileSystem* files, std::string_view directory, Offset base,
                                std::string_view suffix);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_SEGMENT_SWAP_H_
