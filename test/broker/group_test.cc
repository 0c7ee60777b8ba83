// Classic groups over the wire, alone and together with members in the process.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "broker/broker_world.h"
#include "millrace/wire/messages/find_coordinator.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/leave_group.h"
#include "millrace/wire/messages/offset_commit.h"
#include "millrace/wire/messages/offset_fetch.h"
#include "millrace/wire/messages/sync_group.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

wire::JoinGroupRequest Join(const std::string& member) {
  return {.group_id = "g",
          .session_timeout_ms = 10'000,
          .rebalance_timeout_ms = 10'000,
          .member_id = member,
          .protocol_type = "test",
          .protocols = {{.name = "p", .metadata = {std::byte{1}}}}};
}

// The answer that comes when the group has waited for others.
absl::StatusOr<wire::JoinGroupResponse> Joined(BrokerWorld& world, WireClient& client, int16_t version) {
  world.sim.executor->RunFor(4 * kSecond);
  return client.Receive<wire::JoinGroupResponse>(version);
}

// Group "g" has committed offset 7 of "orders" 0, and "nobody" nothing.
void CheckCommitted(WireClient& client, int16_t version) {
  wire::OffsetFetchRequest fetch{.group_id = "g", .topics = {{{.name = "orders", .partition_indexes = {0}}}}};
  if (version >= 8)
    fetch = {.groups = {{.group_id = "g", .topics = {{{.name = "orders", .partition_indexes = {0}}}}},
                        {.group_id = "g", .topics = std::nullopt},
                        {.group_id = "nobody", .topics = std::nullopt}}};
  const auto fetched = client.Call<wire::OffsetFetchResponse>(fetch, version);
  REQUIRE(fetched.ok());
  if (version >= 8) {
    CHECK(fetched->groups[0].topics[0].partitions[0].committed_offset == 7);
    CHECK(fetched->groups[1].topics[0].partitions[0].committed_offset == 7);
    CHECK(fetched->groups[2].topics.empty());
  } else {
    CHECK(fetched->topics[0].partitions[0].committed_offset == 7);
  }
}

TEST_CASE("a group of one: coordinator, join, sync, heartbeat, commit, fetch, leave, at each version") {
  const int16_t age = GENERATE(range<int16_t>(0, 10));
  const auto at = [&](int16_t first, int16_t last) { return std::clamp(age, first, last); };
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  wire::FindCoordinatorRequest find{.key = "g"};
  if (at(0, 6) >= 4) find = {.coordinator_keys = {"g"}};
  const auto found = client.Call<wire::FindCoordinatorResponse>(find, at(0, 6));
  REQUIRE(found.ok());
  CHECK((at(0, 6) >= 4 ? found->coordinators[0].port : found->port) == 9092);

  std::string member;
  if (age >= 4) {
    const auto first = client.Call<wire::JoinGroupResponse>(Join(""), age);
    REQUIRE(first.ok());
    CHECK(first->error_code == static_cast<int16_t>(ErrorCode::kMemberIdRequired));
    member = first->member_id;
    CHECK_FALSE(member.empty());
  }
  client.Send(Join(member), age);
  const auto joined = Joined(world, client, age);
  REQUIRE(joined.ok());
  CHECK(joined->error_code == 0);
  CHECK(joined->leader == joined->member_id);
  REQUIRE(joined->members.size() == 1);
  CHECK(joined->protocol_name == "p");
  member = joined->member_id;

  const wire::SyncGroupRequest sync{.group_id = "g",
                                    .generation_id = joined->generation_id,
                                    .member_id = member,
                                    .assignments = {{.member_id = member, .assignment = {std::byte{42}}}}};
  const auto synced = client.Call<wire::SyncGroupResponse>(sync, at(0, 5));
  REQUIRE(synced.ok());
  CHECK(synced->error_code == 0);
  CHECK(synced->assignment == wire::Bytes{std::byte{42}});

  wire::HeartbeatRequest heartbeat{
      .group_id = "g", .generation_id = joined->generation_id, .member_id = member};
  CHECK(client.Call<wire::HeartbeatResponse>(heartbeat, at(0, 4))->error_code == 0);
  heartbeat.generation_id += 1;
  CHECK(client.Call<wire::HeartbeatResponse>(heartbeat, at(0, 4))->error_code ==
        static_cast<int16_t>(ErrorCode::kIllegalGeneration));

  wire::OffsetCommitRequest commit{
      .group_id = "g",
      .generation_id_or_member_epoch = joined->generation_id,
      .member_id = member,
      .topics = {{.name = "orders",
                  .partitions = {{.partition_index = 0, .committed_offset = 7},
                                 {.partition_index = 9, .committed_offset = 7}}}}};
  const auto committed = client.Call<wire::OffsetCommitResponse>(commit, at(2, 9));
  REQUIRE(committed.ok());
  CHECK(committed->topics[0].partitions[0].error_code == 0);
  CHECK(committed->topics[0].partitions[1].error_code ==
        static_cast<int16_t>(ErrorCode::kUnknownTopicOrPartition));

  CheckCommitted(client, at(1, 9));

  wire::LeaveGroupRequest leave{.group_id = "g", .member_id = member};
  if (at(0, 5) >= 3) leave = {.group_id = "g", .members = {{.member_id = member}}};
  CHECK(client.Call<wire::LeaveGroupResponse>(leave, at(0, 5))->error_code == 0);
  CHECK(world.engine->admin().DescribeGroup("g")->members.empty());
}

TEST_CASE("offsets by topic id, since version 10") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  const TopicId id = world.engine->admin().DescribeTopic("orders")->id;
  WireClient client = world.Connect();
  const wire::OffsetCommitRequest commit{
      .group_id = "g",
      .topics = {{.topic_id = id, .partitions = {{.partition_index = 0, .committed_offset = 3}}},
                 {.topic_id = TopicId(), .partitions = {{.partition_index = 0, .committed_offset = 3}}}}};
  const auto committed = client.Call<wire::OffsetCommitResponse>(commit, 10);
  REQUIRE(committed.ok());
  CHECK(committed->topics[0].partitions[0].error_code == 0);
  CHECK(committed->topics[1].partitions[0].error_code == static_cast<int16_t>(ErrorCode::kUnknownTopicId));
  const wire::OffsetFetchRequest fetch{
      .groups = {{.group_id = "g", .topics = {{{.topic_id = id, .partition_indexes = {0}}}}}}};
  const auto fetched = client.Call<wire::OffsetFetchResponse>(fetch, 10);
  REQUIRE(fetched.ok());
  CHECK(fetched->groups[0].topics[0].topic_id == id);
  CHECK(fetched->groups[0].topics[0].partitions[0].committed_offset == 3);
}

TEST_CASE("a group on the wire and one in the process of one name are one") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  const Consumer::Offsets offsets = {{{"orders", PartitionId(1)}, {.offset = Offset(5)}}};
  REQUIRE(world.engine->admin().AlterGroupOffsets("g", offsets).ok());
  WireClient client = world.Connect();
  const wire::OffsetFetchRequest fetch{.group_id = "g", .topics = std::nullopt};
  const auto fetched = client.Call<wire::OffsetFetchResponse>(fetch, 7);
  REQUIRE(fetched.ok());
  REQUIRE(fetched->topics.size() == 1);
  CHECK(fetched->topics[0].partitions[0].committed_offset == 5);
  // A member on the wire stands in the way of a protocol of another type in the process.
  client.Send(Join(""), 2);
  REQUIRE(Joined(world, client, 2)->error_code == 0);
  CHECK(world.engine->admin().DescribeGroup("g")->members.size() == 1);
}

}  // namespace
}  // namespace millrace::inline v0
