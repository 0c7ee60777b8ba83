// LogSource: where partitions get their logs from. The engine's is a LogManager; a test may have its own.

#ifndef MILLRACE_PARTITION_LOG_SOURCE_H_
#define MILLRACE_PARTITION_LOG_SOURCE_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/log/log.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

class AppendListener;

// What a partition needs of a log beyond the public interface: to be told of appends. Thread-safe.
class LogHandle {
 public:
  virtual ~LogHandle() = default;
  virtual Log& log() = 0;
  // Registers `listener` for one call of OnAppend() at the next append, unless there is something to read at
  // `position` already: then returns false and registers nothing. Borrowed until Disarm or the call.
  virtual bool Arm(AppendListener* listener, Offset position) = 0;
  virtual void Disarm(AppendListener* listener) = 0;
};

// Thread-safe.
class LogSource {
 public:
  virtual ~LogSource() = default;

  // The log of one partition, created if it is missing. Called once for each Partition object, when the
  // partition is first used; nothing of it exists on disk before.
  virtual absl::StatusOr<std::shared_ptr<LogHandle>> OpenLog(const TopicPartition& partition, TopicId id,
                                                             std::shared_ptr<const TopicConfig> config) = 0;
  // Deletes the logs of those partitions, open or not, and in time their files. Those without one are passed
  // over.
  virtual absl::Status DeleteLogs(const std::vector<TopicPartition>& partitions) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_PARTITION_LOG_SOURCE_H_
