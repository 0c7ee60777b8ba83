#include "broker/client_connection.h"

#include <optional>
#include <utility>

#include "base/strings.h"
#include "broker/broker_impl.h"

namespace millrace::inline v0 {

// What answers need; outlives the handler where one is late.
class ClientConnection::Turns final : public Responder, public ServedConnection {
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
    if (!answered_ || connection_->unsent_bytes() > unsent_bytes_max_) {
      connection_->PauseReading();
      paused_ = true;
    }
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
  std::string peer_address() const override { return connection_->peer_address(); }
  BrokerMetrics& metrics() const override { return *metrics_; }

  Connection& connection() const override { return *connection_; }
  void Finish(absl::Duration drain) override {
    MutexLock lock(&mutex_);
    drain_ = drain;
    if (answered_) connection_->Close(drain);
  }

 private:
  void GoOnLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!paused_ || !answered_ || connection_->unsent_bytes() > unsent_bytes_max_) return;
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
  if (!broker_->Opened(turns_)) connection_->Abort();
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
  broker_->metrics()->ConnectionClosed(connection_->peer_address(), connection_->local_address(), status);
  broker_->Closed(turns_);
}

}  // namespace millrace::inline v0
