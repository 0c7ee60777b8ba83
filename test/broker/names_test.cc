// Names from clients: hostile ones reach no path (RELIABILITY: S11). And what is not there, in every API that
// takes a topic, a partition, an id or an epoch: Kafka's error for it.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/create_partitions.h"
#include "millrace/wire/messages/create_topics.h"
#include "millrace/wire/messages/delete_records.h"
#include "millrace/wire/messages/delete_topics.h"
#include "millrace/wire/messages/describe_configs.h"
#include "millrace/wire/messages/describe_producers.h"
#include "millrace/wire/messages/describe_topic_partitions.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/incremental_alter_configs.h"
#include "millrace/wire/messages/list_offsets.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/offset_commit.h"
#include "millrace/wire/messages/offset_for_leader_epoch.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

int16_t Of(ErrorCode code) {
  return static_cast<int16_t>(code);
}

std::vector<std::string> HostileNames() {
  using namespace std::string_literals;
  return {".",
          "..",
          "/",
          "../escaped",
          "a/b",
          "/etc/passwd",
          "a\0b"s,
          "\0"s,
          "a b",
          "a\nb",
          "a\\b",
          "a:b",
          "*",
          "~",
          "$HOME",
          "%2e%2e",
          "caf\xc3\xa9",
          "\xe2\x80\xae",
          "\xff\xfe",
          std::string(250, 'a'),
          std::string(32'000, 'a')};
}

// What lies beside the data.
std::vector<std::string> Outside(BrokerWorld& world) {
  auto names = world.sim.files->List("/");
  REQUIRE(names.ok());
  std::ranges::sort(*names);
  return *names;
}
std::vector<std::string> Inside(BrokerWorld& world) {
  auto names = world.sim.files->List("/data");
  REQUIRE(names.ok());
  std::ranges::sort(*names);
  return *names;
}

int16_t CreateByName(WireClient& client, const std::string& name) {
  const wire::CreateTopicsRequest request{
      .topics = {{.name = name, .num_partitions = 1, .replication_factor = 1}}};
  const auto created = client.Call<wire::CreateTopicsResponse>(request, 7);
  REQUIRE(created.ok());
  return created->topics[0].error_code;
}

int16_t MetadataByName(WireClient& client, const std::string& name) {
  const auto answer =
      client.Call<wire::MetadataResponse>(wire::MetadataRequest{.topics = {{{.name = name}}}}, 8);
  REQUIRE(answer.ok());
  return answer->topics[0].error_code;
}

TEST_CASE("no name of a topic leaves the directory") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto outside = Outside(world);
  const auto inside = Inside(world);
  for (const std::string& name : HostileNames()) {
    INFO(name.substr(0, 20) << " of " << name.size() << " bytes");
    CHECK(CreateByName(client, name) == Of(ErrorCode::kInvalidTopicException));
    CHECK(MetadataByName(client, name) == Of(ErrorCode::kInvalidTopicException));
  }
  CHECK(world.engine->admin().ListTopics() == std::vector<std::string>{"orders"});
  CHECK(Outside(world) == outside);
  CHECK(Inside(world) == inside);
}

TEST_CASE("names at the edge of what is allowed are topics of their own") {
  BrokerWorld world;
  WireClient client = world.Connect();
  const auto outside = Outside(world);
  const std::string longest(249, 'a');
  const std::vector<std::string> names = {longest, "...", "-",  "_",     "A",
                                          "a",     "a-0", ".a", ".lock", "millrace.flush"};
  for (const std::string& name : names) {
    INFO(name);
    CHECK(CreateByName(client, name) == 0);
    auto producer = world.engine->NewProducer();
    REQUIRE(producer.ok());
    CHECK((*producer)->Send(name, {.value = name}).ok());
    CHECK((*producer)->Flush(absl::Seconds(10)).ok());
  }
  CHECK(world.engine->admin().ListTopics().size() == names.size());
  CHECK(Outside(world) == outside);
  for (const std::string& name : names) {
    INFO(name);
    CHECK((*world.engine->PartitionLog({name, PartitionId(0)}))->log_end_offset() == Offset(1));
    const auto deleted =
        client.Call<wire::DeleteTopicsResponse>(wire::DeleteTopicsRequest{.topics = {{.name = name}}}, 6);
    REQUIRE(deleted.ok());
    CHECK(deleted->responses[0].error_code == 0);
  }
  CHECK(world.engine->admin().ListTopics().empty());
  CHECK(Outside(world) == outside);
}

TEST_CASE("hostile names of configs, and of what they belong to, write nothing") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto outside = Outside(world);
  const auto inside = Inside(world);
  constexpr int8_t kTopic = 2;
  constexpr int8_t kBroker = 4;
  for (const std::string& name : HostileNames()) {
    INFO(name.substr(0, 20) << " of " << name.size() << " bytes");
    const auto alter = [&](int8_t type, const std::string& resource, const std::string& config) {
      const wire::IncrementalAlterConfigsRequest request{
          .resources = {{.resource_type = type,
                         .resource_name = resource,
                         .configs = {{.name = config, .config_operation = 0, .value = name}}}}};
      const auto altered = client.Call<wire::IncrementalAlterConfigsResponse>(request, 1);
      REQUIRE(altered.ok());
      return altered->responses[0].error_code;
    };
    CHECK(alter(kTopic, "orders", name) == Of(ErrorCode::kInvalidConfig));
    CHECK(alter(kTopic, "orders", "retention.ms") == Of(ErrorCode::kInvalidConfig));
    CHECK(alter(kTopic, name, "retention.ms") == Of(ErrorCode::kInvalidTopicException));
    CHECK(alter(kBroker, name, "log.retention.ms") == Of(ErrorCode::kInvalidRequest));
    CHECK(alter(kBroker, "", name) != 0);
    const wire::DescribeConfigsRequest describe{
        .resources = {{.resource_type = kTopic, .resource_name = name}}};
    CHECK(client.Call<wire::DescribeConfigsResponse>(describe, 4)->results[0].error_code ==
          Of(ErrorCode::kInvalidTopicException));
  }
  CHECK(Outside(world) == outside);
  CHECK(Inside(world) == inside);
}

// --- What is not there

// One topic and partition that a request names, and the epoch it thinks of.
struct Target {
  std::string topic = "orders";
  int32_t partition = 0;
  int32_t epoch = -1;
  TopicId id = {};
};

std::vector<std::byte> OneBatch() {
  BatchBuilder builder;
  builder.Append({.value = "v"}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

int16_t ProduceCode(WireClient& client, const Target& to, bool by_id) {
  const auto batch = OneBatch();
  const auto answer = client.Call<wire::ProduceResponse>(
      wire::ProduceRequest{.acks = -1,
                           .timeout_ms = 1000,
                           .topic_data = {{.name = by_id ? "" : to.topic,
                                           .topic_id = to.id,
                                           .partition_data = {{.index = to.partition, .records = batch}}}}},
      by_id ? 13 : 12);
  REQUIRE(answer.ok());
  return answer->responses[0].partition_responses[0].error_code;
}

int16_t FetchCode(WireClient& client, const Target& of, bool by_id) {
  const auto answer = client.Call<wire::FetchResponse>(
      wire::FetchRequest{.max_wait_ms = 0,
                         .topics = {{.topic = by_id ? "" : of.topic,
                                     .topic_id = of.id,
                                     .partitions = {{.partition = of.partition,
                                                     .current_leader_epoch = of.epoch,
                                                     .partition_max_bytes = 1 << 20}}}}},
      by_id ? 13 : 12);
  REQUIRE(answer.ok());
  return answer->responses[0].partitions[0].error_code;
}

int16_t ListOffsetsCode(WireClient& client, const Target& of, bool) {
  const auto answer = client.Call<wire::ListOffsetsResponse>(
      wire::ListOffsetsRequest{.replica_id = -1,
                               .topics = {{.name = of.topic,
                                           .partitions = {{.partition_index = of.partition,
                                                           .current_leader_epoch = of.epoch,
                                                           .timestamp = -1}}}}},
      7);
  REQUIRE(answer.ok());
  return answer->topics[0].partitions[0].error_code;
}

int16_t EpochCode(WireClient& client, const Target& of, bool) {
  const auto answer = client.Call<wire::OffsetForLeaderEpochResponse>(
      wire::OffsetForLeaderEpochRequest{
          .topics = {{.topic = of.topic,
                      .partitions = {{.partition = of.partition, .current_leader_epoch = of.epoch}}}}},
      4);
  REQUIRE(answer.ok());
  return answer->topics[0].partitions[0].error_code;
}

int16_t DeleteRecordsCode(WireClient& client, const Target& of, bool) {
  const auto answer = client.Call<wire::DeleteRecordsResponse>(
      wire::DeleteRecordsRequest{
          .topics = {{.name = of.topic, .partitions = {{.partition_index = of.partition}}}}},
      2);
  REQUIRE(answer.ok());
  return answer->topics[0].partitions[0].error_code;
}

int16_t DescribeProducersCode(WireClient& client, const Target& of, bool) {
  const auto answer = client.Call<wire::DescribeProducersResponse>(
      wire::DescribeProducersRequest{.topics = {{.name = of.topic, .partition_indexes = {of.partition}}}}, 0);
  REQUIRE(answer.ok());
  return answer->topics[0].partitions[0].error_code;
}

int16_t CommitCode(WireClient& client, const Target& of, bool by_id) {
  const auto answer = client.Call<wire::OffsetCommitResponse>(
      wire::OffsetCommitRequest{.group_id = "g",
                                .generation_id_or_member_epoch = -1,
                                .topics = {{.name = by_id ? "" : of.topic,
                                            .topic_id = of.id,
                                            .partitions = {{.partition_index = of.partition}}}}},
      by_id ? 10 : 9);
  REQUIRE(answer.ok());
  return answer->topics[0].partitions[0].error_code;
}

// Those that name a topic alone.
int16_t MetadataCode(WireClient& client, const Target& of, bool by_id) {
  wire::MetadataRequest request{.allow_auto_topic_creation = false};
  if (by_id) {
    request.topics = {{{.topic_id = of.id, .name = std::nullopt}}};
  } else {
    request.topics = {{{.name = of.topic}}};
  }
  const auto answer = client.Call<wire::MetadataResponse>(request, 12);
  REQUIRE(answer.ok());
  return answer->topics[0].error_code;
}

int16_t DeleteTopicsCode(WireClient& client, const Target& of, bool by_id) {
  wire::DeleteTopicsRequest request;
  if (by_id) {
    request.topics = {{.name = std::nullopt, .topic_id = of.id}};
  } else {
    request.topics = {{.name = of.topic}};
  }
  const auto answer = client.Call<wire::DeleteTopicsResponse>(request, 6);
  REQUIRE(answer.ok());
  return answer->responses[0].error_code;
}

int16_t CreatePartitionsCode(WireClient& client, const Target& of, bool) {
  const auto answer = client.Call<wire::CreatePartitionsResponse>(
      wire::CreatePartitionsRequest{.topics = {{.name = of.topic, .count = 9, .assignments = std::nullopt}}},
      3);
  REQUIRE(answer.ok());
  return answer->results[0].error_code;
}

int16_t DescribePartitionsCode(WireClient& client, const Target& of, bool) {
  const auto answer = client.Call<wire::DescribeTopicPartitionsResponse>(
      wire::DescribeTopicPartitionsRequest{.topics = {{.name = of.topic}}}, 0);
  REQUIRE(answer.ok());
  return answer->topics[0].error_code;
}

struct Asker {
  std::string_view api;
  int16_t (*code)(WireClient&, const Target&, bool by_id);
  bool partitions = true;
  bool epochs = false;
  bool ids = false;
};
constexpr Asker kAskers[] = {
    {"Produce", ProduceCode, true, false, true},
    {"Fetch", FetchCode, true, true, true},
    {"ListOffsets", ListOffsetsCode, true, true},
    {"OffsetForLeaderEpoch", EpochCode, true, true},
    {"DeleteRecords", DeleteRecordsCode},
    {"DescribeProducers", DescribeProducersCode},
    {"OffsetCommit", CommitCode, true, false, true},
    {"Metadata", MetadataCode, false, false, true},
    {"CreatePartitions", CreatePartitionsCode, false},
    {"DescribeTopicPartitions", DescribePartitionsCode, false},
    {"DeleteTopics", DeleteTopicsCode, false, false, true},
};

TEST_CASE("what is not there has Kafka's error, in every API") {
  BrokerWorld world;
  const auto id = world.engine->admin().CreateTopic("orders", {});
  REQUIRE(id.ok());
  WireClient client = world.Connect();
  TopicId other = *id;
  other.bytes[3] ^= std::byte{1};
  for (const Asker& asker : kAskers) {
    INFO(asker.api);
    CHECK(asker.code(client, {.topic = "nowhere"}, false) == Of(ErrorCode::kUnknownTopicOrPartition));
    for (const int32_t partition : {1, -1, INT32_MAX, INT32_MIN}) {
      if (!asker.partitions) continue;
      INFO("partition " << partition);
      CHECK(asker.code(client, {.partition = partition}, false) == Of(ErrorCode::kUnknownTopicOrPartition));
      if (asker.ids)
        CHECK(asker.code(client, {.partition = partition, .id = *id}, true) ==
              Of(ErrorCode::kUnknownTopicOrPartition));
    }
    if (asker.epochs) {
      CHECK(asker.code(client, {.epoch = 1}, false) == Of(ErrorCode::kUnknownLeaderEpoch));
      CHECK(asker.code(client, {.epoch = INT32_MAX}, false) == Of(ErrorCode::kUnknownLeaderEpoch));
      CHECK(asker.code(client, {.epoch = -2}, false) == Of(ErrorCode::kFencedLeaderEpoch));
      CHECK(asker.code(client, {.epoch = 0}, false) == 0);
    }
    if (asker.ids) CHECK(asker.code(client, {.id = other}, true) == Of(ErrorCode::kUnknownTopicId));
    // And what is there has none. The last one deletes it.
    if (asker.ids && asker.api != "DeleteTopics") CHECK(asker.code(client, {.id = *id}, true) == 0);
    CHECK(asker.code(client, {}, false) == 0);
  }
  CHECK(world.engine->admin().ListTopics().empty());
}

TEST_CASE("a fetch that says what it has read last is told where that parts from the log") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  for (int i = 0; i < 3; ++i) CHECK(ProduceCode(client, {}, false) == 0);
  const auto fetch = [&](int64_t offset, int32_t epoch) {
    auto answer = client.Call<wire::FetchResponse>(
        wire::FetchRequest{.max_wait_ms = 0,
                           .topics = {{.topic = "orders",
                                       .partitions = {{.partition = 0,
                                                       .fetch_offset = offset,
                                                       .last_fetched_epoch = epoch,
                                                       .partition_max_bytes = 1 << 20}}}}},
        12);
    REQUIRE(answer.ok());
    return answer->responses[0].partitions[0];
  };
  const auto same = fetch(1, 0);
  CHECK(same.error_code == 0);
  CHECK(same.diverging_epoch.epoch == -1);
  CHECK_FALSE(same.records->empty());
  const auto beyond = fetch(5, 0);
  CHECK(beyond.error_code == 0);
  CHECK(beyond.diverging_epoch.epoch == 0);
  CHECK(beyond.diverging_epoch.end_offset == 3);
  CHECK(beyond.records->empty());
  CHECK(fetch(1, 7).error_code == Of(ErrorCode::kOffsetOutOfRange));
  CHECK(fetch(5, -1).error_code == Of(ErrorCode::kOffsetOutOfRange));
}

TEST_CASE("what may be done: everything, where there is no authorizer and it is asked for") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  constexpr int32_t kNotAsked = INT32_MIN;
  const auto ask = [&](bool topics, bool cluster, int16_t version) {
    auto answer = client.Call<wire::MetadataResponse>(
        wire::MetadataRequest{.topics = {{{.name = "orders"}, {.name = "nowhere"}}},
                              .allow_auto_topic_creation = false,
                              .include_cluster_authorized_operations = cluster,
                              .include_topic_authorized_operations = topics},
        version);
    REQUIRE(answer.ok());
    return *std::move(answer);
  };
  const auto asked = ask(true, true, 8);
  CHECK(asked.cluster_authorized_operations == 8096);
  CHECK(asked.topics[0].topic_authorized_operations == 3576);
  CHECK(asked.topics[1].topic_authorized_operations == 3576);
  CHECK(ask(true, false, 13).topics[0].topic_authorized_operations == 3576);
  const auto not_asked = ask(false, false, 8);
  CHECK(not_asked.cluster_authorized_operations == kNotAsked);
  CHECK(not_asked.topics[0].topic_authorized_operations == kNotAsked);
}

}  // namespace
}  // namespace millrace::inline v0
