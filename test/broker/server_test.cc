// A server: engine, network and broker of one server.properties, on this machine's loopback.

#include "millrace/server.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "base/strings.h"
#include "temp_dir.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kCluster = "4L6g3nShT-eMCtK--X86sw";

ServerConfig ConfigIn(const test::TempDir& dir, std::string_view more = "") {
  auto config = ParseServerProperties(StrCat("listeners=PLAINTEXT://127.0.0.1:0\nlog.dirs=", dir.Path("data"),
                                             "\n", "offsets.topic.num.partitions=1\n", more));
  INFO(std::string(config.status().message()));
  REQUIRE(config.ok());
  return *std::move(config);
}

std::string WhyNot(ServerConfig config) {
  const auto server = Server::Start(std::move(config));
  REQUIRE_FALSE(server.ok());
  std::string message(server.status().message());
  CHECK(message.find('\n') == std::string::npos);
  return message;
}

bool Says(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

TEST_CASE("a server serves a formatted directory, under its cluster's id, again and again") {
  const test::TempDir dir;
  const ServerConfig config = ConfigIn(dir);
  REQUIRE(FormatStorage(config, kCluster).ok());
  for (int round = 0; round < 2; ++round) {
    auto server = Server::Start(config);
    INFO(std::string(server.status().message()));
    REQUIRE(server.ok());
    CHECK((*server)->config().broker.cluster_id == kCluster);
    CHECK((*server)->broker().bootstrap_servers().starts_with("127.0.0.1:"));
    if (round == 0) CHECK((*server)->engine().CreateTopic("t").ok());
    CHECK((*server)->engine().admin().ListTopics().size() == 1);
    CHECK((*server)->Close(absl::Seconds(5)).ok());
    CHECK((*server)->Close(absl::Seconds(5)).ok());
  }
}

TEST_CASE("a listener on all addresses is told by the machine's name, with the port it got") {
  const test::TempDir dir;
  ServerConfig config = ConfigIn(dir);
  config.listeners[0].address = ":0";
  REQUIRE(FormatStorage(config, kCluster).ok());
  const auto server = Server::Start(config);
  REQUIRE(server.ok());
  const std::string bootstrap = (*server)->broker().bootstrap_servers();
  CHECK_FALSE(bootstrap.starts_with(":"));
  CHECK_FALSE(bootstrap.starts_with("0.0.0.0"));
  CHECK_FALSE(bootstrap.ends_with(":0"));
}

TEST_CASE("a server shows its metrics where it is told to") {
  const test::TempDir dir;
  const ServerConfig config = ConfigIn(dir, "millrace.metrics.listener=127.0.0.1:0\n");
  REQUIRE(FormatStorage(config, kCluster).ok());
  const auto server = Server::Start(config);
  REQUIRE(server.ok());
  CHECK((*server)->metrics_address().starts_with("127.0.0.1:"));
  CHECK_FALSE((*server)->metrics_address().ends_with(":0"));
  // It is taken now.
  const test::TempDir elsewhere;
  ServerConfig same_port = ConfigIn(elsewhere);
  same_port.metrics_address = (*server)->metrics_address();
  REQUIRE(FormatStorage(same_port, kCluster).ok());
  CHECK(Says(WhyNot(same_port), "the port is in use"));
}

TEST_CASE("what keeps a server from starting is one line") {
  const test::TempDir dir;
  const ServerConfig config = ConfigIn(dir);
  CHECK(Says(WhyNot(config), StrCat("no meta.properties in ", dir.Path("data"))));
  REQUIRE(FormatStorage(config, kCluster).ok());

  ServerConfig other_node = config;
  other_node.broker.node_id = 9;
  CHECK(Says(WhyNot(other_node), "is that of node.id=1, but node.id=9 is configured"));

  auto server = Server::Start(config);
  REQUIRE(server.ok());
  const std::string port = (*server)->broker().bootstrap_servers();
  // The directory is in use.
  CHECK(Says(WhyNot(config), dir.Path("data")));
  // The port is in use; the directory that was opened before is free again.
  const test::TempDir elsewhere;
  ServerConfig same_port = ConfigIn(elsewhere);
  same_port.listeners[0].address = port;
  REQUIRE(FormatStorage(same_port, kCluster).ok());
  CHECK(Says(WhyNot(same_port), StrCat("cannot listen on ", port, ": the port is in use")));
  same_port.listeners[0].address = "127.0.0.1:0";
  CHECK(Server::Start(same_port).ok());
}

}  // namespace
}  // namespace millrace::inline v0
