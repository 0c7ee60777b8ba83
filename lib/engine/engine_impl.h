// EngineImpl: what Engine::Open returns, and what producers, consumers and admins see of it.

#ifndef MILLRACE_ENGINE_ENGINE_IMPL_H_
#define MILLRACE_ENGINE_ENGINE_IMPL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "coordinator/group_budget.h"
#include "coordinator/group_service.h"
#include "engine/engine_metrics.h"
#include "millrace/engine.h"
#include "millrace/export.h"
#include "partition/partition.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {

class AdminImpl;
class LogDirectory;
class OffsetsTopic;
class RegistryCatalog;
class StoppableExecutor;

// What producers and consumers say of themselves, added up.
struct ClientTotals {
  int64_t producers = 0;
  int64_t buffered_bytes = 0;
  int64_t consumers = 0;
};

// A producer or consumer, as the engine knows it: told when the engine closes. Called without the engine's
// locks.
class EngineClient {
 public:
  virtual ~EngineClient() = default;
  // First round, before anything is closed: append what lingers.
  virtual void OnEngineClosing() = 0;
  // From now on every call must fail with EngineImpl::ClosedError(); wake whoever is blocked. The engine's
  // logs and groups are still there during the call.
  virtual void OnEngineClosed() = 0;
  // Adds itself, and counts what it has not counted yet. From any thread, under a lock of the engine's:
  // quick.
  virtual void Observe(ClientTotals* totals) = 0;
};

// Thread-safe. Lock order: close_mutex_ -> clients_mutex_, groups_mutex_; those two are leaves but for what
// TopicRegistry and GroupService lock.
class MILLRACE_EXPORT EngineImpl final : public Engine {
 public:
  EngineImpl(EngineOptions options, Env env);
  ~EngineImpl() override;

  // The second half of Engine::Open. `logs`: null for those in the engine's directory; tests bring others.
  absl::Status Start(EngineReport* report, std::unique_ptr<LogDirectory> logs = nullptr);

  // --- Engine
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override;
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override;
  Admin& admin() override;
  absl::StatusOr<std::shared_ptr<Log>> PartitionLog(const TopicPartition& partition) override;
  MetricsRegistry& metrics() override { return metrics_; }
  size_t RunOnce(size_t tasks_max) override;
  MonotonicNanos NextDue() override;
  absl::Status Close(absl::Duration deadline) override;

  // What admin() is, with what the broker needs beside it.
  AdminImpl& admin_impl() { return *admin_; }

  // --- For producers, consumers and the admin
  // ---------------------------------------------------------------

  const EngineOptions& options() const { return options_; }
  // Every member is set, the executor included. In a host-driven engine its tasks run inside RunOnce().
  const Env& env() const { return env_; }
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  // Whether Start() has succeeded.
  bool started() const { return started_.load(std::memory_order_acquire); }
  EngineMetrics& counts() { return counts_; }
  const GroupBudget& group_budget() const { return *group_budget_; }
  ClientTotals ObserveClients();
  const std::string& directory() const { return directory_; }
  // What a call on a closed engine fails with (kFailedPrecondition).
  static absl::Status ClosedError();
  // kFailedPrecondition when closed; with `for_change`, also when read-only.
  absl::Status CheckOpen(bool for_change = false) const;

  // The topics. In read-only engines a timer calls Refresh() each second.
  TopicRegistry& topics() { return *topics_; }
  // Read-only engines: takes over what the writing process has changed. Others: nothing.
  absl::Status Refresh();
  // The topic of that name. Where there is none: created if the engine's auto_create_topics says so, else
  // kUnknownTopicOrPartition naming it and what to do.
  absl::StatusOr<std::shared_ptr<Topic>> FindTopic(std::string_view name);
  absl::StatusOr<std::shared_ptr<Partition>> FindPartition(const TopicPartition& partition);

  // The group service, started with its first use: makes __consumer_offsets if it is missing and loads it
  // (while a partition loads, its groups answer kCoordinatorLoadInProgress). kFailedPrecondition when closed
  // or read-only. Borrowed: valid until the engine is destroyed; after Close it answers
  // kCoordinatorNotAvailable. About 5 ns once started.
  absl::StatusOr<GroupService*> Groups();

  // For blocking shells: blocks while `word` holds `expected`, until UnparkAll(word) or `deadline`; may
  // return early for no reason. In host-driven engines, where nobody else may be running tasks, runs what is
  // due instead of sleeping past it. Never call it with a lock held.
  void Wait(const std::atomic<uint32_t>& word, uint32_t expected, MonotonicNanos deadline);
  // The blocking form of a call that answers through a callback: passes `call` a callable that takes the
  // answer, and waits for it as Wait() does.
  template <typename Response, typename Call>
  Response Await(Call&& call) {
    struct State {
      std::atomic<uint32_t> answered = 0;
      std::optional<Response> response;
    };
    auto state = std::make_shared<State>();
    call([state, parker = env_.parker](Response response) {
      state->response.emplace(std::move(response));
      state->answered.store(1, std::memory_order_release);
      parker->UnparkAll(state->answered);
    });
    while (state->answered.load(std::memory_order_acquire) == 0) Wait(state->answered, 0, kNever);
    return *std::move(state->response);
  }
  // `timeout` from now on the monotonic clock; kNever for infinite ones.
  MonotonicNanos DeadlineAfter(absl::Duration timeout) const;

  // Each producer and consumer registers itself, and deregisters in its destructor (which blocks while a
  // notification of it runs). False: the engine is closed, nothing was registered.
  bool Register(EngineClient* client);
  void Deregister(EngineClient* client);

  // What a topic is created with: `config`, with the engine's defaults where it has Kafka's.
  TopicConfig WithDefaults(const TopicConfig& config) const;
  // options().topic_defaults, until a broker changes them. Topics that are there keep what they have.
  std::shared_ptr<const TopicConfig> topic_defaults() const;
  void SetTopicDefaults(const TopicConfig& defaults);
  // With a replicator: opens, and so attaches, all partitions of the topic.
  absl::Status Attach(Topic& topic);
  LogDirectory& logs() { return *logs_; }

 private:
  absl::StatusOr<GroupService*> StartGroups() ABSL_EXCLUSIVE_LOCKS_REQUIRED(groups_mutex_);
  absl::Status DeleteUnknownLogs(EngineReport* report);
  void ScheduleRefresh();
  absl::Status CloseParts(absl::Duration deadline);
  void TellClients(void (EngineClient::*what)());

  const EngineOptions options_;
  Env env_;
  // options().directory, or the one in memory.
  std::string directory_;

  // What the engine made for itself because the host did not bring it. Before everything that uses it.
  std::unique_ptr<FileSystem> own_files_;
  std::unique_ptr<StoppableExecutor> own_executor_;
  std::unique_ptr<ManualExecutor> manual_executor_;
  // Somebody is running tasks of manual_executor_.
  std::atomic<bool> running_tasks_ = false;

  MetricsRegistry metrics_;
  std::atomic<bool> started_ = false;
  std::unique_ptr<LogDirectory> logs_;
  PartitionContext partitions_;
  std::unique_ptr<TopicRegistry> topics_;
  std::unique_ptr<AdminImpl> admin_;

  mutable Mutex defaults_mutex_;
  std::shared_ptr<const TopicConfig> topic_defaults_ ABSL_GUARDED_BY(defaults_mutex_);

  const std::shared_ptr<GroupBudget> group_budget_;
  std::atomic<GroupService*> groups_ready_ = nullptr;
  Mutex groups_mutex_;
  // The groups ask it; set with them.
  std::unique_ptr<RegistryCatalog> catalog_ ABSL_GUARDED_BY(groups_mutex_);
  std::unique_ptr<OffsetsTopic> offsets_topic_ ABSL_GUARDED_BY(groups_mutex_);
  std::unique_ptr<GroupService> groups_ ABSL_GUARDED_BY(groups_mutex_);

  std::atomic<bool> closed_ = false;
  Mutex close_mutex_;
  bool close_done_ ABSL_GUARDED_BY(close_mutex_) = false;
  absl::Status close_status_ ABSL_GUARDED_BY(close_mutex_);

  Mutex clients_mutex_;
  CondVar clients_idle_;
  std::vector<EngineClient*> clients_ ABSL_GUARDED_BY(clients_mutex_);
  EngineClient* notifying_ ABSL_GUARDED_BY(clients_mutex_) = nullptr;
  bool clients_closed_ ABSL_GUARDED_BY(clients_mutex_) = false;

  // Tells timer tasks that the engine is closed; they hold this and nothing else.
  struct Background {
    Mutex mutex;
    EngineImpl* engine ABSL_GUARDED_BY(mutex) = nullptr;
    TimerId timer ABSL_GUARDED_BY(mutex);
    // A task of ours runs.
    bool busy ABSL_GUARDED_BY(mutex) = false;
    CondVar idle;
  };
  const std::shared_ptr<Background> background_ = std::make_shared<Background>();
  // Last: it asks all of the above.
  EngineMetrics counts_{this, &metrics_};
};

// Defined in producer_impl.cc and consumer_impl.cc.
absl::StatusOr<std::unique_ptr<Producer>> MakeProducer(EngineImpl* engine, const ProducerOptions& options);
absl::StatusOr<std::unique_ptr<Consumer>> MakeConsumer(EngineImpl* engine, ConsumerOptions options);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_ENGINE_IMPL_H_
