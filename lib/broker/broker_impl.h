// BrokerImpl: what Broker::Start returns, and what the handlers of requests see of it.

#ifndef MILLRACE_BROKER_BROKER_IMPL_H_
#define MILLRACE_BROKER_BROKER_IMPL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "broker/broker_metrics.h"
#include "broker/config/dynamic_configs.h"
#include "broker/fault_table.h"
#include "broker/fetch_session.h"
#include "broker/request.h"
#include "broker/wait_list.h"
#include "broker/wake_ups.h"
#include "engine/engine_impl.h"
#include "millrace/broker.h"

namespace millrace::inline v0 {

struct ApiHandler;

// A client's connection. Thread-safe.
class ServedConnection {
 public:
  virtual ~ServedConnection() = default;
  virtual Connection& connection() const = 0;
  // Takes up no more requests, and closes once the one under way was answered, and that was sent within
  // `drain`.
  virtual void Finish(absl::Duration drain) = 0;
};

// How many handlers of connections there are; outlives the broker, which waits for the last of them.
struct HandlerCount {
  std::atomic<uint32_t> count = 0;
  Parker* parker = nullptr;
};

// Thread-safe.
class BrokerImpl final : public Broker {
 public:
  explicit BrokerImpl(BrokerOptions options);
  ~BrokerImpl() override;
  absl::Status Start();

  // --- Broker
  const std::string& bootstrap_servers() const override { return bootstrap_servers_; }
  absl::Status Close(absl::Duration drain) override;
  BrokerFaults& faults() override { return faults_; }

  // --- For handlers
  const BrokerOptions& options() const { return options_; }
  const std::string& cluster_id() const { return cluster_id_; }
  EngineImpl& engine() { return *engine_; }
  const Env& env() const { return engine_->env(); }
  DynamicConfigs& configs() { return configs_; }
  FetchSessionCache& fetch_sessions() { return fetch_sessions_; }
  WakeUps& wake_ups() { return wake_ups_; }
  const std::shared_ptr<WaitList>& waiting() const { return waiting_; }
  // Runs it on the engine's executor: what takes too long for an event loop. Close waits for it.
  void Post(absl::AnyInvocable<void()> task);

  // --- For connections
  const std::shared_ptr<BrokerMetrics>& metrics() const { return metrics_; }
  const std::shared_ptr<QueuedBytes>& queued_bytes() const { return queued_bytes_; }
  // False: the broker closes, or there is one connection too many, which was counted.
  bool Opened(const std::shared_ptr<ServedConnection>& connection);
  void Closed(const std::shared_ptr<ServedConnection>& connection);
  void AbortConnections();
  void Dispatch(std::shared_ptr<Responder> responder, const HostPort* endpoint, Frame frame);

 private:
  struct OpenListener {
    std::unique_ptr<Listener> listener;
    HostPort endpoint;
  };

  absl::Status Listen(const BrokerListener& options);
  // Counts a connection from `peer` in, unless it is one too many.
  bool Admit(const std::string& peer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Serve(const ApiHandler& handler, Request request);
  // Appends what is counted of listeners and of requests that wait.
  void Collect(MetricsSnapshot* snapshot);

  const BrokerOptions options_;
  EngineImpl* const engine_;
  const std::string cluster_id_;
  FetchSessionCache fetch_sessions_;
  WakeUps wake_ups_;
  std::string bootstrap_servers_;
  // Stable addresses: requests point to endpoints.
  std::deque<OpenListener> listeners_;
  const std::shared_ptr<HandlerCount> handlers_;
  const std::shared_ptr<WaitList> waiting_ = std::make_shared<WaitList>();
  FaultTable faults_{this};
  DynamicConfigs configs_{engine_};
  // Answers that come late count with it too.
  const std::shared_ptr<BrokerMetrics> metrics_;
  const std::shared_ptr<QueuedBytes> queued_bytes_;

  Mutex mutex_;
  // Until then nothing is read: requests point to endpoints.
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<MetricsCollectorId> collector_ ABSL_GUARDED_BY(mutex_);
  // With the host of each one's peer.
  std::map<std::shared_ptr<ServedConnection>, std::string> connections_ ABSL_GUARDED_BY(mutex_);
  StringMap<int32_t> connections_by_host_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_BROKER_IMPL_H_
