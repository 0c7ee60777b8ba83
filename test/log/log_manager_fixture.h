// What the tests of the log manager share: a directory of logs in a simulated world.

#ifndef MILLRACE_TEST_LOG_LOG_MANAGER_FIXTURE_H_
#define MILLRACE_TEST_LOG_LOG_MANAGER_FIXTURE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/log_manager.h"
#include "millrace/testing/sim_env.h"

namespace millrace {

inline std::shared_ptr<const TopicConfig> Config(TopicConfig config = {}) {
  return std::make_shared<const TopicConfig>(std::move(config));
}

inline TopicConfig Small() {
  return {.segment_bytes = 16 << 10, .file_delete_delay_ms = 0};
}

struct World {
  explicit World(uint64_t seed = 1) : sim(seed) {}
  LogManagerOptions Options() {
    return {.directory = "/data",
            .env = {.clock = &sim.clock, .files = sim.files.get(), .random = sim.random.get()}};
  }
  std::unique_ptr<LogManager> Open(LogManagerOptions options, LogManagerReport* report = nullptr) {
    auto manager = LogManager::Open(std::move(options), report);
    INFO(std::string(manager.status().message()));
    REQUIRE(manager.ok());
    return *std::move(manager);
  }
  std::unique_ptr<LogManager> Open(LogManagerReport* report = nullptr) { return Open(Options(), report); }
  SimEnv sim;
};

inline std::shared_ptr<LogImpl> Get(LogManager* manager, const std::string& name) {
  auto log = manager->GetLog(name);
  INFO(name << ": " << std::string(log.status().message()));
  REQUIRE(log.ok());
  return *log;
}

inline void Create(LogManager* manager, const std::vector<std::string>& names, TopicConfig config = Small()) {
  std::vector<NewLog> logs;
  for (const std::string& name : names) logs.push_back({.name = name, .config = Config(config)});
  const absl::Status status = manager->CreateLogs(logs);
  INFO(std::string(status.message()));
  REQUIRE(status.ok());
}

inline std::string Name(int i) {
  return "topic-" + std::to_string(i);
}

inline std::vector<std::string> Names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(Name(i));
  return names;
}

inline absl::Status Put(Log* log, const std::string& key, const std::string& value) {
  return log->Append({.key = key, .value = value}, kNoTimestamp).status();
}

// "key=value" of every record.
inline std::vector<std::string> ReadAll(Log* log) {
  std::vector<std::string> records;
  auto cursor = log->NewCursor(log->log_start_offset());
  REQUIRE(cursor.ok());
  for (;;) {
    auto slice = (*cursor)->Next(1 << 20);
    INFO(std::string(slice.status().message()));
    REQUIRE(slice.ok());
    if (slice->empty()) return records;
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      RecordView record;
      while (reader.Next(&record)) {
        records.push_back(std::string(record.key.value_or("")) + "=" +
                          std::string(record.value.value_or("")));
      }
      REQUIRE(reader.status().ok());
    }
  }
}

}  // namespace millrace

#endif  // MILLRACE_TEST_LOG_LOG_MANAGER_FIXTURE_H_
