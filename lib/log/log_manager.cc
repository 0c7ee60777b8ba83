#include "log/log_manager.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>

#include "base/return_if_error.h"
#include "log/cleaner_round.h"
#include "log/log_files.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

int64_t Limit(uint64_t value) {
  return static_cast<int64_t>(std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
}

// What the manifest knows of a log's size.
int64_t KnownBytes(const LogEntry& log) {
  int64_t bytes = log.closed ? log.active_length : 0;
  for (const ManifestSegment& segment : log.segments) bytes += segment.sealed ? segment.length : 0;
  return bytes;
}

// Hidden names and those of the shared files are not for logs, but topics may begin as they please.
bool IsName(std::string_view name) {
  const bool taken = name.empty() || name.front() == '.' || name.starts_with("millrace.");
  return (!taken || ParseLogName(name).has_value()) && name.find('/') == std::string_view::npos &&
         !name.ends_with(kDeletedLogSuffix);
}

// What an open log takes of the memory budget, roughly.
constexpr uint64_t kOpenLogBytes = 4096;

}  // namespace

LogManager::LogManager(LogManagerOptions options)
    : options_(std::move(options)),
      env_(options_.env.WithDefaults()),
      background_(std::make_shared<Background>()) {}

LogManager::~LogManager() {
  Close().IgnoreError();
}

std::string LogManager::PathOf(std::string_view name) const {
  return JoinPath(options_.directory, name);
}

MonotonicNanos LogManager::In(int64_t ms) const {
  return env_.clock->Monotonic() + std::min<int64_t>(ms, INT64_MAX / 4'000'000) * 1'000'000;
}

void LogManager::Warn(std::string_view what, const absl::Status& status) const {
  if (status.ok()) return;
  env_.logger->Log(Severity::kWarning, "log", StrCat(what, ": ", status.message()));
}

absl::StatusOr<std::unique_ptr<LogManager>> LogManager::Open(LogManagerOptions options,
                                                             LogManagerReport* report) {
  LogManagerReport ignored;
  if (report == nullptr) report = &ignored;
  std::unique_ptr<LogManager> manager(new LogManager(std::move(options)));
  const absl::Status status = manager->Start(report);
  if (status.ok()) return manager;
  // Nothing was opened: nothing is to be written.
  MutexLock lock(&manager->close_mutex_);
  manager->close_done_ = true;
  return status;
}

absl::Status LogManager::Start(LogManagerReport* report) {
  LogContext::Report found;
  MILLRACE_ASSIGN_OR_RETURN(context_,
                            LogContext::Open({.directory = options_.directory,
                                              .env = env_,
                                              .backend = options_.backend,
                                              .read_only = options_.read_only,
                                              .limits = {.descriptors = options_.descriptors,
                                                         .mappings = options_.mappings,
                                                         .disk_bytes = Limit(options_.disk_bytes)},
                                              .producer_id_expiration_ms = options_.producer_id_expiration_ms,
                                              .producer_ids_max = options_.producer_ids_max,
                                              .metrics = options_.metrics},
                                             &found));
  report->shutdown = found.shutdown;
  report->notes = std::move(found.notes);
  cleaned_ = std::make_unique<CleanerCheckpoint>(env_.files, options_.directory);
  if (!options_.read_only) {
    context_->budget()->set_evict([this] { return EvictForBudget(); });
    context_->budget()->set_wake([this] { WakeSweeper(); });
  }
  {
    MutexLock lock(&mutex_);
    for (const LogEntry& log : context_->manifest().Logs()) {
      if (log.directory.ends_with(kDeletedLogSuffix)) {
        doomed_.push_back({.directory = log.directory, .log_no = log.log_no});
        continue;
      }
      auto entry = std::make_unique<Entry>();
      entry->log_no = log.log_no;
      entries_.emplace(log.directory, std::move(entry));
      context_->budget()->CountDisk(KnownBytes(log));
    }
  }
  if (!options_.read_only) {
    FinishDeletes(report);
    MILLRACE_RETURN_IF_ERROR(WriteMetaProperties());
  }
  MutexLock lock(&due_mutex_);
  maintenance_due_ = In(options_.maintenance_interval_ms);
  retention_due_ = In(options_.retention_check_interval_ms);
  cleaner_due_ = In(options_.cleaner_backoff_ms);
  checkpoint_due_ = In(options_.checkpoint_interval_ms);
  return absl::OkStatus();
}

// Kafka's file is written once, and kept whatever it says.
absl::Status LogManager::WriteMetaProperties() {
  const std::string path = PathOf(kMetaPropertiesFile);
  if (const auto text = ReadTextFile(env_.files, path); text.ok() && DecodeMetaProperties(*text).ok()) {
    return absl::OkStatus();
  }
  const auto random_id = [this] {
    TopicId id;
    const uint64_t halves[2] = {env_.random->Next(), env_.random->Next()};
    std::memcpy(id.bytes.data(), halves, sizeof halves);
    return id.ToString();
  };
  const MetaProperties properties{.cluster_id = random_id(), .node_id = 0, .directory_id = random_id()};
  return WriteTextFile(env_.files, path, EncodeMetaProperties(properties), false);
}

// A deletion that was cut off after the manifest knew of it and before the directory had its new name.
void LogManager::FinishDeletes(LogManagerReport* report) {
  MutexLock lock(&mutex_);
  for (const Doomed& doomed : doomed_) {
    // ".", 32 digits and the suffix.
    constexpr size_t kAdded = 1 + 32 + kDeletedLogSuffix.size();
    report->notes.push_back(StrCat("the deletion of ", doomed.directory, " is being finished"));
    if (doomed.directory.size() <= kAdded) continue;
    const std::string original = doomed.directory.substr(0, doomed.directory.size() - kAdded);
    if (entries_.contains(original)) continue;
    const absl::Status status = env_.files->Rename(PathOf(original), PathOf(doomed.directory));
    if (!absl::IsNotFound(status)) Warn("finishing a deletion", status);
  }
}

absl::Status LogManager::CheckOpen(bool for_change) const {
  if (closed_) return absl::FailedPreconditionError("the log directory is closed");
  if (for_change && options_.read_only) {
    return absl::FailedPreconditionError("the log directory is open read-only: its writer makes the changes");
  }
  return absl::OkStatus();
}

LogManager::Entry* LogManager::FindIdle(std::string_view name) {
  for (;;) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return nullptr;
    if (!found->second->busy) return found->second.get();
    changed_.Wait(&mutex_);
  }
}

absl::Status LogManager::CreateLogs(std::span<const NewLog> logs, bool sync) {
  MutexLock lock(&mutex_);
  MILLRACE_RETURN_IF_ERROR(CheckOpen(true));
  if (entries_.size() + logs.size() > options_.logs_max) {
    return Error(ErrorCode::kPolicyViolation,
                 StrCat("no more than ", options_.logs_max, " partitions: raise Budgets::partitions"));
  }
  for (const NewLog& log : logs) {
    if (entries_.contains(log.name)) {
      return absl::AlreadyExistsError(ToAbsl(StrCat("there is a log ", log.name, " already")));
    }
    if (!IsName(log.name)) {
      return absl::InvalidArgumentError(ToAbsl(StrCat("not a name for a log: '", log.name, "'")));
    }
  }
  ManifestFile& manifest = context_->manifest();
  std::vector<std::pair<std::string, uint32_t>> made;
  absl::Status status;
  for (const NewLog& log : logs) {
    // What lies there without being in the manifest is no log of ours.
    if (const auto there = env_.files->Stat(PathOf(log.name)); there.ok()) {
      status = there->is_directory
                   ? env_.files->Rename(PathOf(log.name),
                                        PathOf(StrCat(log.name, ".", env_.random->Next(), kStrayLogSuffix)))
                   : absl::InvalidArgumentError(ToAbsl(StrCat("there is a file of the name ", log.name)));
      if (!status.ok()) break;
    }
    auto log_no = manifest.CreateLog(log.name);
    status = log_no.status();
    if (!status.ok()) break;
    made.emplace_back(log.name, *log_no);
  }
  if (status.ok()) status = sync ? manifest.Sync() : manifest.Write();
  if (!status.ok()) {
    for (const auto& [name, log_no] : made) manifest.DeleteLog(log_no);
    return status;
  }
  for (size_t i = 0; i < logs.size(); ++i) {
    auto entry = std::make_unique<Entry>();
    entry->log_no = made[i].second;
    entry->fresh = true;
    entry->config = logs[i].config;
    entry->topic_id = logs[i].topic_id;
    entries_.emplace(logs[i].name, std::move(entry));
  }
  return absl::OkStatus();
}

std::shared_ptr<const TopicConfig> LogManager::ConfigOf(const std::string& name) {
  return options_.config_of == nullptr ? nullptr : options_.config_of(name);
}

absl::StatusOr<std::shared_ptr<LogImpl>> LogManager::OpenLog(const std::string& name, uint32_t log_no,
                                                             bool fresh,
                                                             const std::shared_ptr<const TopicConfig>& config,
                                                             RecoveryReport* report) {
  std::optional<LogEntry> entry;
  if (options_.read_only) {
    MutexLock lock(&mutex_);
    entry = (view_ == nullptr ? context_->manifest() : *view_).Find(log_no);
  } else {
    entry = context_->manifest().Find(log_no);
  }
  if (!entry.has_value()) return absl::InternalError("the manifest has lost a log");
  LogImpl::Open open{.context = context_.get(), .entry = *std::move(entry), .fresh = fresh};
  open.directory = PathOf(name);
  open.name = name;
  open.options.config = config == nullptr ? TopicConfig{} : *config;
  open.options.env = env_;
  open.options.backend = options_.backend;
  open.options.read_only = options_.read_only;
  open.options.pinned_bytes_max = options_.pinned_bytes_max;
  if (options_.meter_of) open.meter = options_.meter_of(name);
  const int64_t known_bytes = KnownBytes(open.entry);
  MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<LogImpl> log, LogImpl::OpenIn(std::move(open), report));
  // What a process that died had appended.
  context_->budget()->CountDisk(log->size_bytes() - known_bytes);
  log->set_compactor([this, name](LogImpl* self, bool force) {
    return CompactLog(env_, self, name, force, options_.cleaner, cleaned_.get());
  });
  return std::shared_ptr<LogImpl>(std::move(log));
}

absl::StatusOr<std::shared_ptr<LogImpl>> LogManager::GetLog(std::string_view name, RecoveryReport* report) {
  const std::string key(name);
  SweepIfNobodyElseDoes();
  Entry* entry = nullptr;
  std::shared_ptr<const TopicConfig> config;
  uint32_t log_no = 0;
  bool fresh = false;
  {
    MutexLock lock(&mutex_);
    MILLRACE_RETURN_IF_ERROR(CheckOpen(false));
    entry = FindIdle(name);
    // It may have been closed while this waited.
    MILLRACE_RETURN_IF_ERROR(CheckOpen(false));
    if (entry == nullptr) {
      return Error(ErrorCode::kUnknownTopicOrPartition,
                   StrCat("there is no log ", name, " in ", options_.directory));
    }
    if (entry->log != nullptr) return entry->log;
    entry->busy = true;
    config = entry->config;
    log_no = entry->log_no;
    fresh = std::exchange(entry->fresh, false);
  }
  if (config == nullptr) config = ConfigOf(key);
  RecoveryReport ignored;
  auto log = OpenLog(key, log_no, fresh, config, report == nullptr ? &ignored : report);
  bool many = false;
  {
    MutexLock lock(&mutex_);
    entry->busy = false;
    changed_.SignalAll();
    if (log.ok()) {
      entry->log = *log;
      if (entry->config == nullptr) entry->config = std::move(config);
      many = ++open_ > std::max<uint64_t>(options_.memory_bytes / kOpenLogBytes, 64);
    }
  }
  if (many) SweepOpenLogs();
  return log;
}

absl::StatusOr<std::shared_ptr<LogImpl>> LogManager::GetOrCreate(const NewLog& log, RecoveryReport* report) {
  for (;;) {
    bool known = false;
    bool other = false;
    {
      MutexLock lock(&mutex_);
      MILLRACE_RETURN_IF_ERROR(CheckOpen(false));
      if (Entry* const entry = FindIdle(log.name); entry != nullptr) {
        known = true;
        other = !entry->topic_id.IsZero() && !log.topic_id.IsZero() && entry->topic_id != log.topic_id;
        if (!other) {
          if (!log.topic_id.IsZero()) entry->topic_id = log.topic_id;
          if (log.config != nullptr) entry->config = log.config;
        }
      }
    }
    if (known && !other) return GetLog(log.name, report);
    if (other) {
      MILLRACE_RETURN_IF_ERROR(DeleteLogs(std::span(&log.name, 1)));
      continue;
    }
    const absl::Status status = CreateLogs(std::span(&log, 1));
    // Another thread may have been faster.
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
}

absl::Status LogManager::Reconfigure(std::string_view name, std::shared_ptr<const TopicConfig> config) {
  std::shared_ptr<LogImpl> log;
  {
    MutexLock lock(&mutex_);
    MILLRACE_RETURN_IF_ERROR(CheckOpen(true));
    Entry* const entry = FindIdle(name);
    if (entry == nullptr) {
      return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("there is no log ", name));
    }
    log = entry->log;
    if (log == nullptr) entry->config = config;
  }
  if (log == nullptr) return config->Validate();
  MILLRACE_RETURN_IF_ERROR(log->Reconfigure(*config));
  MutexLock lock(&mutex_);
  if (Entry* const entry = FindIdle(name); entry != nullptr) entry->config = std::move(config);
  return absl::OkStatus();
}

bool LogManager::Has(std::string_view name) const {
  MutexLock lock(&mutex_);
  return entries_.contains(name);
}

std::vector<std::string> LogManager::Names() const {
  std::vector<std::string> names;
  {
    MutexLock lock(&mutex_);
    names.reserve(entries_.size());
    for (const auto& [name, entry] : entries_) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<LogManager::Named> LogManager::OpenLogs() const {
  std::vector<Named> logs;
  MutexLock lock(&mutex_);
  logs.reserve(open_);
  for (const auto& [name, entry] : entries_) {
    if (entry->log != nullptr && !entry->busy) logs.push_back({.name = name, .log = entry->log});
  }
  return logs;
}

LogManager::Stats LogManager::stats() const {
  MutexLock lock(&mutex_);
  Stats stats = counts_;
  stats.logs = entries_.size();
  stats.open = open_;
  stats.descriptors = context_->budget()->descriptors();
  stats.mappings = context_->budget()->mappings();
  stats.disk_bytes = context_->budget()->disk_bytes();
  return stats;
}

LogManager::Pinned LogManager::pinned() const {
  Pinned pinned;
  for (const Named& named : OpenLogs()) {
    const LogStats stats = named.log->stats();
    pinned.views += stats.pinned_views;
    pinned.deleted_bytes += stats.pinned_deleted_bytes;
  }
  return pinned;
}

absl::Status LogManager::Refresh() {
  if (!options_.read_only) return absl::OkStatus();
  MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<ManifestFile> manifest, context_->FreshManifest());
  std::vector<std::shared_ptr<LogImpl>> gone;
  StringMap<uint32_t> now;
  for (const LogEntry& log : manifest->Logs()) {
    if (!log.directory.ends_with(kDeletedLogSuffix)) now[log.directory] = log.log_no;
  }
  MutexLock lock(&mutex_);
  MILLRACE_RETURN_IF_ERROR(CheckOpen(false));
  view_ = std::move(manifest);
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto found = now.find(at->first);
    const bool same = found != now.end() && found->second == at->second->log_no;
    if (same || at->second->busy) {
      if (found != now.end()) now.erase(found);
      ++at;
      continue;
    }
    if (at->second->log != nullptr) {
      gone.push_back(std::move(at->second->log));
      --open_;
    }
    entries_.erase(at++);
  }
  for (const auto& [name, log_no] : now) {
    auto entry = std::make_unique<Entry>();
    entry->log_no = log_no;
    entries_.emplace(name, std::move(entry));
  }
  return absl::OkStatus();
}

absl::Status LogManager::Close(MonotonicNanos deadline) {
  MutexLock closing(&close_mutex_);
  if (close_done_) return close_status_;
  close_done_ = true;
  {
    // No task runs after this, and none is running.
    MutexLock lock(&background_->mutex);
    background_->manager = nullptr;
  }
  {
    MutexLock lock(&due_mutex_);
    round_ = nullptr;
  }
  {
    MutexLock lock(&mutex_);
    closed_ = true;
    const auto busy = [](const auto& entry) { return entry.second->busy; };
    while (std::any_of(entries_.begin(), entries_.end(), busy)) changed_.Wait(&mutex_);
  }
  close_status_ = CloseLogs(deadline);
  context_->Release();
  return close_status_;
}

absl::Status LogManager::CloseLogs(MonotonicNanos deadline) {
  std::vector<Named> logs = OpenLogs();
  {
    MutexLock lock(&mutex_);
    for (const auto& [name, entry] : entries_) entry->log = nullptr;
    open_ = 0;
  }
  if (options_.read_only) return absl::OkStatus();
  absl::Status status;
  if (env_.clock->Monotonic() < deadline) status = SyncTogether(logs);
  size_t left = 0;
  for (const Named& log : logs) {
    if (env_.clock->Monotonic() >= deadline) {
      log.log->Abandon();
      ++left;
      continue;
    }
    WriteMetadata(log.name);
    const absl::Status closed = log.log->Close();
    if (status.ok()) status = closed;
  }
  // What closing has cut and written, for those who look at the files with other tools.
  if (!logs.empty() && env_.clock->Monotonic() < deadline) {
    const absl::Status synced = env_.files->SyncAll(options_.directory);
    if (status.ok()) status = synced;
  }
  if (left > 0) {
    return absl::DeadlineExceededError(ToAbsl(StrCat(
        left, " logs of ", options_.directory, " were not closed in time; the next open repairs them")));
  }
  Warn("writing the cleaner's checkpoint", cleaned_->Write());
  MutexLock lock(&due_mutex_);
  Warn("writing checkpoints", WriteCheckpoints());
  if (!status.ok()) return status;
  return context_->CleanClose();
}

}  // namespace millrace::inline v0
