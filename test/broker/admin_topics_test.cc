// Topics over the wire: made, grown and deleted, and what is refused.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/wire/messages/create_partitions.h"
#include "millrace/wire/messages/create_topics.h"
#include "millrace/wire/messages/delete_topics.h"

namespace millrace::inline v0 {
namespace {

using Create = wire::CreateTopicsRequest;

int16_t Number(ErrorCode code) {
  return static_cast<int16_t>(code);
}

Create Creation(Create::Topic topic) {
  return {.topics = {std::move(topic)}};
}

// The one topic's answer.
wire::CreateTopicsResponse::Topic CreateOne(WireClient& client, Create::Topic topic) {
  const auto response = client.Call<wire::CreateTopicsResponse>(Creation(std::move(topic)), 7);
  REQUIRE(response.ok());
  REQUIRE(response->topics.size() == 1);
  return response->topics[0];
}

std::optional<wire::CreateTopicsResponse::Config> ConfigOf(const wire::CreateTopicsResponse::Topic& topic,
                                                           const std::string& name) {
  for (const auto& config : topic.configs.value_or(std::vector<wire::CreateTopicsResponse::Config>())) {
    if (config.name == name) return config;
  }
  return std::nullopt;
}

TEST_CASE("CreateTopics makes what is asked for, at each version") {
  const int16_t version = GENERATE(range<int16_t>(2, 8));
  BrokerWorld world;
  WireClient client = world.Connect();
  const Create request{.topics = {{.name = "orders",
                                   .num_partitions = 3,
                                   .replication_factor = 1,
                                   .configs = {{.name = "retention.ms", .value = "1000"}}},
                                  {.name = "plain", .num_partitions = -1, .replication_factor = -1}}};
  const auto made = client.Call<wire::CreateTopicsResponse>(request, version);
  REQUIRE(made.ok());
  REQUIRE(made->topics.size() == 2);
  const auto& orders = made->topics[0];
  CHECK(orders.name == "orders");
  CHECK(orders.error_code == 0);
  CHECK_FALSE(orders.error_message.has_value());
  const auto described = world.engine->admin().DescribeTopic("orders");
  REQUIRE(described.ok());
  CHECK(described->partitions.size() == 3);
  CHECK(described->config.retention_ms == 1000);
  CHECK(world.engine->admin().DescribeTopic("plain")->partitions.size() == 1);
  CHECK(orders.topic_id == (version >= 7 ? described->id : TopicId()));
  CHECK(orders.num_partitions == (version >= 5 ? 3 : -1));
  CHECK(orders.replication_factor == (version >= 5 ? 1 : -1));
  if (version < 5) return;
  CHECK(ConfigOf(orders, "retention.ms")->value == "1000");
  CHECK(ConfigOf(orders, "retention.ms")->config_source == 1);
  CHECK(ConfigOf(orders, "cleanup.policy")->value == "delete");
  CHECK(ConfigOf(orders, "cleanup.policy")->config_source == 5);
}

TEST_CASE("CreateTopics refuses what Kafka refuses, with its errors, and makes nothing") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("there").ok());
  REQUIRE(world.engine->CreateTopic("with.dot").ok());
  WireClient client = world.Connect();
  struct Case {
    Create::Topic topic;
    ErrorCode error;
  };
  const std::vector<Case> cases = {
      {{.name = "there", .num_partitions = 1, .replication_factor = 1}, ErrorCode::kTopicAlreadyExists},
      {{.name = "with_dot", .num_partitions = 1, .replication_factor = 1}, ErrorCode::kInvalidTopicException},
      {{.name = "a b", .num_partitions = 1, .replication_factor = 1}, ErrorCode::kInvalidTopicException},
      {{.name = "", .num_partitions = 1, .replication_factor = 1}, ErrorCode::kInvalidTopicException},
      {{.name = "t", .num_partitions = 0, .replication_factor = 1}, ErrorCode::kInvalidPartitions},
      {{.name = "t", .num_partitions = -2, .replication_factor = 1}, ErrorCode::kInvalidPartitions},
      {{.name = "t", .num_partitions = 1, .replication_factor = 0}, ErrorCode::kInvalidReplicationFactor},
      {{.name = "t", .num_partitions = 1, .replication_factor = 2}, ErrorCode::kInvalidReplicationFactor},
      {{.name = "t", .num_partitions = 2'000'000, .replication_factor = 1}, ErrorCode::kPolicyViolation},
      {{.name = "t", .num_partitions = 1, .replication_factor = 1, .configs = {{.name = "no", .value = "1"}}},
       ErrorCode::kInvalidConfig},
      {{.name = "t",
        .num_partitions = 1,
        .replication_factor = 1,
        .configs = {{.name = "retention.ms", .value = std::nullopt}}},
       ErrorCode::kInvalidConfig},
      {{.name = "t", .num_partitions = 1, .replication_factor = -1, .assignments = {{0, {0}}}},
       ErrorCode::kInvalidRequest},
      {{.name = "t", .num_partitions = -1, .replication_factor = 1, .assignments = {{0, {0}}}},
       ErrorCode::kInvalidRequest},
      {{.name = "t", .num_partitions = -1, .replication_factor = -1, .assignments = {{1, {0}}}},
       ErrorCode::kInvalidReplicaAssignment},
      {{.name = "t", .num_partitions = -1, .replication_factor = -1, .assignments = {{0, {0}}, {0, {0}}}},
       ErrorCode::kInvalidReplicaAssignment},
      {{.name = "t", .num_partitions = -1, .replication_factor = -1, .assignments = {{0, {77}}}},
       ErrorCode::kInvalidReplicaAssignment},
      {{.name = "t", .num_partitions = -1, .replication_factor = -1, .assignments = {{0, {}}}},
       ErrorCode::kInvalidReplicaAssignment}};
  for (const Case& one : cases) {
    const auto answer = CreateOne(client, one.topic);
    INFO(one.topic.name << ": " << answer.error_message.value_or("(none)"));
    CHECK(answer.error_code == Number(one.error));
    CHECK(answer.error_message.has_value());
    CHECK(answer.num_partitions == -1);
  }
  CHECK(world.engine->admin().ListTopics() == std::vector<std::string>{"there", "with.dot"});
}

TEST_CASE("CreateTopics: a manual assignment, names that are there twice, a dry run") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const int32_t node = BrokerOptions{}.node_id;
  CHECK(CreateOne(client, {.name = "manual",
                           .num_partitions = -1,
                           .replication_factor = -1,
                           .assignments = {{1, {node}}, {0, {node}}}})
            .num_partitions == 2);
  CHECK(world.engine->admin().DescribeTopic("manual")->partitions.size() == 2);

  const Create::Topic twice{.name = "twice", .num_partitions = 1, .replication_factor = 1};
  const Create::Topic once{.name = "once", .num_partitions = 1, .replication_factor = 1};
  const auto made = client.Call<wire::CreateTopicsResponse>(Create{.topics = {twice, once, twice, twice}}, 7);
  REQUIRE(made.ok());
  REQUIRE(made->topics.size() == 2);
  CHECK(made->topics[0].error_code == Number(ErrorCode::kInvalidRequest));
  CHECK(made->topics[1].error_code == 0);
  CHECK(world.engine->admin().ListTopics() == std::vector<std::string>{"manual", "once"});

  const Create dry{.topics = {{.name = "dry", .num_partitions = 5, .replication_factor = 1},
                              {.name = "once", .num_partitions = 5, .replication_factor = 1}},
                   .validate_only = true};
  const auto checked = client.Call<wire::CreateTopicsResponse>(dry, 7);
  REQUIRE(checked.ok());
  CHECK(checked->topics[0].error_code == 0);
  CHECK(checked->topics[0].num_partitions == 5);
  CHECK(checked->topics[0].topic_id.IsZero());
  CHECK(checked->topics[1].error_code == Number(ErrorCode::kTopicAlreadyExists));
  CHECK(world.engine->admin().ListTopics() == std::vector<std::string>{"manual", "once"});
}

TEST_CASE("DeleteTopics by name at each version, and what groups have committed goes too") {
  const int16_t version = GENERATE(range<int16_t>(1, 7));
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  REQUIRE(world.engine->admin()
              .AlterGroupOffsets("g", {{{"orders", PartitionId(0)}, {.offset = Offset(0)}}})
              .ok());
  WireClient client = world.Connect();
  wire::DeleteTopicsRequest request{.topic_names = {"orders", "missing"}};
  if (version >= 6) request = {.topics = {{.name = "orders"}, {.name = "missing"}}};
  const auto deleted = client.Call<wire::DeleteTopicsResponse>(request, version);
  REQUIRE(deleted.ok());
  REQUIRE(deleted->responses.size() == 2);
  CHECK(deleted->responses[0].name == "orders");
  CHECK(deleted->responses[0].error_code == 0);
  CHECK(deleted->responses[1].error_code == Number(ErrorCode::kUnknownTopicOrPartition));
  CHECK(deleted->responses[1].error_message.has_value() == (version >= 5));
  CHECK(world.engine->admin().ListTopics().empty());
  CHECK(world.engine->admin().ListGroupOffsets("g")->empty());
}

TEST_CASE("DeleteTopics by id, and what is refused changes nothing") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("a").ok());
  REQUIRE(world.engine->CreateTopic("b").ok());
  REQUIRE(world.engine->CreateTopic("c").ok());
  const TopicId a = world.engine->admin().DescribeTopic("a")->id;
  const TopicId b = world.engine->admin().DescribeTopic("b")->id;
  TopicId unknown = a;
  unknown.bytes[0] ^= std::byte{1};
  WireClient client = world.Connect();
  const auto codes = [&](const wire::DeleteTopicsRequest& request) {
    const auto deleted = client.Call<wire::DeleteTopicsResponse>(request, 6);
    REQUIRE(deleted.ok());
    std::vector<int16_t> found;
    for (const auto& one : deleted->responses) found.push_back(one.error_code);
    return found;
  };
  using Codes = std::vector<int16_t>;
  const int16_t invalid = Number(ErrorCode::kInvalidRequest);
  // Both, neither, twice by name, by name and id.
  CHECK(codes({.topics = {{.name = "a", .topic_id = a}}}) == Codes{invalid});
  CHECK(codes({.topics = {{.name = std::nullopt}}}) == Codes{invalid});
  CHECK(codes({.topics = {{.name = "a"}, {.name = "a"}}}) == Codes{invalid});
  CHECK(codes({.topics = {{.name = "a"}, {.topic_id = a}}}) == Codes{invalid, invalid});
  CHECK(codes({.topics = {{.topic_id = unknown}}}) == Codes{Number(ErrorCode::kUnknownTopicId)});
  CHECK(codes({.topics = {{.name = ""}}}) == Codes{Number(ErrorCode::kUnknownTopicOrPartition)});
  CHECK(world.engine->admin().ListTopics() == std::vector<std::string>{"a", "b", "c"});
  const auto deleted =
      client.Call<wire::DeleteTopicsResponse>(wire::DeleteTopicsRequest{.topics = {{.topic_id = b}}}, 6);
  REQUIRE(deleted.ok());
  CHECK(deleted->responses[0].error_code == 0);
  CHECK(deleted->responses[0].name == "b");
  CHECK(deleted->responses[0].topic_id == b);
  CHECK(codes({.topics = {{.name = "c"}}}) == Codes{0});
  CHECK(world.engine->admin().ListTopics() == std::vector<std::string>{"a"});
  // The offsets of all groups stay.
  REQUIRE(
      world.engine->admin().AlterGroupOffsets("g", {{{"a", PartitionId(0)}, {.offset = Offset(0)}}}).ok());
  CHECK(codes({.topics = {{.name = "__consumer_offsets"}}}) ==
        Codes{Number(ErrorCode::kInvalidTopicException)});
}

TEST_CASE("CreatePartitions: more, never fewer, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 4));
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  WireClient client = world.Connect();
  const auto code = [&](wire::CreatePartitionsRequest::Topic topic, bool validate_only = false) {
    const auto grown = client.Call<wire::CreatePartitionsResponse>(
        wire::CreatePartitionsRequest{.topics = {std::move(topic)}, .validate_only = validate_only}, version);
    REQUIRE(grown.ok());
    REQUIRE(grown->results.size() == 1);
    CHECK((grown->results[0].error_code == 0) == !grown->results[0].error_message.has_value());
    return grown->results[0].error_code;
  };
  const auto count = [&] { return world.engine->admin().DescribeTopic("orders")->partitions.size(); };
  const int32_t node = BrokerOptions{}.node_id;
  CHECK(code({.name = "orders", .count = 2, .assignments = std::nullopt}) ==
        Number(ErrorCode::kInvalidPartitions));
  CHECK(code({.name = "orders", .count = 1, .assignments = std::nullopt}) ==
        Number(ErrorCode::kInvalidPartitions));
  CHECK(code({.name = "missing", .count = 3, .assignments = std::nullopt}) ==
        Number(ErrorCode::kUnknownTopicOrPartition));
  CHECK(code({.name = "", .count = 3, .assignments = std::nullopt}) ==
        Number(ErrorCode::kUnknownTopicOrPartition));
  CHECK(code({.name = "orders", .count = 4, .assignments = {{{{node}}}}}) ==
        Number(ErrorCode::kInvalidReplicaAssignment));
  CHECK(code({.name = "orders", .count = 3, .assignments = {{{{node + 1}}}}}) ==
        Number(ErrorCode::kInvalidReplicaAssignment));
  CHECK(code({.name = "orders", .count = 2'000'000, .assignments = std::nullopt}) ==
        Number(ErrorCode::kPolicyViolation));
  CHECK(code({.name = "orders", .count = 3, .assignments = std::nullopt}, /*validate_only=*/true) == 0);
  CHECK(count() == 2);
  CHECK(code({.name = "orders", .count = 3, .assignments = {{{{node}}}}}) == 0);
  CHECK(code({.name = "orders", .count = 5, .assignments = std::nullopt}) == 0);
  CHECK(count() == 5);
  const wire::CreatePartitionsRequest::Topic twice{.name = "orders", .count = 9, .assignments = std::nullopt};
  const auto grown = client.Call<wire::CreatePartitionsResponse>(
      wire::CreatePartitionsRequest{.topics = {twice, twice}}, version);
  REQUIRE(grown.ok());
  REQUIRE(grown->results.size() == 1);
  CHECK(grown->results[0].error_code == Number(ErrorCode::kInvalidRequest));
  CHECK(count() == 5);
}

}  // namespace
}  // namespace millrace::inline v0
