#include "engine/log_directory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/parse_number.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "log/log_manager.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"
#include "partition/topic_records.h"

namespace millrace::inline v0 {
namespace {

// "orders-3" back to a partition; nullopt for a name that is none.
std::optional<TopicPartition> ParsePartition(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::optional<int32_t> number = ParseNumber<int32_t>(name.substr(dash + 1));
  if (!number.has_value() || *number < 0) return std::nullopt;
  TopicPartition partition{std::string(name.substr(0, dash)), PartitionId(*number)};
  // Not "orders-03", which is nobody's.
  if (partition.ToString() != name) return std::nullopt;
  return partition;
}

std::string JoinNotes(const std::vector<std::string>& notes) {
  std::string joined;
  for (const std::string& note : notes) StrAppend(&joined, joined.empty() ? "" : "; ", note);
  return joined;
}

// Whether an engine may live in `directory`: it is missing, empty, or an engine's.
absl::Status CheckOurs(FileSystem* files, std::string_view directory, bool read_only) {
  const absl::StatusOr<FileInfo> info = files->Stat(directory);
  if (absl::IsNotFound(info.status())) {
    if (!read_only) return absl::OkStatus();
    return absl::NotFoundError(StrCat("cannot open ", directory, " read-only: there is no such directory"));
  }
  MILLRACE_RETURN_IF_ERROR(info.status());
  if (!info->is_directory) {
    return absl::InvalidArgumentError(StrCat("cannot open an engine in ", directory, ": it is a file"));
  }
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(directory));
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool one_log = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    const std::optional<SegmentFile> segment = ParseSegmentFileName(name);
    return segment.has_value() && segment->suffix == kLogSuffix;
  });
  if (one_log) {
    return absl::InvalidArgumentError(
        StrCat("cannot open an engine in ", directory, ": it holds a single log; open that with Log::Open"));
  }
  const bool ours = has(kManifestFile) || has(kTopicsFileName) || has(kLockFile);
  // Formatted for an engine that has not been there yet.
  const bool formatted = names == std::vector<std::string>{std::string(kMetaPropertiesFile)};
  if (ours || ((names.empty() || formatted) && !read_only)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      names.empty() ? StrCat("cannot open ", directory, " read-only: no engine has written to it yet")
                    : StrCat("cannot open an engine in ", directory, ": it holds something else (",
                             names.front(), "); choose an empty or new directory"));
}

// The parents of `directory`, where they are missing.
absl::Status MakeParents(FileSystem* files, std::string_view directory) {
  for (size_t slash = directory.find('/', 1); slash != std::string_view::npos;
       slash = directory.find('/', slash + 1)) {
    const std::string_view parent = directory.substr(0, slash);
    if (files->Stat(parent).ok()) continue;
    const absl::Status made = files->CreateDirectory(parent);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    if (made.ok()) MILLRACE_RETURN_IF_ERROR(files->SyncDirectory(ParentOf(parent)));
  }
  return absl::OkStatus();
}

class Handle final : public LogHandle {
 public:
  explicit Handle(std::shared_ptr<LogImpl> log) : log_(std::move(log)) {}
  Log& log() override { return *log_; }
  bool Arm(AppendListener* listener, Offset position) override { return log_->Arm(listener, position); }
  void Disarm(AppendListener* listener) override { log_->Disarm(listener); }

 private:
  const std::shared_ptr<LogImpl> log_;
};

class ManagedLogs final : public LogDirectory {
 public:
  ManagedLogs(std::unique_ptr<LogManager> manager, std::string_view directory, FileSystem* files,
              Logger* logger, bool read_only)
      : manager_(std::move(manager)),
        directory_(directory),
        files_(files),
        logger_(logger),
        read_only_(read_only) {}

  absl::StatusOr<std::shared_ptr<LogHandle>> OpenLog(const TopicPartition& partition, TopicId id,
                                                     std::shared_ptr<const TopicConfig> config) override {
    const std::string name = partition.ToString();
    RecoveryReport report;
    absl::StatusOr<std::shared_ptr<LogImpl>> log =
        read_only_
            ? manager_->GetLog(name, &report)
            : manager_->GetOrCreate({.name = name, .config = std::move(config), .topic_id = id}, &report);
    if (read_only_ && ErrorCodeOf(log.status()) == ErrorCode::kUnknownTopicOrPartition) {
      return Error(ErrorCode::kLeaderNotAvailable,
                   StrCat("partition ", name, " has no log yet: its writer has not written to it"));
    }
    MILLRACE_RETURN_IF_ERROR(log.status());
    if (!report.notes.empty()) {
      logger_->Log(Severity::kWarning, "log", StrCat(name, ": ", JoinNotes(report.notes)));
    }
    return std::make_shared<Handle>(*std::move(log));
  }
  absl::Status DeleteLogs(const std::vector<TopicPartition>& partitions) override {
    std::vector<std::string> names;
    names.reserve(partitions.size());
    for (const TopicPartition& partition : partitions) names.push_back(partition.ToString());
    return manager_->DeleteLogs(names);
  }
  void StartBackground() override { manager_->StartBackground(); }
  absl::Status Refresh() override { return manager_->Refresh(); }
  std::vector<TopicPartition> Partitions() override {
    std::vector<TopicPartition> partitions;
    for (const std::string& name : manager_->Names()) {
      if (std::optional<TopicPartition> partition = ParsePartition(name)) {
        partitions.push_back(*std::move(partition));
      }
    }
    return partitions;
  }
  std::optional<TopicId> TopicIdOf(const TopicPartition& partition) override {
    const auto text =
        ReadTextFile(files_, JoinPath(JoinPath(directory_, partition.ToString()), kPartitionMetadataFile));
    if (!text.ok()) return std::nullopt;
    const absl::StatusOr<TopicId> id = DecodePartitionMetadata(*text);
    return id.ok() ? std::optional(*id) : std::nullopt;
  }
  absl::Status Checkpoint(std::string_view directory) override {
    MILLRACE_RETURN_IF_ERROR(MakeParents(files_, directory));
    MILLRACE_RETURN_IF_ERROR(files_->CreateDirectory(directory));
    absl::Status status = manager_->Checkpoint(directory);
    if (!status.ok()) RemoveTree(files_, std::string(directory));
    return status;
  }
  absl::Status Close(MonotonicNanos deadline) override { return manager_->Close(deadline); }

  absl::Status Recover(EngineReport* report) override {
    const RecoveryReport::Shutdown shutdown = manager_->shutdown();
    const bool survived =
        shutdown == RecoveryReport::Shutdown::kClean || shutdown == RecoveryReport::Shutdown::kProcessCrash;
    if (read_only_ || survived) return absl::OkStatus();
    for (const std::string& name : manager_->Names()) {
      const std::optional<TopicPartition> partition = ParsePartition(name);
      if (!partition.has_value()) continue;
      RecoveryReport found;
      absl::StatusOr<std::shared_ptr<LogImpl>> log = manager_->GetLog(name, &found);
      if (!log.ok()) {
        report->notes.push_back(StrCat(name, " cannot be opened: ", ToStd(log.status().message())));
        continue;
      }
      if (found.cut_bytes != 0 || !found.damaged.empty() || !found.notes.empty()) {
        report->partitions.emplace(*partition, std::move(found));
      }
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<LogManager> manager_;
  const std::string directory_;
  FileSystem* const files_;
  Logger* const logger_;
  const bool read_only_;
};

LogManagerOptions ManagerOptions(std::string_view directory, const EngineOptions& options, const Env& env,
                                 LogDirectory::ConfigOf config_of) {
  LogManagerOptions manager;
  manager.directory = directory;
  manager.env = env;
  manager.backend = options.backend;
  manager.read_only = options.read_only;
  manager.descriptors = options.budgets.descriptors;
  manager.mappings = options.budgets.mappings;
  manager.memory_bytes = options.budgets.memory_bytes;
  manager.disk_bytes = std::min<uint64_t>(options.budgets.disk_bytes, INT64_MAX);
  manager.logs_max = static_cast<uint32_t>(options.budgets.partitions);
  manager.producer_ids_max = options.budgets.producer_ids;
  manager.producer_id_expiration_ms =
      std::max<int64_t>(1, absl::ToInt64Milliseconds(options.producer_id_expiration));
  manager.retention_check_interval_ms =
      std::max<int64_t>(1, absl::ToInt64Milliseconds(options.retention_check_interval));
  manager.cleaner_io_max_bytes_per_second = options.cleaner_io_max_bytes_per_second;
  manager.cleaner.dedupe_buffer_bytes = options.cleaner_dedupe_buffer_bytes;
  manager.config_of =
      [config_of = std::move(config_of)](std::string_view name) -> std::shared_ptr<const TopicConfig> {
    const std::optional<TopicPartition> partition = ParsePartition(name);
    return partition.has_value() ? config_of(*partition) : nullptr;
  };
  return manager;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogDirectory>> LogDirectory::Open(std::string_view directory,
                                                                 const EngineOptions& options, const Env& env,
                                                                 ConfigOf config_of, MeterOf meter_of,
                                                                 MetricsRegistry* metrics,
                                                                 EngineReport* report) {
  MILLRACE_RETURN_IF_ERROR(CheckOurs(env.files, directory, options.read_only));
  if (!options.read_only) MILLRACE_RETURN_IF_ERROR(MakeParents(env.files, directory));
  LogManagerReport found;
  LogManagerOptions manager_options = ManagerOptions(directory, options, env, std::move(config_of));
  manager_options.metrics = metrics;
  manager_options.meter_of = [meter_of =
                                  std::move(meter_of)](std::string_view name) -> std::shared_ptr<LogMeter> {
    const std::optional<TopicPartition> partition = ParsePartition(name);
    return partition.has_value() ? meter_of(*partition) : nullptr;
  };
  MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<LogManager> manager,
                            LogManager::Open(std::move(manager_options), &found));
  report->shutdown = found.shutdown;
  report->notes.insert(report->notes.end(), found.notes.begin(), found.notes.end());
  LogManager* const borrowed = manager.get();
  const auto gauge = [&](std::string_view name, std::string_view help, auto member) {
    metrics->AddCallback(name, help, {},
                         [borrowed, member] { return static_cast<int64_t>(borrowed->stats().*member); });
  };
  using Stats = LogManager::Stats;
  gauge("millrace_logs", "Logs of partitions.", &Stats::logs);
  gauge("millrace_logs_open", "Logs with an object in memory.", &Stats::open);
  gauge("millrace_log_descriptors", "File descriptors held by logs.", &Stats::descriptors);
  gauge("millrace_log_mappings", "Memory mappings held by logs.", &Stats::mappings);
  gauge("millrace_log_disk_bytes", "Bytes of segments on disk.", &Stats::disk_bytes);
  gauge("millrace_log_cleanings", "Compactions done.", &Stats::cleanings);
  gauge("millrace_log_cleaned_bytes", "Bytes that compactions have freed.", &Stats::cleaned_bytes);
  gauge("millrace_log_went_cold", "Times that a log let go of its files.", &Stats::went_cold);
  metrics->AddCallback("millrace_log_pinned_views", "Segments' memory that readers hold.", {},
                       [borrowed] { return borrowed->pinned().views; });
  metrics->AddCallback("millrace_log_pinned_deleted_bytes", "Bytes of deleted segments that readers hold.",
                       {}, [borrowed] { return borrowed->pinned().deleted_bytes; });
  return std::make_unique<ManagedLogs>(std::move(manager), directory, env.files, env.logger,
                                       options.read_only);
}

}  // namespace millrace::inline v0
