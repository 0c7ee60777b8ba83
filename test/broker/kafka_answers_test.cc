// Answers as Apache Kafka gives them: what test/interop/differential.sh has shown to differ once.

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/consumer_group_describe.h"
#include "millrace/wire/messages/describe_producers.h"
#include "millrace/wire/messages/describe_topic_partitions.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/init_producer_id.h"
#include "millrace/wire/messages/leave_group.h"
#include "millrace/wire/messages/list_groups.h"
#include "millrace/wire/messages/list_offsets.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/produce.h"
#include "millrace/wire/messages/sync_group.h"

namespace millrace::inline v0 {
namespace {

int16_t KafkaCode(ErrorCode code) {
  return static_cast<int16_t>(code);
}

std::vector<std::byte> KeyedBatch(const std::vector<std::optional<std::string>>& keys,
                                  Compression compression) {
  BatchBuilder builder({.compression = compression});
  for (const auto& key : keys) {
    Record record{.value = "value"};
    if (key.has_value()) record.key = *key;
    builder.Append(record, Timestamp(1'700'000'000'000));
  }
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

TEST_CASE("a compacted topic takes no record without a key, and tells which ones had none") {
  const Compression compression = GENERATE(Compression::kNone, Compression::kLz4, Compression::kZstd);
  BrokerWorld world;
  TopicConfig config;
  config.cleanup_policy = {.remove = false, .compact = true};
  REQUIRE(world.engine->admin().CreateTopic("table", {.partitions = 1, .config = config}).ok());
  REQUIRE(world.engine->CreateTopic("plain").ok());
  WireClient client = world.Connect();
  const auto produce = [&](const std::string& topic, std::span<const std::byte> batch) {
    const wire::ProduceRequest request{
        .acks = -1,
        .timeout_ms = 1000,
        .topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = batch}}}}};
    const auto response = client.Call<wire::ProduceResponse>(request, 9);
    REQUIRE(response.ok());
    return response->responses[0].partition_responses[0];
  };
  const auto mixed = KeyedBatch({"a", std::nullopt, "b", std::nullopt}, compression);
  const auto refused = produce("table", mixed);
  CHECK(refused.error_code == KafkaCode(ErrorCode::kInvalidRecord));
  CHECK(refused.base_offset == -1);
  REQUIRE(refused.record_errors.size() == 2);
  CHECK(refused.record_errors[0].batch_index == 1);
  CHECK(refused.record_errors[1].batch_index == 3);
  CHECK(world.engine->admin().EndOffset({"table", PartitionId(0)}).value() == Offset(0));
  CHECK(produce("plain", mixed).error_code == 0);
  const auto taken = produce("table", KeyedBatch({"a", "b"}, compression));
  CHECK(taken.error_code == 0);
  CHECK(taken.record_errors.empty());
  auto broken = mixed;
  broken.back() ^= std::byte{1};
  CHECK(produce("table", broken).error_code == KafkaCode(ErrorCode::kCorruptMessage));
}

TEST_CASE(
    "Fetch tells of aborted transactions where committed records are asked for, and of nothing with an "
    "error") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto fetch = [&](int64_t offset, int8_t isolation) {
    const wire::FetchRequest request{
        .isolation_level = isolation,
        .topics = {{.topic = "orders",
                    .partitions = {{.partition = 0, .fetch_offset = offset, .partition_max_bytes = 1000}}}}};
    const auto response = client.Call<wire::FetchResponse>(request, 12);
    REQUIRE(response.ok());
    return response->responses[0].partitions[0];
  };
  CHECK_FALSE(fetch(0, 0).aborted_transactions.has_value());
  CHECK(fetch(0, 1).aborted_transactions.has_value());
  CHECK(fetch(0, 0).last_stable_offset == 0);
  const auto refused = fetch(5, 0);
  CHECK(refused.error_code == KafkaCode(ErrorCode::kOffsetOutOfRange));
  CHECK(refused.high_watermark == -1);
  CHECK(refused.last_stable_offset == -1);
  CHECK(refused.log_start_offset == -1);
}

TEST_CASE("ListOffsets knows a question as of its version, and a partition once") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto ask = [&](int64_t timestamp, int16_t version, size_t times) {
    wire::ListOffsetsRequest request{.replica_id = -1, .topics = {{.name = "orders"}}};
    for (size_t i = 0; i < times; ++i)
      request.topics[0].partitions.push_back({.partition_index = 0, .timestamp = timestamp});
    const auto response = client.Call<wire::ListOffsetsResponse>(request, version);
    REQUIRE(response.ok());
    REQUIRE(response->topics[0].partitions.size() == 1);
    return response->topics[0].partitions[0].error_code;
  };
  const std::vector<std::pair<int64_t, int16_t>> since = {{-3, 7}, {-4, 8}, {-5, 9}, {-6, 11}};
  for (const auto& [timestamp, first] : since) {
    INFO(timestamp);
    CHECK(ask(timestamp, first, 1) == 0);
    CHECK(ask(timestamp, static_cast<int16_t>(first - 1), 1) == KafkaCode(ErrorCode::kUnsupportedVersion));
  }
  CHECK(ask(-1, 1, 1) == 0);
  CHECK(ask(-2, 1, 1) == 0);
  CHECK(ask(1, 1, 1) == 0);
  CHECK(ask(-7, 11, 1) == KafkaCode(ErrorCode::kUnsupportedVersion));
  CHECK(ask(-1, 11, 2) == KafkaCode(ErrorCode::kInvalidRequest));
  CHECK(ask(-1, 11, 3) == KafkaCode(ErrorCode::kInvalidRequest));
}

TEST_CASE("Metadata refuses names that no topic has, tells a topic once, and what may be done with it") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  wire::MetadataRequest request;
  request.topics.emplace();
  for (const char* name : {"orders", "bad name!", "orders"}) request.topics->push_back({.name = name});
  request.include_topic_authorized_operations = true;
  const auto response = client.Call<wire::MetadataResponse>(request, 9);
  REQUIRE(response.ok());
  REQUIRE(response->topics.size() == 2);
  CHECK(response->topics[0].error_code == 0);
  CHECK(response->topics[0].topic_authorized_operations == 3576);
  CHECK(response->topics[1].error_code == KafkaCode(ErrorCode::kInvalidTopicException));
  CHECK(response->topics[1].topic_authorized_operations == 3576);
  CHECK_FALSE(world.engine->admin().DescribeTopic("bad name!").ok());
  request.include_topic_authorized_operations = false;
  const auto plain = client.Call<wire::MetadataResponse>(request, 9);
  CHECK(plain->topics[0].topic_authorized_operations == INT32_MIN);

  const wire::DescribeTopicPartitionsRequest describe{.topics = {{.name = "none"}}};
  const auto described = client.Call<wire::DescribeTopicPartitionsResponse>(describe, 0);
  REQUIRE(described.ok());
  CHECK(described->topics[0].error_code == KafkaCode(ErrorCode::kUnknownTopicOrPartition));
  CHECK(described->topics[0].topic_authorized_operations == 3576);
  const wire::DescribeProducersRequest producers{.topics = {{.name = "bad name!", .partition_indexes = {0}}}};
  const auto produced = client.Call<wire::DescribeProducersResponse>(producers, 0);
  REQUIRE(produced.ok());
  CHECK(produced->topics[0].partitions[0].error_code == KafkaCode(ErrorCode::kInvalidTopicException));
}

TEST_CASE("bytes behind a request are passed over: librdkafka 2.0 sends such") {
  BrokerWorld world;
  WireClient client = world.Connect();
  // ListGroups version 4 as librdkafka 2.0.2 sends it: no states, no tags, and one byte more.
  client.SendBytes({std::byte{0}, std::byte{16}, std::byte{0}, std::byte{4}, std::byte{0}, std::byte{0},
                    std::byte{0}, std::byte{9}, std::byte{0}, std::byte{1}, std::byte{'c'}, std::byte{0},
                    std::byte{1}, std::byte{0}, std::byte{0}});
  const auto listed = client.Receive<wire::ListGroupsResponse>(4);
  REQUIRE(listed.ok());
  CHECK(client.last_correlation_id() == 9);
  CHECK(listed->error_code == 0);
  CHECK_FALSE(client.closed());
  // Too few are malformed.
  client.SendBytes({std::byte{0}, std::byte{16}, std::byte{0}, std::byte{4}, std::byte{0}, std::byte{0},
                    std::byte{0}, std::byte{10}, std::byte{0}, std::byte{1}, std::byte{'c'}, std::byte{0}});
  CHECK(client.closed());
}

TEST_CASE("a group without a name is no group") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const int16_t wanted = KafkaCode(ErrorCode::kInvalidGroupId);
  const auto beat =
      client.Call<wire::HeartbeatResponse>(wire::HeartbeatRequest{.generation_id = 1, .member_id = "m"}, 4);
  REQUIRE(beat.ok());
  CHECK(beat->error_code == wanted);
  const auto synced =
      client.Call<wire::SyncGroupResponse>(wire::SyncGroupRequest{.generation_id = 1, .member_id = "m"}, 3);
  REQUIRE(synced.ok());
  CHECK(synced->error_code == wanted);
  const auto left =
      client.Call<wire::LeaveGroupResponse>(wire::LeaveGroupRequest{.members = {{.member_id = "m"}}}, 4);
  REQUIRE(left.ok());
  CHECK(left->error_code == wanted);
  CHECK(left->members.empty());
  const auto described = client.Call<wire::ConsumerGroupDescribeResponse>(
      wire::ConsumerGroupDescribeRequest{.group_ids = {"", "none"}}, 0);
  REQUIRE(described.ok());
  CHECK(described->groups[0].error_code == wanted);
  CHECK(described->groups[1].error_code == KafkaCode(ErrorCode::kGroupIdNotFound));
}

TEST_CASE("InitProducerId takes an id and its epoch, or neither") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const auto ask = [&](int64_t id, int16_t epoch) {
    const wire::InitProducerIdRequest request{.transactional_id = std::nullopt,
                                              .transaction_timeout_ms = 1000,
                                              .producer_id = id,
                                              .producer_epoch = epoch};
    const auto response = client.Call<wire::InitProducerIdResponse>(request, 4);
    REQUIRE(response.ok());
    CHECK((response->error_code == 0) == (response->producer_epoch == 0));
    return response->error_code;
  };
  CHECK(ask(-1, -1) == 0);
  CHECK(ask(5, 3) == 0);
  CHECK(ask(5, -1) == KafkaCode(ErrorCode::kInvalidRequest));
  CHECK(ask(-1, 3) == KafkaCode(ErrorCode::kInvalidRequest));
  const auto empty =
      client.Call<wire::InitProducerIdResponse>(wire::InitProducerIdRequest{.transactional_id = ""}, 4);
  REQUIRE(empty.ok());
  CHECK(empty->error_code == KafkaCode(ErrorCode::kInvalidRequest));
  CHECK(empty->producer_epoch == -1);
}

}  // namespace
}  // namespace millrace::inline v0
