#include "millrace/broker.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/init_producer_id.h"
#include "millrace/wire/messages/list_offsets.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kMilli = 1'000'000;

std::vector<std::byte> Batch(const std::vector<std::string>& values) {
  BatchBuilder builder;
  for (const std::string& value : values) builder.Append({.value = value}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

wire::ProduceRequest Produce(const std::string& topic, std::span<const std::byte> batch, int16_t acks = -1) {
  return {.acks = acks,
          .timeout_ms = 1000,
          .topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = batch}}}}};
}

wire::FetchRequest Fetch(const std::string& topic, int64_t offset, int32_t wait_ms = 0,
                         int32_t min_bytes = 1) {
  return {
      .max_wait_ms = wait_ms,
      .min_bytes = min_bytes,
      .topics = {{.topic = topic,
                  .partitions = {{.partition = 0, .fetch_offset = offset, .partition_max_bytes = 1 << 20}}}}};
}

std::vector<std::string> Values(const absl::StatusOr<wire::FetchResponse>& response) {
  REQUIRE(response.ok());
  std::vector<std::string> values;
  for (const auto& topic : response->responses) {
    for (const auto& partition : topic.partitions) {
      REQUIRE(partition.error_code == 0);
      for (const BatchView batch : BatchRange(*partition.records)) {
        RecordReader reader(batch);
        for (RecordView record; reader.Next(&record);) values.emplace_back(*record.value);
      }
    }
  }
  return values;
}

int16_t Code(ErrorCode code) {
  return static_cast<int16_t>(code);
}

TEST_CASE("a broker says what it serves, whatever version it is asked in") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const wire::ApiVersionsRequest asked{.client_software_name = "test", .client_software_version = "1"};
  for (int16_t version = 0; version <= 4; ++version) {
    INFO(version);
    const auto response = client.Call<wire::ApiVersionsResponse>(asked, version);
    REQUIRE(response.ok());
    CHECK(response->error_code == 0);
    REQUIRE(response->api_keys.size() >= 6);
    CHECK(response->api_keys[0].api_key == 0);
    CHECK(response->api_keys[0].min_version == 0);  // not served, but said
    CHECK(response->api_keys[0].max_version == 13);
  }
  // A version from the future: answered in version 0, with the versions of this one API.
  client.Send(asked, 5);
  const auto response = client.Receive<wire::ApiVersionsResponse>(0);
  REQUIRE(response.ok());
  CHECK(response->error_code == Code(ErrorCode::kUnsupportedVersion));
  REQUIRE(response->api_keys.size() == 1);
  CHECK(response->api_keys[0].api_key == 18);
  // A name that is none.
  const auto refused = client.Call<wire::ApiVersionsResponse>(
      wire::ApiVersionsRequest{.client_software_name = "no name", .client_software_version = "1"}, 3);
  CHECK(refused->error_code == Code(ErrorCode::kInvalidRequest));
}

TEST_CASE("metadata: one broker, the listener's address, topics made on demand") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 3}).ok());
  WireClient client = world.Connect();
  for (int16_t version = 0; version <= 13; ++version) {
    INFO(version);
    wire::MetadataRequest all{.topics = std::nullopt};
    if (version == 0) all.topics.emplace();
    const auto response = client.Call<wire::MetadataResponse>(all, version);
    REQUIRE(response.ok());
    REQUIRE(response->brokers.size() == 1);
    CHECK(response->brokers[0].host == "broker");
    CHECK(response->brokers[0].port == 9092);
    REQUIRE(response->topics.size() == 1);
    CHECK(response->topics[0].name == "orders");
    REQUIRE(response->topics[0].partitions.size() == 3);
    CHECK(response->topics[0].partitions[2].leader_id == response->brokers[0].node_id);
    if (version >= 2) CHECK(response->cluster_id->size() == 22);
  }
  const wire::MetadataRequest asked{.topics = {{{.name = "new"}, {.name = "bad name"}}}};
  const auto made = client.Call<wire::MetadataResponse>(asked, 9);
  REQUIRE(made.ok());
  CHECK(made->topics[0].error_code == 0);
  CHECK(made->topics[1].error_code == Code(ErrorCode::kInvalidTopicException));
  CHECK(world.engine->admin().DescribeTopic("new").ok());
  wire::MetadataRequest not_made{.topics = {{{.name = "other"}}}, .allow_auto_topic_creation = false};
  const auto response = client.Call<wire::MetadataResponse>(not_made, 9);
  CHECK(response->topics[0].error_code == Code(ErrorCode::kUnknownTopicOrPartition));
  CHECK_FALSE(world.engine->admin().DescribeTopic("other").ok());
  // By id.
  const TopicId id = world.engine->admin().DescribeTopic("new")->id;
  const wire::MetadataRequest by_id{.topics = {{{.topic_id = id, .name = std::nullopt}}}};
  CHECK(client.Call<wire::MetadataResponse>(by_id, 12)->topics[0].name == "new");
}

TEST_CASE("what is produced is fetched, byte for byte, and found by time") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto batch = Batch({"a", "b"});
  for (int16_t version = 3; version <= 12; ++version) {
    INFO(version);
    const auto produced = client.Call<wire::ProduceResponse>(Produce("orders", batch), version);
    REQUIRE(produced.ok());
    const auto& answer = produced->responses.at(0).partition_responses.at(0);
    CHECK(answer.error_code == 0);
    CHECK(answer.base_offset == 2 * (version - 3));
  }
  for (int16_t version = 4; version <= 12; ++version) {
    INFO(version);
    const auto fetched = client.Call<wire::FetchResponse>(Fetch("orders", 16), version);
    CHECK(Values(fetched) == std::vector<std::string>{"a", "b", "a", "b"});
    CHECK(fetched->responses[0].partitions[0].high_watermark == 20);
    // All but base offset, length and leader epoch is the client's.
    const auto records = *fetched->responses[0].partitions[0].records;
    CHECK(std::equal(batch.begin() + 16, batch.end(), records.begin() + 16));
  }
  const auto list = [&](int64_t time, int16_t version) {
    const wire::ListOffsetsRequest asked{.replica_id = -1,
                                         .topics = {{.name = "orders", .partitions = {{.timestamp = time}}}}};
    const auto response = client.Call<wire::ListOffsetsResponse>(asked, version);
    REQUIRE(response.ok());
    CHECK(response->topics[0].partitions[0].error_code == 0);
    return response->topics[0].partitions[0].offset;
  };
  for (int16_t version = 1; version <= 11; ++version) {
    INFO(version);
    CHECK(list(-1, version) == 20);
    CHECK(list(-2, version) == 0);
    CHECK(list(1'700'000'000'000, version) == 0);
    CHECK(list(1'700'000'000'001, version) == -1);
  }
  CHECK(list(-3, 7) == 0);
  // The engine's own consumer sees the same.
  auto consumer = world.engine->NewConsumer({.start = Start::kEarliest});
  REQUIRE((*consumer)->Assign({{"orders", PartitionId(0)}}).ok());
  CHECK((*consumer)->TryPoll().ok());
}

TEST_CASE("a fetch waits for records, for bytes, or for its time") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient reader = world.Connect();
  WireClient writer = world.Connect();
  const auto batch = Batch({"a"});
  reader.Send(Fetch("orders", 0, /*wait_ms=*/500), 11);
  CHECK(reader.answers() == 0);
  REQUIRE(writer.Call<wire::ProduceResponse>(Produce("orders", batch), 8).ok());
  CHECK(Values(reader.Receive<wire::FetchResponse>(11)) == std::vector<std::string>{"a"});
  // Two batches' worth.
  reader.Send(Fetch("orders", 1, 500, static_cast<int32_t>(2 * batch.size())), 11);
  REQUIRE(writer.Call<wire::ProduceResponse>(Produce("orders", batch), 8).ok());
  CHECK(reader.answers() == 0);
  REQUIRE(writer.Call<wire::ProduceResponse>(Produce("orders", batch), 8).ok());
  CHECK(Values(reader.Receive<wire::FetchResponse>(11)).size() == 2);
  // Nothing comes.
  reader.Send(Fetch("orders", 3, 500), 11);
  world.sim.executor->RunFor(499 * kMilli);
  CHECK(reader.answers() == 0);
  world.sim.executor->RunFor(kMilli);
  CHECK(Values(reader.Receive<wire::FetchResponse>(11)).empty());
}

TEST_CASE("requests of one connection are answered in their order") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const int32_t first = client.Send(Fetch("orders", 0, /*wait_ms=*/100), 11);
  const int32_t second = client.Send(wire::ApiVersionsRequest{}, 0);
  CHECK(client.answers() == 0);
  world.sim.executor->RunFor(100 * kMilli);
  REQUIRE(client.Receive<wire::FetchResponse>(11).ok());
  CHECK(client.last_correlation_id() == first);
  REQUIRE(client.Receive<wire::ApiVersionsResponse>(0).ok());
  CHECK(client.last_correlation_id() == second);
}

TEST_CASE("acks: none is answered nothing, an impossible one is refused") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto batch = Batch({"a"});
  client.Send(Produce("orders", batch, 0), 8);
  CHECK(client.answers() == 0);
  CHECK(world.engine->admin().EndOffset({"orders", PartitionId(0)}).value() == Offset(1));
  const auto refused = client.Call<wire::ProduceResponse>(Produce("orders", batch, 2), 8);
  CHECK(refused->responses[0].partition_responses[0].error_code == Code(ErrorCode::kInvalidRequiredAcks));
  CHECK(world.engine->admin().EndOffset({"orders", PartitionId(0)}).value() == Offset(1));
}

TEST_CASE("bad batches are refused with Kafka's codes, and nothing is stored") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto code = [&](const std::string& topic, std::span<const std::byte> batch) {
    const auto response = client.Call<wire::ProduceResponse>(Produce(topic, batch), 8);
    REQUIRE(response.ok());
    const auto& answer = response->responses[0].partition_responses[0];
    CHECK(answer.base_offset == -1);
    return answer.error_code;
  };
  const auto good = Batch({"a"});
  CHECK(code("none", good) == Code(ErrorCode::kUnknownTopicOrPartition));
  CHECK(code("orders", {}) == Code(ErrorCode::kInvalidRecord));
  auto bad = good;
  bad.back() ^= std::byte{1};
  CHECK(code("orders", bad) == Code(ErrorCode::kCorruptMessage));
  bad = good;
  bad[16] = std::byte{1};
  CHECK(code("orders", bad) == Code(ErrorCode::kInvalidRecord));
  bad[16] = std::byte{3};
  CHECK(code("orders", bad) == Code(ErrorCode::kUnsupportedForMessageFormat));
  bad = good;
  bad.insert(bad.end(), good.begin(), good.end());
  CHECK(code("orders", bad) == Code(ErrorCode::kInvalidRecord));
  bad = good;
  bad.resize(bad.size() - 1);
  CHECK(code("orders", bad) == Code(ErrorCode::kCorruptMessage));
  CHECK(world.engine->admin().EndOffset({"orders", PartitionId(0)}).value() == Offset(0));
  const auto out_of_range = client.Call<wire::FetchResponse>(Fetch("orders", 7), 11);
  CHECK(out_of_range->responses[0].partitions[0].error_code == Code(ErrorCode::kOffsetOutOfRange));
}

TEST_CASE("topics are found by id since Produce 13 and Fetch 13") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  const TopicId id = world.engine->admin().DescribeTopic("orders")->id;
  WireClient client = world.Connect();
  const auto batch = Batch({"a"});
  wire::ProduceRequest produce = Produce("", batch);
  produce.topic_data[0].topic_id = id;
  CHECK(client.Call<wire::ProduceResponse>(produce, 13)->responses[0].partition_responses[0].error_code == 0);
  for (int16_t version = 13; version <= 18; ++version) {
    wire::FetchRequest fetch = Fetch("", 0);
    fetch.topics[0].topic_id = id;
    CHECK(Values(client.Call<wire::FetchResponse>(fetch, version)) == std::vector<std::string>{"a"});
    fetch.topics[0].topic_id = TopicId();
    CHECK(client.Call<wire::FetchResponse>(fetch, version)->responses[0].partitions[0].error_code ==
          Code(ErrorCode::kUnknownTopicId));
  }
}

TEST_CASE("producer ids are never given out twice") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const wire::InitProducerIdRequest asked{.transactional_id = std::nullopt};
  const auto first = client.Call<wire::InitProducerIdResponse>(asked, 4);
  const auto second = client.Call<wire::InitProducerIdResponse>(asked, 0);
  REQUIRE((first.ok() && second.ok()));
  CHECK(first->error_code == 0);
  CHECK(first->producer_id != second->producer_id);
  const auto refused =
      client.Call<wire::InitProducerIdResponse>(wire::InitProducerIdRequest{.transactional_id = "t"}, 4);
  CHECK(refused->error_code == Code(ErrorCode::kTransactionalIdAuthorizationFailed));
}

TEST_CASE("what is no request ends that connection, and no other") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient other = world.Connect();
  const std::vector<std::vector<std::byte>> frames = {
      {},
      {std::byte{0}},
      std::vector<std::byte>(8, std::byte{0xff}),  // an unknown key
      {std::byte{0}, std::byte{1}, std::byte{0}, std::byte{99}, std::byte{0}, std::byte{0}, std::byte{0},
       std::byte{1}, std::byte{0xff}, std::byte{0xff}, std::byte{0}},  // Fetch 99
      {std::byte{0}, std::byte{3}, std::byte{0}, std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0},
       std::byte{1}, std::byte{0xff}, std::byte{0xff}, std::byte{0x7f}},  // Metadata 1, cut off
  };
  for (const auto& frame : frames) {
    WireClient client = world.Connect();
    client.Run();
    CHECK_FALSE(client.closed());
    client.SendBytes(frame);
    CHECK(client.closed());
    CHECK(client.answers() == 0);
  }
  CHECK(other.Call<wire::ApiVersionsResponse>(wire::ApiVersionsRequest{}, 0).ok());
}

TEST_CASE("closing answers what waits, and leaves the engine as it was") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  client.Send(Fetch("orders", 0, /*wait_ms=*/100'000), 11);
  REQUIRE(world.broker->Close(absl::Seconds(1)).ok());
  CHECK(Values(client.Receive<wire::FetchResponse>(11)).empty());
  CHECK(client.closed());
  world.broker.reset();
  auto producer = world.engine->NewProducer({.linger = absl::ZeroDuration()});
  CHECK((*producer)->Send("orders", {.value = "v"}).ok());
  producer->reset();
  // The address is free again.
  auto again = Broker::Start(
      {.engine = world.engine.get(),
       .listeners = {
           {.transport = world.transport.get(), .address = "broker:9092", .advertised_address = "[::1]:7"}}});
  REQUIRE(again.ok());
  CHECK((*again)->bootstrap_servers() == "[::1]:7");
}

TEST_CASE("options that cannot be meant are refused") {
  BrokerWorld world;
  const auto code = [&](BrokerOptions options) { return ErrorCodeOf(Broker::Start(options).status()); };
  const BrokerListener listener{.transport = world.transport.get(), .address = "other:1"};
  CHECK(code({}) == ErrorCode::kInvalidConfig);
  CHECK(code({.engine = world.engine.get()}) == ErrorCode::kInvalidConfig);
  CHECK(code({.engine = world.engine.get(), .listeners = {{}}}) == ErrorCode::kInvalidConfig);
  CHECK(code({.engine = world.engine.get(), .listeners = {listener}, .node_id = -1}) ==
        ErrorCode::kInvalidConfig);
  CHECK(code({.engine = world.engine.get(), .listeners = {listener}, .fetch_max_bytes = 1}) ==
        ErrorCode::kInvalidConfig);
  BrokerListener advertised = listener;
  advertised.advertised_address = "no port";
  CHECK(code({.engine = world.engine.get(), .listeners = {advertised}}) == ErrorCode::kInvalidConfig);
  // Taken already.
  BrokerListener taken = listener;
  taken.address = "broker:9092";
  CHECK(absl::IsAlreadyExists(
      Broker::Start({.engine = world.engine.get(), .listeners = {listener, taken}}).status()));
}

}  // namespace
}  // namespace millrace::inline v0
