// console-producer and console-consumer, one against the other.

#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;

struct ConsoleWorld : ToolWorld {
  ConsoleWorld() { REQUIRE(world.engine->CreateTopic("t", {.partitions = 1}).ok()); }
};

TEST_CASE("What goes in comes out") {
  ConsoleWorld world;
  CHECK(world.Expect(kExitOk, "console-producer --topic t %B", "one\ntwo\r\n\nlast").empty());
  const ToolResult read = world.Run("console-consumer --topic t %B --from-beginning --timeout-ms 1000");
  CHECK(read.code == kExitOk);
  CHECK(read.out == "one\ntwo\n\nlast\n");
  CHECK_THAT(read.err, Contains("Processed a total of 4 messages\n"));
}

TEST_CASE("Keys, headers and nulls pass, and are printed as asked") {
  ConsoleWorld world;
  world.Expect(kExitOk,
               "console-producer --topic t %B --property parse.key=true --reader-property parse.headers=true "
               "--property key.separator=: --property null.marker=NIL",
               "a:1,b:NIL\tk:v\nNIL\tgone:NIL\n");
  const ToolResult read = world.Run(
      "console-consumer --topic t %B --from-beginning --max-messages 2 --property print.key=true "
      "--formatter-property print.headers=true --property print.partition=true --property print.offset=true "
      "--property key.separator='|'");
  CHECK(read.code == kExitOk);
  CHECK(read.out == "Partition:0|Offset:0|a:1,b:null|k|v\nPartition:0|Offset:1|NO_HEADERS|gone|null\n");
}

TEST_CASE("A prompt is for terminals alone") {
  ConsoleWorld world;
  world.terminal = true;
  CHECK(world.Expect(kExitOk, "console-producer --topic t %B", "x\n") == ">>");
}

TEST_CASE("A line that cannot be read ends the producer, and the lines before it are sent") {
  ConsoleWorld world;
  const std::string why =
      world.Expect(kExitFailed, "console-producer --topic t %B --property parse.key=true", "k\tv\nbad\n");
  CHECK_THAT(why, Contains("No key separator found on line number 2: 'bad'"));
  CHECK(world.Expect(kExitOk, "console-consumer --topic t %B --from-beginning --timeout-ms 10") == "v\n");
}

TEST_CASE("A topic that is not there, and a record that is too large, are told") {
  ConsoleWorld world;
  CHECK_THAT(world.Expect(kExitFailed, "console-producer --topic nope %B", "x\n"), Contains("nope"));
  const std::string large(2'000'000, 'x');
  CHECK_THAT(world.Expect(kExitFailed, "console-producer --topic t %B", large + "\nok\n"),
             Contains("1 records were not sent"));
  CHECK(world.Expect(kExitOk, "console-consumer --topic t %B --from-beginning --timeout-ms 10") == "ok\n");
}

TEST_CASE("One partition is read from an offset, from either end, and without a group") {
  ConsoleWorld world;
  world.Expect(kExitOk, "console-producer --topic t %B --sync", "0\n1\n2\n");
  const auto read = [&](const std::string& more) {
    return world.Expect(kExitOk, "console-consumer --topic t %B --partition 0 --timeout-ms 10 " + more);
  };
  CHECK(read("--offset 1") == "1\n2\n");
  CHECK(read("--offset earliest") == "0\n1\n2\n");
  CHECK(read("--from-beginning --max-messages 1") == "0\n");
  CHECK(read("").empty());
  CHECK(world.world.engine->admin().ListGroups()->empty());
}

TEST_CASE("A group goes on behind the last record that was printed") {
  ConsoleWorld world;
  world.Expect(kExitOk, "console-producer --topic t %B", "0\n1\n2\n3\n");
  const std::string command = "console-consumer --topic t %B --group g --from-beginning --timeout-ms 10 ";
  CHECK(world.Expect(kExitOk, command + "--max-messages 1") == "0\n");
  CHECK(world.Expect(kExitOk, command + "--max-messages 2") == "1\n2\n");
  CHECK(world.Expect(kExitOk, command) == "3\n");
  CHECK(world.Expect(kExitOk, command).empty());
}

TEST_CASE("Topics are read by pattern") {
  ConsoleWorld world;
  REQUIRE(world.world.engine->CreateTopic("t2").ok());
  REQUIRE(world.world.engine->CreateTopic("other").ok());
  for (const char* topic : {"t", "t2", "other"}) {
    world.Expect(kExitOk, std::string("console-producer %B --topic ") + topic, std::string(topic) + "\n");
  }
  const std::string out =
      world.Expect(kExitOk, "console-consumer --include 't.*' %B --from-beginning --timeout-ms 10");
  CHECK_THAT(out, Contains("t\n") && Contains("t2\n") && !Contains("other"));
}

TEST_CASE("An interrupted consumer says how much it read, and exits with 130") {
  ConsoleWorld world;
  CHECK_FALSE(world.interrupt.Raise());
  const ToolResult read = world.Run("console-consumer --topic t %B --from-beginning");
  CHECK(read.code == kExitInterrupted);
  CHECK(read.err == "Processed a total of 0 messages\n");
}

TEST_CASE("Settings that the options know are theirs, others the client's") {
  ConsoleWorld world;
  world.Expect(kExitOk,
               "console-producer --topic t %B --producer-property security.protocol=SSL --producer-property "
               "acks=1 --request-timeout-ms 77 --compression-codec zstd",
               "x\n");
  CHECK(world.requested.bootstrap_servers == "broker:9092");
  CHECK(world.requested.properties == Properties{{"request.timeout.ms", "77"}, {"security.protocol", "SSL"}});
}

TEST_CASE("Wrong use of the consoles is told, with exit code 2") {
  ConsoleWorld world;
  const std::pair<const char*, const char*> cases[] = {
      {"console-consumer %B", "Exactly one of --include/--topic is required."},
      {"console-consumer %B --topic t --offset 1", "The partition is required when offset is specified."},
      {"console-consumer %B --topic t --partition 0 --offset x",
       "The provided offset value 'x' is incorrect."},
      {"console-consumer %B --topic t --partition 0 --group g", "Options group and partition"},
      {"console-consumer %B --topic t --group g --consumer-property group.id=h", "do not match"},
      {"console-consumer %B --topic t --formatter Nope", "There is no formatter"},
      {"console-consumer --topic t", "Missing required argument \"[bootstrap-server]\""},
      {"console-producer %B --topic t --compression-codec lzma", "Invalid value lzma"},
      {"console-producer %B --topic t --producer-property acks=5", "Invalid value 5"},
      {"console-producer %B --topic t --timeout soon", "whole number"},
  };
  for (const auto& [command, why] : cases) CHECK_THAT(world.Expect(kExitUsage, command), Contains(why));
}

}  // namespace
}  // namespace millrace::inline v0::tools
