// topics and configs, over the broker's own admin APIs.

#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::Matches;

TEST_CASE("Topics are created, listed, described and deleted") {
  ToolWorld world;
  CHECK(world.Expect(kExitOk, "topics %B --create --topic mytopic --partitions 2 --replication-factor 1") ==
        "Created topic mytopic.\n");
  CHECK(world.Expect(kExitOk, "topics %B --list") == "mytopic\n");
  CHECK_THAT(
      world.Expect(kExitOk, "topics %B --describe --topic mytopic"),
      Matches(
          "Topic: mytopic\tTopicId: [A-Za-z0-9_-]{22}\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: .*\n"
          "\tTopic: mytopic\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: (N/A)?\tLastKnownElr: "
          "(N/A)?\n"
          "\tTopic: mytopic\tPartition: 1\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: (N/A)?\tLastKnownElr: "
          "(N/A)?\n"));
  CHECK(world.Expect(kExitOk, "topics %B --alter --topic mytopic --partitions 3").empty());
  CHECK_THAT(world.Expect(kExitOk, "topics %B --describe --topic mytopic"), Contains("PartitionCount: 3"));
  CHECK(world.Expect(kExitOk, "topics %B --delete --topic 'my.*'").empty());
  CHECK(world.Expect(kExitOk, "topics %B --list") == "\n");
}

TEST_CASE("What is there already, and what is not") {
  ToolWorld world;
  world.Expect(kExitOk, "topics %B --create --topic t");
  CHECK_THAT(world.Expect(kExitFailed, "topics %B --create --topic t"), Contains("already exists"));
  CHECK(world.Expect(kExitOk, "topics %B --create --topic t --if-not-exists").empty());
  const std::string missing = "Topic 'no' does not exist as expected";
  for (const char* action : {"--describe", "--delete", "--alter --partitions 2"}) {
    INFO(action);
    CHECK_THAT(world.Expect(kExitFailed, std::string("topics %B --topic no ") + action), Contains(missing));
    CHECK(world.Expect(kExitOk, std::string("topics %B --topic no --if-exists ") + action).empty());
  }
  CHECK(world.Run("topics %B --create --topic u --replication-factor 3").code == kExitFailed);
  CHECK(world.Run("topics %B --create --topic u --config no.such=1").code == kExitFailed);
  CHECK(world.Run("topics %B --alter --topic t --partitions 1").code == kExitFailed);
  CHECK(world.Expect(kExitOk, "topics %B --list") == "t\n");
}

TEST_CASE("Settings of a topic are shown where they differ") {
  ToolWorld world;
  CHECK_THAT(world.Expect(kExitOk, "topics %B --create --topic a.b --config retention.ms=1000"),
             Contains("WARNING: Due to limitations in metric names") && Contains("Created topic a.b."));
  world.Expect(kExitOk, "topics %B --create --topic plain");
  const std::string overrides = world.Expect(kExitOk, "topics %B --describe --topics-with-overrides");
  CHECK_THAT(overrides, Contains("Topic: a.b") && Contains("retention.ms=1000") && !Contains("Partition: 0"));
  CHECK(world.Expect(kExitOk, "topics %B --describe --under-replicated-partitions").empty());
  CHECK(world.Expect(kExitOk, "topics %B --describe --unavailable-partitions").empty());
  CHECK_THAT(world.Expect(kExitOk, "topics %B --describe --at-min-isr-partitions"),
             Contains("\tTopic: plain\tPartition: 0"));
}

TEST_CASE("Settings are changed and set back") {
  ToolWorld world;
  world.Expect(kExitOk, "topics %B --create --topic t");
  CHECK(world.Expect(kExitOk, "configs %B --describe --topic t") == "Dynamic configs for topic t are:\n");
  CHECK(world.Expect(kExitOk,
                     "configs %B --alter --entity-type topics --entity-name t --add-config "
                     "'retention.ms=1000,cleanup.policy=[compact,delete]'") ==
        "Completed updating config for topic t.\n");
  CHECK_THAT(
      world.Expect(kExitOk, "configs %B --describe --topic t"),
      Contains("  retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1000") &&
          Contains("cleanup.policy="));
  CHECK(world.Expect(kExitOk, "configs %B --alter --topic t --delete-config retention.ms") ==
        "Completed updating config for topic t.\n");
  CHECK_THAT(world.Expect(kExitOk, "configs %B --describe --topic t"), !Contains("retention.ms=1000"));
  CHECK_THAT(world.Expect(kExitOk, "configs %B --describe --all --topic t"),
             Contains("All configs for topic t are:\n") && Contains("  segment.bytes="));
  CHECK_THAT(world.Expect(kExitFailed, "configs %B --alter --topic t --delete-config retention.ms"),
             Contains("Invalid config(s): retention.ms"));
  CHECK(world.Run("configs %B --alter --topic t --add-config no.such=1").code == kExitFailed);
  CHECK(world.Run("configs %B --alter --topic t --add-config retention.ms=x").code == kExitFailed);
}

TEST_CASE("Wrong use of topics and configs is told, with exit code 2") {
  ToolWorld world;
  const std::pair<const char*, const char*> cases[] = {
      {"topics %B", "exactly one action"},
      {"topics %B --list --create", "exactly one action"},
      {"topics --list", "[bootstrap-server]"},
      {"topics %B --create", "[topic]"},
      {"topics %B --alter --topic t", "[partitions]"},
      {"topics %B --create --topic t --partitions 0", "at least 1"},
      {"topics %B --create --topic t --config x", "key=value"},
      {"topics %B --create --topic t --replica-assignment 1:1", "duplicate entries"},
      {"topics %B --create --topic t --replica-assignment 1 --partitions 1", "can't be used with"},
      {"topics %B --describe --config a=b", "goes with --create"},
      {"configs %B --topic t", "exactly one action"},
      {"configs %B --describe", "Exactly one entity"},
      {"configs %B --describe --entity-type odd", "Invalid entity type odd"},
      {"configs %B --alter --topic t", "At least one of --add-config"},
      {"configs %B --alter --topic t --add-config x", "key=val"},
      {"configs %B --alter --entity-type topics --add-config a=b", "entity-name"},
  };
  for (const auto& [command, why] : cases) {
    INFO(command);
    CHECK_THAT(world.Expect(kExitUsage, command), Contains(why));
  }
}

}  // namespace
}  // namespace millrace::inline v0::tools
