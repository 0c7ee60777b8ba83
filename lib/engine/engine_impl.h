// EngineImpl: what Engine::Open returns, and what producers, consumers and admins see of it.

#ifndef MILLRACE_ENGINE_ENGINE_IMPL_H_
#define MILLRACE_ENGINE_ENGINE_IMPL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "coordinator/group_service.h"
#include "millrace/engine.h"
#include "partition/partition.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {

class AdminImpl;
class LogDirectory;
class OffsetsTopic;

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
};

// Thread-safe. Lock order: close_mutex_ -> clients_mutex_, groups_mutex_; those two are leaves but for what
// TopicRegistry and GroupService lock.
class EngineImpl final : public Engine {
 public:
  EngineImpl(EngineOptions options, Env env);
  ~EngineImpl() override;

  // The second half of Engine::Open.
  absl::Status Start(EngineReport* report);

  // --- Engine
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override;
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override;
  Admin& admin() override;
  absl::StatusOr<std::shared_ptr<Log>> PartitionLog(const TopicPartition& partition) override;
  MetricsRegistry& metrics() override;
  size_t RunOnce(size_t tasks_max) override;
  MonotonicNanos NextDue() override;
  absl::Status Close(absl::Duration deadline) override;

  // --- For producers, consumers and the admin
  // ---------------------------------------------------------------

  const EngineOptions& options() const { return options_; }
  // Every member is set, the executor included. In a host-driven engine its tasks run inside RunOnce().
  const Env& env() const { return env_; }
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  // What a call on a closed engine fails with (kFailedPrecondition).
  static absl::Status ClosedError();
  // kFailedPrecondition when closed; with `for_change`, also when read-only.
  absl::Status CheckOpen(bool for_change = false) const;

  // The topics. Read-only engines: Refresh() takes over what the writing process changed; the maintenance
  // timer does it as well.
  TopicRegistry& topics() { return *topics_; }
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
  // `timeout` from now on the monotonic clock; kNever for infinite ones.
  MonotonicNanos DeadlineAfter(absl::Duration timeout) const;

  // Each producer and consumer registers itself, and deregisters in its destructor (which blocks while a
  // notification of it runs). False: the engine is closed, nothing was registered.
  bool Register(EngineClient* client);
  void Deregister(EngineClient* client);

  // Deletes committed offsets of deleted topics, where groups are in use.
  void ForgetOffsets(std::vector<std::string> topics);
  // Makes what was appended to `topic` so far survive a power loss.
  absl::Status FlushTopic(Topic& topic);
  LogDirectory& logs() { return *logs_; }

 private:
  absl::StatusOr<GroupService*> StartGroups() ABSL_LOCKS_EXCLUDED(groups_mutex_);
  absl::Status OpenFiles(EngineReport* report);
  void ScheduleMaintenance();
  void RunMaintenance();
  absl::Status CloseParts(MonotonicNanos deadline);
  void StopBackground();

  const EngineOptions options_;
  Env env_;

  // What the engine made for itself because the host did not bring it. Before everything that uses it.
  std::unique_ptr<FileSystem> own_files_;
  std::unique_ptr<Executor> own_executor_;
  ManualExecutor* manual_executor_ = nullptr;
  Mutex run_mutex_;

  std::unique_ptr<MetricsRegistry> metrics_;
  std::unique_ptr<LogDirectory> logs_;
  PartitionContext partitions_;
  std::unique_ptr<TopicRegistry> topics_;
  std::unique_ptr<AdminImpl> admin_;

  std::atomic<GroupService*> groups_ready_ = nullptr;
  Mutex groups_mutex_;
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

  // Tells timer tasks that the engine is gone; they hold it and nothing else.
  struct Background;
  std::shared_ptr<Background> background_;
};

// Defined in producer_impl.cc and consumer_impl.cc.
absl::StatusOr<std::unique_ptr<Producer>> MakeProducer(EngineImpl* engine, ProducerOptions options);
absl::StatusOr<std::unique_ptr<Consumer>> MakeConsumer(EngineImpl* engine, ConsumerOptions options);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_ENGINE_IMPL_H_
