// Limits, met over the wire: each one floods a broker, which refuses with Kafka's error, counts it, and holds
// no more than it may; and the same flood without the limit, which it holds all of.

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"
#include "millrace/wire/messages/create_partitions.h"
#include "millrace/wire/messages/create_topics.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/offset_commit.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

constexpr auto kPolicyViolation = static_cast<int16_t>(ErrorCode::kPolicyViolation);

int64_t Reached(BrokerWorld& world, const std::string& limit) {
  return world.engine->metrics().Snapshot().Value("millrace_limit_reached_total", {{"limit", limit}});
}

std::string Name(std::string_view prefix, int i) {
  return std::string(prefix) + std::to_string(i);
}

// Asks for `count` topics of `partitions` each; returns how many were refused with POLICY_VIOLATION.
int FloodTopics(BrokerWorld& world, int count, int32_t partitions) {
  WireClient client = world.Connect();
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    const wire::CreateTopicsRequest request{
        .topics = {{.name = Name("t", i), .num_partitions = partitions, .replication_factor = 1}},
        .timeout_ms = 1000};
    const auto created = client.Call<wire::CreateTopicsResponse>(request, 7);
    REQUIRE(created.ok());
    const int16_t code = created->topics[0].error_code;
    if (code != 0) CHECK(code == kPolicyViolation);
    refused += code != 0 ? 1 : 0;
  }
  return refused;
}

TEST_CASE("topics: a flood of them stops at the limit") {
  BrokerWorld world({}, {.topics = 20});
  CHECK(FloodTopics(world, 60, 1) == 40);
  CHECK(world.engine->admin().ListTopics().size() == 20);
  CHECK(Reached(world, "topics") == 40);
  // Nor do they come by asking for them.
  WireClient client = world.Connect();
  for (int i = 0; i < 10; ++i) {
    const wire::MetadataRequest request{.topics = {{{.name = Name("auto", i)}}},
                                        .allow_auto_topic_creation = true};
    const auto answer = client.Call<wire::MetadataResponse>(request, 8);
    REQUIRE(answer.ok());
    CHECK(answer->topics[0].error_code != 0);
  }
  CHECK(world.engine->admin().ListTopics().size() == 20);
  CHECK(Reached(world, "topics") == 50);

  BrokerWorld unlimited;
  CHECK(FloodTopics(unlimited, 60, 1) == 0);
  CHECK(unlimited.engine->admin().ListTopics().size() == 60);
  CHECK(Reached(unlimited, "topics") == 0);
}

TEST_CASE("partitions in all: neither topics nor their growth pass the limit") {
  BrokerWorld world({}, {.partitions = 100});
  CHECK(FloodTopics(world, 20, 10) == 10);
  WireClient client = world.Connect();
  const wire::CreatePartitionsRequest grow{
      .topics = {{.name = "t0", .count = 11, .assignments = std::nullopt}}, .timeout_ms = 1000};
  const auto grown = client.Call<wire::CreatePartitionsResponse>(grow, 3);
  REQUIRE(grown.ok());
  CHECK(grown->results[0].error_code == kPolicyViolation);
  CHECK(Reached(world, "partitions") == 11);

  BrokerWorld unlimited;
  CHECK(FloodTopics(unlimited, 20, 10) == 0);
  WireClient other = unlimited.Connect();
  CHECK(other.Call<wire::CreatePartitionsResponse>(grow, 3)->results[0].error_code == 0);
}

// Each third in another way; returns how many were refused with POLICY_VIOLATION.
int FloodGroups(BrokerWorld& world, int count) {
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    const std::string group = Name("g", i);
    int16_t code = 0;
    if (i % 3 == 0) {
      const wire::OffsetCommitRequest commit{
          .group_id = group,
          .generation_id_or_member_epoch = -1,
          .topics = {{.name = "orders", .partitions = {{.partition_index = 0, .committed_offset = 7}}}}};
      const auto committed = client.Call<wire::OffsetCommitResponse>(commit, 8);
      REQUIRE(committed.ok());
      code = committed->topics[0].partitions[0].error_code;
    } else if (i % 3 == 1) {
      const wire::JoinGroupRequest join{.group_id = group,
                                        .session_timeout_ms = 10'000,
                                        .rebalance_timeout_ms = 10'000,
                                        .protocol_type = "test",
                                        .protocols = {{.name = "p", .metadata = {std::byte{1}}}}};
      const auto joined = client.Call<wire::JoinGroupResponse>(join, 5);
      REQUIRE(joined.ok());
      code = joined->error_code;
      if (code == static_cast<int16_t>(ErrorCode::kMemberIdRequired)) code = 0;
    } else {
      const wire::ConsumerGroupHeartbeatRequest beat{
          .group_id = group,
          .member_id = "m",
          .rebalance_timeout_ms = 10'000,
          .subscribed_topic_names = std::vector<std::string>{"orders"},
          .topic_partitions = std::vector<wire::ConsumerGroupHeartbeatRequest::TopicPartitions>{}};
      const auto beaten = client.Call<wire::ConsumerGroupHeartbeatResponse>(beat, 0);
      REQUIRE(beaten.ok());
      code = beaten->error_code;
    }
    if (code != 0) CHECK(code == kPolicyViolation);
    refused += code != 0 ? 1 : 0;
  }
  return refused;
}

TEST_CASE("groups: a flood of them stops at the limit, however they are made") {
  BrokerWorld world({}, {.groups = 30});
  CHECK(FloodGroups(world, 120) == 90);
  CHECK(world.engine->admin().ListGroups()->size() == 30);
  CHECK(Reached(world, "groups") == 90);
  // Those that are there go on; and where one goes, another may come.
  WireClient client = world.Connect();
  wire::OffsetCommitRequest commit{
      .group_id = "g0",
      .generation_id_or_member_epoch = -1,
      .topics = {{.name = "orders", .partitions = {{.partition_index = 0, .committed_offset = 8}}}}};
  const auto code = [&] {
    return client.Call<wire::OffsetCommitResponse>(commit, 8)->topics[0].partitions[0].error_code;
  };
  CHECK(code() == 0);
  commit.group_id = "another";
  CHECK(code() == kPolicyViolation);
  REQUIRE(world.engine->admin().DeleteGroup("g0").ok());
  CHECK(code() == 0);

  BrokerWorld unlimited;
  CHECK(FloodGroups(unlimited, 120) == 0);
  CHECK(unlimited.engine->admin().ListGroups()->size() == 120);
  CHECK(Reached(unlimited, "groups") == 0);
}

int16_t ProduceAs(WireClient& client, const std::string& topic, int64_t producer, int32_t sequence) {
  BatchBuilder builder(
      {.producer_id = ProducerId(producer), .producer_epoch = ProducerEpoch(0), .base_sequence = sequence});
  builder.Append({.value = "v"}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  const auto produced = client.Call<wire::ProduceResponse>(
      wire::ProduceRequest{
          .acks = -1,
          .timeout_ms = 1000,
          .topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = *batch}}}}},
      8);
  REQUIRE(produced.ok());
  return produced->responses[0].partition_responses[0].error_code;
}

// Of both topics, each from its own log.
size_t KnownProducers(BrokerWorld& world) {
  size_t known = 0;
  for (const char* topic : {"a", "b"})
    known += (*world.engine->PartitionLog({topic, PartitionId(0)}))->Producers().size();
  return known;
}

void FloodProducers(BrokerWorld& world, int count) {
  for (const char* topic : {"a", "b"}) REQUIRE(world.engine->CreateTopic(topic).ok());
  WireClient client = world.Connect();
  for (int i = 0; i < count; ++i) CHECK(ProduceAs(client, i % 2 == 0 ? "a" : "b", 1000 + i, 0) == 0);
}

TEST_CASE("producer ids: a flood of new ones makes the longest silent forgotten") {
  BrokerWorld world({}, {.producer_ids = 64});
  FloodProducers(world, 500);
  CHECK(KnownProducers(world) <= 64);
  CHECK(KnownProducers(world) >= 32);
  CHECK(Reached(world, "producer_ids") >= 500 - 64);
  CHECK(world.engine->metrics().Snapshot().Value("millrace_log_producer_ids") ==
        static_cast<int64_t>(KnownProducers(world)));
  // The newest is known yet: a gap is refused. One that was forgotten may go on.
  WireClient client = world.Connect();
  CHECK(ProduceAs(client, "b", 1499, 5) == static_cast<int16_t>(ErrorCode::kOutOfOrderSequenceNumber));
  CHECK(ProduceAs(client, "a", 1000, 5) == 0);

  BrokerWorld unlimited;
  FloodProducers(unlimited, 500);
  CHECK(KnownProducers(unlimited) == 500);
  CHECK(Reached(unlimited, "producer_ids") == 0);
}

void AddClient(BrokerWorld& world, std::deque<WireClient>* clients) {
  clients->emplace_back(&world.sim, world.transport.get(), "broker:9092");
}

// Clients that stay; returns how many the broker has let in.
size_t FloodConnections(BrokerWorld& world, std::deque<WireClient>* clients, int count) {
  for (int i = 0; i < count; ++i) AddClient(world, clients);
  world.sim.executor->RunFor(0);
  return static_cast<size_t>(std::ranges::count_if(*clients, [](WireClient& one) { return !one.closed(); }));
}

// That of the clients' end: all have the same.
constexpr const char* kClientHost = "client";

TEST_CASE("connections: one too many is closed, in all and from one address; as one goes, another comes") {
  std::deque<WireClient> clients;
  SECTION("in all") {
    BrokerWorld world({.max_connections = 10});
    CHECK(FloodConnections(world, &clients, 40) == 10);
    CHECK(Reached(world, "max_connections") == 30);
    CHECK(Reached(world, "max_connections_per_ip") == 0);
    clients.clear();
    world.sim.executor->RunFor(0);
    CHECK(FloodConnections(world, &clients, 12) == 10);
    clients.clear();
  }
  SECTION("from one address") {
    BrokerWorld world({.max_connections_per_ip = 10});
    CHECK(FloodConnections(world, &clients, 40) == 10);
    CHECK(Reached(world, "max_connections_per_ip") == 30);
    clients.clear();
  }
  SECTION("from an address that has a number of its own") {
    BrokerWorld world(
        {.max_connections_per_ip = 10, .max_connections_per_ip_overrides = {{kClientHost, 25}}});
    CHECK(FloodConnections(world, &clients, 40) == 25);
    CHECK(Reached(world, "max_connections_per_ip") == 15);
    clients.clear();
  }
  SECTION("of another address that has one") {
    BrokerWorld world(
        {.max_connections_per_ip = 10, .max_connections_per_ip_overrides = {{"elsewhere", 25}}});
    CHECK(FloodConnections(world, &clients, 40) == 10);
    clients.clear();
  }
  SECTION("without a limit") {
    BrokerWorld world;
    CHECK(FloodConnections(world, &clients, 40) == 40);
    CHECK(Reached(world, "max_connections") == 0);
    clients.clear();
  }
}

// A join that waits for the group's other members, with `bytes` of metadata.
wire::JoinGroupRequest LargeJoin(int i, size_t bytes) {
  return {.group_id = Name("g", i),
          .session_timeout_ms = 10'000,
          .rebalance_timeout_ms = 10'000,
          .protocol_type = "test",
          .protocols = {{.name = "p", .metadata = wire::Bytes(bytes)}}};
}

int64_t QueuedNow(BrokerWorld& world) {
  return world.engine->metrics().Snapshot().Value("millrace_broker_queued_request_bytes");
}

// Each of 40 clients sends 10 kB that are not answered for three seconds. Returns the most bytes that the
// broker held; all are answered in the end.
int64_t FloodQueue(BrokerWorld& world) {
  std::deque<WireClient> clients;
  int64_t most = 0;
  for (int i = 0; i < 40; ++i) {
    AddClient(world, &clients);
    world.sim.executor->RunFor(0);
    clients.back().Send(LargeJoin(i, 10'000), 0);
    most = std::max(most, QueuedNow(world));
  }
  for (int i = 0; i < 60; ++i) {
    world.sim.executor->RunFor(1'000'000'000);
    most = std::max(most, QueuedNow(world));
  }
  for (WireClient& client : clients) {
    const auto joined = client.Receive<wire::JoinGroupResponse>(0);
    REQUIRE(joined.ok());
    CHECK(joined->error_code == 0);
  }
  CHECK(QueuedNow(world) == 0);
  return most;
}

TEST_CASE("bytes of requests: nothing more is read while too many wait, and nothing is refused") {
  BrokerWorld world({.queued_request_bytes_max = 100'000}, {}, absl::Seconds(3));
  const int64_t most = FloodQueue(world);
  CHECK(most > 100'000);
  // The one that passes the limit is read.
  CHECK(most < 100'000 + 11'000);
  CHECK(Reached(world, "queued_bytes") >= 3);

  BrokerWorld unlimited({.queued_request_bytes_max = -1}, {}, absl::Seconds(3));
  CHECK(FloodQueue(unlimited) > 400'000);
  CHECK(Reached(unlimited, "queued_bytes") == 0);
}

int64_t WaitingFetches(BrokerWorld& world) {
  return world.engine->metrics().Snapshot().Value("kafka_server_delayedoperationpurgatory_purgatorysize",
                                                  {{"delayedOperation", "Fetch"}});
}

TEST_CASE("a fetch waits no longer than its connection may be idle") {
  BrokerWorld world({.fetch_max_wait = absl::Minutes(20)});
  REQUIRE(world.engine->CreateTopic("orders").ok());
  const wire::FetchRequest fetch{
      .max_wait_ms = 20 * 60 * 1000,
      .min_bytes = 1,
      .topics = {{.topic = "orders", .partitions = {{.partition = 0, .partition_max_bytes = 1 << 20}}}}};
  WireClient client = world.Connect();
  client.Send(fetch, 4);
  CHECK(WaitingFetches(world) == 1);
  world.sim.executor->RunFor(int64_t{599} * 1'000'000'000);
  // Of one that stays, it does.
  CHECK_FALSE(client.closed());
  CHECK(WaitingFetches(world) == 1);
  CHECK(QueuedNow(world) > 0);
  world.sim.executor->RunFor(int64_t{2} * 1'000'000'000);
  CHECK(client.closed());
  CHECK(client.answers() == 0);
  CHECK(WaitingFetches(world) == 0);
  CHECK(QueuedNow(world) == 0);
}

}  // namespace
}  // namespace millrace::inline v0
