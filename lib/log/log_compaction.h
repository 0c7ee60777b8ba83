// What Log::Compact does, and where the cleanings of a directory have got to.

#ifndef MILLRACE_LOG_LOG_COMPACTION_H_
#define MILLRACE_LOG_LOG_COMPACTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "log/cleaner.h"
#include "log/log_impl.h"
#include "millrace/env/env.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// CleanerCheckpoint: up to where each log of a directory is compacted: Kafka's cleaner-offset-checkpoint. The
// file is a hint without a checksum; where it is lost, everything is dirty again. Thread-safe.
class CleanerCheckpoint {
 public:
  // Reads the file if it is there and sound. `files` is borrowed.
  CleanerCheckpoint(FileSystem* files, std::string_view directory);

  // kNoOffset: never compacted. "" names the log of a directory of its own.
  Offset Get(std::string_view log) const;
  void Set(std::string_view log, Offset first_dirty);
  void Forget(std::string_view log);
  // Writes the file if anything changed since the last time.
  absl::Status Write();

 private:
  FileSystem* const files_;
  const std::string path_;
  mutable Mutex mutex_;
  StringMap<Offset> first_dirty_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

// "orders-3" as Kafka's checkpoints name it; nullopt for a name without a partition.
std::optional<TopicPartition> ParseLogName(std::string_view name);

// Compacts `log` to the end of what can be, in as many passes as it takes; `force` where the plan is not due,
// too. Returns the bytes freed. The checkpoint is noted under `name`.
absl::StatusOr<int64_t> CompactLog(const Env& env, LogImpl* log, std::string_view name, bool force,
                                   const CleanerOptions& options, CleanerCheckpoint* checkpoint);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_COMPACTION_H_
