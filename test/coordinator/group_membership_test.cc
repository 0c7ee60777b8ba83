#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "coordinator/coordinator_harness.h"

namespace millrace::inline v0 {
namespace {

using testing::Harness;
using testing::TextOf;

TEST_CASE("one member joins, syncs and is stable; a restart finds it so") {
  Harness h;
  const auto joined = h.Join();
  REQUIRE(joined->has_value());
  CHECK((*joined)->result.ok());
  CHECK((*joined)->generation == 1);
  CHECK((*joined)->leader == (*joined)->member_id);
  CHECK((*joined)->member_id.starts_with("client-"));
  CHECK((*joined)->protocol == "range");
  REQUIRE((*joined)->members.size() == 1);
  const std::string id = (*joined)->member_id;
  CHECK(h.Describe().state == GroupState::kCompletingRebalance);
  CHECK(h.log.empty());
  const auto synced = h.Sync(id, 1, {id});
  REQUIRE(synced->has_value());
  CHECK((*synced)->result.ok());
  CHECK(TextOf((*synced)->assignment) == id);
  CHECK(h.Describe().state == GroupState::kStable);
  CHECK(h.log.size() == 1);
  CHECK(h.Heartbeat(id, 1) == ErrorCode::kNone);

  h.Restart();
  CHECK(h.replayed_ok);
  const auto described = h.Describe();
  CHECK(described.state == GroupState::kStable);
  CHECK(described.protocol == "range");
  REQUIRE(described.members.size() == 1);
  CHECK(TextOf(described.members[0].assignment) == id);
  CHECK(described.members[0].client_host == "/127.0.0.1");
  CHECK(h.Heartbeat(id, 1) == ErrorCode::kNone);
  h.Sleep(10001);
  CHECK(h.Describe().state == GroupState::kEmpty);
}

TEST_CASE("members in this process are told of a rebalance once, those who caused it are not") {
  Harness h;
  std::vector<int32_t> told_a;
  std::vector<int32_t> told_b;
  auto request = Harness::JoinRequest();
  request.on_rebalance = [&](int32_t generation) { told_a.push_back(generation); };
  const std::string a = (*h.Join(request))->member_id;
  h.Sync(a, 1, {a});
  CHECK(told_a.empty());
  auto other = Harness::JoinRequest();
  other.on_rebalance = [&](int32_t generation) { told_b.push_back(generation); };
  const auto b = h.Join(other);
  CHECK(told_a == std::vector<int32_t>{1});
  h.Join(Harness::JoinRequest());
  CHECK(told_a == std::vector<int32_t>{1});
  CHECK(told_b.empty());
  // It joins again without asking to be told.
  h.Join(Harness::JoinRequest(a));
  REQUIRE(b->has_value());
  h.Leave({{.member_id = (*b)->member_id}});
  CHECK(told_a == std::vector<int32_t>{1});
}

TEST_CASE("a second member makes the first join again; both get their assignment") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  CHECK_FALSE(b->has_value());
  CHECK(h.Describe().state == GroupState::kPreparingRebalance);
  CHECK(h.Heartbeat(a, 1) == ErrorCode::kRebalanceInProgress);
  CHECK((*h.Sync(a, 1))->result.error == ErrorCode::kRebalanceInProgress);
  const auto again = h.Join(Harness::JoinRequest(a));
  REQUIRE(b->has_value());
  CHECK((*b)->generation == 2);
  CHECK((*again)->members.size() == 2);  // the leader stays the leader
  CHECK((*b)->members.empty());
  const std::string b_id = (*b)->member_id;
  const auto follower = h.Sync(b_id, 2);
  CHECK_FALSE(follower->has_value());
  CHECK(h.Commit(b_id, 2, 5) == ErrorCode::kRebalanceInProgress);
  const auto leader = h.Sync(a, 2, {a, b_id, "stranger"});
  CHECK(TextOf((*leader)->assignment) == a);
  REQUIRE(follower->has_value());
  CHECK(TextOf((*follower)->assignment) == b_id);
  // A member that asks again gets the same, and the stranger is nobody.
  CHECK(TextOf((*h.Sync(b_id, 2))->assignment) == b_id);
  CHECK(h.Describe().members.size() == 2);
  // A follower that joins again with the same protocols is told where it stands; the leader starts a
  // rebalance.
  CHECK((*h.Join(Harness::JoinRequest(b_id)))->generation == 2);
  CHECK(h.Describe().state == GroupState::kStable);
  CHECK_FALSE(h.Join(Harness::JoinRequest(a))->has_value());
  CHECK(h.Describe().state == GroupState::kPreparingRebalance);
}

TEST_CASE("bad joins are refused and leave no group behind") {
  Harness h;
  const auto error = [&](JoinGroupRequest request) { return (*h.Join(std::move(request)))->result.error; };
  auto request = Harness::JoinRequest();
  request.group.clear();
  CHECK(error(request) == ErrorCode::kInvalidGroupId);
  request = Harness::JoinRequest();
  request.session_timeout_ms = 5999;
  CHECK(error(request) == ErrorCode::kInvalidSessionTimeout);
  request.session_timeout_ms = 1800001;
  CHECK(error(request) == ErrorCode::kInvalidSessionTimeout);
  request = Harness::JoinRequest();
  request.protocols.clear();
  CHECK(error(request) == ErrorCode::kInconsistentGroupProtocol);
  CHECK(error(Harness::JoinRequest("who")) == ErrorCode::kUnknownMemberId);
  CHECK(h.coordinator->group_count() == 0);
  const std::string a = h.StableOne();
  CHECK(error(Harness::JoinRequest("who")) == ErrorCode::kUnknownMemberId);
  request = Harness::JoinRequest();
  request.protocols[0].name = "sticky";
  CHECK(error(request) == ErrorCode::kInconsistentGroupProtocol);
  request = Harness::JoinRequest();
  request.protocol_type = "connect";
  CHECK(error(request) == ErrorCode::kInconsistentGroupProtocol);
  CHECK(h.Describe().state == GroupState::kStable);
  CHECK(h.Heartbeat(a, 1) == ErrorCode::kNone);
}

TEST_CASE("the protocol that all share and most prefer is chosen") {
  Harness h({.initial_rebalance_delay_ms = 100});
  const auto join = [&](std::vector<std::string> names) {
    auto request = Harness::JoinRequest();
    request.protocols.clear();
    for (auto& name : names) request.protocols.push_back({.name = name});
    return h.Join(request);
  };
  const auto a = join({"x", "y", "z"});
  const auto b = join({"y", "z"});
  const auto c = join({"z", "y"});
  const auto d = join({"y", "x", "z"});
  CHECK((*join({"x"}))->result.error == ErrorCode::kInconsistentGroupProtocol);
  h.Sleep(100);
  h.Sleep(100);
  REQUIRE(d->has_value());
  CHECK((*d)->protocol == "y");  // x is not shared; three votes for y, one for z
}

TEST_CASE("an empty group waits for more members, again with each that comes, up to the rebalance time-out") {
  Harness h({.initial_rebalance_delay_ms = 3000});
  auto request = Harness::JoinRequest();
  request.rebalance_timeout_ms = 7000;
  const auto a = h.Join(request);
  h.Sleep(2999);
  CHECK_FALSE(a->has_value());
  const auto b = h.Join(request);
  h.Sleep(1);  // 3000: b came, so another 3000
  CHECK_FALSE(a->has_value());
  h.Sleep(2000);
  const auto c = h.Join(request);
  h.Sleep(1000);  // 6000: c came, but only 1000 are left
  CHECK_FALSE(a->has_value());
  h.Sleep(1000);
  REQUIRE(a->has_value());
  CHECK((*a)->generation == 1);
  CHECK((*c)->generation == 1);
  // A group that was there rebalances without that wait.
  const std::string id = (*a)->member_id;
  CHECK(b->has_value());
  const auto d = h.Join(request);
  h.Join(Harness::JoinRequest(id));
  h.Join(Harness::JoinRequest((*b)->member_id));
  CHECK_FALSE(d->has_value());
  h.Join(Harness::JoinRequest((*c)->member_id));
  CHECK(d->has_value());
}

TEST_CASE("KIP-394: a new member is given its id first; ids that are not used expire") {
  Harness h;
  auto request = Harness::JoinRequest();
  request.require_known_member_id = true;
  auto first = h.Join(request);
  CHECK((*first)->result.error == ErrorCode::kMemberIdRequired);
  request.member_id = (*first)->member_id;
  REQUIRE_FALSE(request.member_id.empty());
  CHECK((*h.Join(request))->result.ok());
  // A group in rebalance waits for ids that were given out.
  request.member_id.clear();
  const auto pending = h.Join(request);
  const std::string id = (*first)->member_id;
  const auto again = h.Join(Harness::JoinRequest(id));  // another id is pending; the group is completing
  CHECK((*again)->generation == 1);
  h.Sync(id, 1, {id});
  const auto leader = h.Join(Harness::JoinRequest(id));
  CHECK_FALSE(leader->has_value());
  h.Sleep(10000);
  REQUIRE(leader->has_value());
  CHECK((*leader)->members.size() == 1);
  CHECK((*h.Join(Harness::JoinRequest((*pending)->member_id)))->result.error == ErrorCode::kUnknownMemberId);
  // A lone pending member leaves nothing behind.
  Harness lone;
  request.member_id.clear();
  lone.Join(request);
  CHECK(lone.coordinator->group_count() == 1);
  lone.Sleep(10000);
  CHECK(lone.coordinator->group_count() == 0);
}

TEST_CASE("members that do not rejoin within the rebalance time-out are out") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  for (int i = 0; i < 4; ++i) {
    h.Sleep(4999);
    CHECK(h.Heartbeat(a, 1) == ErrorCode::kRebalanceInProgress);  // alive, but does not rejoin
  }
  CHECK_FALSE(b->has_value());
  h.Sleep(4);
  REQUIRE(b->has_value());
  CHECK((*b)->leader == (*b)->member_id);
  CHECK(h.Heartbeat(a, 1) == ErrorCode::kUnknownMemberId);
}

TEST_CASE("a session that ends takes the member out; heartbeats and commits keep it") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  h.Join(Harness::JoinRequest(a));
  const std::string b_id = (*b)->member_id;
  h.Sync(b_id, 2);
  h.Sync(a, 2, {a, b_id});
  h.Sleep(6000);
  CHECK(h.Heartbeat(a, 2) == ErrorCode::kNone);
  CHECK(h.Commit(b_id, 2, 1) == ErrorCode::kNone);
  h.Sleep(6000);
  CHECK(h.Heartbeat(a, 2) == ErrorCode::kNone);
  h.Sleep(3999);
  CHECK(h.Describe().state == GroupState::kStable);
  h.Sleep(1);
  CHECK(h.Heartbeat(a, 2) == ErrorCode::kRebalanceInProgress);
  CHECK(h.Heartbeat(b_id, 2) == ErrorCode::kUnknownMemberId);
}

TEST_CASE("members that join but do not sync are removed after the rebalance time-out") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  h.Join(Harness::JoinRequest(a));
  h.Sync(a, 2, {a});
  for (int i = 0; i < 4; ++i) {
    h.Sleep(4999);
    h.Heartbeat(a, 2);
    h.Heartbeat((*b)->member_id, 2);
  }
  CHECK(h.Describe().members.size() == 2);
  h.Sleep(4);
  CHECK(h.Heartbeat((*b)->member_id, 2) == ErrorCode::kUnknownMemberId);
  CHECK(h.Heartbeat(a, 2) == ErrorCode::kRebalanceInProgress);
}

TEST_CASE("a leader that dies before it synced makes the followers join again") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  h.Join(Harness::JoinRequest(a));
  const auto waiting = h.Sync((*b)->member_id, 2);
  h.Sleep(10000);
  REQUIRE(waiting->has_value());
  CHECK((*waiting)->result.error == ErrorCode::kRebalanceInProgress);
  const auto again = h.Join(Harness::JoinRequest((*b)->member_id));
  REQUIRE(again->has_value());
  CHECK((*again)->leader == (*b)->member_id);
  CHECK((*again)->generation == 3);
}

TEST_CASE("requests of other generations, members and protocols are refused") {
  Harness h;
  CHECK(h.Heartbeat("x", 1) == ErrorCode::kUnknownMemberId);
  CHECK((*h.Sync("x", 1))->result.error == ErrorCode::kUnknownMemberId);
  const std::string a = h.StableOne();
  CHECK(h.Heartbeat(a, 2) == ErrorCode::kIllegalGeneration);
  CHECK(h.Heartbeat("x", 1) == ErrorCode::kUnknownMemberId);
  CHECK((*h.Sync(a, 0))->result.error == ErrorCode::kIllegalGeneration);
  CHECK((*h.Sync({.group = "g", .generation = 1, .member_id = a, .protocol = "sticky"}))->result.error ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK((*h.Sync({.group = "g", .generation = 1, .member_id = a, .protocol_type = "x"}))->result.error ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK(
      (*h.Sync(
           {.group = "g", .generation = 1, .member_id = a, .protocol_type = "consumer", .protocol = "range"}))
          ->result.ok());
}

TEST_CASE("members leave, many at once, by id or by instance") {
  Harness h;
  const std::string a = h.StableOne("one");
  const auto b = h.Join();
  h.Join(Harness::JoinRequest(a, "one"));
  const auto left = h.Leave({{.member_id = "who"},
                             {.group_instance_id = "none"},
                             {.member_id = (*b)->member_id, .group_instance_id = "one"},
                             {.group_instance_id = "one"},
                             {.member_id = (*b)->member_id}});
  REQUIRE(left.members.size() == 5);
  CHECK(left.members[0].result.error == ErrorCode::kUnknownMemberId);
  CHECK(left.members[1].result.error == ErrorCode::kUnknownMemberId);
  CHECK(left.members[2].result.error == ErrorCode::kFencedInstanceId);
  CHECK(left.members[3].result.ok());
  CHECK(left.members[4].result.ok());
  CHECK(h.Describe().state == GroupState::kEmpty);
  CHECK(h.Describe().generation == 3);
  h.Restart();
  CHECK(h.Describe().state == GroupState::kEmpty);
  CHECK(h.Describe().generation == 3);
  CHECK(h.Leave({{.member_id = "x"}}, "nogroup").members[0].result.error == ErrorCode::kUnknownMemberId);
}

TEST_CASE("a member that leaves while it waits to join is answered") {
  Harness h;
  h.StableOne();
  auto request = Harness::JoinRequest();
  request.require_known_member_id = true;
  request.member_id = (*h.Join(request))->member_id;
  const auto waiting = h.Join(request);
  REQUIRE_FALSE(waiting->has_value());
  CHECK(h.Leave({{.member_id = request.member_id}}).members[0].result.ok());
  REQUIRE(waiting->has_value());
  CHECK((*waiting)->result.error == ErrorCode::kUnknownMemberId);
}

TEST_CASE("static members: a restart keeps the assignment, and the old incarnation is fenced") {
  Harness h;
  const std::string old = h.StableOne("one");
  CHECK(old.starts_with("one-"));
  const int appends = h.appends;
  const auto back = h.Join(Harness::JoinRequest({}, "one"));
  REQUIRE(back->has_value());
  CHECK((*back)->result.ok());
  CHECK((*back)->generation == 1);
  CHECK((*back)->skip_assignment);  // it leads, and the assignment stands
  CHECK((*back)->members.size() == 1);
  CHECK(h.appends == appends + 1);
  const std::string id = (*back)->member_id;
  CHECK(id != old);
  CHECK(TextOf((*h.Sync(id, 1, {}, "one"))->assignment) == old);  // what the leader gave to its predecessor
  CHECK(h.Heartbeat(old, 1, "one") == ErrorCode::kFencedInstanceId);
  CHECK(h.Heartbeat(old, 1) == ErrorCode::kUnknownMemberId);
  CHECK((*h.Join(Harness::JoinRequest(old, "one")))->result.error == ErrorCode::kFencedInstanceId);
  CHECK((*h.Sync(old, 1, {}, "one"))->result.error == ErrorCode::kFencedInstanceId);
  h.Restart();
  CHECK(h.Heartbeat(id, 1, "one") == ErrorCode::kNone);
  CHECK(h.Heartbeat(old, 1, "one") == ErrorCode::kFencedInstanceId);
  // Without KIP-814 it is told that somebody else leads.
  auto request = Harness::JoinRequest({}, "one");
  request.supports_skipping_assignment = false;
  const auto follower = h.Join(request);
  CHECK_FALSE((*follower)->skip_assignment);
  CHECK((*follower)->members.empty());
  CHECK((*follower)->leader == id);
  CHECK((*follower)->member_id != id);
}

TEST_CASE("a static member that comes back with another subscription starts a rebalance") {
  Harness h;
  h.StableOne("one");
  auto request = Harness::JoinRequest({}, "one");
  request.protocols[0].metadata = EncodeSubscription({.topics = {"t", "u"}});
  const auto back = h.Join(request);
  REQUIRE(back->has_value());
  CHECK((*back)->generation == 2);
}

TEST_CASE("a static member that cannot be stored keeps its old id") {
  Harness h;
  const std::string old = h.StableOne("one");
  h.append_error = Error(ErrorCode::kKafkaStorageError, "no space left");
  const auto back = h.Join(Harness::JoinRequest({}, "one"));
  CHECK((*back)->result.error == ErrorCode::kCoordinatorNotAvailable);
  h.append_error = absl::OkStatus();
  CHECK(h.Heartbeat(old, 1, "one") == ErrorCode::kNone);
  CHECK(h.Describe().state == GroupState::kStable);
}

TEST_CASE("a static member that waits is fenced by the next with its instance id") {
  Harness h;
  h.StableOne();
  const auto first = h.Join(Harness::JoinRequest({}, "one"));
  CHECK_FALSE(first->has_value());
  const auto second = h.Join(Harness::JoinRequest({}, "one"));
  REQUIRE(first->has_value());
  CHECK((*first)->result.error == ErrorCode::kFencedInstanceId);
  CHECK_FALSE(second->has_value());
}

TEST_CASE("static members stay through a rebalance that they miss, for as long as their session lasts") {
  Harness h;
  auto request = Harness::JoinRequest({}, "one");
  request.session_timeout_ms = 60000;
  const auto one = h.Join(request);
  const std::string id = (*one)->member_id;
  h.Sync(id, 1, {id}, "one");
  const auto b = h.Join();
  h.Sleep(20000);  // the rebalance goes on without it
  REQUIRE(b->has_value());
  CHECK((*b)->members.size() == 2);
  CHECK(h.Describe().members.size() == 2);
}

TEST_CASE("a full group takes no more members") {
  Harness h({.initial_rebalance_delay_ms = 0, .max_size = 1});
  const std::string a = h.StableOne();
  const auto refused = h.Join();
  CHECK((*refused)->result.error == ErrorCode::kGroupMaxSizeReached);
  CHECK((*refused)->member_id.empty());
  CHECK(h.Heartbeat(a, 1) == ErrorCode::kNone);
}

TEST_CASE("an assignment that is too large to be stored is not tried for ever") {
  Harness h;
  const std::string id = (*h.Join())->member_id;
  h.append_error = Error(ErrorCode::kMessageTooLarge, "over max.message.bytes");
  CHECK((*h.Sync(id, 1, {id}))->result.error == ErrorCode::kUnknownServerError);
}

TEST_CASE("an assignment that cannot be stored is given to nobody") {
  Harness h;
  const auto joined = h.Join();
  const std::string id = (*joined)->member_id;
  h.append_error = Error(ErrorCode::kKafkaStorageError, "no space left on /data");
  const auto synced = h.Sync(id, 1, {id});
  REQUIRE(synced->has_value());
  CHECK((*synced)->result.error == ErrorCode::kCoordinatorNotAvailable);
  CHECK((*synced)->result.message.find("/data") != std::string::npos);
  CHECK((*synced)->assignment.empty());
  CHECK(h.Describe().state == GroupState::kPreparingRebalance);
  h.append_error = absl::OkStatus();
  const auto again = h.Join(Harness::JoinRequest(id));
  CHECK((*again)->generation == 2);
  CHECK((*h.Sync(id, 2, {id}))->result.ok());
}

TEST_CASE("a restart in the middle of a rebalance goes back to the last generation that was stored") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  h.Join(Harness::JoinRequest(a));
  CHECK(h.Describe().generation == 2);
  h.Restart();
  CHECK(h.Describe().generation == 1);
  CHECK(h.Heartbeat(a, 2) == ErrorCode::kIllegalGeneration);
  CHECK((*h.Sync((*b)->member_id, 2))->result.error == ErrorCode::kUnknownMemberId);
  CHECK(h.Heartbeat(a, 1) == ErrorCode::kNone);
}

TEST_CASE("all that wait are answered at the end") {
  Harness h;
  const std::string a = h.StableOne();
  const auto b = h.Join();
  h.coordinator->FailWaiting(ErrorCode::kCoordinatorNotAvailable);
  h.Settle();
  REQUIRE(b->has_value());
  CHECK((*b)->result.error == ErrorCode::kCoordinatorNotAvailable);
  CHECK(a != (*b)->member_id);
}

TEST_CASE("results say what to do") {
  const GroupResult result{.error = ErrorCode::kIllegalGeneration};
  CHECK(ErrorCodeOf(result.ToStatus("g")) == ErrorCode::kIllegalGeneration);
  CHECK(std::string(result.ToStatus("my-group").message()).find("my-group") != std::string::npos);
  CHECK(GroupResult{}.ToStatus("g").ok());
  CHECK(GroupConfig{}.Validate().ok());
  CHECK(ErrorCodeOf(GroupConfig{.max_size = 0}.Validate()) == ErrorCode::kInvalidConfig);
  CHECK_FALSE(GroupConfig{.min_session_timeout_ms = 2, .max_session_timeout_ms = 1}.Validate().ok());
  CHECK_FALSE(GroupConfig{.offsets_retention_ms = 0}.Validate().ok());
}

}  // namespace
}  // namespace millrace::inline v0
