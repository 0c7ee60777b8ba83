// WireClient: the smallest client of Kafka's protocol, over any Transport: a request, its answer, one at a
// time. For examples and tests; an application takes a real client.

#ifndef MILLRACE_EXAMPLES_WIRE_CLIENT_H_
#define MILLRACE_EXAMPLES_WIRE_CLIENT_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/broker.h"
#include "millrace/wire/messages/headers.h"

class WireClient {
 public:
  // `transport` is borrowed. That the connection failed, the first Call tells.
  WireClient(millrace::Transport* transport, const std::string& address) {
    auto connected = transport->Connect(address, std::make_unique<Handler>(inbox_));
    if (connected.ok()) {
      connection_ = *std::move(connected);
    } else {
      inbox_->closed = connected.status();
    }
  }
  ~WireClient() {
    if (connection_ != nullptr) connection_->Abort();
  }

  // Blocks until there is an answer (views in it are valid until the next call), or the connection has ended:
  // kUnavailable then, or after `timeout` kDeadlineExceeded.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const Request& request, int16_t version,
                                absl::Duration timeout = absl::Seconds(10)) {
    namespace wire = millrace::wire;
    const auto headers = wire::HeaderVersionsOf(Request::kApi.key, version);
    millrace::OutgoingFrame frame;
    const wire::RequestHeader header{.request_api_key = Request::kApi.key,
                                     .request_api_version = version,
                                     .correlation_id = ++correlation_id_,
                                     .client_id = "wire-client"};
    absl::Status encoded = wire::Encode(header, headers->request, &frame.bytes);
    if (encoded.ok()) encoded = wire::Encode(request, version, &frame.bytes);
    if (!encoded.ok()) return encoded;
    if (connection_ != nullptr) connection_->Send(std::move(frame)).IgnoreError();
    std::unique_lock lock(inbox_->mutex);
    const auto came = [&] { return inbox_->frame.has_value() || inbox_->closed.has_value(); };
    if (!inbox_->changed.wait_for(lock, absl::ToChronoMilliseconds(timeout), came))
      return absl::DeadlineExceededError("no answer");
    if (!inbox_->frame.has_value()) return absl::UnavailableError(inbox_->closed->ToString());
    last_ = std::move(*std::exchange(inbox_->frame, std::nullopt));
    size_t used = 0;
    auto answered = wire::DecodePrefix<wire::ResponseHeader>(last_.bytes(), headers->response, &used);
    if (!answered.ok()) return answered.status();
    return wire::Decode<Response>(last_.bytes().subspan(used), version);
  }

 private:
  struct Inbox {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<millrace::Frame> frame;
    std::optional<absl::Status> closed;
  };
  class Handler final : public millrace::ConnectionHandler {
   public:
    explicit Handler(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
    void OnOpened(std::shared_ptr<millrace::Connection>) override {}
    void OnFrame(millrace::Frame frame) override {
      const std::lock_guard lock(inbox_->mutex);
      inbox_->frame = std::move(frame);
      inbox_->changed.notify_all();
    }
    void OnClosed(const absl::Status& status) override {
      const std::lock_guard lock(inbox_->mutex);
      inbox_->closed = status;
      inbox_->changed.notify_all();
    }

   private:
    const std::shared_ptr<Inbox> inbox_;
  };

  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::shared_ptr<millrace::Connection> connection_;
  millrace::Frame last_;
  int32_t correlation_id_ = 0;
};

#endif  // MILLRACE_EXAMPLES_WIRE_CLIENT_H_
