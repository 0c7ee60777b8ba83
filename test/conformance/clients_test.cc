// Runs the suite.

#include <catch2/catch.hpp>
#include <cstdlib>

#include "conformance/client_suite.h"
#include "conformance/hosts.h"

namespace millrace::inline v0 {
namespace {

using MakeHost = absl::StatusOr<std::unique_ptr<ClientHost>> (*)();

void RunAll(MakeHost make, const std::vector<ClientCheck>& checks) {
  for (const ClientCheck& check : checks) {
    DYNAMIC_SECTION(check.name) {
      auto host = make();
      INFO(std::string(host.status().message()));
      REQUIRE(host.ok());
      Findings findings;
      check.run(**host, &findings);
      for (const std::string& finding : findings) UNSCOPED_INFO(finding);
      CHECK(findings.empty());
    }
  }
}

TEST_CASE("an embedded engine: producers") {
  RunAll(EngineHost::Make, ProducerChecks());
}

TEST_CASE("an embedded engine: consumers") {
  RunAll(EngineHost::Make, ConsumerChecks());
}

TEST_CASE("an embedded engine: groups") {
  RunAll(EngineHost::Make, GroupChecks());
}

#ifdef MILLRACE_TEST_REMOTE

TEST_CASE("a broker through the network: producers") {
  RunAll(BrokerHost::Make, ProducerChecks());
}

TEST_CASE("a broker through the network: consumers") {
  RunAll(BrokerHost::Make, ConsumerChecks());
}

TEST_CASE("a broker through the network: groups") {
  RunAll(BrokerHost::Make, GroupChecks());
}

// Whichever it is: its admin makes the topics. Nothing is cleaned up: names are never used twice.
absl::StatusOr<std::unique_ptr<ClientHost>> MakeNamedCluster() {
  return ClusterHost::Make(std::getenv("MILLRACE_KAFKA_BOOTSTRAP"));
}

TEST_CASE("the cluster that the environment names") {
  if (std::getenv("MILLRACE_KAFKA_BOOTSTRAP") == nullptr) {
    SUCCEED("MILLRACE_KAFKA_BOOTSTRAP names none");
    return;
  }
  for (const auto* const checks : {&ProducerChecks(), &ConsumerChecks(), &GroupChecks()}) {
    RunAll(MakeNamedCluster, *checks);
  }
}

#endif

}  // namespace
}  // namespace millrace::inline v0
