#include "millrace/testing/sim_network.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "millrace/testing/conformance.h"
#include "transport/findings.h"

namespace millrace {
namespace {

constexpr int64_t kMs = 1'000'000;

OutgoingFrame FrameOf(std::string_view text) {
  const auto* const data = reinterpret_cast<const std::byte*>(text.data());
  return {.bytes = {data, data + text.size()}};
}

// What one end was told, as text: "o" opened, "f<size>" a frame, "c<status>" closed.
struct Story {
  std::string text = {};
  size_t frames = 0;
  bool closed = false;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::shared_ptr<Connection> connection = nullptr;
};

class Teller final : public ConnectionHandler {
 public:
  Teller(Story& story, bool echo) : story_(story), echo_(echo) {}
  void OnOpened(std::shared_ptr<Connection> connection) override {
    story_.text += "o ";
    story_.connection = std::move(connection);
  }
  void OnFrame(Frame frame) override {
    ++story_.frames;
    story_.text += "f" + std::to_string(frame.size()) + " ";
    if (echo_) story_.connection->Send({.bytes = {frame.bytes().begin(), frame.bytes().end()}}).IgnoreError();
  }
  void OnClosed(const absl::Status& status) override {
    story_.closed = true;
    story_.code = status.code();
    story_.text += "c" + std::string(status.message()) + " ";
    story_.connection.reset();
  }

 private:
  Story& story_;
  const bool echo_;
};

// A server that echoes, and a client, on two hosts.
struct World {
  explicit World(uint64_t seed, SimNetworkOptions options = {})
      : sim(seed),
        network(sim, options),
        server(network.NewTransport("server")),
        client(network.NewTransport("client")) {
    listener = *server->Listen("server:9092", [this] { return std::make_unique<Teller>(at_server, true); });
  }

  std::shared_ptr<Connection> Connect(ConnectionOptions options = {}) {
    return *client->Connect("server:9092", std::make_unique<Teller>(at_client, false), options);
  }
  void Run(int64_t ms) { sim.executor->RunFor(ms * kMs); }

  SimEnv sim;
  Story at_server;
  Story at_client;
  SimNetwork network;
  std::unique_ptr<Transport> server;
  std::unique_ptr<Transport> client;
  std::unique_ptr<Listener> listener;
};

TEST_CASE("The simulated network conforms, calm or not") {
  for (const SimNetworkOptions& options :
       {SimNetworkOptions{}, SimNetworkOptions{.split = true},
        SimNetworkOptions{.delay_max = absl::Milliseconds(2), .split = true}}) {
    SimEnv sim(7);
    SimNetwork network(sim, options);
    const auto new_transport = [&] { return network.NewTransport("host"); };
    const auto connect_raw = [&](std::string_view address) { return network.ConnectRaw("raw", address); };
    const auto drive = [&] {
      if (sim.executor->RunReady(1000) == 0) sim.executor->RunFor(kMs);
    };
    const auto start = [&](absl::AnyInvocable<void()> task) { sim.executor->Post(std::move(task)); };
    const test::Findings findings;
    CheckTransport({.new_transport = new_transport,
                    .connect_raw = connect_raw,
                    .drive = drive,
                    .start = start,
                    .clock = &sim.clock},
                   findings);
    CHECK(findings.text() == "");
  }
}

TEST_CASE("A seed replays a run of the network") {
  const auto run = [](uint64_t seed) {
    World world(seed, {.delay_max = absl::Milliseconds(20), .split = true, .cut_probability = 0.02});
    std::string story;
    for (int connection = 0; connection < 5; ++connection) {
      const auto client = world.Connect();
      for (size_t i = 0; i < 20; ++i) {
        client->Send(FrameOf(std::string(i * 997, 'x'))).IgnoreError();
        world.Run(5);
        story += std::to_string(world.at_client.frames) + ",";
      }
      client->Abort();
      world.Run(100);
    }
    const SimNetworkCounts counts = world.network.counts();
    CHECK(counts.writes > 50);
    CHECK(counts.split_reads > 50);
    return story + world.at_client.text + world.at_server.text + std::to_string(counts.cuts);
  };
  CHECK(run(11) == run(11));
  CHECK(run(11) != run(12));
}

TEST_CASE("Bytes are as late as told") {
  World world(3, {.delay_min = absl::Milliseconds(10), .delay_max = absl::Milliseconds(10)});
  const auto client = world.Connect();
  CHECK(client->Send(FrameOf("hello")).ok());
  world.Run(9);
  CHECK(world.at_client.text == "");  // connecting takes its time as well
  world.Run(1);
  CHECK(world.at_client.text == "o ");
  world.Run(9);
  CHECK(world.at_server.text == "o ");
  world.Run(1);
  CHECK(world.at_server.text == "o f5 ");
  world.Run(10);
  CHECK(world.at_client.text == "o f5 ");
}

TEST_CASE("A write that is cut ends the connection at that byte, for both ends") {
  const std::string text(20, 'x');
  for (size_t byte = 0; byte <= 24; ++byte) {
    World world(5);
    const auto client = world.Connect();
    world.Run(1);
    // The negative control: one frame of both that is not cut.
    CHECK(client->Send(FrameOf(text)).ok());
    world.Run(1);
    CHECK(world.at_client.frames == 1);
    if (byte < 24) world.network.CutAtWrite(1, byte);
    CHECK(client->Send(FrameOf(text)).ok());
    world.Run(1);
    const bool cut = byte < 24;
    CHECK(world.network.counts().cuts == (cut ? 1 : 0));
    CHECK(world.at_server.frames == (cut ? 1 : 2));
    CHECK(world.at_server.closed == cut);
    CHECK(world.at_client.closed == cut);
    if (cut) CHECK(world.at_server.code == absl::StatusCode::kUnavailable);
    if (cut) CHECK(world.at_client.code == absl::StatusCode::kUnavailable);
  }
}

TEST_CASE("What arrives over a bad network is a prefix of what was sent, whole frames alone") {
  uint64_t cuts = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    World world(seed, {.delay_max = absl::Milliseconds(3), .split = true, .cut_probability = 0.01});
    const auto client = world.Connect();
    for (size_t i = 0; i < 40; ++i) {
      client->Send(FrameOf(std::string(100 + i, 'x'))).IgnoreError();
      world.Run(2);
    }
    world.Run(100);
    std::string expected = "o ";
    for (size_t i = 0; i < world.at_server.frames; ++i) expected += "f" + std::to_string(100 + i) + " ";
    CHECK(world.at_server.text.substr(0, expected.size()) == expected);
    CHECK(world.at_server.closed == (world.at_server.frames < 40 || world.at_client.frames < 40));
    cuts += world.network.counts().cuts;
  }
  CHECK(cuts > 10);
}

TEST_CASE("A partition holds bytes back until it heals, between its hosts alone") {
  World world(9);
  Story at_bystander;
  const auto bystander = world.network.NewTransport("bystander");
  const auto client = world.Connect();
  world.Run(1);
  Story& server = world.at_server;
  world.network.Partition("server", "client");
  CHECK(client->Send(FrameOf("one")).ok());
  CHECK(client->Send(FrameOf("two")).ok());
  world.Run(1000);
  CHECK(server.frames == 0);
  CHECK_FALSE(world.at_client.closed);

  const auto other = *bystander->Connect("server:9092", std::make_unique<Teller>(at_bystander, false));
  CHECK(other->Send(FrameOf("three")).ok());
  world.Run(1);
  CHECK(at_bystander.frames == 1);

  world.network.Heal("client", "server");
  world.Run(1);
  CHECK(server.text == "o o f5 f3 f3 ");
}

TEST_CASE("Who connects during a partition waits for its end, or for connect_timeout") {
  for (const bool heals : {true, false}) {
    World world(9);
    world.network.Partition("server", "client");
    const auto client = world.Connect({.connect_timeout = absl::Seconds(1)});
    world.Run(500);
    CHECK(world.at_client.text == "");
    if (heals) world.network.HealAll();
    world.Run(600);
    CHECK((world.at_client.text == "o ") == heals);
    CHECK((world.at_client.code == absl::StatusCode::kDeadlineExceeded) == !heals);
  }
}

TEST_CASE("A host that dies is lost to its peers") {
  World world(4);
  const auto client = world.Connect();
  world.Run(1);
  CHECK_FALSE(world.at_client.closed);
  world.server.reset();
  CHECK(world.at_server.code == absl::StatusCode::kAborted);
  world.Run(1);
  CHECK(world.at_client.code == absl::StatusCode::kUnavailable);
}

TEST_CASE("Bytes that are no frame reach a listener") {
  World world(4);
  const auto peer = world.network.ConnectRaw("stranger", "server:9092");
  REQUIRE(peer != nullptr);
  CHECK(world.network.ConnectRaw("stranger", "server:1") == nullptr);
  const std::byte garbage[] = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
  CHECK(peer->Write(garbage));
  world.Run(1);
  CHECK(world.at_server.code == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace
