#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testing/conformance.h"
#include "millrace/testing/sim_env.h"
#include "testing/memory_raw_peer.h"
#include "transport/findings.h"

namespace millrace {
namespace {

using test::Findings;

// The suite over transports that `make` gives for a network in a simulated world.
template <typename Make>
std::string CheckSimulated(Make make) {
  SimEnv sim(1);
  std::shared_ptr<MemoryNetwork> network;
  const auto new_transport = [&] {
    network = std::make_shared<MemoryNetwork>(sim.env(), nullptr);
    return make(NewMemoryTransport(network, "client"));
  };
  const auto connect_raw = [&](std::string_view address) {
    return MemoryRawPeer::Connect(network, "raw", address);
  };
  const auto drive = [&] {
    if (sim.executor->RunReady(1000) == 0) sim.executor->RunFor(1'000'000);
  };
  const auto start = [&](absl::AnyInvocable<void()> task) { sim.executor->Post(std::move(task)); };
  const Findings findings;
  CheckTransport({.new_transport = new_transport,
                  .connect_raw = connect_raw,
                  .drive = drive,
                  .start = start,
                  .clock = &sim.clock,
                  .address = "somewhere:0"},
                 findings);
  return findings.text();
}

TEST_CASE("The in-memory transport conforms on one thread") {
  CHECK(CheckSimulated([](std::unique_ptr<Transport> plain) { return plain; }) == "");
}

// Ways in which a transport can be wrong.
enum class Fault {
  kNone,
  kLosesAFrame,
  kDoublesAFrame,
  kSwapsFrames,
  kChangesAByte,
  kClosesTwice,
  kForgetsToClose,
  kSpeaksAfterTheEnd,
  kNeverWritable,
  kSaysOk,
};

// Stands between a connection and its handler, and gets things wrong.
class Wrong final : public ConnectionHandler {
 public:
  Wrong(std::unique_ptr<ConnectionHandler> right, Fault fault) : right_(std::move(right)), fault_(fault) {}

  void OnOpened(std::shared_ptr<Connection> connection) override { right_->OnOpened(std::move(connection)); }
  void OnFrame(Frame frame) override {
    const bool third = ++frames_ % 3 == 0;
    if (third && fault_ == Fault::kLosesAFrame) return;
    if (third && fault_ == Fault::kDoublesAFrame) right_->OnFrame(Frame::CopyOf(frame.bytes()));
    if (third && fault_ == Fault::kChangesAByte && frame.size() > 0)
      frame.mutable_bytes().back() ^= std::byte{1};
    if (fault_ == Fault::kSwapsFrames && frames_ == 3) {
      held_ = std::move(frame);
      return;
    }
    right_->OnFrame(std::move(frame));
    if (fault_ == Fault::kSwapsFrames && frames_ == 4) right_->OnFrame(std::move(held_));
  }
  void OnWritable() override {
    if (fault_ != Fault::kNeverWritable) right_->OnWritable();
  }
  void OnClosed(const absl::Status& status) override {
    if (fault_ == Fault::kForgetsToClose) return;
    right_->OnClosed(fault_ == Fault::kSaysOk ? absl::OkStatus() : status);
    if (fault_ == Fault::kClosesTwice) right_->OnClosed(status);
    if (fault_ == Fault::kSpeaksAfterTheEnd) right_->OnFrame({});
  }

 private:
  const std::unique_ptr<ConnectionHandler> right_;
  const Fault fault_;
  int frames_ = 0;
  Frame held_;
};

class WrongTransport final : public Transport {
 public:
  WrongTransport(std::unique_ptr<Transport> right, Fault fault) : right_(std::move(right)), fault_(fault) {}

  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, NewHandler new_handler,
                                                   ListenOptions options) override {
    auto maker = std::make_shared<NewHandler>(std::move(new_handler));
    return right_->Listen(
        address, [maker, fault = fault_] { return std::make_unique<Wrong>((*maker)(), fault); }, options);
  }
  absl::StatusOr<std::shared_ptr<Connection>> Connect(std::string_view address,
                                                      std::unique_ptr<ConnectionHandler> handler,
                                                      ConnectionOptions options) override {
    return right_->Connect(address, std::make_unique<Wrong>(std::move(handler), fault_), options);
  }

 private:
  const std::unique_ptr<Transport> right_;
  const Fault fault_;
};

TEST_CASE("The suite finds what is wrong") {
  const auto check = [](Fault fault) {
    return CheckSimulated([fault](std::unique_ptr<Transport> right) -> std::unique_ptr<Transport> {
      return std::make_unique<WrongTransport>(std::move(right), fault);
    });
  };
  CHECK(check(Fault::kNone) == "");
  for (const Fault fault : {Fault::kLosesAFrame, Fault::kDoublesAFrame, Fault::kSwapsFrames,
                            Fault::kChangesAByte, Fault::kClosesTwice, Fault::kForgetsToClose,
                            Fault::kSpeaksAfterTheEnd, Fault::kNeverWritable, Fault::kSaysOk}) {
    INFO(static_cast<int>(fault));
    CHECK(check(fault) != "");
  }
}

TEST_CASE("The in-memory transport conforms on several threads") {
  const auto executor = NewThreadExecutor({.threads = 3, .name = "memory"});
  const Env env = Env{.executor = executor.get()}.WithDefaults();
  std::shared_ptr<MemoryNetwork> network;
  std::vector<std::thread> threads;
  const auto new_transport = [&] {
    network = std::make_shared<MemoryNetwork>(env, nullptr);
    return NewMemoryTransport(network, "client");
  };
  const auto connect_raw = [&](std::string_view address) {
    return MemoryRawPeer::Connect(network, "raw", address);
  };
  const auto drive = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  const auto start = [&](absl::AnyInvocable<void()> task) { threads.emplace_back(std::move(task)); };
  const Findings findings;
  CheckTransport({.new_transport = new_transport,
                  .connect_raw = connect_raw,
                  .drive = drive,
                  .start = start,
                  .clock = Clock::System(),
                  .address = "somewhere:0"},
                 findings);
  for (std::thread& thread : threads) thread.join();
  CHECK(findings.text() == "");
}

class Silent final : public ConnectionHandler {
 public:
  explicit Silent(std::atomic<int>& closed) : closed_(closed) {}
  void OnOpened(std::shared_ptr<Connection>) override {}
  void OnFrame(Frame) override {}
  void OnClosed(const absl::Status&) override { ++closed_; }

 private:
  std::atomic<int>& closed_;
};

TEST_CASE("A connection can be called when its transport and its executor are gone") {
  std::atomic<int> closed = 0;
  std::vector<std::shared_ptr<Connection>> connections;
  {
    SimEnv sim(1);
    const auto transport = NewInMemoryTransport(sim.env());
    const auto listener = *transport->Listen("here:0", [&] { return std::make_unique<Silent>(closed); });
    for (int i = 0; i < 2; ++i) {
      connections.push_back(*transport->Connect(listener->address(), std::make_unique<Silent>(closed)));
    }
    sim.executor->RunReady();
    // One ends before its transport, one with it.
    connections[0]->Abort();
    sim.executor->RunReady();
    CHECK(closed == 2);
  }
  CHECK(closed == 4);
  for (const auto& connection : connections) {
    connection->Abort();
    connection->Close(absl::Seconds(1));
    connection->PauseReading();
    connection->ResumeReading();
    CHECK(absl::IsUnavailable(connection->Send({})));
    CHECK(connection->unsent_bytes() == 0);
  }
}

}  // namespace
}  // namespace millrace
