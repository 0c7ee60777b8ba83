// LogManager: one directory with many logs: creates, opens, deletes them, keeps them inside the host's
// budgets, and does what is due in the background. Source of the duties: Kafka's LogManager.

#ifndef MILLRACE_LOG_LOG_MANAGER_H_
#define MILLRACE_LOG_LOG_MANAGER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "log/cleaner.h"
#include "log/log_compaction.h"
#include "log/log_context.h"
#include "log/log_impl.h"
#include "millrace/env/env.h"
#include "millrace/log/log.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct LogManagerOptions {
  // Made if missing; its parent must exist.
  std::string directory = {};
  // Null members: the system's. Without an executor nothing happens in the background but in
  // RunMaintenance().
  Env env = {};
  FileBackend backend = FileBackend::kMapped;
  bool read_only = false;

  // Budgets (see millrace::Budgets). Disk bytes are those of segments.
  int64_t descriptors = 4096;
  int64_t mappings = 16384;
  uint64_t memory_bytes = uint64_t{512} << 20;
  uint64_t disk_bytes = INT64_MAX;
  uint32_t logs_max = 1'000'000;
  int64_t producer_ids_max = 1'000'000;
  uint64_t pinned_bytes_max = uint64_t{4} << 30;

  // "log.retention.check.interval.ms".
  int64_t retention_check_interval_ms = 300'000;
  // "log.flush.offset.checkpoint.interval.ms": how often Kafka's text checkpoints are written, if anything
  // changed.
  int64_t checkpoint_interval_ms = 60'000;
  // "producer.id.expiration.ms".
  int64_t producer_id_expiration_ms = int64_t{24} * 3600 * 1000;
  // How often open logs get their maintenance: interval flushes, rolls by age.
  int64_t maintenance_interval_ms = 1'000;
  // A log that was not used for so long goes cold.
  int64_t cold_after_ms = 60'000;
  // "log.cleaner.backoff.ms": how often to look for something to compact.
  int64_t cleaner_backoff_ms = 15'000;
  // "log.cleaner.io.max.bytes.per.second".
  double cleaner_io_max_bytes_per_second = 1e18;
  CleanerOptions cleaner = {};
  // See LogContext.
  MetricsRegistry* metrics = nullptr;
  // What a log, by its name, counts with beside them. Called as config_of is.
  std::function<std::shared_ptr<LogMeter>(std::string_view name)> meter_of = {};

  // The config of a log that nobody has told one yet, by its name; null: not known, the log is left alone in
  // the background. Called without locks, from any thread.
  std::function<std::shared_ptr<const TopicConfig>(std::string_view name)> config_of = {};
};

struct LogManagerReport {
  RecoveryReport::Shutdown shutdown = RecoveryReport::Shutdown::kClean;
  std::vector<std::string> notes = {};
};

// One log to create.
struct NewLog {
  // Its directory: "orders-3".
  std::string name = {};
  std::shared_ptr<const TopicConfig> config = {};
  // Zero: none; else written into partition.metadata.
  TopicId topic_id = {};
};

// Thread-safe. Lock order: background mutex -> due_mutex_ -> sweep_mutex_ -> mutex_ -> the locks of logs and
// files; mutex_ is not held while a log is opened, closed or asked for anything that takes time. The logs it
// gives out must not be used once it is destroyed.
class LogManager {
 public:
  // kFailedPrecondition: another process has the directory (the message names it); kUnimplemented: a newer
  // format; kDataLoss: not understood. Reads the shared files alone, whatever the number of logs. Background
  // work starts with StartBackground().
  static absl::StatusOr<std::unique_ptr<LogManager>> Open(LogManagerOptions options,
                                                          LogManagerReport* report = nullptr);
  // Close(kNever), if still open.
  ~LogManager();
  LogManager(const LogManager&) = delete;
  LogManager& operator=(const LogManager&) = delete;

  // Creates all or none, with one write of the manifest, synced if `sync`; no other file is touched: a log's
  // directory comes with its first append. kAlreadyExists, kInvalidArgument: a name; kPolicyViolation: too
  // many logs.
  absl::Status CreateLogs(std::span<const NewLog> logs, bool sync = false);
  // The log, opened if it is not. Held ones stay usable when they go cold. kUnknownTopicOrPartition; the
  // errors of Log::Open. `report` is filled where the log is opened by this call.
  absl::StatusOr<std::shared_ptr<LogImpl>> GetLog(std::string_view name, RecoveryReport* report = nullptr);
  // As GetLog, but created where it is missing. A log known under another topic id is deleted and made anew.
  absl::StatusOr<std::shared_ptr<LogImpl>> GetOrCreate(const NewLog& log, RecoveryReport* report = nullptr);
  // The logs are gone on return, durably; their files go after file.delete.delay.ms, or when the directory is
  // next opened. Names without a log are passed over. Those who hold one get errors from it.
  absl::Status DeleteLogs(std::span<const std::string> names);
  // Tells a log its config, now and, if it is not open, when it will be.
  absl::Status Reconfigure(std::string_view name, std::shared_ptr<const TopicConfig> config);

  bool Has(std::string_view name) const;
  // Sorted.
  std::vector<std::string> Names() const;
  // Read-only: takes over what the writer has created and deleted since.
  absl::Status Refresh();
  // Makes creations and deletions so far durable.
  absl::Status Sync() { return context_->manifest().Sync(); }

  // Lets the executor do what is due, until Close. Nothing without one.
  void StartBackground();
  // Does what is due now: maintenance of open logs, retention, compaction, checkpoints, deletions. Returns
  // when there will be something next.
  MonotonicNanos RunMaintenance();
  // Sends logs cold that nobody used for `idle_ms` (0: all that can); returns how many.
  size_t Sweep(int64_t idle_ms);

  // Copies every log as of now into `directory`, which must exist and be empty, and makes it a directory that
  // opens as cleanly closed. Each log is consistent in itself. On failure nothing of it is left.
  absl::Status Checkpoint(std::string_view directory);
  // Reads everything; the damage of those logs that have any.
  absl::StatusOr<std::map<std::string, std::vector<DamagedRange>>> Verify();

  // Closes every log and writes that it was a clean end. kDeadlineExceeded: at `deadline` some were left as a
  // killed process leaves them. Idempotent: later calls return what the first did.
  absl::Status Close(MonotonicNanos deadline = kNever);

  struct Stats {
    size_t logs = 0;
    // With an object in memory; descriptors and mappings in use.
    size_t open = 0;
    int64_t descriptors = 0;
    int64_t mappings = 0;
    int64_t disk_bytes = 0;
    uint64_t sweeps = 0;
    uint64_t went_cold = 0;
    uint64_t cleanings = 0;
    int64_t cleaned_bytes = 0;
  };
  Stats stats() const;
  // What readers of open logs hold: asks each log.
  struct Pinned {
    int64_t views = 0;
    int64_t deleted_bytes = 0;
  };
  Pinned pinned() const;
  RecoveryReport::Shutdown shutdown() const { return context_->shutdown(); }
  LogContext& context() { return *context_; }

 private:
  struct Entry {
    uint32_t log_no = 0;
    // Being opened, closed or deleted: wait for changed_.
    bool busy = false;
    // Created, and not opened since.
    bool fresh = false;
    bool metadata_written = false;
    std::shared_ptr<LogImpl> log = nullptr;
    std::shared_ptr<const TopicConfig> config = nullptr;
    TopicId topic_id = {};
  };
  struct Named {
    std::string name = {};
    std::shared_ptr<LogImpl> log = nullptr;
  };
  // A deleted log whose files still lie about.
  struct Doomed {
    std::string directory = {};
    uint32_t log_no = 0;
    MonotonicNanos due{0};
  };
  // Lets tasks of the executor find out that the manager is gone.
  struct Background {
    Mutex mutex;
    LogManager* manager ABSL_GUARDED_BY(mutex) = nullptr;
  };
  // The cleaning under way.
  struct CleanerRound;

  explicit LogManager(LogManagerOptions options);
  absl::Status Start(LogManagerReport* report);
  void FinishDeletes(LogManagerReport* report);
  absl::Status WriteMetaProperties();

  absl::Status CheckOpen(bool for_change) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits until it is not busy; null if there is none.
  Entry* FindIdle(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<LogImpl>> OpenLog(const std::string& name, uint32_t log_no, bool fresh,
                                                   const std::shared_ptr<const TopicConfig>& config,
                                                   RecoveryReport* report);
  std::vector<Named> OpenLogs() const;
  absl::Status CloseLogs(MonotonicNanos deadline);
  std::shared_ptr<const TopicConfig> ConfigOf(const std::string& name);
  std::string PathOf(std::string_view name) const;

  // --- log_manager_delete.cc
  // `made`: names in `directory`, to be removed if it fails.
  absl::Status CopyAll(std::string_view directory, std::vector<std::string>* made);
  absl::Status RenameDeleted(const std::vector<std::pair<std::string, uint32_t>>& logs,
                             std::vector<Doomed>* doomed);
  absl::Status Reap(const Doomed& doomed);

  // --- log_manager_background.cc
  bool EvictForBudget();
  void SweepIfTight();
  void SweepIfNobodyElseDoes();
  void SweepOpenLogs();
  void WakeSweeper();
  // Open logs that are not cold and were last used before `before`; the `count_max` least recently used.
  std::vector<Named> Victims(MonotonicNanos before, size_t count_max) const;
  absl::Status SyncTogether(const std::vector<Named>& logs);
  size_t MakeCold(const std::vector<Named>& victims) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sweep_mutex_);
  void CloseUnheld(const Named& victim);
  void WriteMetadata(const std::string& name);
  static void Schedule(const std::shared_ptr<Background>& background, Executor* executor,
                       MonotonicNanos when);
  void MaintainOpenLogs();
  // One part of a round of retention over the logs that are not open; true: there is more.
  bool RetentionSlice() ABSL_EXCLUSIVE_LOCKS_REQUIRED(due_mutex_);
  bool RetentionIsDue(const LogEntry& entry, const TopicConfig& config) const;
  // One step of compaction; when the next may be.
  MonotonicNanos RunCleaner() ABSL_EXCLUSIVE_LOCKS_REQUIRED(due_mutex_);
  bool StartCleaning() ABSL_EXCLUSIVE_LOCKS_REQUIRED(due_mutex_);
  void FinishCleaning(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(due_mutex_);
  // When the next deletion is due.
  MonotonicNanos ReapDue();
  absl::Status WriteCheckpoints() ABSL_EXCLUSIVE_LOCKS_REQUIRED(due_mutex_);
  MonotonicNanos In(int64_t ms) const;
  void Warn(std::string_view what, const absl::Status& status) const;

  const LogManagerOptions options_;
  const Env env_;
  std::unique_ptr<LogContext> context_;
  std::unique_ptr<CleanerCheckpoint> cleaned_;
  std::shared_ptr<Background> background_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  // Pointers, so that entries stay where they are.
  StringMap<std::unique_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Doomed> doomed_ ABSL_GUARDED_BY(mutex_);
  // Read-only: the manifest as of the last Refresh().
  std::unique_ptr<ManifestFile> view_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Stats counts_ ABSL_GUARDED_BY(mutex_);

  // One sweep at a time.
  Mutex sweep_mutex_;
  // The executor sweeps when a limit comes near.
  std::atomic<bool> swept_in_background_{false};

  // What is due when; background mutex or host's thread.
  Mutex due_mutex_;
  MonotonicNanos maintenance_due_ ABSL_GUARDED_BY(due_mutex_){0};
  MonotonicNanos retention_due_ ABSL_GUARDED_BY(due_mutex_){0};
  MonotonicNanos cleaner_due_ ABSL_GUARDED_BY(due_mutex_){0};
  MonotonicNanos checkpoint_due_ ABSL_GUARDED_BY(due_mutex_){0};
  // Names still to be looked at in this round of retention.
  std::vector<std::string> retention_left_ ABSL_GUARDED_BY(due_mutex_);
  std::unique_ptr<CleanerRound> round_ ABSL_GUARDED_BY(due_mutex_);
  MonotonicNanos sweep_due_ ABSL_GUARDED_BY(due_mutex_){0};
  // Logs whose cleaning failed, and when to try them again.
  StringMap<MonotonicNanos> uncleanable_ ABSL_GUARDED_BY(due_mutex_);
  // What was last written, to tell whether anything changed.
  std::map<std::string_view, std::string> checkpoints_ ABSL_GUARDED_BY(due_mutex_);

  Mutex close_mutex_;
  bool close_done_ ABSL_GUARDED_BY(close_mutex_) = false;
  absl::Status close_status_ ABSL_GUARDED_BY(close_mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_MANAGER_H_
