#include "tools/dump_log.h"

#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;

void Append(const Env& env, const std::string& path, std::span<const std::byte> bytes) {
  auto file = env.files->Open(path, OpenMode::kCreate);
  REQUIRE(file.ok());
  REQUIRE((*file)->WriteAt(*(*file)->Size(), bytes).ok());
}

std::vector<std::byte> OneBatch(BatchOptions options = {}) {
  const Header headers[] = {{.key = "h", .value = "1"}, {.key = "i"}};
  BatchBuilder builder(options);
  builder.Append({.key = "k", .value = "v", .headers = headers}, Timestamp(1000));
  builder.Append({.value = "w"}, Timestamp(2000));
  const auto bytes = builder.Finish(Offset(7));
  REQUIRE(bytes.ok());
  return {bytes->begin(), bytes->end()};
}

TEST_CASE("Batches and records are printed as Kafka's tool prints them") {
  ToolWorld world;
  const std::string path = "/00000000000000000007.log";
  const auto batch = OneBatch();
  Append(world.world.sim.env(), path, batch);
  const std::string crc = std::to_string(BatchView(batch.data()).crc());
  const std::string line =
      "baseOffset: 7 lastOffset: 8 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: "
      "-1 "
      "partitionLeaderEpoch: -1 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty "
      "position: 0 CreateTime: 2000 size: " +
      std::to_string(batch.size()) + " magic: 2 compresscodec: none crc: " + crc + " isvalid: true\n";
  const std::string head = "Dumping " + path + "\nLog starting offset: 7\n" + line;
  CHECK(world.Expect(kExitOk, "dump-log --files " + path) == head);
  CHECK(world.Expect(kExitOk, "dump-log --print-data-log --files " + path) ==
        head +
            "| offset: 7 CreateTime: 1000 keySize: 1 valueSize: 1 sequence: -1 headerKeys: [h,i] key: k "
            "payload: v\n"
            "| offset: 8 CreateTime: 2000 keySize: -1 valueSize: 1 sequence: -1 headerKeys: [] payload: w\n");
  CHECK_THAT(world.Expect(kExitOk, "dump-log --deep-iteration --files " + path),
             Contains("headerKeys: []\n") && !Contains("payload"));
  CHECK_THAT(world.Expect(kExitOk, "dump-log --print-data-log --skip-record-metadata --files " + path),
             Contains("\n| key: k payload: v\n| payload: w\n"));
}

TEST_CASE("Sequences count on, codecs have their names") {
  ToolWorld world;
  Append(world.world.sim.env(), "/0.log",
         OneBatch({.compression = Compression::kZstd,
                   .producer_id = ProducerId(5),
                   .producer_epoch = ProducerEpoch(0),
                   .base_sequence = 3}));
  CHECK_THAT(world.Expect(kExitOk, "dump-log --print-data-log --files /0.log"),
             Contains("baseSequence: 3 lastSequence: 4 producerId: 5") && Contains("compresscodec: zstd") &&
                 Contains("sequence: 4 "));
}

TEST_CASE("Damage is shown, and what is behind it counted") {
  ToolWorld world;
  auto batch = OneBatch();
  Append(world.world.sim.env(), "/0.log", batch);
  batch.back() ^= std::byte{1};
  Append(world.world.sim.env(), "/0.log", batch);
  Append(world.world.sim.env(), "/0.log", std::span(batch).first(20));
  const std::string out = world.Expect(kExitOk, "dump-log --print-data-log --files /0.log");
  CHECK_THAT(out, Contains("isvalid: true") && Contains("isvalid: false") &&
                      Contains("Found 20 invalid bytes at the end of 0.log"));
  CHECK_THAT(world.Expect(kExitOk, "dump-log --max-bytes 10 --files /0.log"), !Contains("invalid bytes"));
}

TEST_CASE("Records of __consumer_offsets are printed as JSON") {
  ToolWorld world;
  using std::string_view_literals::operator""sv;
  BatchBuilder builder{BatchOptions{}};
  builder.Append({.key = "\0\1\0\1g\0\1t\0\0\0\2"sv, .value = "\0\0\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0\0\0"sv},
                 Timestamp(1));
  builder.Append({.key = "\0\2\0\1g"sv}, Timestamp(1));
  builder.Append({.key = "\0\x63"sv, .value = "?"}, Timestamp(1));
  builder.Append({.value = "?"}, Timestamp(1));
  const auto bytes = builder.Finish(Offset(0));
  REQUIRE(bytes.ok());
  Append(world.world.sim.env(), "/0.log", *bytes);
  CHECK_THAT(world.Expect(kExitOk, "dump-log --offsets-decoder --skip-record-metadata --files /0.log"),
             Contains(R"(| key: {"type":"1","data":{"group":"g","topic":"t","partition":2}} )"
                      R"(payload: {"version":"0","data":{"offset":5,"metadata":"","commitTimestamp":0}})"
                      "\n") &&
                 Contains("| key: {\"type\":\"2\",\"data\":{\"group\":\"g\"}} payload: <DELETE>\n") &&
                 Contains("| key: Unknown record type 99 at offset 2, skipping.\n") &&
                 Contains("| key: Error at offset 3, skipping. a malformed record of __consumer_offsets: it "
                          "has no key\n"));
}

TEST_CASE("Indexes are printed up to where they are filled") {
  ToolWorld world;
  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> made;
    for (const int value : values) made.push_back(static_cast<std::byte>(value));
    return made;
  };
  Append(world.world.sim.env(), "/100.index",
         bytes({0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  Append(world.world.sim.env(), "/100.timeindex", bytes({0, 0, 0, 0, 0, 0, 3, 232, 0, 0, 0, 5}));
  CHECK(world.Expect(kExitOk, "dump-log --files /100.index,/100.timeindex") ==
        "Dumping /100.index\noffset: 105 position: 256\noffset: 109 position: 512\n"
        "Dumping /100.timeindex\ntimestamp: 1000 offset: 105\n");
}

TEST_CASE("Files that are not there, or are none of a log's") {
  ToolWorld world;
  CHECK_THAT(world.Expect(kExitFailed, "dump-log --files /no.log"), Contains("/no.log"));
  CHECK_THAT(world.Run("dump-log --files /x.txt").err, Contains("Ignoring unknown file /x.txt"));
  CHECK_THAT(world.Expect(kExitUsage, "dump-log"), Contains("[files]"));
  CHECK_THAT(world.Expect(kExitFailed, "dump-log --files /x.index"), Contains("/x.index"));
}

TEST_CASE("Indexes are held against their log") {
  ToolWorld world;
  const Env env = world.world.sim.env();
  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> made;
    for (const int value : values) made.push_back(static_cast<std::byte>(value));
    return made;
  };
  Append(env, "/7.log", OneBatch());
  Append(env, "/7.index", bytes({0, 0, 0, 1, 0, 0, 0, 0}));
  CHECK(world.Expect(kExitOk, "dump-log --files /7.index --verify-index-only") == "Dumping /7.index\n");
  CHECK(world.Expect(kExitOk, "dump-log --files /7.index") == "Dumping /7.index\noffset: 8 position: 0\n");
  CHECK(world.Expect(kExitOk, "dump-log --files /7.index --index-sanity-check") ==
        "Dumping /7.index\n/7.index passed sanity check.\n");

  // An entry that no batch has, beyond the file.
  Append(env, "/7.index", bytes({0, 0, 0, 9, 0, 0, 16, 0}));
  const ToolResult differs = world.Run("dump-log --files /7.index --verify-index-only");
  CHECK(differs.code == kExitFailed);
  CHECK(differs.out == "Dumping /7.index\nMismatches in :/7.index\n  Index offset: 16, log offset: -1\n");
  CHECK_THAT(differs.err, Contains("/7.index does not fit /7.log"));
  // Entries that fall.
  Append(env, "/7.index", bytes({0, 0, 0, 3, 0, 0, 0, 1}));
  CHECK_THAT(world.Expect(kExitFailed, "dump-log --files /7.index --index-sanity-check"),
             Contains("entry 2 is not beyond the one before it"));
  // Without its log.
  Append(env, "/9.index", bytes({0, 0, 0, 1, 0, 0, 0, 0}));
  world.Expect(kExitFailed, "dump-log --files /9.index --verify-index-only");
}

}  // namespace
}  // namespace millrace::inline v0::tools
