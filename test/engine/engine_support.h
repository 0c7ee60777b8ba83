// Engines for tests: over logs in memory whose failures and flushes the test controls.

#ifndef MILLRACE_TEST_ENGINE_ENGINE_SUPPORT_H_
#define MILLRACE_TEST_ENGINE_ENGINE_SUPPORT_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine_impl.h"
#include "engine/log_directory.h"
#include "partition/fake_log.h"

namespace millrace::inline v0 {

class FakeLogDirectory final : public LogDirectory {
 public:
  explicit FakeLogDirectory(FakeLogSource* source) : source_(source) {}
  absl::StatusOr<std::shared_ptr<LogHandle>> OpenLog(const TopicPartition& partition, TopicId id,
                                                     std::shared_ptr<const TopicConfig> config) override {
    return source_->OpenLog(partition, id, std::move(config));
  }
  absl::Status DeleteLogs(const std::vector<TopicPartition>& partitions) override {
    return source_->DeleteLogs(partitions);
  }
  absl::Status Recover(EngineReport*) override { return absl::OkStatus(); }
  void StartBackground() override {}
  absl::Status Refresh() override { return absl::OkStatus(); }
  std::vector<TopicPartition> Partitions() override { return {}; }
  std::optional<TopicId> TopicIdOf(const TopicPartition&) override { return std::nullopt; }
  absl::Status Checkpoint(std::string_view) override { return absl::UnimplementedError("fake"); }
  absl::Status Close(MonotonicNanos) override { return absl::OkStatus(); }

 private:
  FakeLogSource* const source_;
};

// An engine over `source`, which must outlive it. Its registry lives in memory of its own.
inline absl::StatusOr<std::unique_ptr<EngineImpl>> OpenOver(FakeLogSource* source,
                                                            EngineOptions options = {}) {
  const Env env = options.env.WithDefaults();
  auto engine = std::make_unique<EngineImpl>(std::move(options), env);
  if (absl::Status made = engine->env().files->CreateDirectory(engine->directory()); !made.ok()) return made;
  EngineReport report;
  absl::Status started = engine->Start(&report, std::make_unique<FakeLogDirectory>(source));
  if (!started.ok()) return started;
  return engine;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_ENGINE_ENGINE_SUPPORT_H_
