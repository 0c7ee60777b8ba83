// Groups of the consumer protocol (KIP-848) over the wire.

#include <catch2/catch.hpp>
#include <string>

#include "broker/broker_world.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/consumer_group_describe.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/offset_commit.h"
#include "millrace/wire/messages/offset_fetch.h"

namespace millrace::inline v0 {
namespace {

using Beat = wire::ConsumerGroupHeartbeatRequest;
using BeatAnswer = wire::ConsumerGroupHeartbeatResponse;

Beat JoinConsumerBeat(const std::string& member) {
  return {.group_id = "g",
          .member_id = member,
          .rebalance_timeout_ms = 10'000,
          .subscribed_topic_names = {{"orders"}},
          .topic_partitions = std::vector<Beat::TopicPartitions>{}};
}

int16_t Code(ErrorCode code) {
  return static_cast<int16_t>(code);
}

TEST_CASE("a group of the consumer protocol: join, describe, commit, fetch, leave, at each version") {
  const int16_t version = GENERATE(int16_t{0}, int16_t{1});
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  const TopicId id = world.engine->admin().DescribeTopic("orders")->id;
  WireClient client = world.Connect();
  const auto joined = client.Call<BeatAnswer>(JoinConsumerBeat(version == 0 ? "" : "me"), version);
  REQUIRE(joined.ok());
  CHECK((joined->error_code == 0 && joined->member_epoch == 1));
  CHECK(joined->heartbeat_interval_ms == 5000);
  const std::string member = joined->member_id.value_or("");
  CHECK((version == 0 ? !member.empty() : member == "me"));
  REQUIRE(joined->assignment.has_value());
  REQUIRE(joined->assignment->topic_partitions.size() == 1);
  CHECK(joined->assignment->topic_partitions[0].topic_id == id);
  CHECK(joined->assignment->topic_partitions[0].partitions == std::vector<int32_t>{0, 1});

  Beat stay{.group_id = "g", .member_id = member, .member_epoch = 1};
  CHECK(client.Call<BeatAnswer>(stay, version)->error_code == 0);
  stay.member_epoch = 9;
  const auto fenced = client.Call<BeatAnswer>(stay, version);
  CHECK(fenced->error_code == Code(ErrorCode::kFencedMemberEpoch));
  CHECK_FALSE(fenced->error_message.value_or("").empty());

  const auto described = client.Call<wire::ConsumerGroupDescribeResponse>(
      wire::ConsumerGroupDescribeRequest{.group_ids = {"g", "no"}}, version);
  REQUIRE(described.ok());
  REQUIRE(described->groups.size() == 2);
  CHECK(described->groups[0].group_state == "Stable");
  CHECK(described->groups[0].assignor_name == "uniform");
  REQUIRE(described->groups[0].members.size() == 1);
  CHECK(described->groups[0].members[0].assignment.topic_partitions.at(0).topic_name == "orders");
  CHECK(described->groups[0].members[0].member_type == (version == 0 ? -1 : 1));
  CHECK(described->groups[1].error_message == "group no was not found");
  CHECK(described->groups[1].error_code == Code(ErrorCode::kGroupIdNotFound));

  wire::OffsetCommitRequest commit{
      .group_id = "g",
      .generation_id_or_member_epoch = 1,
      .member_id = member,
      .topics = {{.name = "orders", .partitions = {{.partition_index = 1, .committed_offset = 7}}}}};
  const auto commit_code = [&](int16_t at) {
    return client.Call<wire::OffsetCommitResponse>(commit, at)->topics.at(0).partitions.at(0).error_code;
  };
  CHECK(commit_code(9) == 0);
  CHECK(commit_code(8) == Code(ErrorCode::kUnsupportedVersion));
  commit.generation_id_or_member_epoch = 2;
  CHECK(commit_code(9) == Code(ErrorCode::kStaleMemberEpoch));
  wire::OffsetFetchRequest fetch{
      .groups = {{.group_id = "g", .member_id = member, .member_epoch = 1, .topics = std::nullopt}}};
  const auto fetched = client.Call<wire::OffsetFetchResponse>(fetch, 9);
  REQUIRE(fetched.ok());
  CHECK(fetched->groups.at(0).topics.at(0).partitions.at(0).committed_offset == 7);
  fetch.groups[0].member_epoch = 0;
  CHECK(client.Call<wire::OffsetFetchResponse>(fetch, 9)->groups.at(0).error_code ==
        Code(ErrorCode::kStaleMemberEpoch));

  const auto listed = world.engine->admin().ListGroups();
  REQUIRE(listed.ok());
  CHECK(listed->at(0).type == GroupType::kConsumer);
  const auto in_process = world.engine->admin().DescribeGroup("g");
  REQUIRE(in_process.ok());
  CHECK(in_process->type == GroupType::kConsumer);
  CHECK(in_process->members.at(0).assignment.size() == 2);

  stay.member_epoch = -1;
  CHECK(client.Call<BeatAnswer>(stay, version)->member_epoch == -1);
  CHECK(world.engine->admin().DescribeGroup("g")->state == GroupState::kEmpty);
  CHECK(world.engine->admin().DeleteGroup("g").ok());
}

TEST_CASE("expressions, unknown assignors and malformed heartbeats over the wire") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("log-1").ok());
  REQUIRE(world.engine->CreateTopic("other").ok());
  WireClient client = world.Connect();
  Beat join = JoinConsumerBeat("me");
  join.subscribed_topic_names.reset();
  join.subscribed_topic_regex = "(log|__consumer)[-_].*";
  const auto joined = client.Call<BeatAnswer>(join, 1);
  REQUIRE(joined.ok());
  CHECK(joined->assignment->topic_partitions.size() == 1);  // internal topics match nothing
  join.subscribed_topic_regex = "(log";
  CHECK(client.Call<BeatAnswer>(join, 1)->error_code == Code(ErrorCode::kInvalidRegularExpression));
  join.subscribed_topic_regex = ".*";
  join.server_assignor = "best";
  CHECK(client.Call<BeatAnswer>(join, 1)->error_code == Code(ErrorCode::kUnsupportedAssignor));
  CHECK(client.Call<BeatAnswer>(JoinConsumerBeat(""), 1)->error_code == Code(ErrorCode::kInvalidRequest));
}

TEST_CASE("a group of the consumer protocol is there after a restart") {
  SimEnv sim{3};
  const EngineOptions options{.directory = "/data", .env = sim.env(), .offsets_topic_num_partitions = 1};
  const auto transport = NewInMemoryTransport(sim.env());
  for (const bool again : {false, true}) {
    auto engine = Engine::Open(options);
    REQUIRE(engine.ok());
    if (!again) {
      REQUIRE((*engine)->CreateTopic("orders").ok());
    }
    auto broker = Broker::Start(
        {.engine = engine->get(), .listeners = {{.transport = transport.get(), .address = "broker:9092"}}});
    REQUIRE(broker.ok());
    WireClient client(&sim, transport.get(), "broker:9092");
    if (!again) {
      REQUIRE(client.Call<BeatAnswer>(JoinConsumerBeat("me"), 1)->member_epoch == 1);
    } else {
      const auto stays =
          client.Call<BeatAnswer>(Beat{.group_id = "g", .member_id = "me", .member_epoch = 1}, 1);
      REQUIRE(stays.ok());
      CHECK(stays->error_code == 0);
      CHECK(stays->member_epoch == 1);
    }
    REQUIRE((*broker)->Close(absl::ZeroDuration()).ok());
    REQUIRE((*engine)->Close(absl::Seconds(1)).ok());
  }
}

TEST_CASE("a consumer in the process and a member of the consumer protocol on the wire share a group") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  auto consumer = world.engine->NewConsumer({.group = "g"});
  REQUIRE(consumer.ok());
  REQUIRE((*consumer)->Subscribe({"orders"}).ok());
  const auto poll_until = [&](size_t owned, auto&& beat) {
    for (int i = 0; i < 200 && (*consumer)->assignment().size() != owned; ++i) {
      world.sim.executor->RunFor(100'000'000);
      REQUIRE((*consumer)->TryPoll().ok());
      beat();
    }
    return (*consumer)->assignment().size();
  };
  REQUIRE(poll_until(2, [] {}) == 2);
  WireClient client = world.Connect();
  REQUIRE(client.Call<BeatAnswer>(JoinConsumerBeat("wire"), 1)->error_code == 0);
  CHECK(world.engine->admin().DescribeGroup("g")->type == GroupType::kConsumer);
  size_t on_wire = 0;
  const auto beat = [&] {
    const auto answer =
        client.Call<BeatAnswer>(Beat{.group_id = "g", .member_id = "wire", .member_epoch = 2}, 1);
    REQUIRE(answer->error_code == 0);
    if (answer->assignment.has_value()) on_wire = answer->assignment->topic_partitions.size();
  };
  CHECK(poll_until(1, beat) == 1);
  beat();
  CHECK(on_wire == 1);
  // It leaves: the consumer in the process has all again, in a classic group.
  REQUIRE(client.Call<BeatAnswer>(Beat{.group_id = "g", .member_id = "wire", .member_epoch = -1}, 1)
              ->error_code == 0);
  CHECK(poll_until(2, [] {}) == 2);
  CHECK(world.engine->admin().DescribeGroup("g")->type == GroupType::kClassic);
}

TEST_CASE("ApiVersions says that the consumer protocol is in use") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const wire::ApiVersionsRequest ask{.client_software_name = "t", .client_software_version = "1"};
  for (const int16_t version : {int16_t{3}, int16_t{4}}) {
    const auto answer = client.Call<wire::ApiVersionsResponse>(ask, version);
    REQUIRE(answer.ok());
    REQUIRE(answer->finalized_features.size() == 1);
    CHECK(answer->finalized_features[0].name == "group.version");
    CHECK(answer->finalized_features[0].max_version_level == 1);
    CHECK(answer->finalized_features_epoch >= 0);
    REQUIRE(answer->supported_features.size() == 1);
    CHECK(answer->supported_features[0].min_version == (version == 3 ? 1 : 0));
  }
}

}  // namespace
}  // namespace millrace::inline v0
