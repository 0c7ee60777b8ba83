// A client that speaks frames: for tests of a broker, over a transport that runs on a simulated executor.

#ifndef MILLRACE_TEST_BROKER_WIRE_CLIENT_H_
#define MILLRACE_TEST_BROKER_WIRE_CLIENT_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "millrace/testing/sim_env.h"
#include "millrace/transport.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages/headers.h"

namespace millrace::inline v0 {

class WireClient {
 public:
  WireClient(SimEnv* sim, Transport* transport, const std::string& address)
      : sim_(sim), inbox_(std::make_shared<Inbox>()) {
    auto connected = transport->Connect(address, std::make_unique<Handler>(inbox_));
    if (connected.ok()) connection_ = *std::move(connected);
  }
  ~WireClient() {
    if (connection_ != nullptr) connection_->Abort();
  }

  // Returns the correlation id.
  template <typename Message>
  int32_t Send(const Message& message, int16_t version) {
    std::vector<std::byte> bytes;
    const auto headers = wire::HeaderVersionsOf(Message::kApi.key, version);
    wire::RequestHeader header{.request_api_key = Message::kApi.key,
                               .request_api_version = version,
                               .correlation_id = ++correlation_id_,
                               .client_id = "test"};
    (void)wire::Encode(header, headers->request, &bytes);
    (void)wire::Encode(message, version, &bytes);
    SendBytes(std::move(bytes));
    return correlation_id_;
  }
  void SendBytes(std::vector<std::byte> bytes) {
    (void)connection_->Send({.bytes = std::move(bytes)});
    Run();
  }
  // The next answer, of `key` at `version`; an error if there is none yet or it cannot be read.
  template <typename Response>
  absl::StatusOr<Response> Receive(int16_t version) {
    Run();
    if (inbox_->frames.empty()) return absl::NotFoundError("no answer");
    Frame frame = std::move(inbox_->frames.front());
    inbox_->frames.pop_front();
    const auto headers = wire::HeaderVersionsOf(Response::kApi.key, version);
    size_t used = 0;
    auto header = wire::DecodePrefix<wire::ResponseHeader>(frame.bytes(), headers->response, &used);
    if (!header.ok()) return header.status();
    last_correlation_id_ = header->correlation_id;
    kept_ = std::move(frame);
    return wire::Decode<Response>(kept_.bytes().subspan(used), version);
  }
  template <typename Response, typename Message>
  absl::StatusOr<Response> Call(const Message& message, int16_t version) {
    Send(message, version);
    return Receive<Response>(version);
  }

  void Abort() {
    connection_->Abort();
    Run();
  }
  size_t answers() {
    Run();
    return inbox_->frames.size();
  }
  int32_t last_correlation_id() const { return last_correlation_id_; }
  bool closed() {
    Run();
    return inbox_->closed.has_value();
  }
  void Run() { sim_->executor->RunFor(0); }

 private:
  struct Inbox {
    std::deque<Frame> frames;
    std::optional<absl::Status> closed;
  };
  class Handler final : public ConnectionHandler {
   public:
    explicit Handler(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
    void OnOpened(std::shared_ptr<Connection>) override {}
    void OnFrame(Frame frame) override { inbox_->frames.push_back(std::move(frame)); }
    void OnClosed(const absl::Status& status) override { inbox_->closed = status; }

   private:
    const std::shared_ptr<Inbox> inbox_;
  };

  SimEnv* const sim_;
  const std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Connection> connection_;
  // Views of the last answer point into it.
  Frame kept_;
  int32_t correlation_id_ = 0;
  int32_t last_correlation_id_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_BROKER_WIRE_CLIENT_H_
