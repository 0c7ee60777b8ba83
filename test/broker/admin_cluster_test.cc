// Records, sizes, epochs, producers and the cluster over the wire.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/delete_records.h"
#include "millrace/wire/messages/describe_cluster.h"
#include "millrace/wire/messages/describe_log_dirs.h"
#include "millrace/wire/messages/describe_producers.h"
#include "millrace/wire/messages/describe_topic_partitions.h"
#include "millrace/wire/messages/elect_leaders.h"
#include "millrace/wire/messages/list_partition_reassignments.h"
#include "millrace/wire/messages/offset_for_leader_epoch.h"

namespace millrace::inline v0 {
namespace {

int16_t ClusterCode(ErrorCode code) {
  return static_cast<int16_t>(code);
}

const int16_t kUnknown = ClusterCode(ErrorCode::kUnknownTopicOrPartition);

void AppendTo(BrokerWorld& world, const std::string& topic, int records) {
  const auto log = world.engine->PartitionLog({topic, PartitionId(0)});
  REQUIRE(log.ok());
  for (int i = 0; i < records; ++i) REQUIRE((*log)->Append({.value = "some value"}).ok());
}

TEST_CASE("DeleteRecords moves the start up, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 3));
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  TopicConfig compacted;
  compacted.cleanup_policy = {.remove = false, .compact = true};
  REQUIRE(world.engine->CreateTopic("compacted", {.config = compacted}).ok());
  AppendTo(world, "orders", 10);
  WireClient client = world.Connect();
  const auto erase = [&](const std::string& topic, int32_t partition, int64_t offset) {
    const auto response = client.Call<wire::DeleteRecordsResponse>(
        wire::DeleteRecordsRequest{.topics = {{.name = topic, .partitions = {{partition, offset}}}}},
        version);
    REQUIRE(response.ok());
    return response->topics[0].partitions[0];
  };
  CHECK(erase("orders", 0, 4).low_watermark == 4);
  CHECK(erase("orders", 0, 2).low_watermark == 4);
  const auto beyond = erase("orders", 0, 11);
  CHECK(beyond.error_code == ClusterCode(ErrorCode::kOffsetOutOfRange));
  CHECK(beyond.low_watermark == -1);
  CHECK(erase("orders", 0, -2).error_code == ClusterCode(ErrorCode::kOffsetOutOfRange));
  CHECK(erase("orders", 1, 0).error_code == kUnknown);
  CHECK(erase("", 0, 0).error_code == kUnknown);
  CHECK(erase("compacted", 0, 0).error_code == ClusterCode(ErrorCode::kPolicyViolation));
  CHECK(*world.engine->admin().BeginningOffset({"orders", PartitionId(0)}) == Offset(4));
  CHECK(erase("orders", 0, -1).low_watermark == 10);
}

TEST_CASE("DescribeLogDirs gives the sizes of logs, at each version") {
  const int16_t version = GENERATE(range<int16_t>(1, 6));
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  REQUIRE(world.engine->CreateTopic("other").ok());
  AppendTo(world, "orders", 10);
  WireClient client = world.Connect();
  const auto all = client.Call<wire::DescribeLogDirsResponse>(
      wire::DescribeLogDirsRequest{.topics = std::nullopt}, version);
  REQUIRE(all.ok());
  REQUIRE(all->results.size() == 1);
  CHECK(all->results[0].error_code == 0);
  CHECK(all->results[0].log_dir == "/data");
  REQUIRE(all->results[0].topics.size() == 2);
  const auto& orders = all->results[0].topics[0];
  REQUIRE(orders.partitions.size() == 2);
  CHECK(orders.partitions[0].partition_size > 0);
  CHECK(orders.partitions[0].partition_size ==
        (*world.engine->PartitionLog({"orders", PartitionId(0)}))->stats().size_bytes);
  CHECK(orders.partitions[1].partition_size == 0);
  const wire::DescribeLogDirsRequest some{
      .topics = {{{.topic = "orders", .partitions = {1, 7}}, {.topic = "missing", .partitions = {0}}}}};
  const auto few = client.Call<wire::DescribeLogDirsResponse>(some, version);
  REQUIRE(few.ok());
  REQUIRE(few->results[0].topics.size() == 1);
  REQUIRE(few->results[0].topics[0].partitions.size() == 1);
  CHECK(few->results[0].topics[0].partitions[0].partition_index == 1);
}

TEST_CASE("DescribeCluster is one broker, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 3));
  BrokerWorld world({.cluster_id = "here"});
  WireClient client = world.Connect();
  const auto cluster = client.Call<wire::DescribeClusterResponse>(
      wire::DescribeClusterRequest{.include_cluster_authorized_operations = true}, version);
  REQUIRE(cluster.ok());
  CHECK(cluster->error_code == 0);
  CHECK(cluster->cluster_id == "here");
  REQUIRE(cluster->brokers.size() == 1);
  CHECK(cluster->brokers[0].broker_id == cluster->controller_id);
  CHECK(cluster->brokers[0].host == "broker");
  CHECK(cluster->brokers[0].port == 9092);
  CHECK(cluster->cluster_authorized_operations != INT32_MIN);
  if (version == 0) return;
  const auto code = [&](int8_t type) {
    return client
        .Call<wire::DescribeClusterResponse>(wire::DescribeClusterRequest{.endpoint_type = type}, version)
        ->error_code;
  };
  CHECK(code(2) == 114);
  CHECK(code(3) == 115);
}

TEST_CASE("DescribeTopicPartitions goes on where its cursor says") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("a", {.partitions = 2}).ok());
  REQUIRE(world.engine->CreateTopic("b", {.partitions = 3}).ok());
  WireClient client = world.Connect();
  using Asked = wire::DescribeTopicPartitionsRequest;
  const auto describe = [&](const Asked& asked) {
    auto response = client.Call<wire::DescribeTopicPartitionsResponse>(asked, 0);
    REQUIRE(response.ok());
    return *std::move(response);
  };
  const auto all = describe({});
  REQUIRE(all.topics.size() == 2);
  CHECK(all.topics[1].topic_id == world.engine->admin().DescribeTopic("b")->id);
  CHECK(all.topics[1].partitions.size() == 3);
  CHECK_FALSE(all.next_cursor.has_value());
  // "topic partition" of all, three at a time.
  const auto first = describe({.response_partition_limit = 3});
  REQUIRE(first.topics.size() == 2);
  CHECK(first.topics[1].partitions.size() == 1);
  REQUIRE(first.next_cursor.has_value());
  CHECK(first.next_cursor->topic_name == "b");
  CHECK(first.next_cursor->partition_index == 1);
  const auto second = describe({.response_partition_limit = 3, .cursor = Asked::Cursor{"b", 1}});
  REQUIRE(second.topics.size() == 1);
  REQUIRE(second.topics[0].partitions.size() == 2);
  CHECK(second.topics[0].partitions[0].partition_index == 1);
  CHECK_FALSE(second.next_cursor.has_value());
  // A page that ends where a topic does.
  const auto whole = describe({.response_partition_limit = 2});
  CHECK(whole.topics.size() == 1);
  CHECK(whole.next_cursor->topic_name == "b");
  CHECK(whole.next_cursor->partition_index == 0);
  const auto named = describe({.topics = {{"no such"}, {"b"}, {"missing"}, {"b"}}});
  REQUIRE(named.topics.size() == 3);
  CHECK(named.topics[0].error_code == 0);
  CHECK(named.topics[1].error_code == kUnknown);
  CHECK(named.topics[2].error_code == ClusterCode(ErrorCode::kInvalidTopicException));
  CHECK(describe({.topics = {{"b"}}, .cursor = Asked::Cursor{"b", -1}}).topics[0].error_code ==
        ClusterCode(ErrorCode::kInvalidRequest));
}

TEST_CASE("OffsetForLeaderEpoch: the end of the one epoch, at each version") {
  const int16_t version = GENERATE(range<int16_t>(2, 5));
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  AppendTo(world, "orders", 5);
  WireClient client = world.Connect();
  const auto ask = [&](const std::string& topic, int32_t current, int32_t epoch) {
    const wire::OffsetForLeaderEpochRequest request{
        .topics = {{.topic = topic, .partitions = {{0, current, epoch}}}}};
    const auto response = client.Call<wire::OffsetForLeaderEpochResponse>(request, version);
    REQUIRE(response.ok());
    return response->topics[0].partitions[0];
  };
  CHECK(ask("orders", 0, 0).leader_epoch == 0);
  CHECK(ask("orders", -1, 0).end_offset == 5);
  CHECK(ask("orders", -1, 1).end_offset == -1);
  CHECK(ask("orders", -1, 1).error_code == 0);
  CHECK(ask("orders", 1, 0).error_code == ClusterCode(ErrorCode::kUnknownLeaderEpoch));
  CHECK(ask("missing", -1, 0).error_code == kUnknown);
  CHECK(ask("", -1, 0).error_code == kUnknown);
}

TEST_CASE("DescribeProducers shows what a partition remembers") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  auto producer = world.engine->NewProducer({.idempotent = true});
  REQUIRE(producer.ok());
  REQUIRE((*producer)->Send("orders", {.value = "v"}).ok());
  REQUIRE((*producer)->Flush(absl::Seconds(10)).ok());
  WireClient client = world.Connect();
  const auto described = client.Call<wire::DescribeProducersResponse>(
      wire::DescribeProducersRequest{.topics = {{.name = "orders", .partition_indexes = {0, 5}}}}, 0);
  REQUIRE(described.ok());
  const auto& partitions = described->topics[0].partitions;
  const auto known = (*world.engine->PartitionLog({"orders", PartitionId(0)}))->Producers();
  REQUIRE(known.size() == 1);
  REQUIRE(partitions[0].active_producers.size() == 1);
  CHECK(partitions[0].active_producers[0].producer_id == known[0].producer_id.value());
  CHECK(partitions[0].active_producers[0].last_sequence == 0);
  CHECK(partitions[0].active_producers[0].current_txn_start_offset == -1);
  CHECK(partitions[1].error_code == kUnknown);
  CHECK(partitions[1].error_message.has_value());
}

TEST_CASE("ElectLeaders and ListPartitionReassignments: nothing to do, at each version") {
  const int16_t version = GENERATE(range<int16_t>(0, 3));
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  const auto named = client.Call<wire::ElectLeadersResponse>(
      wire::ElectLeadersRequest{.topic_partitions = {{{.topic = "orders", .partitions = {0, 3}}}}}, version);
  REQUIRE(named.ok());
  const auto& results = named->replica_election_results[0].partition_result;
  CHECK(results[0].error_code == ClusterCode(ErrorCode::kElectionNotNeeded));
  CHECK(results[1].error_code == kUnknown);
  const auto all = client.Call<wire::ElectLeadersResponse>(
      wire::ElectLeadersRequest{.topic_partitions = std::nullopt}, version);
  REQUIRE(all.ok());
  CHECK(all->error_code == 0);
  CHECK(all->replica_election_results.empty());
  if (version >= 1) {
    CHECK(client.Call<wire::ElectLeadersResponse>(wire::ElectLeadersRequest{.election_type = 7}, version)
              ->error_code == ClusterCode(ErrorCode::kInvalidRequest));
  }
  const auto none = client.Call<wire::ListPartitionReassignmentsResponse>(
      wire::ListPartitionReassignmentsRequest{.topics = std::nullopt}, 0);
  REQUIRE(none.ok());
  CHECK(none->error_code == 0);
  CHECK(none->topics.empty());
}

}  // namespace
}  // namespace millrace::inline v0
