// S4: clients that send by the byte, go away without a word, or never read. Each is closed at its deadline
// and counted, holds no more memory than it may, and a good client beside them is served as if they were not
// there.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "allocations.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/metadata.h"
#include "reliability/slow_world.h"

namespace millrace::inline v0 {
namespace {

using Peers = std::vector<std::unique_ptr<RawPeer>>;

std::vector<std::byte> SlowBytes(std::initializer_list<int> values, size_t zeros = 0) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  bytes.resize(bytes.size() + zeros);
  return bytes;
}

// Those that the broker has not closed.
int64_t StillOpen(const Peers& peers) {
  std::vector<std::byte> bytes;
  return std::ranges::count_if(peers, [&](const auto& peer) { return peer->Read(bytes); });
}

struct Trickled {
  int64_t open = 0;
  int64_t at_deadline = 0;
  int served = 0;
  size_t bytes_each = 0;
};

// A thousand clients, for 15 seconds: a third sends a frame by a byte a second, its length included; a third
// announces a frame of 100 MiB and sends `sent` bytes of it; a third stops inside the length.
Trickled Trickle(absl::Duration frame_timeout, size_t sent) {
  constexpr size_t kPeers = 999;
  constexpr int kSeconds = 15;
  SlowWorld world({.frame_timeout = frame_timeout});
  REQUIRE(world.Serves());
  Peers peers;
  const test::PeakMemory memory;
  for (size_t i = 0; i < kPeers; ++i) {
    peers.push_back(world.Connect());
    if (i % 3 == 1) peers.back()->Write(SlowBytes({6, 64, 0, 0}, sent));
    if (i % 3 == 2) peers.back()->Write(SlowBytes({0, 0}));
  }
  Trickled result;
  int second = 0;
  result.served = world.ServesFor(kSeconds, [&] {
    const std::byte next{second == 2 ? uint8_t{1} : uint8_t{0}};
    ++second;
    for (size_t i = 0; i < kPeers; i += 3) peers[i]->Write({&next, 1});
  });
  result.open = StillOpen(peers);
  result.at_deadline = world.EndedAtDeadline();
  result.bytes_each = memory.bytes() / kPeers;
  CHECK(world.Open() == result.open);
  return result;
}

// Of which 16 KiB are a buffer that a connection within the process has, and TCP's share.
constexpr size_t kBytesEach = 32 * 1024;

TEST_CASE("S4: a frame that trickles ends its connection at the deadline, and nobody else's") {
  const Trickled result = Trickle(absl::Seconds(10), 10);
  CHECK(result.open == 0);
  CHECK(result.at_deadline == 999);
  CHECK(result.served == 15);
  if (test::CountsAllocations()) CHECK(result.bytes_each <= kBytesEach);
}

// The negative controls: with a deadline that does not come they stay, and a client that has sent much of its
// frame shows in the memory.
TEST_CASE("S4: without a deadline those who trickle stay") {
  const Trickled result = Trickle(absl::Hours(1), 200'000);
  CHECK(result.open == 999);
  CHECK(result.at_deadline == 0);
  CHECK(result.served == 15);
  if (test::CountsAllocations()) CHECK(result.bytes_each > kBytesEach);
}

TEST_CASE("S4: who is slow but in time is answered") {
  SlowWorld world({.frame_timeout = absl::Seconds(10)});
  const auto peer = world.Connect();
  const std::vector<std::byte> request = OnTheWire(wire::ApiVersionsRequest{}, 0);
  REQUIRE(request.size() > 10);
  for (int frame = 0; frame < 3; ++frame) {
    const size_t first = request.size() - 9;
    REQUIRE(peer->Write(std::span(request).first(first)));
    for (size_t at = first; at < request.size(); ++at) {
      world.RunSeconds(1);
      REQUIRE(peer->Write({&request[at], 1}));
    }
  }
  world.RunSeconds(0);
  std::vector<std::byte> answers;
  CHECK(peer->Read(answers));
  CHECK(FramesIn(answers) == 3);
}

struct Silent {
  int64_t open = 0;
  int64_t at_deadline = 0;
  int served = 0;
  int64_t answered = 0;
};

// Three hundred clients, for 70 seconds: a third never says a word; a third asks, and its machine goes down;
// a third asks, has finished sending, and does not close.
Silent FallSilent(absl::Duration idle_timeout) {
  SlowWorld world({.idle_timeout = idle_timeout});
  const std::vector<std::byte> request = OnTheWire(wire::ApiVersionsRequest{}, 0);
  Peers never, gone, half;
  for (int i = 0; i < 100; ++i) {
    never.push_back(world.Connect());
    gone.push_back(world.Connect("gone"));
    half.push_back(world.Connect());
    gone.back()->Write(request);
    half.back()->Write(request);
    half.back()->ShutWrite();
  }
  world.RunSeconds(0);
  world.network.Partition("gone", "broker");
  Silent result;
  result.served = world.ServesFor(70);
  for (const auto& peer : half) {
    std::vector<std::byte> answer;
    if (!peer->Read(answer) && FramesIn(answer) == 1) ++result.answered;
  }
  result.open = world.Open();
  result.at_deadline = world.EndedAtDeadline();
  return result;
}

TEST_CASE("S4: who is silent, or gone without a word, is closed when idle for too long") {
  const Silent result = FallSilent(absl::Seconds(60));
  CHECK(result.open == 0);
  CHECK(result.at_deadline == 200);
  CHECK(result.served == 70);
  // Who has only finished sending gets its answer, and is closed in good order.
  CHECK(result.answered == 100);

  const Silent forever = FallSilent(absl::Hours(24));
  CHECK(forever.open == 200);
  CHECK(forever.at_deadline == 0);
  CHECK(forever.answered == 100);
}

struct Unread {
  int64_t taken_each = 0;
  size_t bytes_each = 0;
  int64_t open_before_deadline = 0;
  int64_t open = 0;
  int served = 0;
  size_t late_reader_got = 0;
};

constexpr size_t kQuestions = 100;

// Twenty clients ask a hundred times for 25 KB, and do not read: but for one, who reads half a minute later.
Unread NeverRead(size_t unsent_bytes_max, absl::Duration idle_timeout) {
  constexpr size_t kPeers = 20;
  SlowWorld world({.idle_timeout = idle_timeout}, {.unsent_bytes_max = unsent_bytes_max});
  for (int i = 0; i < 100; ++i)
    REQUIRE(world.engine->CreateTopic(std::string(200, 'x') + std::to_string(i)).ok());
  const std::vector<std::byte> request = OnTheWire(wire::MetadataRequest{.topics = std::nullopt}, 8);
  Peers peers;
  Unread result;
  const test::PeakMemory memory;
  for (size_t i = 0; i < kPeers; ++i) {
    peers.push_back(world.Connect());
    for (size_t question = 0; question < kQuestions; ++question) REQUIRE(peers.back()->Write(request));
  }
  result.served = world.ServesFor(30);
  result.taken_each =
      world.Counted("kafka_network_requestmetrics_requests_total", {{"request", "Metadata"}}) / kPeers;
  result.bytes_each = memory.bytes() / kPeers;
  std::vector<std::byte> answers;
  for (size_t turn = 0; turn < kQuestions; ++turn) {
    peers[0]->Read(answers);
    world.RunSeconds(0);
  }
  result.late_reader_got = FramesIn(answers);
  result.open_before_deadline = world.Open();
  result.served += world.ServesFor(40);
  result.open = world.Open();
  return result;
}

TEST_CASE("S4: who does not read its answers is not read from, and ends at the idle deadline") {
  const Unread result = NeverRead(64 * 1024, absl::Seconds(60));
  // What the network between them holds, what may be unsent, and one more.
  constexpr int64_t kAnswerBytes = 22'000;
  CHECK(result.taken_each <= (256 * 1024 + 64 * 1024) / kAnswerBytes + 2);
  CHECK(result.taken_each >= 2);
  if (test::CountsAllocations()) CHECK(result.bytes_each <= 512 * 1024);
  CHECK(result.open_before_deadline == 20);
  // The one who has read half a minute later is not idle yet.
  CHECK(result.open == 1);
  CHECK(result.served == 70);
  // Nothing is lost to who reads late.
  CHECK(result.late_reader_got == kQuestions);
}

// The negative control: a queue without a bound takes up all that is asked for, and holds it.
TEST_CASE("S4: without a bound who does not read takes all the memory it asks for") {
  const Unread result = NeverRead(size_t{1} << 30, absl::Hours(24));
  CHECK(result.taken_each == kQuestions);
  if (test::CountsAllocations()) CHECK(result.bytes_each > 1536 * 1024);
  CHECK(result.open == 20);
  CHECK(result.late_reader_got == kQuestions);
}

// Nine hundred of all kinds at once, while few bytes of requests may be queued.
TEST_CASE("S4: slow clients of every kind do not use up what the others' requests need") {
  SlowWorld world({.idle_timeout = absl::Seconds(20), .frame_timeout = absl::Seconds(10)},
                  {.queued_request_bytes_max = 16 * 1024, .unsent_bytes_max = 1024});
  const std::vector<std::byte> request = OnTheWire(wire::MetadataRequest{.topics = std::nullopt}, 8);
  Peers peers;
  for (int i = 0; i < 300; ++i) {
    peers.push_back(world.Connect());
    peers.push_back(world.Connect());
    peers.back()->Write(SlowBytes({0, 0, 64, 0}, 8 * 1024));
    peers.push_back(world.Connect());
    for (int question = 0; question < 50; ++question) peers.back()->Write(request);
  }
  CHECK(world.ServesFor(8) == 8);
  CHECK(world.Counted("millrace_broker_queued_request_bytes") == 0);
  CHECK(world.ServesFor(32) == 32);
  CHECK(StillOpen(peers) == 0);
  CHECK(world.Open() == 0);
  CHECK(world.EndedAtDeadline() == 900);
}

// The negative control: requests that are not answered do use them up, and then the good client notices.
TEST_CASE("S4: a good client that is held up is found out") {
  SlowWorld world({}, {.queued_request_bytes_max = 16 * 1024});
  CHECK(world.ServesFor(3) == 3);
  const auto peer = world.Connect();
  peer->Write(OnTheWire(wire::JoinGroupRequest{.group_id = "g",
                                               .session_timeout_ms = 10'000,
                                               .rebalance_timeout_ms = 10'000,
                                               .protocol_type = "test",
                                               .protocols = {{.name = "p", .metadata = wire::Bytes(20'000)}}},
                        0));
  world.RunSeconds(0);
  CHECK(world.Counted("millrace_broker_queued_request_bytes") > 20'000);
  CHECK(world.ServesFor(3) == 0);
}

}  // namespace
}  // namespace millrace::inline v0
