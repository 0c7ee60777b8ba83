// The names of a log's files, and small whole files: read with a bound, replaced atomically.

#ifndef MILLRACE_LOG_LOG_FILES_H_
#define MILLRACE_LOG_LOG_FILES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Suffixes of the files of one segment; the name before them is its base offset in 20 digits.
inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTransactionIndexSuffix = ".txnindex";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
inline constexpr std::string_view kGuardSuffix = ".guard";
// Added behind the others.
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";
// What opening found in a place where it makes no sense, and which may be somebody's all the same: kept.
inline constexpr std::string_view kStraySuffix = ".stray";
// A file that is being written and will be renamed.
inline constexpr std::string_view kTemporarySuffix = ".tmp";

// Directories of logs that were deleted, and of what was there before a log of that name was created.
inline constexpr std::string_view kDeletedLogSuffix = "-delete";
inline constexpr std::string_view kStrayLogSuffix = "-stray";

inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";
inline constexpr std::string_view kPartitionMetadataFile = "partition.metadata";
inline constexpr std::string_view kMetaPropertiesFile = "meta.properties";
inline constexpr std::string_view kManifestFile = "millrace.manifest";
inline constexpr std::string_view kControlFile = "millrace.control";
inline constexpr std::string_view kFlushPointsFile = "millrace.flush";
// Ranges that were given up, and ranges that opening found to be gone. Only a log has them that needs them.
inline constexpr std::string_view kClearedFile = "millrace.cleared";
inline constexpr std::string_view kFencedFile = "millrace.fenced";
inline constexpr std::string_view kLockFile = ".lock";

// "00000000000000001234.log". `base` must not be negative.
std::string SegmentFileName(Offset base, std::string_view suffix);

struct SegmentFile {
  Offset base = kNoOffset;
  // What follows the 20 digits: ".log", ".log.deleted".
  std::string_view suffix = {};
};
// The inverse; nullopt for a name that is not 20 digits and a suffix that begins with '.'. Borrows `name`.
std::optional<SegmentFile> ParseSegmentFileName(std::string_view name);

// directory + "/" + name.
std::string JoinPath(std::string_view directory, std::string_view name);
// The part before the last '/'; "." if there is none.
std::string_view ParentOf(std::string_view path);

// All of a file. kNotFound; kResourceExhausted where it is larger than `bytes_max`; the device's errors.
absl::StatusOr<std::vector<std::byte>> ReadWholeFile(FileSystem* files, std::string_view path,
                                                     uint64_t bytes_max);
// Reads exactly `into.size()` bytes. kDataLoss where the file ends before.
absl::Status ReadExactly(File* file, uint64_t offset, std::span<std::byte> into);

// Removes a file, or a directory with all that is in it, as far as that can be done.
void RemoveTree(FileSystem* files, const std::string& path);

// What a sync returned, for those who tell by kResourceExhausted that a call may be tried again: a sync may
// not, whatever it failed with. What it did not write may count as clean from then on.
absl::Status OfSync(const absl::Status& status);

// Replaces `path` with `bytes`: writes `path`.tmp, syncs it, renames it over `path`, syncs the directory. At
// any crash the old file or the new one is there, whole. `sync` false leaves both syncs out: safe against the
// death of the process, not against a power loss; for files that are caches. On failure `path` is as it was.
absl::Status WriteFileAtomically(FileSystem* files, std::string_view path, std::span<const std::byte> bytes,
                                 bool sync = true);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_FILES_H_
