// S5: many clients at once, over TCP; and more of them than there are descriptors for.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "allocations.h"
#include "env/posix_fd.h"
#include "millrace/broker.h"
#include "millrace/engine.h"
#include "millrace/wire/messages/api_versions.h"
#include "reliability/requests.h"

namespace millrace::inline v0 {
namespace {

using CrowdClock = std::chrono::steady_clock;

struct TcpWorld {
  explicit TcpWorld(BrokerOptions options = {}) {
    auto opened = Engine::Open({.directory = ""});
    REQUIRE(opened.ok());
    engine = *std::move(opened);
    auto tcp = NewTcpTransport();
    REQUIRE(tcp.ok());
    transport = *std::move(tcp);
    options.engine = engine.get();
    options.listeners = {{.transport = transport.get(), .address = "127.0.0.1:0"}};
    auto started = Broker::Start(options);
    REQUIRE(started.ok());
    broker = *std::move(started);
  }
  int64_t Counted(std::string_view name) {
    for (const auto& sample : engine->metrics().Snapshot().samples)
      if (sample.name == name) return sample.value;
    return 0;
  }
  int64_t Open() { return Counted("kafka_server_socketservermetrics_connection_count"); }
  int64_t AcceptFailures() { return Counted("millrace_listener_accept_failures_total"); }

  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Broker> broker;
};

// A blocking socket; its reads end after a minute.
class CrowdClient {
 public:
  CrowdClient() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const ::timeval minute = {.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
  }
  int fd() const { return fd_.get(); }
  // The system accepts it, be the broker ready or not.
  bool Connect(const std::string& address) {
    ::sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
    return ::connect(fd_.get(), reinterpret_cast<::sockaddr*>(&to), sizeof to) == 0;
  }
  void Send(std::span<const std::byte> bytes) {
    // Fails where the broker has closed it.
    (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Waits for one frame; false if the connection ends instead.
  bool Receives() {
    std::vector<std::byte> bytes;
    std::byte buffer[4096];
    while (FramesIn(bytes) == 0) {
      const ssize_t count = RetryInterrupted([&] { return ::recv(fd_.get(), buffer, sizeof buffer, 0); });
      if (count <= 0) return false;
      bytes.insert(bytes.end(), buffer, buffer + count);
    }
    return true;
  }
  bool HasBytes() const {
    std::byte byte;
    return ::recv(fd_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
  }
  // Ends it, and keeps the descriptor.
  void Leave() { ::shutdown(fd_.get(), SHUT_RDWR); }

 private:
  const Fd fd_;
};

std::vector<std::byte> ApiVersionsBytes() {
  return OnTheWire(wire::ApiVersionsRequest{}, 0);
}

// Waits for what the broker's threads do; false after a minute.
bool Until(const std::function<bool()>& done) {
  for (int turn = 0; turn < 60'000 && !done(); ++turn)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return done();
}

// --- The storm

// As many as the limit of descriptors allows, both ends being in this process.
size_t CrowdSize() {
  ::rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const size_t allowed = limit.rlim_cur > 400 ? static_cast<size_t>(limit.rlim_cur - 200) / 2 : 100;
  return std::min<size_t>(2000, allowed);
}

struct Storm {
  size_t answered = 0;
  size_t bytes_each = 0;
  bool all_gone = false;
};

// `count` clients connect, and all have asked before the first reads; `more` follows the question.
Storm RunStorm(size_t count, int32_t max_connections, const std::vector<std::byte>& more) {
  TcpWorld world({.max_connections = max_connections});
  std::vector<std::byte> question = ApiVersionsBytes();
  CrowdClient first;
  REQUIRE(first.Connect(world.broker->bootstrap_servers()));
  first.Send(question);
  REQUIRE(first.Receives());
  question.insert(question.end(), more.begin(), more.end());
  Storm result;
  {
    std::vector<CrowdClient> clients(count);
    const test::PeakMemory memory;
    for (CrowdClient& client : clients) REQUIRE(client.Connect(world.broker->bootstrap_servers()));
    for (CrowdClient& client : clients) client.Send(question);
    for (CrowdClient& client : clients) result.answered += client.Receives() ? 1 : 0;
    const auto sent = static_cast<int64_t>(count * question.size());
    if (!more.empty()) {
      CHECK(Until(
          [&] { return world.Counted("kafka_server_socketservermetrics_incoming_byte_total") >= sent; }));
    }
    result.bytes_each = memory.bytes() / count;
  }
  result.all_gone = Until([&] { return world.Open() == 1; });
  first.Send(ApiVersionsBytes());
  CHECK(first.Receives());
  return result;
}

TEST_CASE("S5: a storm of clients is answered, in 16 KiB each, and leaves nothing behind") {
  const size_t count = CrowdSize();
  const Storm storm = RunStorm(count, INT32_MAX, {});
  CHECK(storm.answered == count);
  CHECK(storm.all_gone);
  if (test::CountsAllocations()) CHECK(storm.bytes_each <= 16 * 1024);
}

// The negative controls: clients that the broker turns away are missed, and memory that each takes is seen.
TEST_CASE("S5: who is not answered in a storm is missed, and what each takes is seen") {
  const size_t count = std::min<size_t>(500, CrowdSize());
  CHECK(RunStorm(count, static_cast<int32_t>(count / 2), {}).answered == count / 2 - 1);
  // A frame of 1 MiB, of which 40 KB come.
  std::vector<std::byte> more(40'000);
  more[1] = std::byte{0x10};
  const Storm storm = RunStorm(count, INT32_MAX, more);
  CHECK(storm.answered == count);
  CHECK(storm.all_gone);
  if (test::CountsAllocations()) CHECK(storm.bytes_each > 16 * 1024);
}

// --- No descriptors

// Descriptors below `limit` alone, while it lives.
class FileLimit {
 public:
  explicit FileLimit(int limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const ::rlimit low = {.rlim_cur = static_cast<rlim_t>(limit), .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &low);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FileLimit(const FileLimit&) = delete;

 private:
  ::rlimit before_ = {};
};

// How often a broker that pauses for 100 ms after each failure may have failed meanwhile: a pause is cut
// short by each of those that it accepted in between.
int64_t FailuresAllowed(CrowdClock::duration elapsed, int64_t accepted) {
  return elapsed / std::chrono::milliseconds(100) + 2 + accepted;
}

double ProcessorSeconds() {
  ::rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const ::timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The lowest descriptor from which on none is in use.
int LowestFree(std::vector<Fd>* fillers) {
  for (int i = 0; i < 100; ++i) fillers->emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return fillers->back().get() + 1;
}

struct Shortage {
  bool all_connected = true;
  int64_t answered_at_first = 0;
  int64_t answered_too_soon = 0;
  bool failures_seen = false;
  bool good_is_served = false;
  int64_t failures = 0;
  int64_t failures_allowed = 0;
  double processor_share = 0;
  int64_t answered_after = 0;
};

constexpr size_t kRoom = 4;
constexpr size_t kTooMany = 4;

// Clients one after the other, with descriptors for the first four alone; then each of those leaves, and one
// more has room. Nothing is checked while there are no descriptors: the test itself might need one.
Shortage RunShortage(TcpWorld& world, CrowdClient& good, std::vector<CrowdClient>& clients, int lowest_free) {
  const std::string address = world.broker->bootstrap_servers();
  Shortage result;
  const auto start = CrowdClock::now();
  const FileLimit limit(lowest_free + static_cast<int>(kRoom));
  for (CrowdClient& client : clients) {
    result.all_connected &= client.Connect(address);
    client.Send(ApiVersionsBytes());
  }
  for (size_t i = 0; i < kRoom; ++i) result.answered_at_first += clients[i].Receives() ? 1 : 0;
  // Nothing happens but that it tries again.
  const double used = ProcessorSeconds();
  const auto waiting = CrowdClock::now();
  result.failures_seen = Until([&] { return world.AcceptFailures() >= 5; });
  result.processor_share =
      (ProcessorSeconds() - used) / std::chrono::duration<double>(CrowdClock::now() - waiting).count();
  for (size_t i = kRoom; i < clients.size(); ++i) result.answered_too_soon += clients[i].HasBytes() ? 1 : 0;
  good.Send(ApiVersionsBytes());
  result.good_is_served = good.Receives();
  for (size_t i = 0; i < kTooMany; ++i) {
    clients[i].Leave();
    result.answered_after += clients[kRoom + i].Receives() ? 1 : 0;
  }
  result.failures = world.AcceptFailures();
  result.failures_allowed =
      FailuresAllowed(CrowdClock::now() - start, static_cast<int64_t>(kRoom + kTooMany));
  return result;
}

TEST_CASE("S5: without descriptors accepting pauses, and goes on as one is free") {
  TcpWorld world;
  CrowdClient good;
  REQUIRE(good.Connect(world.broker->bootstrap_servers()));
  good.Send(ApiVersionsBytes());
  REQUIRE(good.Receives());
  std::vector<CrowdClient> clients(kRoom + kTooMany);
  std::vector<Fd> fillers;
  const Shortage result = RunShortage(world, good, clients, LowestFree(&fillers));
  CHECK(result.all_connected);
  CHECK(result.answered_at_first == kRoom);
  CHECK(result.failures_seen);
  CHECK(result.answered_too_soon == 0);
  CHECK(result.good_is_served);
  CHECK(result.answered_after == kTooMany);
  CHECK(result.failures <= result.failures_allowed);
  // A loop that turns takes a processor for itself.
  CHECK(result.processor_share < 0.5);
  // With descriptors again anybody may come.
  CrowdClient last;
  REQUIRE(last.Connect(world.broker->bootstrap_servers()));
  last.Send(ApiVersionsBytes());
  CHECK(last.Receives());
}

// The negative control: what accepts again at once is far beyond what is allowed.
TEST_CASE("S5: a loop that turns without descriptors is found out") {
  const Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ::sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::socklen_t length = sizeof address;
  REQUIRE(::bind(listening.get(), reinterpret_cast<::sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(listening.get(), 8) == 0);
  REQUIRE(::getsockname(listening.get(), reinterpret_cast<::sockaddr*>(&address), &length) == 0);
  CrowdClient client;
  REQUIRE(client.Connect("127.0.0.1:" + std::to_string(ntohs(address.sin_port))));
  int64_t failures = 0;
  bool is_found = false;
  {
    const auto start = CrowdClock::now();
    const FileLimit limit(0);
    while (!is_found && CrowdClock::now() - start < std::chrono::minutes(1)) {
      if (::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC) < 0 && errno == EMFILE) ++failures;
      is_found = failures > FailuresAllowed(CrowdClock::now() - start, kRoom + kTooMany);
    }
  }
  CHECK(is_found);
}

}  // namespace
}  // namespace millrace::inline v0
