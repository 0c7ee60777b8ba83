#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "coordinator/consumer_harness.h"

namespace millrace::inline v0 {
namespace {

using testing::ConsumerClient;
using testing::ConsumerHarness;

// A group "g" over topic "t" with four partitions.
struct World : ConsumerHarness {
  explicit World(GroupConfig group_config = {.initial_rebalance_delay_ms = 0})
      : ConsumerHarness(group_config) {
    topics.Set("t", 4);
    t = topics.Find("t")->id;
  }
  ~World() { CHECK(rebuilt_wrong == ""); }
  ErrorCode Error(const ConsumerHeartbeatRequest& request) { return Send(request).result.error; }
  PartitionMap Of(std::vector<int32_t> partitions) const { return {{t, std::move(partitions)}}; }
  TopicId t;
};

TEST_CASE("a member joins, stays, and leaves") {
  World w;
  const auto joined = w.Send(World::JoinRequestOf("a"));
  REQUIRE(joined.result.ok());
  CHECK(joined.member_id == "a");
  CHECK(joined.member_epoch == 1);
  CHECK(joined.heartbeat_interval_ms == 5000);
  CHECK(joined.assignment == w.Of({0, 1, 2, 3}));
  const auto stays = w.Beat("a", 1);
  CHECK(stays.result.ok());
  CHECK(stays.member_epoch == 1);
  CHECK_FALSE(stays.assignment.has_value());
  // What changes nothing writes nothing.
  const size_t records = w.log.size();
  CHECK(w.Beat("a", 1, w.Of({0, 1, 2, 3})).result.ok());
  CHECK(w.log.size() == records);
  CHECK(w.group().State() == GroupState::kStable);
  const auto left = w.Beat("a", -1);
  CHECK(left.result.ok());
  CHECK(left.member_epoch == -1);
  CHECK(w.group().State() == GroupState::kEmpty);
  CHECK(w.Beat("a", 1).result.error == ErrorCode::kUnknownMemberId);
  // Version 0: the coordinator makes up the id.
  auto request = World::JoinRequestOf("");
  request.chooses_member_id = false;
  CHECK_FALSE(w.Send(request).member_id.empty());
}

TEST_CASE("a partition is handed over only after it was given up") {
  World w;
  REQUIRE(w.Send(World::JoinRequestOf("a")).member_epoch == 1);
  const auto b = w.Send(World::JoinRequestOf("b"));
  CHECK(b.member_epoch == 2);
  CHECK(b.assignment == PartitionMap{});  // nothing is free yet
  // The first is told to give two up, and stays in its epoch while it has them.
  const auto revoke = w.Beat("a", 1);
  CHECK(revoke.member_epoch == 1);
  REQUIRE(revoke.assignment.has_value());
  const PartitionMap kept = *revoke.assignment;
  CHECK(CountPartitions(kept) == 2);
  CHECK(w.group().State() == GroupState::kReconciling);
  CHECK_FALSE(w.Beat("b", 2).assignment.has_value());
  CHECK(w.Beat("a", 1).member_epoch == 1);                      // did not say
  CHECK(w.Beat("a", 1, w.Of({0, 1, 2, 3})).member_epoch == 1);  // still has them
  CHECK(w.Beat("a", 1, w.Of({0, 1, 2})).member_epoch == 1);     // one of them
  CHECK_FALSE(w.Beat("b", 2).assignment.has_value());
  const auto done = w.Beat("a", 1, kept);
  CHECK(done.member_epoch == 2);
  CHECK_FALSE(done.assignment.has_value());  // it has what it was told
  const auto given = w.Beat("b", 2);
  REQUIRE(given.assignment.has_value());
  CHECK(Plus(kept, *given.assignment) == w.Of({0, 1, 2, 3}));
  CHECK(CountPartitions(*given.assignment) == 2);
  CHECK(w.group().State() == GroupState::kStable);
}

TEST_CASE("epochs fence") {
  World w;
  REQUIRE(w.Send(World::JoinRequestOf("a")).member_epoch == 1);
  REQUIRE(w.Send(World::JoinRequestOf("b")).member_epoch == 2);
  const PartitionMap kept = *w.Beat("a", 1).assignment;
  REQUIRE(w.Beat("a", 1, kept).member_epoch == 2);
  CHECK(w.Beat("a", 3).result.error == ErrorCode::kFencedMemberEpoch);
  CHECK(w.Beat("x", 2).result.error == ErrorCode::kUnknownMemberId);
  // The answer with the epoch was lost: the one before is good, from who has no more than it was given.
  CHECK(w.Beat("a", 1, kept).result.ok());
  CHECK(w.Beat("a", 1).result.error == ErrorCode::kFencedMemberEpoch);
  CHECK(w.Beat("a", 1, w.Of({0, 1, 2, 3})).result.error == ErrorCode::kFencedMemberEpoch);
  // Who is fenced comes again with nothing, and is told all.
  const auto again = w.Send(World::JoinRequestOf("a"));
  CHECK(again.member_epoch == 2);
  CHECK(again.assignment == kept);
  // Groups that are not there.
  CHECK(w.Send({.group = "h", .member_id = "a", .member_epoch = 1}).result.error ==
        ErrorCode::kGroupIdNotFound);
  CHECK(w.Send({.group = "h", .member_id = "a", .member_epoch = -1}).result.error ==
        ErrorCode::kGroupIdNotFound);
}

TEST_CASE("malformed heartbeats are refused and change nothing") {
  World w;
  const auto with = [](auto change) {
    auto request = World::JoinRequestOf("a");
    change(request);
    return request;
  };
  const auto invalid = ErrorCode::kInvalidRequest;
  CHECK(w.Error(with([](auto& r) { r.group.clear(); })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.member_id.clear(); })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.instance_id = ""; })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.rack_id = ""; })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.rebalance_timeout_ms = -1; })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.owned.reset(); })) == invalid);
  CHECK(w.Error(with([&](auto& r) { r.owned = w.Of({0}); })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.subscribed_topic_names.reset(); })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.member_epoch = -3; })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.member_epoch = -2; })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.member_id = std::string(40000, 'm'); })) == invalid);
  CHECK(w.Error(with([](auto& r) { r.server_assignor = "sticky"; })) == ErrorCode::kUnsupportedAssignor);
  CHECK(w.Error(with([](auto& r) { r.subscribed_topic_regex = "("; })) ==
        ErrorCode::kInvalidRegularExpression);
  CHECK(w.log.empty());
  CHECK(w.coordinator->group_count() == 0);
}

TEST_CASE("a session that ends and a member that does not give up are over") {
  World w;
  REQUIRE(w.Send(World::JoinRequestOf("a")).member_epoch == 1);
  REQUIRE(w.Send(World::JoinRequestOf("b")).member_epoch == 2);
  REQUIRE(w.Beat("a", 1).assignment.has_value());  // must give two up within 20 s
  for (int i = 0; i < 3; ++i) {
    w.Sleep(6000);
    CHECK(w.Beat("a", 1).result.ok());
    CHECK(w.Beat("b", 2).result.ok());
  }
  w.Sleep(2001);
  CHECK(w.Beat("a", 1).result.error == ErrorCode::kUnknownMemberId);
  const auto all = w.Beat("b", 2);
  CHECK(all.member_epoch == 3);
  CHECK(all.assignment == w.Of({0, 1, 2, 3}));
  w.Sleep(44999);
  CHECK(w.group().members.size() == 1);
  w.Sleep(1);
  CHECK(w.group().members.empty());
  w.CheckRebuilt();
}

TEST_CASE("after a restart members have a session, and a rebalance time-out, to show up") {
  World w;
  REQUIRE(w.Send(World::JoinRequestOf("a")).member_epoch == 1);
  REQUIRE(w.Send(World::JoinRequestOf("b")).member_epoch == 2);
  REQUIRE(w.Beat("a", 1).assignment.has_value());
  w.Sleep(15000);
  w.Restart();
  w.Sleep(19999);
  CHECK(w.Beat("b", 2).result.ok());
  CHECK(w.group().members.contains("a"));
  w.Sleep(1);
  CHECK_FALSE(w.group().members.contains("a"));
  w.Sleep(45000);
  CHECK(w.group().members.empty());
}

TEST_CASE("static members leave for a time, come back elsewhere, and are fenced") {
  World w;
  auto request = World::JoinRequestOf("a");
  request.instance_id = "i";
  REQUIRE(w.Send(request).member_epoch == 1);
  REQUIRE(w.Send(World::JoinRequestOf("b")).member_epoch == 2);
  const PartitionMap kept = *w.Beat("a", 1).assignment;
  REQUIRE(w.Beat("a", 1, kept, "i").member_epoch == 2);
  REQUIRE(CountPartitions(*w.Beat("b", 2).assignment) == 2);
  // Another with its instance id, while it is there.
  request.member_id = "a2";
  CHECK(w.Send(request).result.error == ErrorCode::kUnreleasedInstanceId);
  CHECK(w.Beat("a", -2, {}, "x").result.error == ErrorCode::kUnknownMemberId);
  CHECK(w.Beat("b", -2, {}, "i").result.error == ErrorCode::kFencedInstanceId);
  CHECK(w.Beat("a", -2, {}, "i").member_epoch == -2);
  // Nothing moves.
  CHECK_FALSE(w.Beat("b", 2).assignment.has_value());
  CHECK(w.group().epoch == 2);
  const auto back = w.Send(request);
  CHECK(back.member_epoch == 2);
  CHECK(back.assignment == kept);
  CHECK(w.group().epoch == 2);
  CHECK(w.Beat("a", 2, {}, "i").result.error == ErrorCode::kFencedInstanceId);
  CHECK(w.Beat("a", 2).result.error == ErrorCode::kUnknownMemberId);
  // It leaves for a time and its session ends; then for good.
  CHECK(w.Beat("a2", -2, {}, "i").result.ok());
  w.Sleep(44000);
  CHECK(w.Beat("b", 2).result.ok());
  w.Sleep(1000);
  CHECK(w.group().members.size() == 1);
  CHECK(w.Beat("b", 2).assignment == w.Of({0, 1, 2, 3}));
  CHECK(w.Send(request).result.ok());
  CHECK(w.Beat("a2", -1, {}, "i").result.ok());
  CHECK(w.group().static_members.empty());
}

TEST_CASE("topics that come, grow and go raise the epoch") {
  World w;
  REQUIRE(w.Send(World::JoinRequestOf("a", {"t", "later"})).member_epoch == 1);
  w.topics.Set("unrelated", 3);
  CHECK(w.Beat("a", 1).member_epoch == 1);
  w.topics.Set("t", 6);
  const auto grown = w.Beat("a", 1);
  CHECK(grown.member_epoch == 2);
  CHECK(grown.assignment == w.Of({0, 1, 2, 3, 4, 5}));
  w.topics.Set("later", 1);
  CHECK(CountPartitions(*w.Beat("a", 2).assignment) == 7);
  w.topics.Delete("t");
  const auto less = w.Beat("a", 3);
  CHECK(less.member_epoch == 3);  // until it has given them up
  REQUIRE(less.assignment.has_value());
  CHECK(CountPartitions(*less.assignment) == 1);
  CHECK(w.Beat("a", 3, less.assignment).member_epoch == 4);
  w.Restart();
  CHECK(w.Beat("a", 4).member_epoch == 4);
}

TEST_CASE("subscriptions change, by name and by expression") {
  World w;
  w.topics.Set("log-1", 1);
  auto request = World::JoinRequestOf("a", {});
  request.subscribed_topic_regex = "log-.*";
  const auto joined = w.Send(request);
  REQUIRE(joined.assignment.has_value());
  CHECK(CountPartitions(*joined.assignment) == 1);
  w.topics.Set("log-2", 2);
  CHECK(CountPartitions(*w.Beat("a", 1).assignment) == 3);
  w.topics.Set("other", 2);
  CHECK_FALSE(w.Beat("a", 2).assignment.has_value());
  CHECK(w.group().regexes.size() == 1);
  // Back to names: the expression goes.
  const auto owned = w.group().FindMember("a")->assigned;
  ConsumerHeartbeatRequest change{.group = "g", .member_id = "a", .member_epoch = 2};
  change.subscribed_topic_names = {{"t"}};
  change.subscribed_topic_regex = "";
  const auto changed = w.Send(change);
  CHECK(changed.assignment == PartitionMap{});
  CHECK(w.group().regexes.empty());
  CHECK(w.Beat("a", 2, PartitionMap{}).assignment == w.Of({0, 1, 2, 3}));
}

TEST_CASE("the assignor that most ask for shares out") {
  World w;
  w.topics.Set("u", 4);
  auto request = World::JoinRequestOf("a", {"t", "u"});
  request.server_assignor = "range";
  REQUIRE(w.Send(request).result.ok());
  CHECK(w.DescribeConsumer().assignor == "range");
  auto other = World::JoinRequestOf("b", {"t", "u"});
  other.server_assignor = "range";
  REQUIRE(w.Send(other).result.ok());
  const PartitionMap target = w.group().TargetOf("b");
  CHECK(PartitionsOf(target, w.t) == PartitionsOf(target, w.topics.Find("u")->id));
}

TEST_CASE("a group that is full, and one that cannot be stored") {
  World w({.consumer_max_size = 1});
  REQUIRE(w.Send(World::JoinRequestOf("a")).result.ok());
  CHECK(w.Error(World::JoinRequestOf("b")) == ErrorCode::kGroupMaxSizeReached);
  CHECK(w.Send(World::JoinRequestOf("a")).result.ok());

  World broken;
  broken.append_error = absl::ResourceExhaustedError("disk full");
  CHECK(broken.Error(World::JoinRequestOf("a")) == ErrorCode::kCoordinatorNotAvailable);
  CHECK(broken.coordinator->group_count() == 0);
  broken.append_error = absl::OkStatus();
  REQUIRE(broken.Send(World::JoinRequestOf("a")).result.ok());
  // A removal that cannot be stored is tried again, and not in a hot loop.
  broken.append_error = absl::ResourceExhaustedError("disk full");
  broken.Sleep(45000);
  CHECK(broken.group().members.size() == 1);
  CHECK(broken.coordinator->NextDeadline() > broken.now.monotonic);
  broken.append_error = absl::OkStatus();
  broken.Sleep(1000);
  CHECK(broken.group().members.empty());
}

TEST_CASE("list, describe, delete; offsets in a member's epoch") {
  World w;
  REQUIRE(w.Send(World::JoinRequestOf("a")).member_epoch == 1);
  REQUIRE(w.List().size() == 1);
  CHECK(w.List()[0].type == GroupType::kConsumer);
  CHECK(w.List()[0].protocol_type == "consumer");
  CHECK(w.List()[0].state == GroupState::kStable);
  const auto described = w.DescribeConsumer();
  CHECK(described.group_epoch == 1);
  CHECK(described.assignment_epoch == 1);
  CHECK(described.assignor == "uniform");
  REQUIRE(described.members.size() == 1);
  CHECK(described.members[0].assignment.at(0).topic_name == "t");
  CHECK(described.members[0].target.at(0).partitions == std::vector<int32_t>{0, 1, 2, 3});
  CHECK_FALSE(w.Describe().exists);
  CHECK(w.DescribeConsumer("h").result.error == ErrorCode::kGroupIdNotFound);

  CHECK(w.Commit("a", 1, 10) == ErrorCode::kNone);
  CHECK(w.Commit("a", 2, 11) == ErrorCode::kStaleMemberEpoch);
  CHECK(w.Commit("x", 1, 11) == ErrorCode::kUnknownMemberId);
  CHECK(w.Commit("", -1, 11) == ErrorCode::kUnknownMemberId);
  CHECK(w.Committed() == 10);
  const auto fetch = [&](std::optional<std::string> member, int32_t epoch) {
    auto slot = std::make_shared<std::optional<OffsetFetchResponse>>();
    w.coordinator->FetchOffsets({.group = "g", .member_id = std::move(member), .member_epoch = epoch},
                                World::Into(slot));
    w.Settle();
    return (*slot)->result.error;
  };
  CHECK(fetch("a", 1) == ErrorCode::kNone);
  CHECK(fetch("a", 0) == ErrorCode::kStaleMemberEpoch);
  CHECK(fetch("x", 1) == ErrorCode::kUnknownMemberId);
  CHECK(fetch(std::nullopt, -1) == ErrorCode::kNone);

  CHECK(w.Delete() == ErrorCode::kNonEmptyGroup);
  REQUIRE(w.Beat("a", -1).result.ok());
  CHECK(w.Commit("", -1, 12) == ErrorCode::kNone);  // an operator, while nobody is there
  CHECK(w.Delete() == ErrorCode::kNone);
  CHECK(w.coordinator->group_count() == 0);
  w.CheckRebuilt();
}

TEST_CASE("an empty group goes with its last offset") {
  World w({.offsets_retention_ms = 700'000});
  REQUIRE(w.Send(World::JoinRequestOf("a")).member_epoch == 1);
  REQUIRE(w.Commit("a", 1, 10) == ErrorCode::kNone);
  w.Sleep(45000);
  CHECK(w.group().members.empty());
  w.Sleep(600'000);
  CHECK(w.coordinator->group_count() == 1);
  w.Sleep(600'000);
  CHECK(w.coordinator->group_count() == 0);
  w.CheckRebuilt();
}

TEST_CASE(
    "100 members on 1,000 partitions: one dies, and in one heartbeat interval the others have its share") {
  World w;
  w.checks_rebuilt = false;
  w.topics.Set("t", 1000);
  std::vector<ConsumerClient> clients(100);
  for (size_t i = 0; i < clients.size(); ++i) clients[i].id = "m" + std::to_string(i);
  // Each sends one heartbeat; how many changed what they own.
  const auto round = [&](size_t from) {
    size_t changed = 0;
    for (size_t i = from; i < clients.size(); ++i) {
      const PartitionMap before = clients[i].owned;
      REQUIRE(clients[i].Take(w.Send(clients[i].Request())));
      changed += clients[i].owned == before ? 0 : 1;
    }
    return changed;
  };
  for (int rounds = 0; round(0) != 0;) {
    w.Sleep(100);
    REQUIRE(++rounds < 10);
  }
  REQUIRE(w.group().State() == GroupState::kStable);
  std::vector<PartitionMap> before;
  for (const ConsumerClient& client : clients) {
    CHECK(CountPartitions(client.owned) == 10);
    before.push_back(client.owned);
  }
  // The first is not heard of any more.
  while (w.group().members.size() == 100) {
    w.Sleep(5000);
    (void)round(1);
  }
  // That round was the one interval after it was found out.
  CHECK(w.group().State() == GroupState::kStable);
  std::set<int32_t> owned;
  for (size_t i = 1; i < clients.size(); ++i) {
    CHECK(Minus(before[i], clients[i].owned).empty());
    for (const int32_t number : PartitionsOf(clients[i].owned, w.t)) CHECK(owned.insert(number).second);
  }
  CHECK(owned.size() == 1000);
  w.CheckRebuilt();
}

}  // namespace
}  // namespace millrace::inline v0
