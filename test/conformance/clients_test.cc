// Runs the suite.

#include <catch2/catch.hpp>
#include <cstdlib>

#include "conformance/client_suite.h"
#include "conformance/hosts.h"
#include "conformance/wrong_host.h"

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

// The names of the checks that find something.
std::vector<std::string> FindingChecks(Defect defect, const std::vector<ClientCheck>& checks) {
  const ShortPatience short_patience;
  std::vector<std::string> names;
  for (const ClientCheck& check : checks) {
    auto good = EngineHost::Make();
    REQUIRE(good.ok());
    WrongHost wrong(*std::move(good), defect);
    Findings findings;
    check.run(wrong, &findings);
    if (!findings.empty()) names.emplace_back(check.name);
  }
  return names;
}

TEST_CASE("negative control: each defect is found where it should be") {
  struct Case {
    Defect defect;
    const std::vector<ClientCheck>& checks;
    std::string by;
  };
  const std::vector<Case> cases = {
      {Defect::kLosesRecords, ProducerChecks(), "order is kept"},
      {Defect::kDoublesRecords, ProducerChecks(), "order is kept"},
      {Defect::kForgetsHeaders, ProducerChecks(), "what goes in comes out"},
      {Defect::kForgetsTimes, ProducerChecks(), "what goes in comes out"},
      {Defect::kIgnoresPartition, ConsumerChecks(), "seeks go both ways"},
      {Defect::kAcceptsTooLarge, ProducerChecks(), "what cannot be sent is refused"},
      {Defect::kIgnoresSeek, ConsumerChecks(), "seeks go both ways"},
      {Defect::kIgnoresPause, ConsumerChecks(), "paused is not read"},
      {Defect::kIgnoresWakeup, ConsumerChecks(), "a poll can be woken"},
      {Defect::kIgnoresCommit, GroupChecks(), "commits are kept"},
      {Defect::kPositionOffByOne, ConsumerChecks(), "reading begins where start says"},
      {Defect::kTimesOffByOne, ConsumerChecks(), "offsets are found"},
      {Defect::kNoDescriptor, ConsumerChecks(), "the descriptor tells of records"},
      {Defect::kDeafListener, GroupChecks(), "members share, all at once"},
  };
  for (const Case& wrong : cases) {
    DYNAMIC_SECTION(wrong.by << ", defect " << static_cast<int>(wrong.defect)) {
      std::vector<ClientCheck> only;
      for (const ClientCheck& check : wrong.checks) {
        if (check.name == wrong.by) only.push_back(check);
      }
      REQUIRE(only.size() == 1);
      CHECK(FindingChecks(Defect::kNone, only).empty());
      CHECK(FindingChecks(wrong.defect, only) == std::vector{wrong.by});
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

TEST_CASE("an embedded engine: administration") {
  RunAll(EngineHost::Make, AdminChecks());
}

#ifdef MILLRACE_TEST_REMOTE

TEST_CASE("a broker through the network: administration") {
  RunAll(BrokerHost::Make, AdminChecks());
}

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
  for (const auto* const checks : {&ProducerChecks(), &ConsumerChecks(), &GroupChecks(), &AdminChecks()}) {
    RunAll(MakeNamedCluster, *checks);
  }
}

#endif

}  // namespace
}  // namespace millrace::inline v0
