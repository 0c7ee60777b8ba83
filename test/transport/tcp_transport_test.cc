#include <fcntl.h>
#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testing/conformance.h"
#include "millrace/transport.h"
#include "transport/findings.h"
#include "transport/tcp_raw_peer.h"

namespace millrace {
namespace {

using test::Findings;
using test::TcpRawPeer;

// The suite over TCP with so many loops.
std::string CheckTcp(int loops) {
  std::vector<std::thread> threads;
  const auto new_transport = [loops] { return *NewTcpTransport({.threads = loops}); };
  const auto connect_raw = [](std::string_view address) -> std::unique_ptr<RawPeer> {
    return TcpRawPeer::Connect(address);
  };
  const auto drive = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  const auto start = [&](absl::AnyInvocable<void()> task) { threads.emplace_back(std::move(task)); };
  const Findings findings;
  CheckTransport({.new_transport = new_transport,
                  .connect_raw = connect_raw,
                  .drive = drive,
                  .start = start,
                  .clock = Clock::System()},
                 findings);
  for (std::thread& thread : threads) thread.join();
  return findings.text();
}

TEST_CASE("TCP conforms with one loop") {
  CHECK(CheckTcp(1) == "");
}

TEST_CASE("TCP conforms with three loops") {
  CHECK(CheckTcp(3) == "");
}

// Counts what a connection's handler hears.
struct Heard {
  std::atomic<int> opened{0};
  std::atomic<int> frames{0};
  std::atomic<int> closed{0};
  std::atomic<int> code{0};
};

class EchoHandler final : public ConnectionHandler {
 public:
  explicit EchoHandler(Heard& heard) : heard_(heard) {}
  void OnOpened(std::shared_ptr<Connection> connection) override {
    connection_ = std::move(connection);
    ++heard_.opened;
  }
  void OnFrame(Frame frame) override {
    ++heard_.frames;
    connection_->Send({.bytes = {frame.bytes().begin(), frame.bytes().end()}}).IgnoreError();
  }
  void OnClosed(const absl::Status& status) override {
    heard_.code = static_cast<int>(status.code());
    ++heard_.closed;
  }

 private:
  Heard& heard_;
  std::shared_ptr<Connection> connection_;
};

// Waits for what another thread does; false after a minute.
bool Until(const std::function<bool()>& done) {
  for (int turn = 0; turn < 60'000 && !done(); ++turn)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return done();
}

// What is in a directory of /proc/self.
std::set<std::string> Entries(const char* directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

std::set<std::string> ThreadNames() {
  std::set<std::string> names;
  for (const std::string& id : Entries("/proc/self/task")) {
    std::ifstream comm("/proc/self/task/" + id + "/comm");
    std::string name;
    std::getline(comm, name);
    names.insert(name);
  }
  return names;
}

const std::vector<std::byte> kPing = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}, std::byte{42}};

bool Answers(TcpRawPeer& peer) {
  std::vector<std::byte> back;
  return peer.Write(kPing) && Until([&] { return !peer.Read(back) || back.size() >= kPing.size(); }) &&
         back == kPing;
}

TEST_CASE("TCP listens where it is told") {
  Heard heard;
  const auto transport = *NewTcpTransport();
  const auto make = [&] { return std::make_unique<EchoHandler>(heard); };
  for (const std::string text : {"127.0.0.1:0", "localhost:0", ":0"}) {
    INFO(text);
    const auto listener = transport->Listen(text, make);
    REQUIRE(listener.ok());
    CHECK((*listener)->address().substr(0, text.size() - 1) == text.substr(0, text.size() - 1));
    const auto peer = TcpRawPeer::Connect((*listener)->address());
    REQUIRE(peer != nullptr);
    CHECK(Answers(*peer));
  }
  // Where the machine has IPv6.
  if (const auto listener = transport->Listen("[::1]:0", make); listener.ok()) {
    const int before = heard.closed;
    const auto connection = transport->Connect((*listener)->address(), make());
    REQUIRE(connection.ok());
    CHECK(Until([&] { return (*connection)->local_address().starts_with("[::1]:"); }));
    (*connection)->Abort();
    CHECK(Until([&] { return heard.closed > before; }));
  } else {
    CHECK(absl::IsUnavailable(listener.status()));
  }
  // An address of the documentation's, which no machine has; a name that nobody has.
  CHECK(absl::IsUnavailable(transport->Listen("192.0.2.1:0", make).status()));
  CHECK(absl::IsInvalidArgument(transport->Listen(std::string(300, 'x') + ":0", make).status()));
  CHECK(absl::IsInvalidArgument(NewTcpTransport({.threads = 0}).status()));
}

TEST_CASE("TCP's threads have names, and its descriptors end with an exec") {
  Heard heard;
  const std::set<std::string> before = Entries("/proc/self/fd");
  {
    const auto transport = *NewTcpTransport({.threads = 2, .name = "quay"});
    CHECK(ThreadNames().count("quay-0") == 0);
    const auto make = [&] { return std::make_unique<EchoHandler>(heard); };
    const auto listener = *transport->Listen("127.0.0.1:0", make);
    const auto connection = *transport->Connect(listener->address(), make());
    CHECK(Until([&] { return heard.opened == 2; }));
    CHECK(Until([&] { return ThreadNames().count("quay-0") == 1 && ThreadNames().count("quay-1") == 1; }));
    int checked = 0;
    for (const std::string& name : Entries("/proc/self/fd")) {
      const int fd = std::atoi(name.c_str());
      const int flags = ::fcntl(fd, F_GETFD);
      if (before.count(name) > 0 || flags < 0) continue;
      INFO(fd);
      CHECK((flags & FD_CLOEXEC) != 0);
      ++checked;
    }
    CHECK(checked >= 5);  // two loops, a listener, two ends
  }
  CHECK(heard.closed == 2);
  CHECK(ThreadNames().count("quay-0") == 0);
  CHECK(Entries("/proc/self/fd").size() == before.size());
}

TEST_CASE("A connection that is reset is told as lost") {
  for (const bool reset : {true, false}) {
    Heard heard;
    const auto transport = *NewTcpTransport();
    const auto listener =
        *transport->Listen("127.0.0.1:0", [&] { return std::make_unique<EchoHandler>(heard); });
    auto peer = TcpRawPeer::Connect(listener->address());
    REQUIRE(peer != nullptr);
    CHECK(Answers(*peer));
    const ::linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset) ::setsockopt(peer->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer.reset();
    CHECK(Until([&] { return heard.closed == 1; }));
    CHECK(heard.code == static_cast<int>(reset ? absl::StatusCode::kUnavailable : absl::StatusCode::kOk));
  }
}

class LineLogger final : public Logger {
 public:
  void Log(Severity severity, std::string_view, std::string_view message) override {
    if (severity == Severity::kWarning && message.find("refused") != std::string_view::npos) ++lines;
  }
  std::atomic<int> lines{0};
};

TEST_CASE("A refused connection is logged") {
  Heard heard;
  LineLogger logger;
  const auto transport = *NewTcpTransport({.logger = &logger});
  const auto listener = *transport->Listen(
      "127.0.0.1:0", [&] { return std::make_unique<EchoHandler>(heard); }, {.max_connections = 1});
  const auto first = TcpRawPeer::Connect(listener->address());
  REQUIRE(first != nullptr);
  CHECK(Answers(*first));
  CHECK(logger.lines == 0);
  const auto second = TcpRawPeer::Connect(listener->address());
  REQUIRE(second != nullptr);
  CHECK(Until([&] { return logger.lines == 1; }));
  std::vector<std::byte> back;
  CHECK(Until([&] { return !second->Read(back); }));
}

TEST_CASE("Accepting goes on when there are descriptors again") {
  Heard heard;
  const auto transport = *NewTcpTransport();
  const auto listener =
      *transport->Listen("127.0.0.1:0", [&] { return std::make_unique<EchoHandler>(heard); });
  const auto first = TcpRawPeer::Connect(listener->address());
  REQUIRE(first != nullptr);
  CHECK(Answers(*first));
  CHECK(listener->counts().accept_failures == 0);

  // The client's descriptor is the last there is.
  const auto port = static_cast<uint16_t>(std::atoi(listener->address().substr(10).c_str()));
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const ::rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  ::sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  const bool connected = ::connect(client.get(), reinterpret_cast<::sockaddr*>(&to), sizeof to) == 0;
  const bool failed = Until([&] { return listener->counts().accept_failures >= 2; });
  const bool others_live = Answers(*first);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  CHECK(connected);
  CHECK(failed);
  CHECK(others_live);
  CHECK(heard.opened == 1);
  TcpRawPeer second(std::move(client));
  CHECK(Answers(second));
  CHECK(heard.opened == 2);
}

}  // namespace
}  // namespace millrace
