#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "coordinator/coordinator_harness.h"

namespace millrace::inline v0 {
namespace {

using testing::Harness;

constexpr int64_t kDay = 24 * 3600 * 1000;

ErrorCode DeleteOffset(Harness& h, const std::string& topic, const std::string& group = "g") {
  auto slot = std::make_shared<std::optional<OffsetDeleteResponse>>();
  h.coordinator->DeleteOffsets(
      {.group = group, .partitions = {{.topic = topic, .partition = PartitionId(0)}}}, Harness::Into(slot));
  h.Settle();
  return (*slot)->result.ok() ? (*slot)->partitions.at(0).result.error : (*slot)->result.error;
}

TEST_CASE("a member commits; the offset is there after a restart") {
  Harness h;
  const std::string a = h.StableOne();
  CHECK(h.Committed() == -1);
  CHECK(h.Commit(a, 1, 42, 0, "note") == ErrorCode::kNone);
  CHECK(h.Committed() == 42);
  CHECK(h.Committed(1) == -1);
  h.Restart();
  CHECK(h.Committed() == 42);
  CHECK(h.Commit(a, 1, 41) == ErrorCode::kNone);  // going back is allowed
  CHECK(h.Committed() == 41);
  auto slot = std::make_shared<std::optional<OffsetFetchResponse>>();
  h.coordinator->FetchOffsets({.group = "g"}, Harness::Into(slot));
  h.Settle();
  REQUIRE((*slot)->offsets.size() == 1);
  CHECK((*slot)->offsets[0].offset.partition.topic == "t");
}

TEST_CASE("commits of strangers, other generations and fenced members change nothing") {
  Harness h;
  CHECK(h.Commit("x", 1, 5) == ErrorCode::kGroupIdNotFound);
  const std::string a = h.StableOne("one");
  CHECK(h.Commit("x", 1, 5) == ErrorCode::kUnknownMemberId);
  CHECK(h.Commit(a, 0, 5) == ErrorCode::kIllegalGeneration);
  CHECK(h.Commit(a, 2, 5) == ErrorCode::kIllegalGeneration);
  CHECK(h.Commit("", -1, 5) == ErrorCode::kUnknownMemberId);  // only members may
  h.Join(Harness::JoinRequest({}, "one"));
  auto slot = std::make_shared<std::optional<OffsetCommitResponse>>();
  h.coordinator->CommitOffsets({.group = "g",
                                .generation = 1,
                                .member_id = a,
                                .group_instance_id = "one",
                                .offsets = {{.partition = {.topic = "t"}, .offset = 5}}},
                               Harness::Into(slot), h.now);
  h.Settle();
  CHECK((*slot)->partitions[0].result.error == ErrorCode::kFencedInstanceId);
  CHECK(h.Committed() == -1);
}

TEST_CASE("while members prepare to rebalance they may still commit what they had") {
  Harness h;
  const std::string a = h.StableOne();
  h.Join();
  CHECK(h.Commit(a, 1, 9) == ErrorCode::kNone);
  CHECK(h.Committed() == 9);
}

TEST_CASE("simple consumers commit to groups without members") {
  Harness h;
  CHECK(h.Commit("", -1, 7) == ErrorCode::kNone);
  CHECK(h.Committed() == 7);
  CHECK(h.Describe().exists);
  CHECK(h.Describe().state == GroupState::kEmpty);
  h.Restart();
  CHECK(h.Committed() == 7);
  CHECK(h.Commit("", -1, 7, 0, {}, "") == ErrorCode::kInvalidGroupId);
}

TEST_CASE("metadata has a limit, and one partition's refusal leaves the others") {
  Harness h({.initial_rebalance_delay_ms = 0, .offset_metadata_max_bytes = 4});
  auto slot = std::make_shared<std::optional<OffsetCommitResponse>>();
  h.coordinator->CommitOffsets(
      {.group = "g",
       .offsets =
           {{.partition = {.topic = "t", .partition = PartitionId(0)}, .offset = 1, .metadata = "12345"},
            {.partition = {.topic = "t", .partition = PartitionId(1)}, .offset = 2, .metadata = "1234"},
            {.partition = {.topic = std::string(40000, 'x')}, .offset = 3}}},
      Harness::Into(slot), h.now);
  h.Settle();
  CHECK((*slot)->partitions[0].result.error == ErrorCode::kOffsetMetadataTooLarge);
  CHECK((*slot)->partitions[1].result.ok());
  CHECK((*slot)->partitions[2].result.error == ErrorCode::kInvalidRequest);
  CHECK(h.Committed(0) == -1);
  CHECK(h.Committed(1) == 2);
}

TEST_CASE("an offset that cannot be stored is not committed, and the answer says why") {
  Harness h;
  CHECK(h.Commit("", -1, 7) == ErrorCode::kNone);
  h.append_error = Error(ErrorCode::kKafkaStorageError, "disk full");
  CHECK(h.Commit("", -1, 8) == ErrorCode::kCoordinatorNotAvailable);
  h.append_error = Error(ErrorCode::kMessageTooLarge, "too large");
  CHECK(h.Commit("", -1, 8) == ErrorCode::kInvalidCommitOffsetSize);
  CHECK(h.Committed() == 7);
  CHECK(h.Delete() == ErrorCode::kInvalidCommitOffsetSize);
  CHECK(DeleteOffset(h, "t") == ErrorCode::kInvalidCommitOffsetSize);
  CHECK(h.Committed() == 7);
}

TEST_CASE("offsets are deleted unless a member reads the topic") {
  Harness h;
  CHECK(DeleteOffset(h, "t") == ErrorCode::kGroupIdNotFound);
  h.Commit("", -1, 7);
  CHECK(DeleteOffset(h, "u") == ErrorCode::kNone);  // nothing to delete
  const std::string a = h.StableOne();
  CHECK(DeleteOffset(h, "t") == ErrorCode::kGroupSubscribedToTopic);
  CHECK(DeleteOffset(h, "u") == ErrorCode::kNone);
  h.Leave({{.member_id = a}});
  CHECK(DeleteOffset(h, "t") == ErrorCode::kNone);
  CHECK(h.Committed() == -1);
  h.Restart();
  CHECK(h.Committed() == -1);
}

TEST_CASE("a group is deleted once it has no members, and stays deleted") {
  Harness h;
  CHECK(h.Delete() == ErrorCode::kGroupIdNotFound);
  const std::string a = h.StableOne();
  h.Commit(a, 1, 5);
  CHECK(h.Delete() == ErrorCode::kNonEmptyGroup);
  h.Leave({{.member_id = a}});
  CHECK(h.Delete() == ErrorCode::kNone);
  CHECK_FALSE(h.Describe().exists);
  CHECK(h.Committed() == -1);
  h.Restart();
  CHECK(h.coordinator->group_count() == 0);
}

TEST_CASE("offsets of deleted topics go") {
  Harness h;
  h.Commit("", -1, 5);
  absl::Status status = absl::UnknownError("not called");
  h.coordinator->DeleteTopics({"t"}, [&](absl::Status s) { status = s; });
  h.Settle();
  CHECK(status.ok());
  CHECK(h.Committed() == -1);
  h.Restart();
  CHECK(h.coordinator->group_count() == 0);
}

TEST_CASE("groups are listed, by state if asked") {
  Harness h;
  h.Commit("", -1, 5, 0, {}, "simple");
  h.StableOne();
  const auto list = [&](std::vector<GroupState> states) {
    auto slot = std::make_shared<std::optional<ListGroupsResponse>>();
    h.coordinator->ListGroups({.states = std::move(states)}, Harness::Into(slot));
    h.Settle();
    return (*slot)->groups;
  };
  CHECK(list({}).size() == 2);
  REQUIRE(list({GroupState::kStable}).size() == 1);
  CHECK(list({GroupState::kStable})[0].group == "g");
  CHECK(list({GroupState::kStable})[0].protocol_type == "consumer");
}

TEST_CASE("offsets of a group without members expire a while after the last one left; the group goes too") {
  Harness h;
  const std::string a = h.StableOne();
  h.Commit(a, 1, 5);
  for (int64_t t = 0; t < 8 * kDay; t += 8000) {
    h.now.monotonic = After(h.now.monotonic, 8000);
    h.now.wall = h.now.wall + 8000;
    if (t % 40000000 == 0) {
      CHECK(h.Heartbeat(a, 1) == ErrorCode::kNone);
      h.Sleep(0);
    } else {
      h.coordinator->Heartbeat({.group = "g", .generation = 1, .member_id = a}, nullptr, h.now);
    }
  }
  CHECK(h.Committed() == 5);  // in use, however old
  h.Leave({{.member_id = a}});
  h.Sleep(7 * kDay - 1);
  CHECK(h.Committed() == 5);
  h.Restart();
  h.Sleep(600000);
  CHECK(h.Committed() == -1);
  CHECK_FALSE(h.Describe().exists);
  h.Restart();
  CHECK(h.coordinator->group_count() == 0);
}

TEST_CASE("offsets of simple consumers expire after their commit; those with a time of their own at that") {
  Harness h;
  h.Commit("", -1, 5, 0);
  h.Sleep(6 * kDay);
  h.Commit("", -1, 6, 1);
  h.Sleep(kDay);
  CHECK(h.Committed(0) == -1);
  CHECK(h.Committed(1) == 6);
  auto record =
      MakeOffsetRecord({.group = "g", .topic = "t", .partition = 2},
                       OffsetCommitValue{.offset = 9, .expire_timestamp = h.now.wall.value() + 1000});
  h.log.push_back(*record);
  h.Restart();
  CHECK(h.Committed(2) == 9);
  h.Sleep(600000);
  CHECK(h.Committed(2) == -1);
}

TEST_CASE("offsets of topics that a stable group no longer reads expire") {
  Harness h;
  const std::string a = h.StableOne();  // reads t
  auto slot = std::make_shared<std::optional<OffsetCommitResponse>>();
  h.coordinator->CommitOffsets({.group = "g",
                                .generation = 1,
                                .member_id = a,
                                .offsets = {{.partition = {.topic = "old"}, .offset = 1}}},
                               Harness::Into(slot), h.now);
  h.Settle();
  h.Commit(a, 1, 2);
  h.now.wall = h.now.wall + 8 * kDay;  // the wall clock jumps, sessions do not
  h.now.monotonic = After(h.now.monotonic, 9000);
  h.Heartbeat(a, 1);
  h.config.offsets_retention_check_interval_ms = 1;
  h.Restart();
  h.Sleep(1);
  CHECK(h.Committed() == 2);
  auto fetched = std::make_shared<std::optional<OffsetFetchResponse>>();
  h.coordinator->FetchOffsets({.group = "g"}, Harness::Into(fetched));
  h.Settle();
  CHECK((*fetched)->offsets.size() == 1);
}

}  // namespace
}  // namespace millrace::inline v0
