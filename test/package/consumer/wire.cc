// Uses a bit of all that is in millrace::broker, as a stranger would. Exit status 0: it all works.

#include <cstdio>
#include <string>

#include "millrace/broker.h"
#include "millrace/metrics_listener.h"
#include "millrace/server.h"
#include "millrace/transport.h"
#include "millrace/wire/messages.h"

namespace {

namespace wire = millrace::wire;

bool MessagesWork() {
  wire::FetchRequest request{.max_wait_ms = 500, .min_bytes = 1};
  request.topics.push_back({.topic = "orders", .partitions = {{.partition = 3, .fetch_offset = 42}}});
  wire::Bytes bytes;
  if (!wire::Encode(request, 12, &bytes).ok()) return false;
  const auto decoded = wire::Decode<wire::FetchRequest>(bytes, 12);
  return decoded.ok() && wire::Equal(*decoded, request) &&
         wire::Print(*decoded, 12).find("topic=\"orders\"") != std::string::npos;
}

bool BrokersWork() {
  const auto engine = millrace::Engine::Open({});  // in memory alone
  const auto tcp = millrace::NewTcpTransport();
  if (!engine.ok() || !tcp.ok()) return false;
  const auto broker = millrace::Broker::Start(
      {.engine = engine->get(), .listeners = {{.transport = tcp->get(), .address = "127.0.0.1:0"}}});
  if (!broker.ok() || (*broker)->bootstrap_servers().empty()) return false;
  const auto fault = (*broker)->faults().Add({.error = millrace::ErrorCode::kNotLeaderOrFollower});
  if (!fault.ok() || (*broker)->faults().met(*fault) != 0) return false;
  const auto metrics = millrace::MetricsListener::Start({.engine = engine->get(), .address = "127.0.0.1:0"});
  return metrics.ok() && !(*metrics)->address().empty() && (*broker)->Close(absl::Seconds(1)).ok();
}

bool ServersWork() {
  if (millrace::ParseServerProperties("node.id=one").ok()) return false;
  auto config = millrace::ParseServerProperties("node.id=7\nlisteners=PLAINTEXT://127.0.0.1:0");
  if (!config.ok()) return false;
  config->engine.directory.clear();  // in memory alone
  const auto server = millrace::Server::Start(*config);
  return server.ok() && (*server)->config().broker.node_id == 7 && (*server)->Close(absl::Seconds(1)).ok();
}

}  // namespace

int main() {
  bool works = true;
  const auto check = [&](const char* what, bool is_fine) {
    if (!is_fine) std::printf("%s: broken\n", what);
    works = works && is_fine;
  };
  check("messages", MessagesWork());
  check("brokers", BrokersWork());
  check("servers", ServersWork());
  if (works) std::printf("consumer works\n");
  return works ? 0 : 1;
}
