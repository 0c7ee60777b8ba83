// LogDirectory: the logs of an engine's partitions, as the engine sees them.

#ifndef MILLRACE_ENGINE_LOG_DIRECTORY_H_
#define MILLRACE_ENGINE_LOG_DIRECTORY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/engine.h"
#include "millrace/env/env.h"
#include "partition/log_source.h"

namespace millrace::inline v0 {

// Thread-safe.
class LogDirectory : public LogSource {
 public:
  // `directory` exists (or is made). Takes the directory's lock. `env` is complete.
  static absl::StatusOr<std::unique_ptr<LogDirectory>> Open(std::string_view directory,
                                                            const EngineOptions& options, const Env& env,
                                                            MetricsRegistry* metrics, EngineReport* report);

  // Deletes the logs of partitions that `is_known` does not know: of topics whose deletion was cut off.
  virtual absl::Status DeleteUnknown(const std::function<bool(const TopicPartition&, TopicId)>& is_known) = 0;
  // Retention, rolls by age, interval flushes, cleaning: what is due.
  virtual void RunMaintenance() = 0;
  // The partitions that have a log.
  virtual std::vector<TopicPartition> Partitions() = 0;
  // Copies all logs as of now into `directory`, which exists and is empty.
  virtual absl::Status Checkpoint(std::string_view directory) = 0;
  // Flushes and closes every log, and gives up the lock. kDeadlineExceeded: some were left as a killed
  // process leaves them.
  virtual absl::Status Close(absl::Duration deadline) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_LOG_DIRECTORY_H_
