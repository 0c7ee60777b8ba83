// The APIs of configs, by a client, at every version.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "log/text_checkpoints.h"
#include "millrace/wire/messages/alter_configs.h"
#include "millrace/wire/messages/describe_configs.h"
#include "millrace/wire/messages/incremental_alter_configs.h"
#include "millrace/wire/messages/list_config_resources.h"
#include "millrace/wire/messages/metadata.h"

namespace millrace::inline v0 {
namespace {

using Described = wire::DescribeConfigsResponse::Resource;
using DescribedConfig = wire::DescribeConfigsResponse::Config;
using Edit = wire::IncrementalAlterConfigsRequest::Config;

constexpr int8_t kTopic = 2;
constexpr int8_t kBroker = 4;
constexpr int8_t kSet = 0;
constexpr int8_t kDelete = 1;
constexpr int8_t kAppend = 2;
constexpr int8_t kSubtract = 3;

Described Describe(WireClient& client, int8_t type, const std::string& name, int16_t version = 4,
                   std::optional<std::vector<std::string>> keys = std::nullopt) {
  const wire::DescribeConfigsRequest request{
      .resources = {{.resource_type = type, .resource_name = name, .configuration_keys = std::move(keys)}},
      .include_synonyms = true,
      .include_documentation = version >= 3};
  auto response = client.Call<wire::DescribeConfigsResponse>(request, version);
  INFO(std::string(response.status().message()));
  REQUIRE(response.ok());
  REQUIRE(response->results.size() == 1);
  CHECK(response->results[0].resource_type == type);
  CHECK(response->results[0].resource_name == name);
  return response->results[0];
}

DescribedConfig Config(const Described& resource, const std::string& name) {
  for (const DescribedConfig& config : resource.configs) {
    if (config.name == name) return config;
  }
  FAIL("there is no " + name);
  return {};
}

std::string Value(WireClient& client, int8_t type, const std::string& resource, const std::string& name) {
  return Config(Describe(client, type, resource), name).value.value_or("(null)");
}

int16_t Alter(WireClient& client, int8_t type, const std::string& name, std::vector<Edit> edits,
              bool validate_only = false, int16_t version = 1) {
  const auto response = client.Call<wire::IncrementalAlterConfigsResponse>(
      wire::IncrementalAlterConfigsRequest{
          .resources = {{.resource_type = type, .resource_name = name, .configs = std::move(edits)}},
          .validate_only = validate_only},
      version);
  REQUIRE(response.ok());
  REQUIRE(response->responses.size() == 1);
  CHECK((response->responses[0].error_code == 0) != response->responses[0].error_message.has_value());
  return response->responses[0].error_code;
}

int16_t Number(ErrorCode code) {
  return static_cast<int16_t>(code);
}

// The broker stops, and another starts over the same directory.
void Restart(BrokerWorld& world) {
  world.broker.reset();
  world.engine.reset();
  auto opened =
      Engine::Open({.directory = "/data", .env = world.sim.env(), .offsets_topic_num_partitions = 1});
  REQUIRE(opened.ok());
  world.engine = *std::move(opened);
  auto started =
      Broker::Start({.engine = world.engine.get(),
                     .listeners = {{.transport = world.transport.get(), .address = "broker:9092"}}});
  INFO(std::string(started.status().message()));
  REQUIRE(started.ok());
  world.broker = *std::move(started);
}

TEST_CASE("a topic's configs are described at every version, each with its source") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("t", {.config = {.segment_bytes = 4096}}).ok());
  WireClient client = world.Connect();
  for (int16_t version = 1; version <= 4; ++version) {
    INFO(version);
    const Described topic = Describe(client, kTopic, "t", version);
    CHECK(topic.error_code == 0);
    CHECK_FALSE(topic.error_message.has_value());
    CHECK(topic.configs.size() == TopicConfig::Names().size());
    const DescribedConfig own = Config(topic, "segment.bytes");
    CHECK(own.value == "4096");
    CHECK(own.config_source == 1);
    CHECK_FALSE(own.read_only);
    CHECK_FALSE(own.is_sensitive);
    REQUIRE(own.synonyms.size() == 2);
    CHECK(own.synonyms[0].name == "segment.bytes");
    CHECK(own.synonyms[1].name == "log.segment.bytes");
    CHECK(own.synonyms[1].value == "1073741824");
    CHECK(own.synonyms[1].source == 5);
    CHECK(own.config_type == (version >= 3 ? 3 : 0));
    CHECK(own.documentation.value_or("") ==
          (version >= 3 ? "A segment ends when it would pass this size." : ""));
    CHECK(Config(topic, "retention.ms").config_source == 5);
  }
  // By name; neither synonyms nor documentation unless they are asked for.
  const auto few = client.Call<wire::DescribeConfigsResponse>(
      wire::DescribeConfigsRequest{
          .resources = {{.resource_type = kTopic,
                         .resource_name = "t",
                         .configuration_keys = std::vector<std::string>{"retention.ms", "unheard.of"}}}},
      4);
  REQUIRE(few.ok());
  REQUIRE(few->results[0].configs.size() == 1);
  CHECK(few->results[0].configs[0].name == "retention.ms");
  CHECK(few->results[0].configs[0].synonyms.empty());
  CHECK_FALSE(few->results[0].configs[0].documentation.has_value());

  CHECK(Describe(client, kTopic, "none").error_code == Number(ErrorCode::kUnknownTopicOrPartition));
  CHECK(Describe(client, kTopic, "a b").error_code == Number(ErrorCode::kInvalidTopicException));
  CHECK(Describe(client, 3, "1").error_code == Number(ErrorCode::kInvalidRequest));
}

TEST_CASE("a broker's configs are described, those it was started with as of its file") {
  BrokerWorld world({.fetch_max_bytes = 4096});
  WireClient client = world.Connect();
  const Described broker = Describe(client, kBroker, "1");
  REQUIRE(broker.error_code == 0);
  const DescribedConfig fetch = Config(broker, "fetch.max.bytes");
  CHECK(fetch.value == "4096");
  CHECK(fetch.config_source == 4);
  CHECK(fetch.read_only);
  CHECK(fetch.synonyms.size() == 2);
  CHECK(Config(broker, "node.id").config_source == 5);
  CHECK(Config(broker, "log.retention.ms").value == "604800000");
  CHECK_FALSE(Config(broker, "log.retention.ms").read_only);
  CHECK(Config(broker, "listeners").value == "PLAINTEXT://broker:9092");
  CHECK(Config(broker, "log.dirs").value == "/data");
  CHECK(Describe(client, kBroker, "").configs.empty());
  CHECK(Describe(client, kBroker, "2").error_code == Number(ErrorCode::kInvalidRequest));
}

TEST_CASE("a topic's configs are set, deleted, added to and taken from") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("t").ok());
  WireClient client = world.Connect();
  for (int16_t version = 0; version <= 1; ++version) {
    INFO(version);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kSet, "1000"}, {"segment.bytes", kSet, "2048"}}, true,
                version) == 0);
    CHECK(Value(client, kTopic, "t", "retention.ms") == "604800000");
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kSet, "1000"}, {"segment.bytes", kSet, "2048"}}, false,
                version) == 0);
    CHECK(Value(client, kTopic, "t", "retention.ms") == "1000");
    CHECK(world.engine->admin().DescribeTopic("t")->config.segment_bytes == 2048);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kDelete, std::nullopt}}, false, version) == 0);
    CHECK(Value(client, kTopic, "t", "retention.ms") == "604800000");
    CHECK(Value(client, kTopic, "t", "segment.bytes") == "2048");
    CHECK(Alter(client, kTopic, "t", {{"cleanup.policy", kAppend, "compact"}}, false, version) == 0);
    CHECK(Value(client, kTopic, "t", "cleanup.policy") == "compact,delete");
    CHECK(Alter(client, kTopic, "t", {{"cleanup.policy", kSubtract, "compact"}}, false, version) == 0);
    CHECK(Value(client, kTopic, "t", "cleanup.policy") == "delete");
  }
  const int16_t invalid = Number(ErrorCode::kInvalidConfig);
  const int16_t bad_request = Number(ErrorCode::kInvalidRequest);
  for (const bool validate_only : {false, true}) {
    // All or nothing.
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kSet, "7"}, {"segment.bytes", kSet, "x"}},
                validate_only) == invalid);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kSet, "7"}, {"nonsense", kSet, "x"}}, validate_only) ==
          invalid);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kAppend, "7"}}, validate_only) == invalid);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kSet, std::nullopt}}, validate_only) == bad_request);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", 9, "7"}}, validate_only) == bad_request);
    CHECK(Alter(client, kTopic, "t", {{"retention.ms", kSet, "7"}, {"retention.ms", kSet, "8"}},
                validate_only) == bad_request);
    CHECK(Alter(client, kTopic, "none", {{"retention.ms", kSet, "7"}}, validate_only) ==
          Number(ErrorCode::kUnknownTopicOrPartition));
    CHECK(Alter(client, 32, "g", {{"x", kSet, "7"}}, validate_only) == bad_request);
  }
  CHECK(Value(client, kTopic, "t", "retention.ms") == "604800000");
  // One resource twice.
  const auto twice = client.Call<wire::IncrementalAlterConfigsResponse>(
      wire::IncrementalAlterConfigsRequest{.resources = {{.resource_type = kTopic, .resource_name = "t"},
                                                         {.resource_type = kTopic, .resource_name = "t"}}},
      1);
  REQUIRE(twice.ok());
  CHECK(twice->responses.at(0).error_code == bad_request);
  CHECK(twice->responses.at(1).error_code == bad_request);
}

TEST_CASE("AlterConfigs gives what it does not name its default") {
  for (int16_t version = 0; version <= 2; ++version) {
    INFO(version);
    BrokerWorld world;
    REQUIRE(world.engine->CreateTopic("t", {.config = {.segment_bytes = 4096}}).ok());
    WireClient client = world.Connect();
    const auto alter = [&](const std::string& value, bool validate_only) {
      const auto response = client.Call<wire::AlterConfigsResponse>(
          wire::AlterConfigsRequest{.resources = {{.resource_type = kTopic,
                                                   .resource_name = "t",
                                                   .configs = {{.name = "retention.ms", .value = value}}}},
                                    .validate_only = validate_only},
          version);
      REQUIRE(response.ok());
      return response->responses.at(0).error_code;
    };
    CHECK(alter("5", true) == 0);
    CHECK(alter("x", false) == Number(ErrorCode::kInvalidConfig));
    CHECK(Value(client, kTopic, "t", "segment.bytes") == "4096");
    CHECK(alter("5", false) == 0);
    CHECK(Value(client, kTopic, "t", "retention.ms") == "5");
    CHECK(Value(client, kTopic, "t", "segment.bytes") == "1073741824");
  }
}

TEST_CASE("a broker's defaults of topics change while it runs, for topics there are and will be, and stay") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("default").ok());
  REQUIRE(world.engine->CreateTopic("own", {.config = {.retention_ms = 5}}).ok());
  std::optional<WireClient> client(std::in_place, &world.sim, world.transport.get(), "broker:9092");
  CHECK(Alter(*client, kBroker, "", {{"log.retention.ms", kSet, "1000"}}, true) == 0);
  CHECK(Value(*client, kTopic, "default", "retention.ms") == "604800000");

  CHECK(Alter(*client, kBroker, "",
              {{"log.retention.ms", kSet, "1000"}, {"message.max.bytes", kSet, "500"}}) == 0);
  REQUIRE(world.engine->CreateTopic("later").ok());
  const auto check = [&] {
    for (const char* const topic : {"default", "later"}) {
      INFO(topic);
      const DescribedConfig config = Config(Describe(*client, kTopic, topic), "retention.ms");
      CHECK(config.value == "1000");
      CHECK(config.config_source == 3);
      REQUIRE(config.synonyms.size() == 2);
      CHECK(config.synonyms[0].name == "log.retention.ms");
      CHECK(world.engine->admin().DescribeTopic(topic)->config.max_message_bytes == 500);
    }
    CHECK(Value(*client, kTopic, "own", "retention.ms") == "5");
    CHECK(Value(*client, kBroker, "", "log.retention.ms") == "1000");
    CHECK(Describe(*client, kBroker, "").configs.size() == 2);
    CHECK(Config(Describe(*client, kBroker, "1"), "log.retention.ms").config_source == 3);
  };
  check();
  client.reset();
  Restart(world);
  client.emplace(&world.sim, world.transport.get(), "broker:9092");
  check();

  // This broker's own wins; without it, that of all again; without both, what it was started with.
  CHECK(Alter(*client, kBroker, "1", {{"log.retention.ms", kSet, "77"}}) == 0);
  CHECK(Value(*client, kTopic, "later", "retention.ms") == "77");
  CHECK(Config(Describe(*client, kBroker, "1"), "log.retention.ms").config_source == 2);
  CHECK(Config(Describe(*client, kBroker, "1"), "log.retention.ms").synonyms.size() == 3);
  CHECK(Alter(*client, kBroker, "1", {{"log.retention.ms", kDelete, std::nullopt}}) == 0);
  CHECK(Value(*client, kTopic, "later", "retention.ms") == "1000");
  CHECK(Alter(*client, kBroker, "", {{"log.retention.ms", kDelete, std::nullopt}}) == 0);
  CHECK(Value(*client, kTopic, "later", "retention.ms") == "604800000");
  CHECK(Describe(*client, kBroker, "").configs.size() == 1);
  CHECK(Alter(*client, kBroker, "", {{"log.cleanup.policy", kAppend, "compact"}}) == 0);
  CHECK(Value(*client, kTopic, "later", "cleanup.policy") == "compact,delete");

  const int16_t invalid = Number(ErrorCode::kInvalidConfig);
  CHECK(Alter(*client, kBroker, "", {{"log.retention.ms", kSet, "x"}}) == invalid);
  CHECK(Alter(*client, kBroker, "1", {{"num.partitions", kSet, "3"}}) == invalid);
  CHECK(Alter(*client, kBroker, "1", {{"nonsense", kSet, "3"}}) == invalid);
  CHECK(Alter(*client, kBroker, "2", {{"log.retention.ms", kSet, "3"}}) ==
        Number(ErrorCode::kInvalidRequest));
}

TEST_CASE("a checkpoint holds the settings that were changed") {
  BrokerWorld world;
  REQUIRE(world.engine->admin().Checkpoint("/before").ok());
  CHECK(absl::IsNotFound(ReadTextFile(world.sim.files.get(), "/before/millrace.configs").status()));
  {
    WireClient client = world.Connect();
    REQUIRE(Alter(client, kBroker, "", {{"log.retention.ms", kSet, "1000"}}) == 0);
  }
  REQUIRE(world.engine->admin().Checkpoint("/after").ok());
  const auto kept = ReadTextFile(world.sim.files.get(), "/data/millrace.configs");
  const auto copied = ReadTextFile(world.sim.files.get(), "/after/millrace.configs");
  REQUIRE(kept.ok());
  REQUIRE(copied.ok());
  CHECK(*kept == *copied);
}

TEST_CASE("groups, client metrics and loggers are described as in Kafka") {
  BrokerWorld world;
  WireClient client = world.Connect();
  constexpr int8_t kLogger = 8;
  constexpr int8_t kClientMetrics = 16;
  constexpr int8_t kGroup = 32;
  const auto group = Describe(client, kGroup, "nobody");
  CHECK(group.error_code == 0);
  REQUIRE(group.configs.size() == 2);
  CHECK(Config(group, "consumer.session.timeout.ms").value == "45000");
  CHECK(Config(group, "consumer.heartbeat.interval.ms").value == "5000");
  CHECK(Describe(client, kClientMetrics, "m").error_code == 0);
  CHECK(Describe(client, kClientMetrics, "m").configs.empty());
  CHECK(Describe(client, kLogger, "1").error_code == 0);
  const int16_t invalid = Number(ErrorCode::kInvalidRequest);
  for (const int8_t type : {kLogger, kClientMetrics, kGroup})
    CHECK(Describe(client, type, "").error_code == invalid);
  CHECK(Describe(client, kLogger, "2").error_code == invalid);
  CHECK(Describe(client, kLogger, "x").error_code == invalid);
  CHECK(Describe(client, 3, "x").error_code == invalid);
}

TEST_CASE("settings that were damaged on disk keep the broker from starting, and say where") {
  BrokerWorld world;
  {
    WireClient client = world.Connect();
    CHECK(Alter(client, kBroker, "", {{"log.retention.ms", kSet, "1000"}}) == 0);
  }
  Restart(world);  // sound
  world.broker.reset();
  auto file = world.sim.env().files->Open("/data/millrace.configs", OpenMode::kReadWrite);
  REQUIRE(file.ok());
  const std::byte flipped[] = {std::byte{0xff}};
  REQUIRE((*file)->WriteAt(45, flipped).ok());
  const auto started =
      Broker::Start({.engine = world.engine.get(),
                     .listeners = {{.transport = world.transport.get(), .address = "broker:9092"}}});
  REQUIRE_FALSE(started.ok());
  CHECK(std::string(started.status().message()).find("/data/millrace.configs is damaged") !=
        std::string::npos);
}

TEST_CASE("what has configs is listed") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("t").ok());
  WireClient client = world.Connect();
  const auto list = [&](std::vector<int8_t> types, int16_t version) {
    const auto response = client.Call<wire::ListConfigResourcesResponse>(
        wire::ListConfigResourcesRequest{.resource_types = std::move(types)}, version);
    REQUIRE(response.ok());
    return *response;
  };
  CHECK(list({}, 0).config_resources.empty());
  REQUIRE(list({}, 1).config_resources.size() == 2);
  CHECK(list({}, 1).config_resources[0].resource_name == "t");
  CHECK(list({}, 1).config_resources[1].resource_name == "1");
  CHECK(list({kBroker}, 1).config_resources.size() == 1);
  CHECK(list({16, 32}, 1).config_resources.empty());
  CHECK(list({99}, 1).error_code == Number(ErrorCode::kUnsupportedVersion));
}

TEST_CASE("a topic that a client's question creates has the configured number of partitions") {
  BrokerWorld world;
  world.broker.reset();
  world.engine.reset();
  auto opened = Engine::Open({.directory = "/data", .env = world.sim.env(), .num_partitions = 3});
  REQUIRE(opened.ok());
  world.engine = *std::move(opened);
  auto started =
      Broker::Start({.engine = world.engine.get(),
                     .listeners = {{.transport = world.transport.get(), .address = "broker:9092"}}});
  REQUIRE(started.ok());
  world.broker = *std::move(started);
  WireClient client = world.Connect();
  const auto response = client.Call<wire::MetadataResponse>(
      wire::MetadataRequest{.topics = {{{.name = "new"}}}, .allow_auto_topic_creation = true}, 9);
  REQUIRE(response.ok());
  CHECK(response->topics.at(0).partitions.size() == 3);
}

}  // namespace
}  // namespace millrace::inline v0
