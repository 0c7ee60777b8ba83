// A whole broker over a simulated engine that holds a little of everything, and clients that send it any
// bytes.

#ifndef MILLRACE_TEST_FUZZ_FUZZED_BROKER_H_
#define MILLRACE_TEST_FUZZ_FUZZED_BROKER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz_target.h"
#include "millrace/broker.h"
#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"
#include "millrace/transport.h"
#include "millrace/wire/messages.h"

namespace millrace::inline v0::fuzz {

inline constexpr std::string_view kFuzzTopic = "t";
inline constexpr std::string_view kFuzzCompactedTopic = "c";
inline constexpr std::string_view kFuzzGroup = "g";

// What came of a frame.
enum class Outcome : uint8_t { kAnswered, kClosed, kWaits };

class FuzzedBroker {
 public:
  FuzzedBroker() {
    auto opened = Engine::Open({.directory = "/data", .env = sim_.env(), .offsets_topic_num_partitions = 1});
    Require(opened.ok(), "the engine opens");
    engine_ = *std::move(opened);
    Require(engine_->CreateTopic(kFuzzTopic, {.partitions = 2}).ok(), "the topic is created");
    TopicConfig compacted;
    compacted.cleanup_policy.compact = true;
    Require(engine_->CreateTopic(kFuzzCompactedTopic, {.partitions = 1, .config = compacted}).ok(),
            "the compacted topic is created");
    transport_ = NewInMemoryTransport(sim_.env());
    auto started = Broker::Start(
        {.engine = engine_.get(), .listeners = {{.transport = transport_.get(), .address = "broker:9092"}}});
    Require(started.ok(), "the broker starts");
    broker_ = *std::move(started);
  }
  ~FuzzedBroker() {
    if (client_ != nullptr) client_->Abort();
    sim_.executor->RunFor(0);
  }
  FuzzedBroker(const FuzzedBroker&) = delete;

  // Sends a frame, on a new connection unless the last one is open and idle. `answer`: what came back.
  Outcome Ask(Bytes frame, Bytes* answer = nullptr) {
    if (client_ == nullptr || inbox_->closed || waits_) Connect();
    inbox_->frames.clear();
    if (!client_->Send({.bytes = std::move(frame)}).ok()) return Outcome::kClosed;
    waits_ = true;
    return Await(0, answer);
  }
  // What came of the last frame after so long.
  Outcome Await(int64_t nanos, Bytes* answer = nullptr) {
    sim_.executor->RunFor(nanos);
    if (!inbox_->frames.empty()) {
      Require(inbox_->frames.size() == 1, "one frame has one answer");
      if (answer != nullptr) {
        const auto bytes = inbox_->frames.front().bytes();
        answer->assign(bytes.begin(), bytes.end());
      }
      waits_ = false;
      return Outcome::kAnswered;
    }
    return inbox_->closed ? Outcome::kClosed : Outcome::kWaits;
  }
  // The last frame had no answer, and that was right.
  void NothingAwaited() { waits_ = false; }
  // Everything ends, and what waited is answered or cut off.
  void Close() {
    Require(broker_->Close(absl::ZeroDuration()).ok(), "the broker closes");
    sim_.executor->RunFor(0);
    Require(inbox_ == nullptr || inbox_->closed, "the connection ends with the broker");
    broker_.reset();
    Require(engine_->Close().ok(), "the engine closes");
  }

  SimEnv& sim() { return sim_; }
  Engine& engine() { return *engine_; }

 private:
  struct Inbox {
    std::deque<Frame> frames = {};
    bool closed = false;
  };
  class Handler final : public ConnectionHandler {
   public:
    explicit Handler(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
    void OnOpened(std::shared_ptr<Connection>) override {}
    void OnFrame(Frame frame) override { inbox_->frames.push_back(std::move(frame)); }
    void OnClosed(const absl::Status&) override { inbox_->closed = true; }

   private:
    const std::shared_ptr<Inbox> inbox_;
  };

  void Connect() {
    if (client_ != nullptr) client_->Abort();
    inbox_ = std::make_shared<Inbox>();
    waits_ = false;
    auto connected = transport_->Connect("broker:9092", std::make_unique<Handler>(inbox_));
    Require(connected.ok(), "the broker can be reached");
    client_ = *std::move(connected);
    sim_.executor->RunFor(0);
  }

  SimEnv sim_{7};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Broker> broker_;
  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Connection> client_;
  bool waits_ = false;
};

// The frame of a request with this body.
inline Bytes RequestFrame(int16_t key, int16_t version, Input body) {
  Bytes frame;
  const auto headers = wire::HeaderVersionsOf(key, version);
  const wire::RequestHeader header{
      .request_api_key = key, .request_api_version = version, .correlation_id = 7, .client_id = "fuzz"};
  const int16_t header_version = headers.has_value() ? headers->request : int16_t{1};
  Require(wire::Encode(header, header_version, &frame).ok(), "a header encodes");
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

}  // namespace millrace::inline v0::fuzz

#endif  // MILLRACE_TEST_FUZZ_FUZZED_BROKER_H_
