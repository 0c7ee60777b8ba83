// What many clients cost a broker, and those beside them. Broker and clients are processes of their own.
//
//   Connections/idle/COUNT     two processes connect COUNT clients in one go; each asks for ApiVersions,
//   reads
//                              the answer, and then is silent
//   Connections/trickle/COUNT  each of them goes on with a frame that comes by a byte a second
//
// `storm_seconds`: from the first connect until the last client has read its answer. `bytes_each`: by how
// much the broker's resident memory has grown for each; the kernel's, for sockets, is not in it.
// `idle_cpu_us_per_s`: processor time that the broker takes with all of them there and nobody asking. A good
// client's round trips, a produce of 100 bytes and a fetch of it in turns: `alone_p50_us`, `alone_p99_us`,
// before the others came and after they have gone; `beside_p50_us`, `beside_p99_us`; `vs_alone`, of the two
// p99.

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bare_client.h"
#include "bare_socket.h"
#include "bench_util.h"
#include "child_process.h"
#include "millrace/wire/messages/api_versions.h"
#include "served_broker.h"

namespace millrace_bench {
namespace {

// Descriptors that a process has open beside its connections.
constexpr int kOtherDescriptors = 200;
constexpr int16_t kApiVersionsVersion = 3;

// As many descriptors as the system allows this process; returns how many.
int64_t RaiseFileLimit() {
  ::rlimit limit = {};
  Require(getrlimit(RLIMIT_NOFILE, &limit) == 0, "the limit of open files");
  limit.rlim_cur = limit.rlim_max;
  Require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "raising the limit of open files");
  return static_cast<int64_t>(limit.rlim_cur);
}

// --- Many clients, in a process of their own: connections_bench --clients PORT COUNT HOST idle|trickle

constexpr char kClients[] = "--clients";

class ManyClients {
 public:
  // From 127.0.0.`host`: an address has only some 28,000 ports.
  ManyClients(int port, int host) : port_(port), epoll_(epoll_create1(0)) {
    Require(epoll_ >= 0, "an epoll");
    from_.sin_family = AF_INET;
    from_.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffu) | static_cast<uint32_t>(host));
    request_ =
        FrameOf(wire::ApiVersionsRequest{.client_software_name = "bench", .client_software_version = "1"},
                kApiVersionsVersion);
  }

  // All at once; returns when each has read its answer.
  void Storm(int count) {
    clients_.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) Connect();
    std::vector<::epoll_event> events(512);
    while (answered_ < clients_.size()) {
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 30'000);
      Require(ready > 0, "clients are answered within 30 s");
      for (const ::epoll_event& event : std::span(events).first(static_cast<size_t>(ready))) Ready(event);
    }
  }

  // A byte a second of each client, spread over the second as those of strangers would be, until standard
  // input ends. A frame is as long as 10,000 s.
  void TrickleUntilInputEnds() {
    constexpr size_t kParts = 1000;
    const std::vector<char> length = {0, 0, 0x27, 0x10};
    ::pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    for (size_t round = 0; poll(&input, 1, 1000 / kParts) == 0; ++round) {
      for (size_t i = round % kParts; i < clients_.size(); i += kParts) {
        const size_t at = round / kParts;
        const char byte = at < length.size() ? length[at] : 'x';
        // One that the broker has given up sends nothing more.
        if (send(clients_[i].fd, &byte, 1, MSG_NOSIGNAL) != 1) continue;
      }
    }
  }

 private:
  struct Client {
    int fd = -1;
    bool asked = false;
    bool answered = false;
    std::string answer = {};
  };

  void Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const ::sockaddr_in to = Loopback(port_);
    Require(
        fd >= 0 && bind(fd, reinterpret_cast<const ::sockaddr*>(&from_), sizeof from_) == 0 &&
            (connect(fd, reinterpret_cast<const ::sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS),
        "connecting");
    ::epoll_event event = {.events = EPOLLOUT, .data = {.u64 = clients_.size()}};
    Require(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "watching a client");
    clients_.push_back({.fd = fd});
  }

  void Ready(const ::epoll_event& event) {
    Client& client = clients_[event.data.u64];
    if (client.answered) return;
    if (!client.asked) {
      client.asked = true;
      Require(WriteAll(client.fd, request_.data(), request_.size()), "asking");
      ::epoll_event wanted = {.events = EPOLLIN, .data = event.data};
      Require(epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &wanted) == 0, "watching a client");
      return;
    }
    char buffer[4096];
    const ssize_t count = read(client.fd, buffer, sizeof buffer);
    Require(count > 0, "an answer");
    client.answer.append(buffer, static_cast<size_t>(count));
    if (client.answer.size() < 4 || client.answer.size() < 4 + LoadLength(client.answer.data())) return;
    // After the length and the correlation id: the error.
    Require(client.answer.size() > 10 && client.answer[8] == 0 && client.answer[9] == 0, "a good answer");
    client.answer = {};
    client.answered = true;
    ++answered_;
  }

  const int port_;
  const int epoll_;
  ::sockaddr_in from_ = {};
  std::vector<char> request_;
  std::vector<Client> clients_;
  size_t answered_ = 0;
};

int RunClients(char** argv) {
  ManyClients clients(std::atoi(argv[2]), std::atoi(argv[4]));
  const int64_t began = NowNanos();
  clients.Storm(std::atoi(argv[3]));
  const std::string line = std::to_string(began) + " " + std::to_string(NowNanos()) + "\n";
  Require(WriteAll(STDOUT_FILENO, line.data(), line.size()), "telling");
  if (std::string_view(argv[5]) == "trickle") {
    clients.TrickleUntilInputEnds();
  } else {
    char byte = 0;
    Require(read(STDIN_FILENO, &byte, 1) == 0, "the end of the input");
  }
  return 0;
}

// `count` clients in two processes, until it is destroyed.
class Crowd {
 public:
  Crowd(const std::string& port, int64_t count, const std::string& manner) {
    std::vector<std::thread> starting;
    for (int i = 0; i < 2; ++i) {
      const std::vector<std::string> arguments = {kClients, port, std::to_string(count / 2),
                                                  std::to_string(i + 2), manner};
      starting.emplace_back([this, i, arguments] { halves_[i] = std::make_unique<ChildProcess>(arguments); });
    }
    for (std::thread& thread : starting) thread.join();
  }
  double StormSeconds() const {
    int64_t first = INT64_MAX, last = 0;
    for (const auto& half : halves_) {
      const size_t space = half->told().find(' ');
      first = std::min<int64_t>(first, std::atoll(half->told().c_str()));
      last = std::max<int64_t>(last, std::atoll(half->told().c_str() + space));
    }
    return static_cast<double>(last - first) * 1e-9;
  }

 private:
  std::unique_ptr<ChildProcess> halves_[2];
};

// --- The good client

class GoodClient {
 public:
  explicit GoodClient(const std::string& address) : client_(address), produce_(ProduceFrame(0, 100)) {}

  void RoundTrips(int rounds, Samples& samples) {
    for (int i = 0; i < rounds; ++i, ++end_) {
      int64_t start = NowNanos();
      client_.Send(produce_);
      CheckProduced(client_);
      samples.Add(NowNanos() - start);
      const std::vector<char> fetch = FetchFrame(end_, 1 << 20, 0);
      start = NowNanos();
      client_.Send(fetch);
      const auto answer = client_.ReceiveAs<wire::FetchResponse>(kFetchVersion);
      samples.Add(NowNanos() - start);
      Require(!answer.responses.at(0).partitions.at(0).records->empty(), "a record");
    }
  }

 private:
  BareClient client_;
  const std::vector<char> produce_;
  int64_t end_ = 0;
};

void Connections(benchmark::State& state, const std::string& manner) {
  constexpr int kRounds = 10'000;
  const int64_t count = state.range(0);
  const int64_t allowed = RaiseFileLimit();
  if (allowed < count + kOtherDescriptors) {
    const std::string why = "needs " + std::to_string(count + kOtherDescriptors) +
                            " open files in one process; the limit (ulimit -Hn) is " +
                            std::to_string(allowed);
    return state.SkipWithError(why.c_str());
  }
  for (auto _ : state) {
    const ChildProcess broker({kServeBroker, "", std::string(kTopic) + ":1"});
    const std::string port = std::to_string(PortOf(broker.told()));
    GoodClient client(broker.told());
    Samples warm, alone, beside;
    client.RoundTrips(kRounds / 4, warm);
    client.RoundTrips(kRounds, alone);
    const double resident = broker.Status("VmRSS:");
    double resident_with_all = 0;
    {
      const Crowd crowd(port, count, manner);
      state.SetIterationTime(crowd.StormSeconds());
      state.counters["storm_seconds"] = crowd.StormSeconds();
      resident_with_all = broker.Status("VmRSS:");
      const double before = broker.ProcessorNanos();
      const int64_t start = NowNanos();
      std::this_thread::sleep_for(std::chrono::seconds(2));
      state.counters["idle_cpu_us_per_s"] =
          (broker.ProcessorNanos() - before) / static_cast<double>(NowNanos() - start) * 1e6;
      client.RoundTrips(2 * kRounds, beside);
    }
    client.RoundTrips(kRounds, alone);
    state.counters["bytes_each"] = (resident_with_all - resident) * 1024 / static_cast<double>(count);
    state.counters["alone_p50_us"] = alone.At(0.5) / 1000;
    state.counters["alone_p99_us"] = alone.At(0.99) / 1000;
    state.counters["beside_p50_us"] = beside.At(0.5) / 1000;
    state.counters["beside_p99_us"] = beside.At(0.99) / 1000;
    state.counters["vs_alone"] = beside.At(0.99) / alone.At(0.99);
  }
}

void Idle(benchmark::State& state) {
  Connections(state, "idle");
}
void Trickle(benchmark::State& state) {
  Connections(state, "trickle");
}
BENCHMARK(Idle)->Name("Connections/idle")->Arg(10'000)->Apply(Standard);
BENCHMARK(Trickle)->Name("Connections/trickle")->Arg(5'000)->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

int main(int argc, char** argv) {
  using namespace millrace_bench;  // NOLINT
  RaiseFileLimit();
  if (const int served = ServeBrokerIfAsked(argc, argv); served >= 0) return served;
  if (argc == 6 && std::string_view(argv[1]) == kClients) return RunClients(argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
