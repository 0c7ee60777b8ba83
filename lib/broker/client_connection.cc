#include "broker/client_connection.h"

#include <optional>
#include <utility>

#include "base/strings.h"
#include "broker/broker_impl.h"

namespace millrace::inline v0 {

// What answers need; outlives the handler where one is late.
class ClientConnection::Turns final : public Responder, public ServedConnection, public QueuedBytes::Reader {
 public:
  Turns(std::shared_ptr<Connection> connection, size_t unsent_bytes_max,
        std::shared_ptr<BrokerMetrics> metrics)
      : connection_(std::move(connection)),
        unsent_bytes_max_(unsent_bytes_max),
        metrics_(std::move(metrics)) {}

  // False: no more requests are taken up.
  bool Begin() {
    MutexLock lock(&mutex_);
    if (!drain_.has_value()) answered_ = false;
    return !drain_.has_value();
  }
  // After the request was handed over: nothing more is read until it is answered, and sent.
  void HoldUp() {
    MutexLock lock(&mutex_);
    if (!answered_ || held_ || connection_->unsent_bytes() > unsent_bytes_max_) PauseLocked();
  }
  // The client is gone: nobody waits on its behalf.
  void Gone() {
    std::shared_ptr<Waiting> waiting;
    {
      MutexLock lock(&mutex_);
      if (!answered_) waiting = waiting_.lock();
    }
    if (waiting != nullptr) waiting->GiveUp();
  }

  void HoldReading() override {
    MutexLock lock(&mutex_);
    held_ = true;
    PauseLocked();
  }
  void ReleaseReading() override {
    MutexLock lock(&mutex_);
    held_ = false;
    GoOnLocked();
  }
  void GoOn() {
    MutexLock lock(&mutex_);
    GoOnLocked();
  }

  void Answer(OutgoingFrame frame) override {
    // Fails where the connection is gone, which the handler is told.
    connection_->Send(std::move(frame)).IgnoreError();
    AnswerNothing();
  }
  void AnswerNothing() override {
    MutexLock lock(&mutex_);
    answered_ = true;
    if (drain_.has_value()) return connection_->Close(*drain_);
    GoOnLocked();
  }
  void Refuse(const absl::Status& why, Refusal reason) override {
    metrics_->Refused(reason, connection_->peer_address(), ToStd(why.message()));
    connection_->Abort();
  }
  void Waits(std::weak_ptr<Waiting> waiting) override {
    MutexLock lock(&mutex_);
    waiting_ = std::move(waiting);
  }
  std::string peer_address() const override { return connection_->peer_address(); }
  BrokerMetrics& metrics() const override { return *metrics_; }

  Connection& connection() const override { return *connection_; }
  void Finish(absl::Duration drain) override {
    MutexLock lock(&mutex_);
    drain_ = drain;
    if (answered_) connection_->Close(drain);
  }

 private:
  void PauseLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!paused_) connection_->PauseReading();
    paused_ = true;
  }
  void GoOnLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!paused_ || !answered_ || held_ || connection_->unsent_bytes() > unsent_bytes_max_) return;
    paused_ = false;
    connection_->ResumeReading();
  }

  const std::shared_ptr<Connection> connection_;
  const size_t unsent_bytes_max_;
  const std::shared_ptr<BrokerMetrics> metrics_;
  Mutex mutex_;
  bool answered_ ABSL_GUARDED_BY(mutex_) = true;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  // Set: the broker closes; so long the last answer has to go out.
  std::optional<absl::Duration> drain_ ABSL_GUARDED_BY(mutex_);
  // By the queue of all connections.
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  std::weak_ptr<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
};

ClientConnection::ClientConnection(BrokerImpl* broker, const HostPort* endpoint,
                                   std::shared_ptr<HandlerCount> count)
    : broker_(broker), endpoint_(endpoint), count_(std::move(count)) {
  count_->count.fetch_add(1);
}

ClientConnection::~ClientConnection() {
  // The broker may be gone from now on.
  count_->count.fetch_sub(1);
  count_->parker->UnparkAll(count_->count);
}

void ClientConnection::OnOpened(std::shared_ptr<Connection> connection) {
  connection_ = std::move(connection);
  turns_ = std::make_shared<Turns>(connection_, broker_->options().unsent_bytes_max, broker_->metrics());
  broker_->metrics()->ConnectionOpened(connection_->peer_address(), connection_->local_address());
  if (!broker_->Opened(turns_)) return connection_->Abort();
  broker_->queued_bytes()->Join(turns_.get());
}

void ClientConnection::OnFrame(Frame frame) {
  if (!turns_->Begin()) return;
  broker_->Dispatch(turns_, endpoint_, std::move(frame));
  turns_->HoldUp();
}

void ClientConnection::OnWritable() {
  turns_->GoOn();
}

void ClientConnection::OnClosed(const absl::Status& status) {
  if (connection_ == nullptr) return;  // it never opened
  broker_->metrics()->ConnectionClosed(connection_->peer_address(), connection_->local_address(), status);
  broker_->queued_bytes()->Leave(turns_.get());
  broker_->Closed(turns_);
  turns_->Gone();
}

}  // namespace millrace::inline v0
