// get-offsets, delete-records, broker-api-versions, and the performance tests.

#include <regex>

#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;

struct OffsetWorld : ToolWorld {
  OffsetWorld() {
    REQUIRE(world.engine->CreateTopic("a", {.partitions = 2}).ok());
    REQUIRE(world.engine->CreateTopic("b", {.partitions = 1}).ok());
    Expect(kExitOk, "console-producer %B --topic b --sync", "1\n2\n3\n");
  }
  void Write(const std::string& path, const std::string& text) {
    auto file = world.sim.env().files->Open(path, OpenMode::kCreate);
    REQUIRE(file.ok());
    REQUIRE((*file)->Truncate(0).ok());
    REQUIRE((*file)->WriteAt(0, std::as_bytes(std::span(text))).ok());
  }
};

TEST_CASE("Offsets are told by topic and partition") {
  OffsetWorld world;
  const auto offsets = [&](const std::string& flags) {
    return world.Expect(kExitOk, "get-offsets %B " + flags);
  };
  CHECK(offsets("") == "a:0:0\na:1:0\nb:0:3\n");
  CHECK(offsets("--time -2") == "a:0:0\na:1:0\nb:0:0\n");
  CHECK(offsets("--time earliest --topic b") == "b:0:0\n");
  CHECK(offsets("--topic a --partitions 1") == "a:1:0\n");
  CHECK(offsets("--topic-partitions a:1-2,b") == "a:1:0\nb:0:3\n");
  CHECK(offsets("--topic-partitions :0 --exclude-internal-topics") == "a:0:0\nb:0:3\n");
  CHECK(offsets("--time 9999999999999 --topic b") == "b:0:\n");
  // All three were sent in one moment: the first of them counts.
  CHECK(offsets("--time max-timestamp --topic b") == "b:0:0\n");
}

TEST_CASE("Offsets of what is not there") {
  OffsetWorld world;
  CHECK_THAT(world.Expect(kExitFailed, "get-offsets %B --topic no"),
             Contains("Could not match any topic-partitions"));
  CHECK_THAT(world.Expect(kExitUsage, "get-offsets %B --time soon"),
             Contains("Malformed time argument soon"));
  CHECK_THAT(world.Expect(kExitUsage, "get-offsets %B --topic a --topic-partitions a"),
             Contains("cannot be used"));
  CHECK_THAT(world.Expect(kExitUsage, "get-offsets %B --topic '('"), Contains("invalid regex"));
  CHECK_THAT(world.Expect(kExitUsage, "get-offsets %B --topic-partitions a:x"), Contains("whole number"));
}

TEST_CASE("Records are deleted by a plan") {
  OffsetWorld world;
  world.Write("/plan", R"({"partitions":[{"topic":"b","partition":0,"offset":2}],"version":1})");
  CHECK(world.Expect(kExitOk, "delete-records %B --offset-json-file /plan") ==
        "Executing records delete operation\nRecords delete operation completed:\npartition: "
        "b-0\tlow_watermark: 2\n");
  CHECK(world.Expect(kExitOk, "get-offsets %B --time earliest --topic b") == "b:0:2\n");
  world.Write(
      "/plan",
      R"({"partitions":[{"topic":"b","partition":0,"offset":99},{"topic":"no","partition":0,"offset":1}]})");
  const ToolResult failed = world.Run("delete-records %B --offset-json-file /plan");
  CHECK(failed.code == kExitFailed);
  CHECK_THAT(failed.out, Contains("partition: b-0\terror: ") && Contains("partition: no-0\terror: "));
  CHECK(world.Expect(kExitOk, "get-offsets %B --time earliest --topic b") == "b:0:2\n");
}

TEST_CASE("A plan that is none deletes nothing") {
  OffsetWorld world;
  for (
      const char* text :
      {"", "{}", R"({"partitions":1})", R"({"partitions":[{"topic":"b","partition":0}]})",
       R"({"partitions":[{"topic":"b","partition":-1,"offset":2}]})", R"({"version":2,"partitions":[]})",
       R"({"partitions":[{"topic":"b","partition":0,"offset":1},{"topic":"b","partition":0,"offset":2}]})"}) {
    INFO(text);
    world.Write("/plan", text);
    CHECK(world.Run("delete-records %B --offset-json-file /plan").code == kExitFailed);
  }
  CHECK(world.Run("delete-records %B --offset-json-file /none").code == kExitFailed);
  CHECK(world.Expect(kExitOk, "get-offsets %B --time earliest --topic b") == "b:0:0\n");
}

TEST_CASE("A broker's versions are told, and what it lacks") {
  OffsetWorld world;
  const std::string out = world.Expect(kExitOk, "broker-api-versions %B");
  CHECK_THAT(out, Contains("broker:9092 (id: 1 rack: null isFenced: false) -> (\n\tProduce(0): 0 to ") &&
                      Contains("\tFetch(1): 4 to ") && Contains(" [usable: ") && Contains("UNSUPPORTED"));
  CHECK(out.ends_with("\n)\n"));
}

TEST_CASE("The directories are told, with the sizes of partitions") {
  OffsetWorld world;
  const std::string head =
      "Querying brokers for log directories information\n"
      "Received log directory information from brokers 1\n"
      R"({"version":1,"brokers":[{"broker":1,"logDirs":[{"logDir":"/data","error":null,"partitions":[)";
  const std::string all = world.Expect(kExitOk, "log-dirs %B --describe");
  CHECK_THAT(all, Contains(head) &&
                      Contains(R"({"partition":"a-0","size":0,"offsetLag":0,"isFuture":false},)") &&
                      Contains(R"({"partition":"a-1","size":0,)"));
  const std::string some =
      world.Expect(kExitOk, "log-dirs %B --describe --topic-list ' b,no,' --broker-list 1");
  INFO(some);
  const std::regex lines(
      R"(\{"partition":"b-0","size":[1-9][0-9]*,"offsetLag":0,"isFuture":false\}\]\}\]\}\]\}\n)");
  REQUIRE(some.starts_with(head));
  CHECK(std::regex_match(some.substr(head.size()), lines));
}

TEST_CASE("Directories of nobody are not asked for") {
  OffsetWorld world;
  CHECK_THAT(world.Expect(kExitUsage, "log-dirs %B"), Contains("[describe]"));
  CHECK_THAT(world.Expect(kExitUsage, "log-dirs %B --describe --broker-list one"), Contains("whole number"));
  CHECK_THAT(world.Expect(kExitFailed, "log-dirs %B --describe --broker-list 1,2"),
             Contains("do not exist from --broker-list: 2"));
}

TEST_CASE("The performance tests tell figures on the way") {
  OffsetWorld world;
  const std::string sent = world.Expect(
      kExitOk,
      "producer-perf-test %B --topic a --num-records 4 --record-size 1 --throughput 2 --reporting-interval "
      "1000");
  // The simulated clock moves by waiting alone, half a second for a record.
  const std::regex windows(
      R"([23] records sent, [23]\.0 records/sec \(0\.00 MB/sec\), [0-9.]+ ms avg latency, [0-9.]+ ms max latency\.\n)"
      R"(4 records sent, 2\.0[0-9]* records/sec [^\n]*\n)");
  INFO(sent);
  CHECK(std::regex_match(sent, windows));
  const std::string read =
      world.Expect(kExitOk,
                   "consumer-perf-test %B --topic b --num-records 9 --timeout 5000 --reporting-interval 1000 "
                   "--show-detailed-stats");
  const std::regex lines(
      R"(time, threadId, data.consumed.in.MB, [^\n]*\n)"
      R"(([-0-9: ]+, 0, 0\.0000, [0-9.]+, [03], [0-9.]+, [0-9]+, -?[0-9]+, [0-9.]+, [0-9.]+\n)+WARNING: [^\n]*\n)");
  INFO(read);
  CHECK(std::regex_match(read, lines));
  CHECK_THAT(read, Contains(", 3, "));
}

TEST_CASE("The producer's test sends what it says") {
  OffsetWorld world;
  const std::string out = world.Expect(
      kExitOk,
      "producer-perf-test --topic a --num-records 100 --record-size 10 --throughput -1 --producer-props "
      "bootstrap.servers=broker:9092 acks=1");
  const std::regex line(
      R"(100 records sent, [0-9.]+ records/sec \([0-9.]+ MB/sec\), [0-9.]+ ms avg latency, [0-9.]+ ms max latency, )"
      R"([0-9]+ ms 50th, [0-9]+ ms 95th, [0-9]+ ms 99th, [0-9]+ ms 99.9th.\n)");
  INFO(out);
  CHECK(std::regex_match(out, line));
  CHECK(world.requested.bootstrap_servers == "broker:9092");
  CHECK_THAT(world.Expect(kExitOk, "console-consumer %B --topic a --from-beginning --max-messages 1"),
             Contains("\n"));
}

TEST_CASE("Payloads come from a file, or count up") {
  OffsetWorld world;
  world.Write("/payload", "x");
  world.Expect(kExitOk,
               "producer-perf-test %B --topic b --num-records 2 --payload-file /payload --throughput -1");
  world.Expect(kExitOk,
               "producer-perf-test %B --topic b --num-records 2 --payload-monotonic --throughput 1000");
  CHECK(world.Expect(kExitOk, "console-consumer %B --topic b --from-beginning --timeout-ms 10") ==
        "1\n2\n3\nx\nx\n0\n1\n");
  const std::string out = world.Expect(
      kExitOk,
      "producer-perf-test %B --topic b --num-records 10 --record-size 1 --warmup-records 4 --throughput -1");
  CHECK_THAT(out, Contains("Warmup first 4 records.") && Contains("10 records sent") &&
                      Contains("6 steady state records sent"));
}

TEST_CASE("The consumer's test counts what it reads") {
  OffsetWorld world;
  const std::string out = world.Expect(kExitOk, "consumer-perf-test %B --topic b --messages 3");
  const std::regex lines(
      R"(start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, )"
      R"(fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n)"
      R"([-0-9: ]+, [-0-9: ]+, 0\.0000, [0-9.]+, 3, [0-9.]+, [0-9]+, -?[0-9]+, [0-9.]+, [0-9.]+\n)");
  INFO(out);
  CHECK(std::regex_match(out, lines));
  const std::string dated = world.Expect(
      kExitOk, R"(consumer-perf-test %B --topic b --messages 3 --hide-header --date-format "'at' S")");
  CHECK(std::regex_search(dated, std::regex("^at [0-9]+, at [0-9]+, ")));
  CHECK_THAT(
      world.Expect(kExitOk, "consumer-perf-test %B --topic b --num-records 9 --timeout 100 --hide-header"),
      Contains("WARNING: Exiting before consuming the expected number of messages: timeout (100 ms)") &&
          !Contains("start.time"));
}

TEST_CASE("Wrong use of the performance tests is told") {
  OffsetWorld world;
  const char* const cases[] = {
      "producer-perf-test %B --topic b --num-records 5 --throughput -1",
      "producer-perf-test %B --topic b --num-records 0 --record-size 1",
      "producer-perf-test %B --topic b --num-records 5 --record-size 1 --payload-monotonic",
      "producer-perf-test %B --topic b --num-records 5 --record-size 1 --warmup-records 5",
      "producer-perf-test --topic b --num-records 5 --record-size 1",
      "producer-perf-test %B --topic b --num-records 5 --record-size 1 --throughput fast",
      "consumer-perf-test %B --messages 3",
      "consumer-perf-test %B --topic b",
      "consumer-perf-test %B --topic b --messages 3 --date-format Q",
  };
  for (const char* command : cases) world.Expect(kExitUsage, command);
}

}  // namespace
}  // namespace millrace::inline v0::tools
