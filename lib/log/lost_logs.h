// Logs that lie in a directory and are missing in its manifest: it was lost, or records of it were.

#ifndef MILLRACE_LOG_LOST_LOGS_H_
#define MILLRACE_LOG_LOST_LOGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/manifest_file.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Kafka's rule: the segments of a log are the files of their names.
struct FoundLog {
  // As in LogEntry.
  std::string directory = {};
  // Of its segments, rising; not empty.
  std::vector<Offset> bases = {};
};

// The logs in `directory` and in the directories right below it, but for those that are deleted or put aside.
// O(files).
absl::StatusOr<std::vector<FoundLog>> FindLogs(FileSystem* files, std::string_view directory);

// Adds logs and segments that were found and that the manifest does not know, in memory: write it when all
// that depends on it is right. Segments it adds are not sealed: what they hold is to be found out. Returns
// the numbers of the logs it added, whose slots elsewhere are another's; `notes` says what was added.
absl::StatusOr<std::vector<uint32_t>> AdoptLostLogs(FileSystem* files, std::string_view directory,
                                                    ManifestFile* manifest, std::vector<std::string>* notes);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOST_LOGS_H_
