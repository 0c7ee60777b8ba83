// WireLink: one connection of a simulated client to a broker, without waiting: each answer goes to the
// function that was given with its request.

#ifndef MILLRACE_TEST_RELIABILITY_WIRE_LINK_H_
#define MILLRACE_TEST_RELIABILITY_WIRE_LINK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/transport.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/message.h"
#include "millrace/wire/messages/headers.h"

namespace millrace::inline v0::testing {

// Of the one thread of a simulation. Destroying it ends the connection: nobody is called any more.
class WireLink {
 public:
  // `lost` is called once, later, when the connection has ended by itself; what was asked has no answer then.
  WireLink(Transport* transport, const std::string& address, std::function<void()> lost)
      : state_(std::make_shared<State>()) {
    state_->lost = std::move(lost);
    auto connected = transport->Connect(address, std::make_unique<Handler>(state_));
    if (connected.ok()) state_->connection = *std::move(connected);
  }
  ~WireLink() {
    state_->lost = nullptr;
    state_->asked.clear();
    if (state_->connection != nullptr) state_->connection->Abort();
  }
  WireLink(const WireLink&) = delete;

  // Views in the answer are valid while `done` runs.
  template <typename Response, typename Message>
  void Ask(const Message& message, int16_t version, std::function<void(const Response&)> done) {
    static_assert(Message::kApi.key == Response::kApi.key);
    std::vector<std::byte> bytes;
    const auto headers = wire::HeaderVersionsOf(Message::kApi.key, version);
    const wire::RequestHeader header{.request_api_key = Message::kApi.key,
                                     .request_api_version = version,
                                     .correlation_id = static_cast<int32_t>(++state_->sent),
                                     .client_id = "simulated"};
    if (!wire::Encode(header, headers->request, &bytes).ok() ||
        !wire::Encode(message, version, &bytes).ok()) {
      state_->malformed = true;
      return;
    }
    state_->asked.push_back([version, response_header = headers->response, done = std::move(done)](
                                std::span<const std::byte> frame, int32_t* correlation_id) {
      size_t used = 0;
      const auto answer_header = wire::DecodePrefix<wire::ResponseHeader>(frame, response_header, &used);
      if (!answer_header.ok()) return false;
      *correlation_id = answer_header->correlation_id;
      const auto response = wire::Decode<Response>(frame.subspan(used), version);
      if (response.ok()) done(*response);
      return response.ok();
    });
    // What fails is told by `lost`.
    if (state_->connection != nullptr) state_->connection->Send({.bytes = std::move(bytes)}).IgnoreError();
  }

  // Something was not what the protocol says.
  bool malformed() const { return state_->malformed; }

 private:
  using Taker = std::function<bool(std::span<const std::byte>, int32_t*)>;
  struct State {
    std::shared_ptr<Connection> connection;
    std::function<void()> lost;
    std::deque<Taker> asked;
    uint32_t sent = 0;
    uint32_t answered = 0;
    bool malformed = false;
  };
  class Handler final : public ConnectionHandler {
   public:
    explicit Handler(std::shared_ptr<State> state) : state_(std::move(state)) {}
    void OnOpened(std::shared_ptr<Connection>) override {}
    void OnFrame(Frame frame) override {
      if (state_->asked.empty()) return;
      const Taker take = std::move(state_->asked.front());
      state_->asked.pop_front();
      int32_t correlation_id = 0;
      const uint32_t expected = ++state_->answered;
      if (!take(frame.bytes(), &correlation_id) || correlation_id != static_cast<int32_t>(expected))
        state_->malformed = true;
    }
    void OnClosed(const absl::Status&) override {
      state_->asked.clear();
      if (const auto lost = std::exchange(state_->lost, nullptr); lost != nullptr) lost();
    }

   private:
    const std::shared_ptr<State> state_;
  };

  const std::shared_ptr<State> state_;
};

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_RELIABILITY_WIRE_LINK_H_
