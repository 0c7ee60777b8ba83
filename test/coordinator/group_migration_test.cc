#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/consumer_harness.h"
#include "coordinator/consumer_protocol.h"

namespace millrace::inline v0 {
namespace {

using testing::ConsumerHarness;

struct MigrationWorld : ConsumerHarness {
  explicit MigrationWorld(GroupConfig group_config = {.initial_rebalance_delay_ms = 0})
      : ConsumerHarness(group_config) {
    topics.Set("t", 4);
    t = topics.Find("t")->id;
  }
  ~MigrationWorld() { CHECK(rebuilt_wrong == ""); }

  static std::vector<TopicPartition> Named(const std::vector<int32_t>& numbers) {
    std::vector<TopicPartition> partitions;
    for (const int32_t number : numbers) partitions.push_back({"t", PartitionId(number)});
    return partitions;
  }
  static JoinGroupRequest Classic(const std::string& member, const std::vector<int32_t>& owned = {},
                                  std::optional<std::string> instance = std::nullopt) {
    JoinGroupRequest request = JoinRequest(member, std::move(instance));
    request.protocols = {
        {.name = "range",
         .metadata = EncodeSubscription({.topics = {"t"}, .owned_partitions = Named(owned)})}};
    return request;
  }
  // A stable classic group of one that owns all; its id.
  std::string StableClassic(std::optional<std::string> instance = std::nullopt) {
    const auto joined = Join(Classic("", {}, std::move(instance)));
    const std::string id = (*joined)->member_id;
    SyncGroupRequest sync{.group = "g", .generation = (*joined)->generation, .member_id = id};
    sync.assignments = {{id, EncodeAssignment({.partitions = Named({0, 1, 2, 3})})}};
    REQUIRE((*Sync(sync))->result.ok());
    return id;
  }
  std::vector<int32_t> Synced(const std::string& member, int32_t generation) {
    const auto answer = Sync(member, generation);
    REQUIRE(answer->has_value());
    REQUIRE((*answer)->result.ok());
    std::vector<int32_t> numbers;
    const auto assignment = DecodeAssignment((*answer)->assignment);
    REQUIRE(assignment.ok());
    for (const auto& one : assignment->partitions) {
      numbers.push_back(one.partition.value());
    }
    return numbers;
  }
  GroupType Type() const { return coordinator->FindGroup("g")->type(); }
  TopicId t;
};

TEST_CASE("a classic group becomes one of the consumer protocol and back, with its offsets") {
  MigrationWorld w;
  const std::string a = w.StableClassic();
  REQUIRE(w.Commit(a, 1, 5) == ErrorCode::kNone);
  const auto b = w.Send(MigrationWorld::JoinRequestOf("b"));
  REQUIRE(b.result.ok());
  CHECK(b.member_epoch == 2);
  CHECK(b.assignment == PartitionMap{});  // the other still has all
  CHECK(w.Type() == GroupType::kConsumer);
  CHECK_FALSE(w.Describe().exists);
  CHECK(w.DescribeConsumer().members.size() == 2);
  CHECK(w.Committed() == 5);
  CHECK(w.Commit(a, 1, 6) == ErrorCode::kNone);

  // It is told to join again; as an eager member it gives all up before it does.
  CHECK(w.Heartbeat(a, 1) == ErrorCode::kRebalanceInProgress);
  CHECK((*w.Sync(a, 1))->result.error == ErrorCode::kRebalanceInProgress);
  const auto joined = w.Join(MigrationWorld::Classic(a));
  REQUIRE((*joined)->result.ok());
  CHECK((*joined)->generation == 2);
  CHECK((*joined)->leader.empty());
  CHECK(w.Synced(a, 2).size() == 2);
  CHECK(w.Heartbeat(a, 2) == ErrorCode::kNone);
  CHECK(w.Heartbeat(a, 1) == ErrorCode::kIllegalGeneration);
  CHECK(w.Commit(a, 1, 6) == ErrorCode::kIllegalGeneration);
  CHECK(CountPartitions(*w.Beat("b", 2).assignment) == 2);
  CHECK(w.group().State() == GroupState::kStable);

  w.Restart();
  CHECK(w.Heartbeat(a, 2) == ErrorCode::kNone);
  CHECK(w.Beat("b", 2).result.ok());

  // The last of the consumer protocol leaves.
  CHECK(w.Beat("b", -1).result.ok());
  CHECK(w.Type() == GroupType::kClassic);
  CHECK(w.Committed() == 6);
  CHECK(w.Heartbeat(a, 2) == ErrorCode::kRebalanceInProgress);
  const auto again = w.Join(MigrationWorld::Classic(a));
  REQUIRE((*again)->result.ok());
  CHECK((*again)->leader == a);
  CHECK((*again)->generation == 3);
  w.Restart();
  CHECK(w.Type() == GroupType::kClassic);
  CHECK(w.Committed() == 6);
}

TEST_CASE("a cooperative classic member gives up, then joins again") {
  MigrationWorld w;
  const std::string a = w.StableClassic();
  REQUIRE(w.Send(MigrationWorld::JoinRequestOf("b")).member_epoch == 2);
  // It still has all: it stays in its generation, and learns of less.
  CHECK((*w.Join(MigrationWorld::Classic(a, {0, 1, 2, 3})))->generation == 1);
  const std::vector<int32_t> kept = w.Synced(a, 1);
  REQUIRE(kept.size() == 2);
  CHECK_FALSE(w.Beat("b", 2).assignment.has_value());
  CHECK(w.Heartbeat(a, 1) == ErrorCode::kRebalanceInProgress);
  CHECK((*w.Join(MigrationWorld::Classic(a, kept)))->generation == 2);
  CHECK(w.Synced(a, 2) == kept);
  CHECK(CountPartitions(*w.Beat("b", 2).assignment) == 2);
  // A second classic member: it waits until the others have given up, and hears when they have.
  const auto c = w.Join(MigrationWorld::Classic(""));
  REQUIRE((*c)->result.ok());
  const std::string id = (*c)->member_id;
  CHECK(w.Synced(id, 3).empty());
  CHECK(w.Heartbeat(id, 3) == ErrorCode::kNone);
  const auto less = w.Beat("b", 2);
  if (less.assignment.has_value()) w.Beat("b", 2, less.assignment);
  CHECK((*w.Join(MigrationWorld::Classic(a, kept)))->result.ok());
  const auto kept_now = w.Synced(a, w.group().FindMember(a)->epoch);
  (void)w.Join(MigrationWorld::Classic(a, kept_now));
  CHECK(w.Heartbeat(id, 3) == ErrorCode::kRebalanceInProgress);
  CHECK((*w.Join(MigrationWorld::Classic(id)))->generation == 3);
  CHECK_FALSE(w.Synced(id, 3).empty());
}

TEST_CASE("what does not become a group of the consumer protocol") {
  MigrationWorld off(
      {.initial_rebalance_delay_ms = 0, .consumer_migration_policy = GroupMigrationPolicy::kDowngrade});
  const std::string a = off.StableClassic();
  CHECK(off.Send(MigrationWorld::JoinRequestOf("b")).result.error == ErrorCode::kGroupIdNotFound);
  CHECK(off.Type() == GroupType::kClassic);
  CHECK(off.Heartbeat(a, 1) == ErrorCode::kNone);

  MigrationWorld other;
  JoinGroupRequest connect = MigrationWorld::JoinRequest();
  connect.protocol_type = "connect";
  REQUIRE((*other.Join(connect))->result.ok());
  CHECK(other.Send(MigrationWorld::JoinRequestOf("b")).result.error == ErrorCode::kGroupIdNotFound);

  MigrationWorld garbage;
  JoinGroupRequest malformed = MigrationWorld::JoinRequest();
  malformed.protocols = {{.name = "range", .metadata = {std::byte{1}}}};
  REQUIRE((*garbage.Join(malformed))->result.ok());
  CHECK(garbage.Send(MigrationWorld::JoinRequestOf("b")).result.error == ErrorCode::kGroupIdNotFound);

  // And what does not fit into one.
  MigrationWorld w;
  REQUIRE(w.Send(MigrationWorld::JoinRequestOf("b")).result.ok());
  CHECK((*w.Join(connect))->result.error == ErrorCode::kInconsistentGroupProtocol);
  CHECK((*w.Join(malformed))->result.error == ErrorCode::kInconsistentGroupProtocol);
  REQUIRE((*w.Join(MigrationWorld::Classic("")))->result.ok());
  JoinGroupRequest no_shared = MigrationWorld::Classic("");
  no_shared.protocols[0].name = "roundrobin";
  CHECK((*w.Join(no_shared))->result.error == ErrorCode::kInconsistentGroupProtocol);
  CHECK((*w.Sync("b", 1))->result.error == ErrorCode::kUnknownMemberId);
  CHECK(w.Heartbeat("b", 1) == ErrorCode::kUnknownMemberId);
}

TEST_CASE("empty groups become what comes next, and keep their offsets") {
  MigrationWorld w;
  REQUIRE(w.Commit("", -1, 3) == ErrorCode::kNone);
  REQUIRE(w.Send(MigrationWorld::JoinRequestOf("b")).result.ok());
  CHECK(w.Type() == GroupType::kConsumer);
  CHECK(w.Beat("b", -1).result.ok());
  const std::string a = w.StableClassic();
  CHECK(w.Type() == GroupType::kClassic);
  CHECK(w.Committed() == 3);
  REQUIRE(w.Leave({{.member_id = a}}).result.ok());
  REQUIRE(w.Send(MigrationWorld::JoinRequestOf("b")).result.ok());
  CHECK(w.Type() == GroupType::kConsumer);
  w.Restart();
  CHECK(w.Type() == GroupType::kConsumer);
  CHECK(w.Committed() == 3);
}

TEST_CASE("whoever waits for a rebalance when the group changes is told to join again") {
  MigrationWorld w;
  w.StableClassic();
  const auto waiting = w.Join(MigrationWorld::Classic(""));
  CHECK_FALSE(waiting->has_value());
  // A group that cannot be stored stays as it is.
  w.append_error = absl::ResourceExhaustedError("disk full");
  CHECK(w.Send(MigrationWorld::JoinRequestOf("b")).result.error == ErrorCode::kCoordinatorNotAvailable);
  CHECK(w.Type() == GroupType::kClassic);
  CHECK_FALSE(waiting->has_value());
  w.append_error = absl::OkStatus();
  REQUIRE(w.Send(MigrationWorld::JoinRequestOf("b")).result.ok());
  REQUIRE(waiting->has_value());
  CHECK((*waiting)->result.error == ErrorCode::kRebalanceInProgress);
  CHECK(w.group().members.size() == 3);
}

TEST_CASE("classic members of a consumer group time out by their own clocks, and leave") {
  MigrationWorld w;
  const std::string a = w.StableClassic("i");
  REQUIRE(w.Send(MigrationWorld::JoinRequestOf("b")).result.ok());
  // Heartbeats are not enough: it must join within its rebalance time-out.
  for (int i = 0; i < 4; ++i) {
    CHECK(w.Heartbeat(a, 1) == ErrorCode::kRebalanceInProgress);
    w.Sleep(5000);
    CHECK(w.Beat("b", 2).result.ok());
  }
  CHECK(w.Heartbeat(a, 1) == ErrorCode::kUnknownMemberId);
  CHECK(CountPartitions(w.group().FindMember("b")->assigned) == 4);

  // Its session is its own.
  const auto joined = w.Join(MigrationWorld::Classic("", {}, "i"));
  CHECK(joined->has_value());
  w.Sleep(9999);
  CHECK(w.group().members.size() == 2);
  w.Sleep(1);
  CHECK(w.group().members.size() == 1);

  const auto last = w.Join(MigrationWorld::Classic("", {}, "i"));
  CHECK(w.Leave({{.member_id = "x", .group_instance_id = "i"}}).members[0].result.error ==
        ErrorCode::kFencedInstanceId);
  CHECK(w.Leave({{.member_id = "x"}}).members[0].result.error == ErrorCode::kUnknownMemberId);
  CHECK(w.Leave({{.member_id = "", .group_instance_id = "i"}}).members[0].result.ok());
  CHECK(w.group().members.size() == 1);
  // A network client is given its id first.
  JoinGroupRequest careful = MigrationWorld::Classic("");
  careful.require_known_member_id = true;
  const auto id = w.Join(careful);
  CHECK((*id)->result.error == ErrorCode::kMemberIdRequired);
  CHECK((*w.Join(MigrationWorld::Classic((*id)->member_id)))->result.ok());
}

}  // namespace
}  // namespace millrace::inline v0
