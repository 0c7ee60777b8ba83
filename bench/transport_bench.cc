// What the TCP transport costs beside bare sockets on the same loopback, in turns.
//
//   RoundTrip/one_core     a bare blocking client. Who answers: a bare blocking thread, or a handler
//   RoundTrip/two_cores    likewise, with client and servers each on a core
//   RoundTrip/both         likewise, and both ends are handlers
//   Mapped/1MiB            a bare client asks for 1 MiB of a mapped file, four requests ahead
//   Idle/5000              memory of a connection that has answered once and waits
//
// `vs_floor`: time of ours by time of the floor's, which is a blocking thread of bare system calls. Threads
// are pinned: where the scheduler puts them makes more difference than what they run.

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bare_socket.h"
#include "bench_util.h"
#include "millrace/transport.h"

namespace millrace_bench {
namespace {

using namespace millrace;  // NOLINT

constexpr size_t kFrame = 100;
constexpr size_t kWire = kFrame + 4;
constexpr size_t kResponse = 1 << 20;

// --- Bare sockets

void ServeEcho(int fd) {
  char frame[kWire];
  while (ReadAll(fd, frame, kWire) && WriteAll(fd, frame, kWire)) {
  }
}

// --- Handlers

class EchoHandler final : public ConnectionHandler {
 public:
  void OnOpened(std::shared_ptr<Connection> connection) override { connection_ = std::move(connection); }
  void OnFrame(Frame frame) override {
    connection_->Send({.bytes = {frame.bytes().begin(), frame.bytes().end()}}).IgnoreError();
  }
  void OnClosed(const absl::Status&) override {}

 private:
  std::shared_ptr<Connection> connection_;
};

// Sends a frame for each that comes, so many times.
class PingHandler final : public ConnectionHandler {
 public:
  PingHandler(int64_t rounds, Samples& samples, std::atomic<bool>& done)
      : left_(rounds), samples_(samples), done_(done) {}
  void OnOpened(std::shared_ptr<Connection> connection) override {
    connection_ = std::move(connection);
    Ping();
  }
  void OnFrame(Frame) override {
    samples_.Add(NowNanos() - sent_);
    if (--left_ > 0) return Ping();
    done_.store(true);
    done_.notify_all();
  }
  void OnClosed(const absl::Status&) override {}

 private:
  void Ping() {
    sent_ = NowNanos();
    connection_->Send({.bytes = std::vector<std::byte>(kFrame)}).IgnoreError();
  }
  int64_t left_;
  Samples& samples_;
  std::atomic<bool>& done_;
  int64_t sent_ = 0;
  std::shared_ptr<Connection> connection_;
};

// Answers each request with the mapped bytes, where they are.
class MappedHandler final : public ConnectionHandler {
 public:
  explicit MappedHandler(std::span<const std::byte> mapped) : mapped_(mapped) {}
  void OnOpened(std::shared_ptr<Connection> connection) override { connection_ = std::move(connection); }
  void OnFrame(Frame) override {
    OutgoingFrame answer;
    answer.splices.push_back({.bytes = mapped_, .pin = pin_});
    connection_->Send(std::move(answer)).IgnoreError();
  }
  void OnClosed(const absl::Status&) override {}

 private:
  const std::span<const std::byte> mapped_;
  const std::shared_ptr<int> pin_ = std::make_shared<int>();
  std::shared_ptr<Connection> connection_;
};

// --- Round trips

void PingPong(int fd, int rounds, Samples& samples) {
  char frame[kWire] = {0, 0, 0, kFrame};
  for (int i = 0; i < rounds; ++i) {
    const int64_t start = NowNanos();
    Require(WriteAll(fd, frame, kWire) && ReadAll(fd, frame, kWire), "a round trip");
    samples.Add(NowNanos() - start);
  }
}

void Report(benchmark::State& state, Samples& ours, Samples& floor) {
  state.counters["p50_us"] = ours.At(0.5) / 1000;
  state.counters["p99_us"] = ours.At(0.99) / 1000;
  state.counters["floor_p50_us"] = floor.At(0.5) / 1000;
  state.counters["floor_p99_us"] = floor.At(0.99) / 1000;
  state.counters["vs_floor"] = ours.At(0.5) / floor.At(0.5);
}

// Threads stay on the processor of the thread that starts them: servers on `server_cpu`, the client on 0.
void RoundTrip(benchmark::State& state, unsigned server_cpu) {
  constexpr int kTurns = 40;
  constexpr int kRounds = 500;
  for (auto _ : state) {
    Samples ours;
    Samples floor;
    const int64_t start = NowNanos();
    PinTo(server_cpu);
    const auto transport = Value(NewTcpTransport(), "transport");
    const auto listener =
        Value(transport->Listen("127.0.0.1:0", [] { return std::make_unique<EchoHandler>(); }), "listen");
    const BareServer bare(ServeEcho);
    const int to_bare = Connected(bare.port());
    const int to_ours = Connected(PortOf(listener->address()));
    PinTo(0);
    for (int turn = 0; turn < kTurns; ++turn) {
      PingPong(to_bare, kRounds, floor);
      PingPong(to_ours, kRounds, ours);
    }
    close(to_ours);
    close(to_bare);
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    Report(state, ours, floor);
  }
}

void RoundTripOneCore(benchmark::State& state) {
  RoundTrip(state, 0);
}
void RoundTripTwoCores(benchmark::State& state) {
  RoundTrip(state, 1);
}

void RoundTripBoth(benchmark::State& state) {
  constexpr int kTurns = 20;
  constexpr int kRounds = 1000;
  for (auto _ : state) {
    Samples ours;
    Samples floor;
    const int64_t start = NowNanos();
    PinTo(1);
    const auto server = Value(NewTcpTransport(), "transport");
    const auto client = Value(NewTcpTransport(), "transport");
    const auto listener =
        Value(server->Listen("127.0.0.1:0", [] { return std::make_unique<EchoHandler>(); }), "listen");
    const BareServer bare(ServeEcho);
    PinTo(0);  // the client's loop starts with its first connection
    const int to_bare = Connected(bare.port());
    for (int turn = 0; turn < kTurns; ++turn) {
      PingPong(to_bare, kRounds, floor);
      std::atomic<bool> done = false;
      const auto connection =
          Value(client->Connect(listener->address(), std::make_unique<PingHandler>(kRounds, ours, done)),
                "connect");
      done.wait(false);
      connection->Abort();
    }
    close(to_bare);
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    Report(state, ours, floor);
  }
}

// --- Responses out of a mapped file

// A mapped file of 64 responses.
class MappedFileOfBytes {
 public:
  MappedFileOfBytes() {
    const int fd = open((directory_.path() + "/data").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const std::vector<char> block(kResponse, 'x');
    for (int i = 0; i < 64; ++i) Require(WriteAll(fd, block.data(), block.size()), "write");
    void* const at = mmap(nullptr, 64 * kResponse, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    Require(at != MAP_FAILED, "map");
    close(fd);
    bytes_ = {static_cast<const std::byte*>(at), 64 * kResponse};
  }
  ~MappedFileOfBytes() { munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }
  std::span<const std::byte> response() const { return bytes_.first(kResponse); }

 private:
  Directory directory_;
  std::span<const std::byte> bytes_;
};

// Asks for `responses`, four ahead, and reads them.
int64_t Download(int fd, int responses, std::vector<char>& buffer) {
  const char request[kWire] = {0, 0, 0, kFrame};
  const int64_t start = NowNanos();
  for (int i = -4; i < responses; ++i) {
    if (i + 4 < responses) Require(WriteAll(fd, request, kWire), "request");
    if (i >= 0) Require(ReadAll(fd, buffer.data(), 4 + kResponse), "response");
  }
  return NowNanos() - start;
}

void Mapped(benchmark::State& state) {
  constexpr int kTurns = 10;
  constexpr int kResponses = 100;
  const MappedFileOfBytes file;
  for (auto _ : state) {
    const auto transport = Value(NewTcpTransport(), "transport");
    PinTo(1);
    const auto make = [&] { return std::make_unique<MappedHandler>(file.response()); };
    const auto listener = Value(transport->Listen("127.0.0.1:0", make), "listen");
    const BareServer bare([&file](int fd) {
      char request[kWire];
      const char length[4] = {0, 0x10, 0, 0};
      while (ReadAll(fd, request, kWire)) {
        // A blocking writev ends when all is written.
        const auto* const bytes = file.response().data();
        const ::iovec parts[] = {{const_cast<char*>(length), 4}, {const_cast<std::byte*>(bytes), kResponse}};
        if (writev(fd, parts, 2) != static_cast<ssize_t>(4 + kResponse)) return;
      }
    });
    const int to_bare = Connected(bare.port());
    const int to_ours = Connected(PortOf(listener->address()));
    PinTo(0);
    std::vector<char> buffer(4 + kResponse);
    Samples ours;
    Samples floor;
    for (int turn = 0; turn < kTurns; ++turn) {
      floor.Add(Download(to_bare, kResponses, buffer));
      ours.Add(Download(to_ours, kResponses, buffer));
    }
    close(to_ours);
    close(to_bare);
    state.SetIterationTime(ours.At(0.5) * 1e-9);
    state.counters["GB_per_s"] = kResponses * static_cast<double>(kResponse) / ours.At(0.5);
    state.counters["floor_GB_per_s"] = kResponses * static_cast<double>(kResponse) / floor.At(0.5);
    state.counters["vs_floor"] = ours.At(0.5) / floor.At(0.5);
  }
}

// --- Idle connections

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// The clients are bare sockets in this process, which cost it nothing but descriptors.
void Idle(benchmark::State& state) {
  const int64_t connections = Setting("MILLRACE_BENCH_CONNECTIONS", 5000);
  ::rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (auto _ : state) {
    const auto transport = Value(NewTcpTransport(), "transport");
    const auto listener =
        Value(transport->Listen("127.0.0.1:0", [] { return std::make_unique<EchoHandler>(); }), "listen");
    std::vector<int> clients;
    clients.reserve(static_cast<size_t>(connections));
    Samples warm;
    const int first = Connected(PortOf(listener->address()));
    PingPong(first, 100, warm);
    malloc_trim(0);
    const size_t before = ResidentBytes();
    const size_t heap = mallinfo2().uordblks;
    const int64_t start = NowNanos();
    for (int64_t i = 0; i < connections; ++i) {
      clients.push_back(Connected(PortOf(listener->address())));
      PingPong(clients.back(), 1, warm);
    }
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    malloc_trim(0);
    const auto each = [connections](size_t after, size_t base) {
      return (static_cast<double>(after) - static_cast<double>(base)) / static_cast<double>(connections);
    };
    state.counters["resident_bytes_each"] = each(ResidentBytes(), before);
    state.counters["heap_bytes_each"] = each(mallinfo2().uordblks, heap);
    Samples beside;
    PingPong(first, 2000, beside);
    state.counters["p50_us_beside"] = beside.At(0.5) / 1000;
    Require(listener->counts().open == connections + 1, "all are open");
    for (const int fd : clients) close(fd);
    close(first);
  }
}

BENCHMARK(RoundTripOneCore)->Name("RoundTrip/one_core")->Apply(Standard);
BENCHMARK(RoundTripTwoCores)->Name("RoundTrip/two_cores")->Apply(Standard);
BENCHMARK(RoundTripBoth)->Name("RoundTrip/both")->Apply(Standard);
BENCHMARK(Mapped)->Name("Mapped/1MiB")->Apply(Standard);
BENCHMARK(Idle)->Name("Idle/5000")->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

BENCHMARK_MAIN();
