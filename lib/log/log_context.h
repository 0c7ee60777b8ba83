// LogContext: what the logs of one directory share: its lock, manifest, control file, flush points and
// budget.

#ifndef MILLRACE_LOG_LOG_CONTEXT_H_
#define MILLRACE_LOG_LOG_CONTEXT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "log/budget.h"
#include "log/control_file.h"
#include "log/flush_points.h"
#include "log/log_metrics.h"
#include "log/manifest_file.h"
#include "log/producer_budget.h"
#include "millrace/env/env.h"
#include "millrace/log/log.h"

namespace millrace::inline v0 {

// Thread-safe after Open. Outlives its logs.
class LogContext {
 public:
  struct Options {
    std::string directory = {};
    // Every member set but, maybe, the executor.
    Env env = {};
    FileBackend backend = FileBackend::kMapped;
    bool read_only = false;
    Budget::Limits limits = {};
    // Of the table of producers of each log ("producer.id.expiration.ms"), and of all of them.
    int64_t producer_id_expiration_ms = int64_t{24} * 3600 * 1000;
    int64_t producer_ids_max = 1'000'000;
    // Where what the logs count is shown; null: nowhere. Outlives the context.
    MetricsRegistry* metrics = nullptr;
  };
  struct Report {
    RecoveryReport::Shutdown shutdown = RecoveryReport::Shutdown::kClean;
    std::vector<std::string> notes = {};
  };

  // Makes the directory and its files where they are missing, takes the lock (not when read-only), and finds
  // out how the last owner ended. kFailedPrecondition: another process has it; kUnimplemented: a newer
  // format; kDataLoss: not understood at all.
  static absl::StatusOr<std::unique_ptr<LogContext>> Open(Options options, Report* report);

  const std::string& directory() const { return options_.directory; }
  const Env& env() const { return options_.env; }
  FileBackend backend() const { return options_.backend; }
  bool read_only() const { return options_.read_only; }
  ManifestFile& manifest() { return *manifest_; }
  // Null in a reader whose writer has not made it yet.
  ControlFile* control() { return control_.get(); }
  FlushPoints* flush_points() { return flush_points_.get(); }
  const std::shared_ptr<Budget>& budget() { return budget_; }
  const std::shared_ptr<ProducerBudget>& producer_budget() const { return producer_budget_; }
  int64_t producer_id_expiration_ms() const { return options_.producer_id_expiration_ms; }
  LogMetrics& metrics() { return metrics_; }

  // Whether the manifest's word that a log was closed holds: there was no power loss since it may have been
  // opened again.
  bool trust_closed() const { return trust_closed_; }
  RecoveryReport::Shutdown shutdown() const { return shutdown_; }
  // Whether the manifest was missing, or records of it: what the directories hold counts as well.
  bool incomplete() const { return incomplete_; }
  // Whether the log may have had a flush point that is not known any more.
  bool FlushPointLost(uint32_t log_no) const;

  // Readers: the manifest as its writer has it now.
  absl::StatusOr<std::unique_ptr<ManifestFile>> FreshManifest() const;
  // Before the first change of a log: that the last owner closed everything must not be believed any more,
  // not after a power loss either. One sync in the life of an owner. Threads: any.
  absl::Status BeginWriting();
  // The last word of a clean owner: manifest and flush points synced.
  absl::Status CleanClose();
  // Gives up the lock, and with it the descriptors and mappings of the shared files. All logs were closed or
  // abandoned. Readers, which have no lock, keep what they have until they are destroyed.
  void Release();

 private:
  explicit LogContext(Options options)
      : options_(std::move(options)),
        budget_(std::make_shared<Budget>(options_.limits)),
        metrics_(options_.metrics),
        producer_budget_(std::make_shared<ProducerBudget>(options_.producer_ids_max, &metrics_.producer_ids,
                                                          &metrics_.producer_ids_forgotten)) {}
  absl::Status OpenFiles(Report* report);
  bool KnowsWhatIsFlushed(Report* report) const;
  absl::Status ForgetSlots();
  absl::StatusOr<bool> AdoptLogs(Report* report);

  const Options options_;
  const std::shared_ptr<Budget> budget_;
  LogMetrics metrics_;
  const std::shared_ptr<ProducerBudget> producer_budget_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<ManifestFile> manifest_;
  std::unique_ptr<ControlFile> control_;
  std::unique_ptr<FlushPoints> flush_points_;
  bool trust_closed_ = false;
  Mutex writing_mutex_;
  bool writing_ ABSL_GUARDED_BY(writing_mutex_) = false;
  bool incomplete_ = false;
  bool flush_points_lost_ = false;
  std::vector<uint32_t> lost_flush_points_;
  RecoveryReport::Shutdown shutdown_ = RecoveryReport::Shutdown::kClean;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_CONTEXT_H_
