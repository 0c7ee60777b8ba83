// Groups and their offsets over the wire, from the operator's side.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/wire/messages/delete_groups.h"
#include "millrace/wire/messages/describe_groups.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/list_groups.h"
#include "millrace/wire/messages/offset_delete.h"
#include "millrace/wire/messages/sync_group.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int16_t GroupCode(ErrorCode code) {
  return static_cast<int16_t>(code);
}

// Group "busy" has one member, which tells of itself 1 and is told 42; "idle" has offsets alone.
std::string MakeGroups(BrokerWorld& world, WireClient& client) {
  REQUIRE(world.engine->CreateTopic("orders").ok());
  REQUIRE(world.engine->admin()
              .AlterGroupOffsets("idle", {{{"orders", PartitionId(0)}, {.offset = Offset(3)}}})
              .ok());
  client.Send(wire::JoinGroupRequest{.group_id = "busy",
                                     .session_timeout_ms = 10'000,
                                     .rebalance_timeout_ms = 10'000,
                                     .protocol_type = "test",
                                     .protocols = {{.name = "p", .metadata = {std::byte{1}}}}},
              2);
  world.sim.executor->RunFor(4 * kSecond);
  const auto joined = client.Receive<wire::JoinGroupResponse>(2);
  REQUIRE(joined.ok());
  const wire::SyncGroupRequest sync{
      .group_id = "busy",
      .generation_id = joined->generation_id,
      .member_id = joined->member_id,
      .assignments = {{.member_id = joined->member_id, .assignment = {std::byte{42}}}}};
  REQUIRE(client.Call<wire::SyncGroupResponse>(sync, 2)->error_code == 0);
  return joined->member_id;
}

TEST_CASE("ListGroups, with its filters, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 6));
  BrokerWorld world;
  WireClient client = world.Connect();
  MakeGroups(world, client);
  const auto names = [&](const wire::ListGroupsRequest& request) {
    const auto listed = client.Call<wire::ListGroupsResponse>(request, version);
    REQUIRE(listed.ok());
    CHECK(listed->error_code == 0);
    std::vector<std::string> found;
    for (const auto& group : listed->groups) {
      const bool busy = group.group_id == "busy";
      found.push_back(group.group_id);
      CHECK(group.protocol_type == (busy ? "test" : ""));
      CHECK(group.group_state == (version < 4 ? "" : busy ? "Stable" : "Empty"));
      CHECK(group.group_type == (version < 5 ? "" : "classic"));
    }
    std::sort(found.begin(), found.end());
    return found;
  };
  using Names = std::vector<std::string>;
  CHECK(names({}) == Names{"busy", "idle"});
  if (version >= 4) {
    CHECK(names({.states_filter = {"stable"}}) == Names{"busy"});
    CHECK(names({.states_filter = {"Empty", "Dead"}}) == Names{"idle"});
    CHECK(names({.states_filter = {"NoSuchState"}}).empty());
  }
  if (version >= 5) {
    CHECK(names({.types_filter = {"Classic"}}) == Names{"busy", "idle"});
    CHECK(names({.types_filter = {"consumer"}}).empty());
  }
}

TEST_CASE("DescribeGroups shows members with their bytes, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 7));
  BrokerWorld world;
  WireClient client = world.Connect();
  const std::string member = MakeGroups(world, client);
  const wire::DescribeGroupsRequest request{.groups = {"busy", "idle", "missing"},
                                            .include_authorized_operations = version >= 3};
  const auto described = client.Call<wire::DescribeGroupsResponse>(request, version);
  REQUIRE(described.ok());
  REQUIRE(described->groups.size() == 3);
  const auto& busy = described->groups[0];
  CHECK(busy.error_code == 0);
  CHECK(busy.group_id == "busy");
  CHECK(busy.group_state == "Stable");
  CHECK(busy.protocol_type == "test");
  CHECK(busy.protocol_data == "p");
  CHECK((busy.authorized_operations != INT32_MIN) == (version >= 3));
  REQUIRE(busy.members.size() == 1);
  CHECK(busy.members[0].member_id == member);
  CHECK(busy.members[0].client_id == "test");
  CHECK(busy.members[0].member_metadata == wire::Bytes{std::byte{1}});
  CHECK(busy.members[0].member_assignment == wire::Bytes{std::byte{42}});
  CHECK(described->groups[1].group_state == "Empty");
  const auto& missing = described->groups[2];
  CHECK(missing.group_state == "Dead");
  CHECK(missing.error_code == (version >= 6 ? GroupCode(ErrorCode::kGroupIdNotFound) : 0));
  CHECK(missing.error_message.has_value() == (version >= 6));
}

TEST_CASE("DeleteGroups: only those without members, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 3));
  BrokerWorld world;
  WireClient client = world.Connect();
  MakeGroups(world, client);
  const auto deleted = client.Call<wire::DeleteGroupsResponse>(
      wire::DeleteGroupsRequest{.groups_names = {"busy", "idle", "missing"}}, version);
  REQUIRE(deleted.ok());
  REQUIRE(deleted->results.size() == 3);
  CHECK(deleted->results[0].group_id == "busy");
  CHECK(deleted->results[0].error_code == GroupCode(ErrorCode::kNonEmptyGroup));
  CHECK(deleted->results[1].error_code == 0);
  CHECK(deleted->results[2].error_code == GroupCode(ErrorCode::kGroupIdNotFound));
  const auto left = world.engine->admin().ListGroups();
  REQUIRE(left.ok());
  REQUIRE(left->size() == 1);
  CHECK(left->front().group == "busy");
}

TEST_CASE("OffsetDelete forgets offsets, and says what it does not know") {
  BrokerWorld world;
  WireClient client = world.Connect();
  MakeGroups(world, client);
  const auto forget = [&](const std::string& group) {
    const wire::OffsetDeleteRequest request{
        .group_id = group,
        .topics = {{.name = "orders", .partitions = {{0}, {9}}}, {.name = "missing", .partitions = {{0}}}}};
    const auto response = client.Call<wire::OffsetDeleteResponse>(request, 0);
    REQUIRE(response.ok());
    return *response;
  };
  CHECK(forget("").error_code == GroupCode(ErrorCode::kInvalidGroupId));
  CHECK(forget("missing").error_code == GroupCode(ErrorCode::kGroupIdNotFound));
  CHECK(forget("busy").error_code == GroupCode(ErrorCode::kNonEmptyGroup));
  CHECK(world.engine->admin().ListGroupOffsets("idle")->size() == 1);
  const auto done = forget("idle");
  CHECK(done.error_code == 0);
  REQUIRE(done.topics.size() == 2);
  CHECK(done.topics[0].partitions[0].error_code == 0);
  CHECK(done.topics[0].partitions[1].error_code == GroupCode(ErrorCode::kUnknownTopicOrPartition));
  CHECK(done.topics[1].partitions[0].error_code == GroupCode(ErrorCode::kUnknownTopicOrPartition));
  CHECK(world.engine->admin().ListGroupOffsets("idle")->empty());
}

}  // namespace
}  // namespace millrace::inline v0
