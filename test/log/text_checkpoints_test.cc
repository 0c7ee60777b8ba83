#include "log/text_checkpoints.h"

#include <catch2/catch.hpp>
#include <string>

#include "log/files.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

TopicId SomeId() {
  TopicId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::byte>(i * 17 + 1);
  return id;
}

TEST_CASE("partition.metadata has Kafka's text") {
  const std::string text = EncodePartitionMetadata(SomeId());
  CHECK(text == "version: 0\ntopic_id: " + SomeId().ToString());
  CHECK(Must(DecodePartitionMetadata(text)) == SomeId());
  CHECK(Must(DecodePartitionMetadata(text + "\n")) == SomeId());
  CHECK(absl::IsUnimplemented(DecodePartitionMetadata("version: 1\n").status()));
  for (size_t length = 0; length < text.size(); ++length) {
    CHECK(absl::IsDataLoss(DecodePartitionMetadata(text.substr(0, length)).status()));
  }
  CHECK(!DecodePartitionMetadata("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA").ok());
  CHECK(!DecodePartitionMetadata(text + "\nmore").ok());
}

TEST_CASE("meta.properties keeps what it is given") {
  const MetaProperties properties{.cluster_id = "a b\\c\nd=e", .node_id = 7, .directory_id = "dir"};
  const auto again = Must(DecodeMetaProperties(EncodeMetaProperties(properties)));
  CHECK(again == properties);
  const auto kafka = Must(DecodeMetaProperties(
      "#\n#Tue Nov 11 10:00:00 UTC "
      "2025\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\nnode.id=1\ndirectory.id=x-y\nversion=1\n"));
  CHECK(kafka == MetaProperties{.cluster_id = "MkU3OEVBNTcwNTJENDM2Qk", .node_id = 1, .directory_id = "x-y"});
  CHECK(Must(DecodeMetaProperties("version=0\nbroker.id=4\ncluster.id=c\n")).node_id == 4);
  CHECK(absl::IsUnimplemented(DecodeMetaProperties("version=2\nnode.id=1\n").status()));
  for (const char* bad :
       {"", "version=1\n", "version=1\nnode.id=-1\n", "version=1\nnode.id=x\n", "nonsense"}) {
    CHECK(absl::IsDataLoss(DecodeMetaProperties(bad).status()));
  }
}

TEST_CASE("Offset checkpoints have Kafka's text") {
  const std::vector<CheckpointEntry> entries = {
      {.partition = {"orders", PartitionId(0)}, .offset = Offset(12)},
      {.partition = {"a.b-c", PartitionId(31)}, .offset = Offset(0)}};
  const std::string text = EncodeOffsetCheckpoint(entries);
  CHECK(text == "0\n2\norders 0 12\na.b-c 31 0\n");
  CHECK(Must(DecodeOffsetCheckpoint(text)) == entries);
  CHECK(Must(DecodeOffsetCheckpoint("0\n0\n")).empty());
  for (const char* bad :
       {"", "0\n", "0\n1\n", "0\n1\na 0 1\nb 0 1\n", "0\n2\na 0 1\na 0 2\n", "0\n1\na 0\n", "0\n1\na -1 5\n",
        "0\n1\n../x 0 5\n", "0\n1\na 0 5 6\n", "0\n1\n\n", "0\n2147483647\na 0 5\n"}) {
    CAPTURE(bad);
    CHECK(absl::IsDataLoss(DecodeOffsetCheckpoint(bad).status()));
  }
  CHECK(absl::IsUnimplemented(DecodeOffsetCheckpoint("7\n0\n").status()));
}

TEST_CASE("A text file is replaced whole or not at all, wherever the power goes") {
  size_t old_seen = 0;
  size_t new_seen = 0;
  for (uint64_t call = 1; call < 20; ++call) {
    SimEnv sim(call);
    Must(sim.files->CreateDirectory("/d"));
    Must(WriteTextFile(sim.files.get(), "/d/f", "old"));
    sim.files->SyncAll("/d").IgnoreError();
    sim.files->StopAtCall(call, call % 2 == 0);
    const absl::Status status = WriteTextFile(sim.files.get(), "/d/f", "the new text");
    const bool stopped = sim.files->stopped();
    sim.files->Stop();
    sim.files->Crash({.seed = call});
    const std::string text = Must(ReadTextFile(sim.files.get(), "/d/f"));
    CAPTURE(call, text);
    CHECK((text == "old" || text == "the new text"));
    if (status.ok()) CHECK(text == "the new text");
    (text == "old" ? old_seen : new_seen) += 1;
    // What the crash left does not stand in the way.
    CHECK(WriteTextFile(sim.files.get(), "/d/f", "newer").ok());
    CHECK(Must(ReadTextFile(sim.files.get(), "/d/f")) == "newer");
    if (!stopped) break;
  }
  CHECK(old_seen > 0);
  CHECK(new_seen > 0);
}

TEST_CASE("Segment file names") {
  CHECK(SegmentFileName(Offset(42), kLogSuffix) == "00000000000000000042.log");
  CHECK(ParseSegmentFileName("00000000000000000042.log.deleted")->base == Offset(42));
  CHECK(ParseSegmentFileName("00000000000000000042.log.deleted")->suffix == ".log.deleted");
  CHECK(ParseSegmentFileName("09223372036854775807.log")->base == Offset(INT64_MAX));
  for (const char* bad :
       {"", "42.log", "00000000000000000042", "0000000000000000004x.log", "-0000000000000000042.log",
        "99999999999999999999.log", "000000000000000000420.log", "00000000000000000042."}) {
    CAPTURE(bad);
    CHECK(!ParseSegmentFileName(bad).has_value());
  }
  CHECK(ParentOf("/a/b") == "/a");
  CHECK(ParentOf("b") == ".");
  CHECK(ParentOf("/b") == "/");
}

}  // namespace
}  // namespace millrace
