#include "engine/engine_impl.h"

#include <algorithm>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "engine/admin_impl.h"
#include "engine/log_directory.h"
#include "engine/offsets_topic.h"
#include "engine/registry_catalog.h"
#include "engine/stoppable_executor.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// Own threads: one may sit in a flush while the other runs timers.
constexpr int kOwnThreads = 2;
// Where an engine without a directory keeps its files, in its own memory.
constexpr std::string_view kMemoryDirectory = "/memory";
// How soon a reader of another process's engine sees new topics without asking for them.
constexpr absl::Duration kRefreshInterval = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(EngineOptions options, EngineReport* report) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  const Env env = options.env.WithDefaults();
  auto engine = std::make_unique<EngineImpl>(std::move(options), env);
  EngineReport found;
  MILLRACE_RETURN_IF_ERROR(engine->Start(&found));
  if (report != nullptr) *report = std::move(found);
  return engine;
}

EngineImpl::EngineImpl(EngineOptions options, Env env)
    : options_(std::move(options)),
      env_(env),
      directory_(options_.directory),
      topic_defaults_(std::make_shared<const TopicConfig>(options_.topic_defaults)),
      group_budget_(std::make_shared<GroupBudget>(options_.budgets.groups)) {
  while (directory_.size() > 1 && directory_.back() == '/') directory_.pop_back();
  if (directory_.empty()) {
    own_files_ = NewMemoryFileSystem();
    env_.files = own_files_.get();
    directory_ = kMemoryDirectory;
  }
  if (options_.threading == Threading::kHostDriven) {
    manual_executor_ = NewManualExecutor(env_.clock);
    env_.executor = manual_executor_.get();
  } else if (env_.executor == nullptr) {
    own_executor_ = std::make_unique<StoppableExecutor>(
        NewThreadExecutor({.threads = kOwnThreads, .name = "millrace", .clock = env_.clock}));
    env_.executor = own_executor_.get();
  }
}

EngineImpl::~EngineImpl() {
  Close(absl::InfiniteDuration()).IgnoreError();
}

absl::Status EngineImpl::Start(EngineReport* report, std::unique_ptr<LogDirectory> logs) {
  logs_ = std::move(logs);
  if (logs_ == nullptr) {
    // Asked for by the background work alone, which begins when the topics are known.
    auto config_of = [this](const TopicPartition& partition) -> std::shared_ptr<const TopicConfig> {
      const std::shared_ptr<Topic> topic = topics_->Find(partition.topic);
      return topic == nullptr ? nullptr : topic->config();
    };
    auto meter_of = [this](const TopicPartition& partition) { return counts_.MeterOf(partition.topic); };
    MILLRACE_ASSIGN_OR_RETURN(logs_, LogDirectory::Open(directory_, options_, env_, std::move(config_of),
                                                        std::move(meter_of), &metrics_, report));
  }
  partitions_.logs = logs_.get();
  partitions_.replicator = options_.replicator;
  partitions_.env = env_;
  TopicRegistry::Options registry{.directory = directory_,
                                  .context = &partitions_,
                                  .read_only = options_.read_only,
                                  .durability = options_.registry_durability,
                                  .partitions_max = options_.budgets.partitions,
                                  .topics_max = options_.budgets.topics};
  MILLRACE_ASSIGN_OR_RETURN(topics_, TopicRegistry::Open(std::move(registry), &report->notes));
  if (!options_.read_only) MILLRACE_RETURN_IF_ERROR(DeleteUnknownLogs(report));
  MILLRACE_RETURN_IF_ERROR(logs_->Recover(report));
  admin_ = std::make_unique<AdminImpl>(this);
  if (options_.replicator != nullptr) {
    for (const std::shared_ptr<Topic>& topic : topics_->All()) MILLRACE_RETURN_IF_ERROR(Attach(*topic));
  }
  {
    MutexLock lock(&background_->mutex);
    background_->engine = this;
  }
  if (options_.read_only) {
    ScheduleRefresh();
  } else {
    logs_->StartBackground();
  }
  started_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

// The logs of topics whose deletion was cut off go. Others of which the registry knows nothing are data whose
// topic it has lost: they stay, and are told of.
absl::Status EngineImpl::DeleteUnknownLogs(EngineReport* report) {
  std::vector<TopicPartition> deleted;
  for (TopicPartition& partition : logs_->Partitions()) {
    const std::shared_ptr<Topic> topic = topics_->Find(partition.topic);
    if (topic != nullptr && partition.partition.value() < topic->partition_count()) continue;
    const std::optional<TopicId> id = topics_->DeletedAs(partition.topic);
    // A later topic of the same name has another id.
    if (topic == nullptr && id.has_value() && logs_->TopicIdOf(partition).value_or(*id) == *id) {
      deleted.push_back(std::move(partition));
      continue;
    }
    report->notes.push_back(
        StrCat(partition.ToString(),
               " is of no topic that millrace.topics knows, and was left as it is: restore that ",
               "file, or create the topic (with that many partitions) to read it"));
  }
  return deleted.empty() ? absl::OkStatus() : logs_->DeleteLogs(deleted);
}

absl::Status EngineImpl::ClosedError() {
  return absl::FailedPreconditionError("the engine is closed: open it again");
}

absl::Status EngineImpl::CheckOpen(bool for_change) const {
  if (closed()) return ClosedError();
  if (for_change && options_.read_only) {
    return absl::FailedPreconditionError(StrCat(
        "the engine in ", directory_, " is open read-only: make the change in the process that writes it"));
  }
  return absl::OkStatus();
}

// --- Parts

absl::StatusOr<std::unique_ptr<Producer>> EngineImpl::NewProducer(ProducerOptions options) {
  return MakeProducer(this, options);
}

absl::StatusOr<std::unique_ptr<Consumer>> EngineImpl::NewConsumer(ConsumerOptions options) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  return MakeConsumer(this, std::move(options));
}

Admin& EngineImpl::admin() {
  return *admin_;
}

absl::StatusOr<std::shared_ptr<Log>> EngineImpl::PartitionLog(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> found, FindPartition(partition));
  return found->SharedLog();
}

// --- Topics

absl::StatusOr<std::shared_ptr<Topic>> EngineImpl::FindTopic(std::string_view name) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  std::shared_ptr<Topic> topic = topics_->Find(name);
  if (topic == nullptr && options_.read_only) {
    MILLRACE_RETURN_IF_ERROR(Refresh());
    topic = topics_->Find(name);
  }
  if (topic == nullptr && options_.auto_create_topics && !options_.read_only) {
    const absl::StatusOr<TopicId> made =
        admin_->CreateTopic(name, {.partitions = options_.num_partitions, .config = {}});
    // Somebody else may have been quicker.
    topic = topics_->Find(name);
    if (topic == nullptr) MILLRACE_RETURN_IF_ERROR(made.status());
  }
  if (topic == nullptr) {
    MILLRACE_RETURN_IF_ERROR(ValidateTopicName(name));
    return Error(ErrorCode::kUnknownTopicOrPartition,
                 StrCat("there is no topic \"", name, "\" in ", directory_,
                        ": create it, or set EngineOptions::auto_create_topics"));
  }
  return topic;
}

absl::StatusOr<std::shared_ptr<Partition>> EngineImpl::FindPartition(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> topic, FindTopic(partition.topic));
  return topic->partition(partition.partition);
}

TopicConfig EngineImpl::WithDefaults(const TopicConfig& config) const {
  const TopicConfig kafka;
  TopicConfig merged = *topic_defaults();
  if (merged == kafka) return config;
  // Texts that Overrides() gives, Set() takes.
  for (const auto& [name, value] : config.Overrides()) merged.Set(name, value).IgnoreError();
  return merged;
}

std::shared_ptr<const TopicConfig> EngineImpl::topic_defaults() const {
  MutexLock lock(&defaults_mutex_);
  return topic_defaults_;
}

void EngineImpl::SetTopicDefaults(const TopicConfig& defaults) {
  auto shared = std::make_shared<const TopicConfig>(defaults);
  MutexLock lock(&defaults_mutex_);
  topic_defaults_ = std::move(shared);
}

absl::Status EngineImpl::Attach(Topic& topic) {
  if (options_.replicator == nullptr) return absl::OkStatus();
  for (int32_t i = 0; i < topic.partition_count(); ++i) {
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition, topic.partition(PartitionId(i)));
    MILLRACE_RETURN_IF_ERROR(partition->OpenLog().status());
  }
  return absl::OkStatus();
}

// --- Groups

absl::StatusOr<GroupService*> EngineImpl::Groups() {
  if (GroupService* groups = groups_ready_.load(std::memory_order_acquire); groups != nullptr) return groups;
  MutexLock lock(&groups_mutex_);
  MILLRACE_RETURN_IF_ERROR(CheckOpen(/*for_change=*/true));
  if (groups_ != nullptr) return groups_.get();
  return StartGroups();
}

absl::StatusOr<GroupService*> EngineImpl::StartGroups() {
  std::shared_ptr<Topic> topic = topics_->Find(kOffsetsTopicName);
  if (topic == nullptr) {
    MILLRACE_RETURN_IF_ERROR(topics_
                                 ->Create({{.name = std::string(kOffsetsTopicName),
                                            .partitions = options_.offsets_topic_num_partitions,
                                            .config = OffsetsTopicConfig(options_.registry_durability),
                                            .internal = true}})
                                 .front()
                                 .status());
    topic = topics_->Find(kOffsetsTopicName);
    MILLRACE_RETURN_IF_ERROR(Attach(*topic));
  }
  auto store = std::make_unique<OffsetsTopic>(std::move(topic));
  if (catalog_ == nullptr) catalog_ = std::make_unique<RegistryCatalog>(topics_.get());
  GroupConfig config;
  config.min_session_timeout_ms =
      static_cast<int32_t>(absl::ToInt64Milliseconds(options_.group_min_session_timeout));
  config.max_session_timeout_ms =
      static_cast<int32_t>(absl::ToInt64Milliseconds(options_.group_max_session_timeout));
  config.initial_rebalance_delay_ms =
      static_cast<int32_t>(absl::ToInt64Milliseconds(options_.group_initial_rebalance_delay));
  config.max_size = options_.group_max_size;
  config.consumer_session_timeout_ms =
      static_cast<int32_t>(absl::ToInt64Milliseconds(options_.group_consumer_session_timeout));
  config.consumer_heartbeat_interval_ms =
      static_cast<int32_t>(absl::ToInt64Milliseconds(options_.group_consumer_heartbeat_interval));
  config.consumer_max_size = options_.group_consumer_max_size;
  config.consumer_migration_policy = options_.group_consumer_migration_policy;
  config.offset_metadata_max_bytes = options_.offset_metadata_max_bytes;
  config.offsets_retention_ms = absl::ToInt64Milliseconds(options_.offsets_retention);
  MILLRACE_RETURN_IF_ERROR(config.Validate());
  std::unique_ptr<GroupService> groups = NewGroupService({.config = config,
                                                          .partitions = store->partitions(),
                                                          .store = store.get(),
                                                          .topics = catalog_.get(),
                                                          .executor = env_.executor,
                                                          .clock = env_.clock,
                                                          .random = env_.random,
                                                          .budget = group_budget_});
  if (absl::Status status = store->Load(groups.get(), env_.logger); !status.ok()) {
    groups->Close();
    return status;
  }
  offsets_topic_ = std::move(store);
  groups_ = std::move(groups);
  groups_ready_.store(groups_.get(), std::memory_order_release);
  return groups_.get();
}

// --- Waiting and background work

MonotonicNanos EngineImpl::DeadlineAfter(absl::Duration timeout) const {
  if (timeout == absl::InfiniteDuration()) return kNever;
  const int64_t now = env_.clock->Monotonic().value();
  const int64_t nanos = absl::ToInt64Nanoseconds(std::max(timeout, absl::ZeroDuration()));
  return nanos >= kNever.value() - now ? kNever : MonotonicNanos(now + nanos);
}

void EngineImpl::Wait(const std::atomic<uint32_t>& word, uint32_t expected, MonotonicNanos deadline) {
  if (manual_executor_ != nullptr) {
    if (RunOnce(SIZE_MAX) != 0) return;
    deadline = std::min(deadline, NextDue());
  }
  env_.parker->Park(word, expected, deadline);
}

size_t EngineImpl::RunOnce(size_t tasks_max) {
  if (manual_executor_ == nullptr || closed() || running_tasks_.exchange(true, std::memory_order_acquire))
    return 0;
  const size_t ran = manual_executor_->RunOnce(tasks_max);
  running_tasks_.store(false, std::memory_order_release);
  return ran;
}

MonotonicNanos EngineImpl::NextDue() {
  return manual_executor_ == nullptr ? kNever : manual_executor_->NextDue();
}

void EngineImpl::ScheduleRefresh() {
  MutexLock lock(&background_->mutex);
  if (background_->engine == nullptr) return;
  background_->timer = env_.executor->PostAt(DeadlineAfter(kRefreshInterval), [background = background_] {
    EngineImpl* engine = nullptr;
    {
      MutexLock alive(&background->mutex);
      if (background->engine == nullptr) return;
      engine = background->engine;
      background->busy = true;
    }
    if (absl::Status status = engine->Refresh(); !status.ok()) {
      engine->env_.logger->Log(Severity::kWarning, "engine", ToStd(status.message()));
    }
    engine->ScheduleRefresh();
    MutexLock done(&background->mutex);
    background->busy = false;
    background->idle.SignalAll();
  });
}

absl::Status EngineImpl::Refresh() {
  if (!options_.read_only) return absl::OkStatus();
  // The logs first: a topic that is seen then has those that it had.
  MILLRACE_RETURN_IF_ERROR(logs_->Refresh());
  return topics_->Refresh();
}

// --- Clients

bool EngineImpl::Register(EngineClient* client) {
  MutexLock lock(&clients_mutex_);
  if (clients_closed_) return false;
  clients_.push_back(client);
  return true;
}

void EngineImpl::Deregister(EngineClient* client) {
  MutexLock lock(&clients_mutex_);
  while (notifying_ == client) clients_idle_.Wait(&clients_mutex_);
  std::erase(clients_, client);
}

ClientTotals EngineImpl::ObserveClients() {
  ClientTotals totals;
  MutexLock lock(&clients_mutex_);
  for (EngineClient* const client : clients_) client->Observe(&totals);
  return totals;
}

void EngineImpl::TellClients(void (EngineClient::*what)()) {
  std::vector<EngineClient*> told;
  MutexLock lock(&clients_mutex_);
  for (;;) {
    const auto next = std::find_if(clients_.begin(), clients_.end(), [&](EngineClient* client) {
      return std::find(told.begin(), told.end(), client) == told.end();
    });
    if (next == clients_.end()) return;
    EngineClient* const client = *next;
    told.push_back(client);
    notifying_ = client;
    clients_mutex_.Unlock();
    (client->*what)();
    clients_mutex_.Lock();
    notifying_ = nullptr;
    clients_idle_.SignalAll();
  }
}

// --- Close

absl::Status EngineImpl::Close(absl::Duration deadline) {
  MutexLock lock(&close_mutex_);
  if (close_done_) return close_status_;
  close_done_ = true;
  close_status_ = CloseParts(deadline);
  return close_status_;
}

absl::Status EngineImpl::CloseParts(absl::Duration deadline) {
  const MonotonicNanos end = DeadlineAfter(deadline);
  TellClients(&EngineClient::OnEngineClosing);
  {
    MutexLock lock(&clients_mutex_);
    clients_closed_ = true;
  }
  TellClients(&EngineClient::OnEngineClosed);
  closed_.store(true, std::memory_order_release);
  {
    MutexLock lock(&background_->mutex);
    background_->engine = nullptr;
    env_.executor->Cancel(background_->timer);
    while (background_->busy) background_->idle.Wait(&background_->mutex);
  }
  {
    MutexLock lock(&groups_mutex_);
    if (groups_ != nullptr) groups_->Close();
  }
  absl::Status status;
  if (topics_ != nullptr) status.Update(topics_->Close());
  if (logs_ != nullptr) status.Update(logs_->Close(end));
  if (own_executor_ != nullptr) own_executor_->Stop();
  return status;
}

}  // namespace millrace::inline v0
