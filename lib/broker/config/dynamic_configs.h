// DynamicConfigs: what was changed of a broker's settings while it ran, kept in `millrace.configs`.

#ifndef MILLRACE_BROKER_CONFIG_DYNAMIC_CONFIGS_H_
#define MILLRACE_BROKER_CONFIG_DYNAMIC_CONFIGS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "engine/engine_impl.h"
#include "millrace/admin.h"
#include "millrace/topic.h"

namespace millrace::inline v0 {

// Whose a changed setting is: Kafka's "" (every broker's) and this broker's, which wins.
enum class ConfigScope : uint8_t { kCluster = 0, kBroker = 1 };

// Thread-safe. Lock order: change_mutex_ (held over the disk) -> mutex_, and what the registry of topics
// locks.
class DynamicConfigs {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;
  struct State {
    Values cluster = {};
    Values broker = {};
    Values& of(ConfigScope scope) { return scope == ConfigScope::kCluster ? cluster : broker; }
    const Values& of(ConfigScope scope) const { return scope == ConfigScope::kCluster ? cluster : broker; }
  };

  // Borrowed: must outlive it.
  explicit DynamicConfigs(EngineImpl* engine) : engine_(engine) {}

  // Reads the file, if there is one, and puts its settings in force. kDataLoss where it is damaged.
  absl::Status Load();
  State state() const;
  // All or nothing, on the disk before it is in force. A default of topics takes effect on those that are
  // there, too, where they have the default. kInvalidConfig naming the offender: unknown, not to be changed
  // while the broker runs, or a value that it may not have.
  absl::Status Alter(ConfigScope scope, const std::vector<ConfigChange>& changes, bool validate_only);

 private:
  // What topics are created with, by these settings.
  absl::StatusOr<TopicConfig> DefaultsOf(const State& state) const;
  absl::Status Write(const State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Topics that had the old default get the new one.
  absl::Status Follow(const TopicConfig& from, const TopicConfig& to);

  EngineImpl* const engine_;
  Mutex change_mutex_;
  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(change_mutex_);
  State state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_CONFIG_DYNAMIC_CONFIGS_H_
