// Kafka's rules for what a client is told, where they are easy to miss: each case names the API.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/replicator.h"
#include "millrace/wire/messages/consumer_group_describe.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"
#include "millrace/wire/messages/init_producer_id.h"
#include "millrace/wire/messages/list_offsets.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/offset_fetch.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

int16_t RuleCode(ErrorCode code) {
  return static_cast<int16_t>(code);
}

std::vector<std::byte> OneBatch(const std::vector<std::string>& values, BatchOptions options = {}) {
  BatchBuilder builder(options);
  for (const std::string& value : values) builder.Append({.value = value}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

wire::ProduceRequest ProduceOne(const std::string& topic, std::span<const std::byte> batch, int16_t acks) {
  return {.acks = acks,
          .timeout_ms = 1000,
          .topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = batch}}}}};
}

TEST_CASE("produce with acks=0: a failure ends the connection, for there is no answer to say it in") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {}).ok());
  const auto batch = OneBatch({"a"});
  WireClient good = world.Connect();
  good.Send(ProduceOne("orders", batch, 0), 8);
  CHECK(good.answers() == 0);
  CHECK_FALSE(good.closed());
  CHECK(world.engine->admin().EndOffset({"orders", PartitionId(0)}).value() == Offset(1));
  WireClient bad = world.Connect();
  bad.Send(ProduceOne("nothing", batch, 0), 8);
  CHECK(bad.answers() == 0);
  CHECK(bad.closed());
  CHECK_FALSE(good.closed());
}

TEST_CASE("produce: zstd may be used since version 7") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {}).ok());
  WireClient client = world.Connect();
  const auto batch = OneBatch({std::string(1000, 'a')}, {.compression = Compression::kZstd});
  const auto before = client.Call<wire::ProduceResponse>(ProduceOne("orders", batch, 1), 6);
  REQUIRE(before.ok());
  CHECK(before->responses[0].partition_responses[0].error_code ==
        RuleCode(ErrorCode::kUnsupportedCompressionType));
  const auto since = client.Call<wire::ProduceResponse>(ProduceOne("orders", batch, 1), 7);
  REQUIRE(since.ok());
  CHECK(since->responses[0].partition_responses[0].error_code == 0);
}

// Commits what it is told to.
class SlowReplicator final : public Replicator {
 public:
  absl::Status Attach(std::shared_ptr<PartitionHandle> partition) override {
    handles[partition->topic_partition()] = std::move(partition);
    return absl::OkStatus();
  }
  void Detach(const TopicPartition& partition) override { handles.erase(partition); }
  absl::Status CheckAppend(const TopicPartition&, bool) override { return absl::OkStatus(); }
  void OnAppended(const TopicPartition&, Offset) override {}
  std::map<TopicPartition, std::shared_ptr<PartitionHandle>> handles;
};

TEST_CASE("produce with acks=-1: replicas that take longer than the time given are not waited for") {
  SimEnv sim{7};
  SlowReplicator replicator;
  EngineOptions engine_options;
  engine_options.env = sim.env();
  engine_options.replicator = &replicator;
  auto engine = Engine::Open(engine_options);
  REQUIRE(engine.ok());
  const std::unique_ptr<Transport> transport = NewInMemoryTransport(sim.env());
  auto broker = Broker::Start(
      {.engine = engine->get(), .listeners = {{.transport = transport.get(), .address = "broker:9092"}}});
  REQUIRE(broker.ok());
  REQUIRE((*engine)->CreateTopic("orders", {}).ok());
  PartitionHandle& handle = *replicator.handles.at({"orders", PartitionId(0)});
  WireClient client(&sim, transport.get(), "broker:9092");
  const auto batch = OneBatch({"a"});
  // acks=1 waits for nobody.
  REQUIRE(client.Call<wire::ProduceResponse>(ProduceOne("orders", batch, 1), 8).ok());
  client.Send(ProduceOne("orders", batch, -1), 8);
  CHECK(client.answers() == 0);
  handle.AdvanceHighWatermark(Offset(2));
  const auto committed = client.Receive<wire::ProduceResponse>(8);
  REQUIRE(committed.ok());
  CHECK(committed->responses[0].partition_responses[0].error_code == 0);
  client.Send(ProduceOne("orders", batch, -1), 8);  // it gives one second
  sim.executor->RunFor(900'000'000);
  CHECK(client.answers() == 0);
  sim.executor->RunFor(200'000'000);
  const auto late = client.Receive<wire::ProduceResponse>(8);
  REQUIRE(late.ok());
  CHECK(late->responses[0].partition_responses[0].error_code == RuleCode(ErrorCode::kRequestTimedOut));
  // What comes after the answer changes nothing.
  handle.AdvanceHighWatermark(Offset(3));
  CHECK(client.answers() == 0);
  CHECK_FALSE(client.closed());
}

TEST_CASE("list offsets: questions are of their version, and of a partition once") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {}).ok());
  WireClient client = world.Connect();
  const auto code = [&](int64_t timestamp, int16_t version) {
    const wire::ListOffsetsRequest asked{
        .replica_id = -1,
        .topics = {{.name = "orders", .partitions = {{.partition_index = 0, .timestamp = timestamp}}}}};
    const auto response = client.Call<wire::ListOffsetsResponse>(asked, version);
    REQUIRE(response.ok());
    return response->topics[0].partitions[0].error_code;
  };
  const std::pair<int64_t, int16_t> since[] = {{-1, 1}, {-2, 1}, {-3, 7}, {-4, 8}, {-5, 9}, {-6, 11}};
  for (const auto& [timestamp, first] : since) {
    INFO(timestamp);
    CHECK(code(timestamp, first) == 0);
    if (first > 1)
      CHECK(code(timestamp, static_cast<int16_t>(first - 1)) == RuleCode(ErrorCode::kUnsupportedVersion));
  }
  CHECK(code(-7, 11) == RuleCode(ErrorCode::kUnsupportedVersion));
  const wire::ListOffsetsRequest twice{.replica_id = -1,
                                       .topics = {{.name = "orders",
                                                   .partitions = {{.partition_index = 0, .timestamp = -1},
                                                                  {.partition_index = 0, .timestamp = -2}}}}};
  const auto response = client.Call<wire::ListOffsetsResponse>(twice, 5);
  REQUIRE(response.ok());
  REQUIRE(response->topics[0].partitions.size() == 1);
  CHECK(response->topics[0].partitions[0].error_code == RuleCode(ErrorCode::kInvalidRequest));
}

TEST_CASE("metadata: names that are none, ids before version 12, repetition, collision, operations") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("my.orders", {}).ok());
  const TopicId id = world.engine->admin().DescribeTopic("my.orders")->id;
  WireClient client = world.Connect();
  const auto ask = [&](std::vector<wire::MetadataRequest::Topic> topics, int16_t version, bool create) {
    auto response = client.Call<wire::MetadataResponse>(
        wire::MetadataRequest{.topics = std::move(topics),
                              .allow_auto_topic_creation = create,
                              .include_topic_authorized_operations = true},
        version);
    REQUIRE(response.ok());
    return *std::move(response);
  };
  for (const bool create : {false, true}) {
    INFO(create);
    const auto invalid = ask({{.name = "no good"}, {.name = ""}}, 9, create);
    REQUIRE(invalid.topics.size() == 2);
    CHECK(invalid.topics[0].error_code == RuleCode(ErrorCode::kInvalidTopicException));
    CHECK(invalid.topics[1].error_code == RuleCode(ErrorCode::kInvalidTopicException));
  }
  const auto collides = ask({{.name = "my_orders"}}, 9, true);
  CHECK(collides.topics[0].error_code == RuleCode(ErrorCode::kInvalidTopicException));
  const auto repeated = ask({{.name = "my.orders"}, {.name = "my.orders"}}, 9, true);
  REQUIRE(repeated.topics.size() == 1);
  CHECK(repeated.topics[0].error_code == 0);
  CHECK(repeated.topics[0].topic_authorized_operations > 0);
  const std::vector<wire::MetadataRequest::Topic> by_id = {{.topic_id = id, .name = std::nullopt}};
  CHECK(ask(by_id, 10, false).topics[0].error_code == RuleCode(ErrorCode::kInvalidRequest));
  CHECK(ask(by_id, 12, false).topics[0].error_code == 0);
}

TEST_CASE("metadata: the topic of committed offsets is never made as any other is") {
  SimEnv sim{7};
  EngineOptions engine_options;
  engine_options.env = sim.env();
  engine_options.num_partitions = 2;
  engine_options.offsets_topic_num_partitions = 5;
  auto engine = Engine::Open(engine_options);
  REQUIRE(engine.ok());
  const std::unique_ptr<Transport> transport = NewInMemoryTransport(sim.env());
  auto broker = Broker::Start(
      {.engine = engine->get(), .listeners = {{.transport = transport.get(), .address = "broker:9092"}}});
  REQUIRE(broker.ok());
  const std::string name = "__consumer_offsets";
  Admin& admin = (*engine)->admin();
  CHECK(ErrorCodeOf(admin.CreateTopic(name).status()) == ErrorCode::kInvalidTopicException);
  CHECK_FALSE(admin.DescribeTopic(name).ok());
  WireClient client(&sim, transport.get(), "broker:9092");
  const auto asked =
      client.Call<wire::MetadataResponse>(wire::MetadataRequest{.topics = {{{.name = name}}}}, 9);
  REQUIRE(asked.ok());
  CHECK(asked->topics[0].error_code == 0);
  CHECK(asked->topics[0].is_internal);
  CHECK(asked->topics[0].partitions.size() == 5);
  const auto described = admin.DescribeTopic(name);
  REQUIRE(described.ok());
  CHECK(described->config.cleanup_policy.compact);
  CHECK_FALSE(described->config.cleanup_policy.remove);
  CHECK(ErrorCodeOf(admin.CreateTopic(name).status()) == ErrorCode::kTopicAlreadyExists);
}

TEST_CASE("init producer id: an id comes with an epoch, and a refusal has neither") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const auto half = client.Call<wire::InitProducerIdResponse>(
      wire::InitProducerIdRequest{.transactional_id = "t", .producer_id = 5}, 4);
  REQUIRE(half.ok());
  CHECK(half->error_code == RuleCode(ErrorCode::kInvalidRequest));
  CHECK(half->producer_epoch == -1);
  const auto other_half = client.Call<wire::InitProducerIdResponse>(
      wire::InitProducerIdRequest{.transactional_id = std::nullopt, .producer_epoch = 1}, 4);
  CHECK(other_half->error_code == RuleCode(ErrorCode::kInvalidRequest));
  const auto transactional =
      client.Call<wire::InitProducerIdResponse>(wire::InitProducerIdRequest{.transactional_id = "t"}, 4);
  CHECK(transactional->error_code == RuleCode(ErrorCode::kTransactionalIdAuthorizationFailed));
  CHECK(transactional->producer_epoch == -1);
  const auto idempotent = client.Call<wire::InitProducerIdResponse>(
      wire::InitProducerIdRequest{.transactional_id = std::nullopt}, 4);
  CHECK(idempotent->error_code == 0);
  CHECK(idempotent->producer_epoch == 0);
}

TEST_CASE("consumer group describe: operations of a group that is there; no state of one that is not") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {}).ok());
  WireClient client = world.Connect();
  const auto joined = client.Call<wire::ConsumerGroupHeartbeatResponse>(
      wire::ConsumerGroupHeartbeatRequest{
          .group_id = "g",
          .member_id = "m",
          .member_epoch = 0,
          .rebalance_timeout_ms = 1000,
          .subscribed_topic_names = std::vector<std::string>{"orders"},
          .topic_partitions = std::vector<wire::ConsumerGroupHeartbeatRequest::TopicPartitions>()},
      1);
  REQUIRE(joined.ok());
  REQUIRE(joined->error_code == 0);
  const auto described = client.Call<wire::ConsumerGroupDescribeResponse>(
      wire::ConsumerGroupDescribeRequest{.group_ids = {"g", "no", ""}, .include_authorized_operations = true},
      1);
  REQUIRE(described.ok());
  REQUIRE(described->groups.size() == 3);
  CHECK(described->groups[0].authorized_operations > 0);
  CHECK(described->groups[1].error_code == RuleCode(ErrorCode::kGroupIdNotFound));
  CHECK(described->groups[1].group_state.empty());
  CHECK(described->groups[2].error_code == RuleCode(ErrorCode::kInvalidGroupId));
}

TEST_CASE("offset fetch: in version 1 each partition bears the error of its group") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  WireClient client = world.Connect();
  const wire::OffsetFetchRequest asked{.group_id = "g",
                                       .topics = {{{.name = "orders", .partition_indexes = {0, 1}}}}};
  REQUIRE(client.Call<wire::OffsetFetchResponse>(asked, 1)->topics[0].partitions[1].error_code == 0);
  // The broker still holds what it would wait for.
  world.engine->Close(absl::ZeroDuration()).IgnoreError();
  const auto failed = client.Call<wire::OffsetFetchResponse>(asked, 1);
  REQUIRE(failed.ok());
  REQUIRE(failed->topics.size() == 1);
  REQUIRE(failed->topics[0].partitions.size() == 2);
  CHECK(failed->topics[0].partitions[1].error_code != 0);
  CHECK(failed->topics[0].partitions[1].committed_offset == -1);
}

}  // namespace
}  // namespace millrace::inline v0
