#include "broker/broker_metrics.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kMilli = 1'000'000;

// Keeps lines, with their severity in front.
class KeepLog final : public Logger {
 public:
  void Log(Severity severity, std::string_view room, std::string_view message) override {
    lines.push_back(std::to_string(static_cast<int>(severity)) + " " + std::string(room) + " " +
                    std::string(message));
  }
  // How many lines hold both texts.
  size_t Count(const std::string& one, const std::string& other = "") const {
    size_t count = 0;
    for (const std::string& line : lines) {
      count += line.find(one) != std::string::npos && line.find(other) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  std::vector<std::string> lines;
};

struct MeasuredWorld {
  MeasuredWorld() {
    Env env = sim.env();
    env.logger = &log;
    auto opened = Engine::Open({.directory = "/data", .env = env, .offsets_topic_num_partitions = 1});
    REQUIRE(opened.ok());
    engine = *std::move(opened);
    transport = NewInMemoryTransport(env);
    auto started = Broker::Start(
        {.engine = engine.get(), .listeners = {{.transport = transport.get(), .address = "broker:9092"}}});
    REQUIRE(started.ok());
    broker = *std::move(started);
    REQUIRE(engine->CreateTopic("orders").ok());
  }
  WireClient Connect() { return WireClient(&sim, transport.get(), "broker:9092"); }
  int64_t Value(const std::string& name, const Labels& labels = {}) {
    sim.executor->RunFor(0);
    return engine->metrics().Snapshot().Value(name, labels);
  }
  int64_t Listener(const std::string& name) {
    return Value("kafka_server_socketservermetrics_" + name, {{"listener", "broker:9092"}});
  }
  int64_t Refused(const std::string& reason) {
    return Value("millrace_broker_refused_frames_total", {{"reason", reason}});
  }
  // How many times were recorded, and the largest bound of them in nanoseconds.
  std::pair<int64_t, int64_t> Times(const std::string& name, const std::string& request) {
    for (const MetricSample& sample : engine->metrics().Snapshot().samples) {
      if (sample.name == "kafka_network_requestmetrics_" + name &&
          sample.labels == Labels{{"request", request}})
        return {sample.histogram->count, sample.histogram->ValueAt(1)};
    }
    return {0, 0};
  }

  SimEnv sim{7};
  KeepLog log;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Broker> broker;
};

wire::ProduceRequest OneValue(std::span<const std::byte> batch, const std::string& topic = "orders") {
  return {.acks = -1,
          .timeout_ms = 1000,
          .topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = batch}}}}};
}

std::vector<std::byte> MeasuredBatch() {
  BatchBuilder builder;
  builder.Append({.value = "value"}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

TEST_CASE("requests are counted by API and version, errors by their code") {
  MeasuredWorld world;
  WireClient client = world.Connect();
  const auto batch = MeasuredBatch();
  const auto requests = [&](const std::string& version) {
    return world.Value("kafka_network_requestmetrics_requests_total",
                       {{"request", "Produce"}, {"version", version}});
  };
  const Labels unknown = {{"request", "Produce"}, {"error", "UNKNOWN_TOPIC_OR_PARTITION"}};
  for (const int16_t version : std::initializer_list<int16_t>{8, 9, 9}) {
    REQUIRE(client.Call<wire::ProduceResponse>(OneValue(batch), version).ok());
  }
  CHECK(requests("8") == 1);
  CHECK(requests("9") == 2);
  CHECK(world.Value("kafka_network_requestmetrics_errors_total", unknown) == 0);
  REQUIRE(client.Call<wire::ProduceResponse>(OneValue(batch, "nowhere"), 9).ok());
  CHECK(world.Value("kafka_network_requestmetrics_errors_total", unknown) == 1);
  const auto beat =
      client.Call<wire::HeartbeatResponse>(wire::HeartbeatRequest{.group_id = "g", .member_id = "m"}, 4);
  REQUIRE(beat.ok());
  REQUIRE(beat->error_code != 0);
  CHECK(world.Value("kafka_network_requestmetrics_errors_total",
                    {{"request", "Heartbeat"}, {"error", "UNKNOWN_MEMBER_ID"}}) == 1);
  CHECK(requests("9") == 3);
}

TEST_CASE("produced and fetched partitions and bytes, by topic") {
  MeasuredWorld world;
  WireClient client = world.Connect();
  const auto batch = MeasuredBatch();
  const auto of = [&](const std::string& name) {
    return world.Value("kafka_server_brokertopicmetrics_" + name + "_total", {{"topic", "orders"}});
  };
  REQUIRE(client.Call<wire::ProduceResponse>(OneValue(batch), 9).ok());
  std::vector<std::byte> broken = batch;
  broken.back() ^= std::byte{1};
  REQUIRE(client.Call<wire::ProduceResponse>(OneValue(broken), 9).ok());
  CHECK(of("totalproducerequests") == 2);
  CHECK(of("failedproducerequests") == 1);
  for (const int64_t offset : {0, 7}) {
    REQUIRE(client
                .Call<wire::FetchResponse>(
                    wire::FetchRequest{
                        .topics = {{.topic = "orders",
                                    .partitions = {{.fetch_offset = offset, .partition_max_bytes = 1024}}},
                                   {.topic = "nowhere", .partitions = {{.partition_max_bytes = 1024}}}}},
                    12)
                .ok());
  }
  CHECK(of("totalfetchrequests") == 2);
  CHECK(of("failedfetchrequests") == 1);
  CHECK(of("bytesout") == static_cast<int64_t>(batch.size()));
  // A topic that was only asked for is none.
  for (const MetricSample& sample : world.engine->metrics().Snapshot().samples) {
    for (const auto& label : sample.labels) CHECK(label.second != "nowhere");
  }
}

TEST_CASE("times: in the handler, and until the answer; a fetch that waits is in the purgatory") {
  MeasuredWorld world;
  WireClient client = world.Connect();
  const Labels fetch = {{"delayedOperation", "Fetch"}};
  const std::string purgatory = "kafka_server_delayedoperationpurgatory_purgatorysize";
  CHECK(world.Value(purgatory, fetch) == 0);
  client.Send(
      wire::FetchRequest{.max_wait_ms = 50,
                         .min_bytes = 1,
                         .topics = {{.topic = "orders", .partitions = {{.partition_max_bytes = 1024}}}}},
      12);
  CHECK(world.Value(purgatory, fetch) == 1);
  CHECK(world.Times("localtimems", "Fetch").first == 1);
  CHECK(world.Times("totaltimems", "Fetch").first == 0);
  world.sim.executor->RunFor(50 * kMilli);
  CHECK(client.answers() == 1);
  CHECK(world.Value(purgatory, fetch) == 0);
  CHECK(world.Times("totaltimems", "Fetch").first == 1);
  CHECK(world.Times("totaltimems", "Fetch").second >= 50 * kMilli);
  CHECK(world.Times("localtimems", "Fetch").second < 50 * kMilli);
}

TEST_CASE("groups of the consumer protocol are counted by their states, apart from classic ones") {
  MeasuredWorld world;
  REQUIRE(world.engine->CreateTopic("wide", {.partitions = 2}).ok());
  WireClient client = world.Connect();
  const auto join = [&](const std::string& member) {
    const auto answer = client.Call<wire::ConsumerGroupHeartbeatResponse>(
        wire::ConsumerGroupHeartbeatRequest{
            .group_id = "g",
            .member_id = member,
            .rebalance_timeout_ms = 10'000,
            .subscribed_topic_names = {{"wide"}},
            .topic_partitions = std::vector<wire::ConsumerGroupHeartbeatRequest::TopicPartitions>{}},
        1);
    REQUIRE(answer.ok());
    REQUIRE(answer->error_code == 0);
  };
  const auto in_state = [&](const std::string& state) {
    return world.Value("kafka_server_group_coordinator_metrics_consumer_group_count", {{"state", state}});
  };
  CHECK(in_state("stable") == 0);
  join("a");
  CHECK(in_state("stable") == 1);
  join("b");  // the first has to give a partition up
  CHECK(in_state("stable") == 0);
  CHECK(in_state("reconciling") == 1);
  CHECK(world.Value("kafka_consumergroup_members", {{"consumergroup", "g"}}) == 2);
  CHECK(world.Value("kafka_server_group_coordinator_metrics_group_count", {{"protocol", "consumer"}}) == 1);
  CHECK(world.Value("kafka_server_group_coordinator_metrics_group_count", {{"protocol", "classic"}}) == 0);
  CHECK(world.Value("kafka_coordinator_group_groupmetadatamanager_numgroupsstable") == 0);
}

TEST_CASE("connections and their bytes, by listener") {
  MeasuredWorld world;
  CHECK(world.Listener("connection_count") == 0);
  {
    WireClient first = world.Connect();
    WireClient second = world.Connect();
    const wire::ApiVersionsRequest asked{.client_software_name = "test", .client_software_version = "1"};
    REQUIRE(first.Call<wire::ApiVersionsResponse>(asked, 3).ok());
    CHECK(world.Listener("connection_count") == 2);
    CHECK(world.Listener("connection_creation_total") == 2);
    CHECK(world.Listener("connection_close_total") == 0);
    CHECK(world.Listener("incoming_byte_total") > 20);
    CHECK(world.Listener("outgoing_byte_total") > 50);
    CHECK(world.log.Count("1 broker connection opened peer=", "listener=broker:9092") == 2);
    CHECK(world.log.Count("connection closed") == 0);
  }
  CHECK(world.Listener("connection_count") == 0);
  CHECK(world.Listener("connection_close_total") == 2);
  CHECK(world.log.Count("1 broker connection closed peer=", "reason=\"") == 2);
  // The series go with the broker.
  REQUIRE(world.broker->Close(absl::ZeroDuration()).ok());
  for (const MetricSample& sample : world.engine->metrics().Snapshot().samples)
    CHECK(sample.name != "kafka_server_socketservermetrics_connection_count");
}

TEST_CASE("a frame that is refused is counted and logged with its reason") {
  MeasuredWorld world;
  const auto send = [&](const std::vector<int>& bytes) {
    WireClient client = world.Connect();
    std::vector<std::byte> frame;
    for (const int byte : bytes) frame.push_back(static_cast<std::byte>(byte));
    client.SendBytes(std::move(frame));
    CHECK(client.closed());
  };
  const std::string reasons[] = {"no_header", "unknown_api", "unsupported_version", "malformed_body"};
  for (const std::string& reason : reasons) CHECK(world.Refused(reason) == 0);
  send({0, 1});
  send({0, 0, 0});
  CHECK(world.Refused("no_header") == 2);
  send({0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff});
  CHECK(world.Refused("unknown_api") == 1);
  send({0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff});  // Produce 1
  CHECK(world.Refused("unsupported_version") == 1);
  send({0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0, 0});  // Produce 3, cut off
  CHECK(world.Refused("malformed_body") == 1);
  for (const std::string& reason : reasons) {
    INFO(reason);
    CHECK(world.log.Count("2 broker frame refused peer=", "reason=" + reason + " why=\"") ==
          (reason == "no_header" ? 2 : 1));
  }
  REQUIRE(world.broker->faults().Add({.drop = true}).ok());
  WireClient client = world.Connect();
  client.Send(wire::HeartbeatRequest{.group_id = "g"}, 4);
  CHECK(world.Refused("fault") == 1);
  CHECK(world.Refused("dropped") == 0);
}

TEST_CASE("ten lines of a kind a second, and how many were left out") {
  SimEnv sim{7};
  KeepLog log;
  LimitedLog limited(&log, &sim.clock, Severity::kWarning);
  for (int i = 0; i < 25; ++i) limited.Log("line");
  CHECK(log.lines.size() == 10);
  sim.clock.Advance(1000 * kMilli);
  limited.Log("line");
  REQUIRE(log.lines.size() == 11);
  CHECK(log.lines[10] == "2 broker line left_out=15");
  limited.Log("line");
  CHECK(log.lines[11] == "2 broker line");
}

}  // namespace
}  // namespace millrace::inline v0
