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

#ifdef MILLRACE_TEST_REMOTE

TEST_CASE("a broker through the network: producers") {
  RunAll(BrokerHost::Make, ProducerChecks());
}

#endif

}  // namespace
}  // namespace millrace::inline v0
