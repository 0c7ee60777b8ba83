#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;

constexpr const char* kGroups = "consumer-groups %B ";

// Topic t with two partitions, five records in the first; group g has read two of them.
struct GroupWorld : ToolWorld {
  GroupWorld() {
    REQUIRE(world.engine->CreateTopic("t", {.partitions = 2}).ok());
    auto producer = world.engine->NewProducer({.linger = absl::ZeroDuration()});
    REQUIRE(producer.ok());
    const auto topic = (*producer)->Topic("t");
    for (int i = 0; i < 5; ++i) {
      REQUIRE(
          (*producer)->Send(*topic, {.value = "v", .timestamp = Timestamp(1000 + i)}, PartitionId(0)).ok());
    }
    REQUIRE((*producer)->Flush().ok());
    REQUIRE(
        world.engine->admin().AlterGroupOffsets("g", {{{"t", PartitionId(0)}, {.offset = Offset(2)}}}).ok());
  }
  std::string Do(const std::string& flags) { return Expect(kExitOk, kGroups + flags); }
  int64_t Committed() {
    const auto offsets = world.engine->admin().ListGroupOffsets("g");
    const auto at = offsets->find({"t", PartitionId(0)});
    return at == offsets->end() ? -1 : at->second.offset.value();
  }
};

TEST_CASE("Groups are listed, with their state and type") {
  GroupWorld world;
  CHECK(world.Do("--list") == "g\n");
  CHECK(world.Do("--list --state") ==
        "GROUP                     STATE               \ng                         Empty               \n");
  CHECK_THAT(world.Do("--list --type --state"), Contains("TYPE") && Contains("Classic"));
  CHECK(world.Do("--list --state Stable") == "GROUP                     STATE               \n");
  CHECK_THAT(world.Expect(kExitUsage, std::string(kGroups) + "--list --type odd"),
             Contains("Invalid types list 'odd'"));
}

TEST_CASE("An empty group is described with its lag") {
  GroupWorld world;
  const ToolResult result = world.Run(std::string(kGroups) + "--describe --group g");
  CHECK(result.code == kExitOk);
  CHECK(result.err == "\nConsumer group 'g' has no active members.\n");
  CHECK(result.out ==
        "\nGROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             "
        "CONSUMER-ID     "
        "HOST            CLIENT-ID"
        "\ng               t               0          2               5               3               -      "
        "         "
        "-               -\n");
}

TEST_CASE("A group with a member is described in each way") {
  GroupWorld world;
  auto consumer =
      world.world.engine->NewConsumer({.group = "g", .wait = WaitStrategy::kPark, .client_id = "me"});
  REQUIRE(consumer.ok());
  REQUIRE((*consumer)->Subscribe({"t"}).ok());
  REQUIRE((*consumer)->Poll(absl::Seconds(10)).ok());
  REQUIRE((*consumer)->assignment().size() == 2);
  const ToolResult offsets = world.Run(std::string(kGroups) + "--describe --all-groups");
  CHECK(offsets.err.empty());
  CHECK_THAT(offsets.out, Contains("t               0          2               5               3 ") &&
                              Contains(" me\n") &&
                              Contains("t               1          -               0               - "));
  CHECK_THAT(world.Do("--describe --group g --members --verbose"),
             Contains("#PARTITIONS") && Contains(" 2 ") && Contains("t:0,1"));
  CHECK_THAT(world.Do("--describe --group g --state"),
             Contains("COORDINATOR (ID)") && Contains("(1)") && Contains("Stable") && Contains("range"));
  CHECK_THAT(world.Expect(kExitFailed,
                          std::string(kGroups) + "--reset-offsets --group g --topic t --to-latest --execute"),
             Contains("only be reset if the group 'g' is inactive, but the current state is Stable."));
  CHECK(world.Committed() == 2);
  CHECK_THAT(world.Expect(kExitFailed, std::string(kGroups) + "--delete --group g"),
             Contains("Group 'g' could not be deleted"));
}

TEST_CASE("A group that is not there") {
  GroupWorld world;
  CHECK_THAT(world.Expect(kExitFailed, std::string(kGroups) + "--describe --group no"),
             Contains("Error: Consumer group 'no' does not exist."));
}

TEST_CASE("Offsets are reset, in every way, when --execute says so") {
  GroupWorld world;
  const std::string reset = "--reset-offsets --group g --topic t:0 ";
  CHECK(world.Do(reset + "--to-earliest --dry-run") ==
        "\nGROUP           TOPIC           PARTITION  NEW-OFFSET"
        "\ng               t               0          0\n");
  CHECK(world.Committed() == 2);
  const std::pair<const char*, int64_t> cases[] = {
      {"--to-earliest", 0},
      {"--to-latest", 5},
      {"--shift-by -2", 3},
      {"--to-current", 3},
      {"--to-offset 4", 4},
      {"--to-offset 99", 5},
      {"--shift-by -99", 0},
      {"--to-datetime 1970-01-01T00:00:01.003", 3},
      {"--to-datetime 1970-01-01T02:00:01.002+02:00", 2},
      {"--to-datetime 2100-01-01T00:00:00.000", 5},
      {"--by-duration P999999D", 0},
  };
  for (const auto& [how, to] : cases) {
    INFO(how);
    world.Do(reset + how + " --execute");
    CHECK(world.Committed() == to);
  }
}

TEST_CASE("An exported plan can be read again") {
  GroupWorld world;
  const std::string csv = world.Do("--reset-offsets --group g --all-topics --to-current --export --dry-run");
  CHECK(csv == "t,0,2\n\n");
  auto file = world.world.sim.env().files->Open("/plan", OpenMode::kCreate);
  REQUIRE(file.ok());
  REQUIRE((*file)->WriteAt(0, std::as_bytes(std::span(csv))).ok());
  world.Do("--reset-offsets --group g --all-topics --to-latest --execute");
  CHECK(world.Committed() == 5);
  world.Do("--reset-offsets --group g --from-file /plan --execute");
  CHECK(world.Committed() == 2);
}

TEST_CASE("What a reset cannot do changes nothing") {
  GroupWorld world;
  const std::pair<int, const char*> cases[] = {
      {kExitUsage, "--reset-offsets --group g --to-latest"},
      {kExitUsage, "--reset-offsets --group g --topic t"},
      {kExitUsage, "--reset-offsets --group g --topic t --to-latest --to-earliest"},
      {kExitUsage, "--reset-offsets --group g --topic t --to-latest --execute --dry-run"},
      {kExitUsage, "--reset-offsets --group g --topic t --to-datetime soon"},
      {kExitUsage, "--reset-offsets --group g --topic t --by-duration 5"},
      {kExitFailed, "--reset-offsets --group g --topic no --to-latest --execute"},
      {kExitFailed, "--reset-offsets --group g --topic t:7 --to-latest --execute"},
      {kExitFailed, "--reset-offsets --group g --topic t:1 --shift-by 1 --execute"},
      {kExitFailed, "--reset-offsets --group g --from-file /no --execute"},
  };
  for (const auto& [code, flags] : cases) world.Expect(code, kGroups + std::string(flags));
  CHECK(world.Committed() == 2);
}

TEST_CASE("Offsets and groups are deleted") {
  GroupWorld world;
  CHECK_THAT(world.Do("--delete-offsets --group g --topic t"),
             Contains("Request succeeded for deleting offsets from group g.") && Contains("Successful"));
  CHECK(world.Committed() == -1);
  REQUIRE(world.world.engine->admin()
              .AlterGroupOffsets("g", {{{"t", PartitionId(0)}, {.offset = Offset(2)}}})
              .ok());
  CHECK(world.Do("--delete --group g") == "Deletion of requested consumer groups ('g') was successful.\n");
  CHECK_THAT(world.Expect(kExitFailed, std::string(kGroups) + "--delete --group g"),
             Contains("could not be deleted"));
}

TEST_CASE("Exactly one action, and a group for it") {
  GroupWorld world;
  CHECK_THAT(world.Expect(kExitUsage, kGroups), Contains("exactly one action"));
  CHECK_THAT(world.Expect(kExitUsage, std::string(kGroups) + "--list --delete"),
             Contains("exactly one action"));
  CHECK_THAT(world.Expect(kExitUsage, std::string(kGroups) + "--describe"), Contains("--all-groups"));
  CHECK(world.Do("--validate-regex 'a.*'") == "The regular expression `a.*` is valid.\n");
}

}  // namespace
}  // namespace millrace::inline v0::tools
