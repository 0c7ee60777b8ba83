// LogDirectory: the logs of an engine's partitions, as the engine sees them.

#ifndef MILLRACE_ENGINE_LOG_DIRECTORY_H_
#define MILLRACE_ENGINE_LOG_DIRECTORY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/log_metrics.h"
#include "millrace/engine.h"
#include "millrace/env/env.h"
#include "partition/log_source.h"

namespace millrace::inline v0 {

// Thread-safe.
class LogDirectory : public LogSource {
 public:
  // The config of a partition, for work in the background; null where there is no such partition.
  using ConfigOf = std::function<std::shared_ptr<const TopicConfig>(const TopicPartition&)>;
  // What a partition's log counts with.
  using MeterOf = std::function<std::shared_ptr<LogMeter>(const TopicPartition&)>;

  // Makes `directory` where it is missing, takes its lock, and finds out how its last owner ended. `env` is
  // complete. Errors: see Engine::Open.
  static absl::StatusOr<std::unique_ptr<LogDirectory>> Open(std::string_view directory,
                                                            const EngineOptions& options, const Env& env,
                                                            ConfigOf config_of, MeterOf meter_of,
                                                            MetricsRegistry* metrics, EngineReport* report);

  // After a power loss: recovers every log, and reports those of which there is something to say. After any
  // other end nothing: each log is looked at when it is first used.
  virtual absl::Status Recover(EngineReport* report) = 0;
  // From now on retention, rolls by age, interval flushes and cleaning happen on the executor.
  virtual void StartBackground() = 0;
  // Read-only: takes over which logs there are now.
  virtual absl::Status Refresh() = 0;
  // The partitions that have a log.
  virtual std::vector<TopicPartition> Partitions() = 0;
  // Whose a log is, by its partition.metadata; nullopt while that is not written. Reads a file.
  virtual std::optional<TopicId> TopicIdOf(const TopicPartition& partition) = 0;
  // Copies all logs as of now into `directory`, which must not exist.
  virtual absl::Status Checkpoint(std::string_view directory) = 0;
  // Flushes and closes every log, and gives up the lock. kDeadlineExceeded: some were left as a killed
  // process leaves them.
  virtual absl::Status Close(MonotonicNanos deadline) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_LOG_DIRECTORY_H_
