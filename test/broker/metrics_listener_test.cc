// /metrics and /healthz over real sockets; and whether the dashboard asks for what a broker shows.

#include "millrace/metrics_listener.h"

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "../examples/wire_client.h"
#include "metrics/prometheus_text.h"
#include "millrace/broker.h"
#include "millrace/record.h"
#include "millrace/status.h"
#include "millrace/testing/sim_env.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/produce.h"
#include "transport/tcp_raw_peer.h"

namespace millrace {
namespace {

using test::PrometheusText;
using test::TcpRawPeer;

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// All that comes until the end.
std::string ReadToEnd(TcpRawPeer& peer) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::recv(peer.fd(), buffer, sizeof buffer, 0);
    if (count <= 0) return all;
    all.append(buffer, static_cast<size_t>(count));
  }
}

std::string Ask(const MetricsListener& listener, const std::string& request) {
  const auto peer = TcpRawPeer::Connect(listener.address());
  REQUIRE(peer != nullptr);
  REQUIRE(peer->Write(AsBytes(request)));
  return ReadToEnd(*peer);
}

struct Page {
  std::string head;
  std::string body;
};
Page Get(const MetricsListener& listener, const std::string& path) {
  const std::string answer = Ask(listener, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  const size_t end = answer.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  Page page{answer.substr(0, end), answer.substr(end + 4)};
  CHECK(page.head.find("\r\nContent-Length: " + std::to_string(page.body.size()) + "\r\n") !=
        std::string::npos);
  return page;
}

std::unique_ptr<MetricsListener> Listen(Engine* engine, MetricsListenerOptions options = {}) {
  options.engine = engine;
  options.address = "127.0.0.1:0";
  auto started = MetricsListener::Start(options);
  REQUIRE(started.ok());
  return *std::move(started);
}

std::unique_ptr<Engine> OpenEngine(EngineOptions options = {}) {
  auto engine = Engine::Open(std::move(options));
  REQUIRE(engine.ok());
  return *std::move(engine);
}

// A broker that has been asked for everything that a dashboard shows.
struct BusyBroker {
  BusyBroker() {
    REQUIRE(engine->CreateTopic("orders").ok());
    auto producer = *engine->NewProducer();
    REQUIRE(producer->Send("orders", {.value = "v"}, [](const auto&) {}).ok());
    REQUIRE(producer->Flush(absl::Seconds(10)).ok());
    auto consumer = *engine->NewConsumer({.group = "billing", .start = Start::kEarliest});
    REQUIRE(consumer->Subscribe({"orders"}, nullptr).ok());
    while (consumer->Poll(absl::Seconds(10))->empty()) {
    }
    REQUIRE(consumer->CommitSync().ok());
    WireClient client(tcp.get(), broker->bootstrap_servers());
    REQUIRE(client.Call<wire::HeartbeatResponse>(wire::HeartbeatRequest{.group_id = "g", .member_id = "m"}, 4)
                .ok());
    const wire::FetchRequest fetch{
        .topics = {{.topic = "orders", .partitions = {{.partition_max_bytes = 1024}}}}};
    REQUIRE(client.Call<wire::FetchResponse>(fetch, 12).ok());
  }

  std::unique_ptr<Engine> engine = OpenEngine();
  std::unique_ptr<Transport> tcp = *NewTcpTransport();
  std::unique_ptr<Broker> broker = *Broker::Start(
      {.engine = engine.get(), .listeners = {{.transport = tcp.get(), .address = "127.0.0.1:0"}}});
};

TEST_CASE("everything that a broker shows is Prometheus' text") {
  const BusyBroker world;
  const auto listener = Listen(world.engine.get());
  const Page page = Get(*listener, "/metrics");
  CHECK(page.head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(page.head.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
        std::string::npos);
  CHECK(page.head.find("\r\nConnection: close") != std::string::npos);
  const PrometheusText text(page.body);
  CHECK(text.problem() == "");
  CHECK(text.families().size() > 40);
  CHECK(text.Value("kafka_network_requestmetrics_requests_total",
                   {{"request", "Fetch"}, {"version", "12"}}) == 1);
  CHECK(text.Value("kafka_network_requestmetrics_totaltimems_count", {{"request", "Fetch"}}) == 1);
  CHECK(text.Value("kafka_consumergroup_lag",
                   {{"consumergroup", "billing"}, {"topic", "orders"}, {"partition", "0"}}) == 0);
  CHECK(text.Value("kafka_log_log_logendoffset", {{"topic", "orders"}, {"partition", "0"}}) == 1);
}

TEST_CASE("health: well, a partition that takes no appends, an engine that is closed") {
  SimEnv sim{7};
  auto engine = OpenEngine(
      {.directory = "/data", .env = {.files = sim.files.get()}, .threading = Threading::kHostDriven});
  const auto listener = Listen(engine.get());
  REQUIRE(engine->CreateTopic("orders").ok());
  const auto log = engine->PartitionLog({"orders", PartitionId(0)});
  REQUIRE(log.ok());
  REQUIRE((*log)->Append({.value = "v"}).ok());
  Page page = Get(*listener, "/healthz");
  CHECK(page.head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(page.body == "ok\n");
  sim.files->Fail({.operation = FileOperation::kSync, .times = 1000});
  REQUIRE_FALSE((*log)->Flush().ok());
  page = Get(*listener, "/healthz");
  CHECK(page.head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(page.body == "orders-0 takes no appends: a write or flush of it has failed\n");
  engine->Close().IgnoreError();
  page = Get(*listener, "/healthz");
  CHECK(page.head.starts_with("HTTP/1.1 503 "));
  CHECK(page.body == "the engine is closed\n");
  // What was counted can still be asked for.
  CHECK(PrometheusText(Get(*listener, "/metrics").body).problem() == "");
}

TEST_CASE("anything else is refused") {
  const auto engine = OpenEngine();
  const auto listener = Listen(engine.get(), {.max_request_bytes = 256});
  const auto status = [&](const std::string& request) { return Ask(*listener, request).substr(9, 3); };
  const std::string rest = " HTTP/1.1\r\nHost: x\r\n\r\n";
  CHECK(status("GET /healthz" + rest) == "200");
  CHECK(status("GET /" + rest) == "404");
  CHECK(status("GET /metrics/" + rest) == "404");
  CHECK(status("POST /metrics" + rest) == "405");
  CHECK(status("hello\r\n\r\n") == "400");
  CHECK(status(std::string("\x16\x03\x01\x02\n", 5)) == "400");  // a client that speaks TLS, say
  CHECK(status("GET /" + std::string(300, 'a') + rest) == "414");
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(5000, 'a') + "\r\n\r\n") == "431");
  // In pieces.
  const auto peer = TcpRawPeer::Connect(listener->address());
  REQUIRE(peer != nullptr);
  for (const char c : "GET /healthz" + rest) REQUIRE(peer->Write(AsBytes(std::string(1, c))));
  CHECK(ReadToEnd(*peer).substr(9, 3) == "200");
  // One who leaves in the middle.
  const auto gone = TcpRawPeer::Connect(listener->address());
  REQUIRE(gone->Write(AsBytes("GET /hea")));
  gone->ShutWrite();
  CHECK(ReadToEnd(*gone) == "");
}

TEST_CASE("who says nothing is cut off, and only so many may be there") {
  const auto engine = OpenEngine();
  const auto patient = Listen(engine.get(), {.max_connections = 1, .timeout = absl::Hours(1)});
  auto silent = TcpRawPeer::Connect(patient->address());
  REQUIRE(silent != nullptr);
  REQUIRE(silent->Write(AsBytes("GET /healthz HTTP/1.1\r\n")));
  auto second = TcpRawPeer::Connect(patient->address());
  REQUIRE(second != nullptr);
  CHECK(ReadToEnd(*second) == "");
  REQUIRE(silent->Write(AsBytes("Host: x\r\n\r\n")));
  CHECK(ReadToEnd(*silent).substr(9, 3) == "200");

  const auto hasty = Listen(engine.get(), {.timeout = absl::Milliseconds(20)});
  const auto cut = TcpRawPeer::Connect(hasty->address());
  REQUIRE(cut != nullptr);
  REQUIRE(cut->Write(AsBytes("GET /healthz HTTP/1.1\r\n")));
  CHECK(ReadToEnd(*cut) == "");
}

TEST_CASE("a listener goes with a client in the middle, and its port is free") {
  const auto engine = OpenEngine();
  auto listener = Listen(engine.get(), {.timeout = absl::Hours(1)});
  const std::string address = listener->address();
  const auto peer = TcpRawPeer::Connect(address);
  REQUIRE(peer != nullptr);
  REQUIRE(peer->Write(AsBytes("GET /healthz")));
  CHECK_FALSE(MetricsListener::Start({.engine = engine.get(), .address = address}).ok());
  listener.reset();
  CHECK(ReadToEnd(*peer) == "");
  CHECK(MetricsListener::Start({.engine = engine.get(), .address = address}).ok());
}

TEST_CASE("options are checked by name") {
  const auto engine = OpenEngine();
  const auto refused = [&](MetricsListenerOptions options, const std::string& field) {
    const auto started = MetricsListener::Start(std::move(options));
    REQUIRE_FALSE(started.ok());
    INFO(std::string(started.status().message()));
    CHECK(std::string(started.status().message()).find(field) != std::string::npos);
  };
  refused({}, "engine");
  refused({.engine = engine.get(), .max_connections = 0}, "max_connections");
  refused({.engine = engine.get(), .max_request_bytes = 255}, "max_request_bytes");
  refused({.engine = engine.get(), .timeout = absl::ZeroDuration()}, "timeout");
  refused({.engine = engine.get(), .address = "nonsense"}, "nonsense");
}

// The names of metrics in the queries of a dashboard.
std::set<std::string> MetricsIn(const std::string& dashboard) {
  std::set<std::string> names;
  const std::string key = "\"expr\": \"";
  for (size_t at = dashboard.find(key); at != std::string::npos; at = dashboard.find(key, at + 1)) {
    const size_t begin = at + key.size();
    // Quotes in an expression are escaped.
    size_t end = begin;
    while (dashboard[end] != '"') end += dashboard[end] == '\\' ? 2 : 1;
    const std::string expression = dashboard.substr(begin, end - begin);
    for (size_t word = 0; word < expression.size();) {
      const size_t stop = expression.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:", word);
      const std::string name = expression.substr(word, stop - word);
      if (name.starts_with("kafka_") || name.starts_with("millrace_")) names.insert(name);
      if (stop == std::string::npos) break;
      word = stop + 1;
    }
  }
  return names;
}

TEST_CASE("the dashboard asks for nothing that a broker does not show") {
  std::ifstream file(std::string(MILLRACE_SOURCE_DIR) + "/examples/grafana/millrace.json");
  const std::string dashboard((std::istreambuf_iterator<char>(file)), {});
  const std::set<std::string> asked = MetricsIn(dashboard);
  CHECK(asked.size() >= 25);
  const BusyBroker world;
  const PrometheusText text(world.engine->metrics().Snapshot().ToPrometheus());
  std::set<std::string> shown;
  for (const auto& [name, family] : text.families()) {
    for (const auto& sample : family.samples) shown.insert(sample.name);
  }
  for (const std::string& name : asked) {
    INFO(name);
    CHECK(shown.contains(name));
  }
  CHECK(MetricsIn(R"-("expr": "rate(kafka_not_there{a=\"b\"}[5m])")-") ==
        std::set<std::string>{"kafka_not_there"});
  CHECK_FALSE(shown.contains("kafka_not_there"));
}

}  // namespace
}  // namespace millrace
