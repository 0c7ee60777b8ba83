// server.properties: syntax, the table of settings, listeners, and the storage they name.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "broker/config/broker_configs.h"
#include "broker/config/properties.h"
#include "log/text_checkpoints.h"
#include "millrace/env/random.h"
#include "millrace/server.h"
#include "millrace/status.h"
#include "millrace/testing/sim_env.h"
#include "millrace/topic.h"

namespace millrace::inline v0 {
namespace {

std::map<std::string, std::string> Read(std::string_view text) {
  std::vector<std::string> errors;
  std::map<std::string, std::string> read;
  for (const Property& property : ReadProperties(text, &errors)) read[property.name] = property.value;
  CHECK(errors.empty());
  return read;
}

ServerConfig Parsed(std::string_view text,
                    const std::vector<std::pair<std::string, std::string>>& overrides = {}) {
  auto config = ParseServerProperties(text, overrides);
  INFO(std::string(config.status().message()));
  REQUIRE(config.ok());
  return *std::move(config);
}

std::string Refused(std::string_view text) {
  const auto config = ParseServerProperties(text);
  INFO(std::string(text));
  REQUIRE_FALSE(config.ok());
  CHECK(ErrorCodeOf(config.status()) == ErrorCode::kInvalidConfig);
  return std::string(config.status().message());
}

bool Has(const std::vector<std::string>& lines, std::string_view part) {
  for (const std::string& line : lines) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

using Map = std::map<std::string, std::string>;

TEST_CASE("properties are read as Java reads them") {
  CHECK(Read("") == Map{});
  CHECK(Read("# c\n! c\n\n   \n\t# c\n") == Map{});
  CHECK(Read("a=1\nb:2\nc 3\nd\te\nf = : g\n") ==
        Map{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "e"}, {"f", ": g"}});
  CHECK(Read("  a  =  1 \r\nb=2\rc=3") == Map{{"a", "1 "}, {"b", "2"}, {"c", "3"}});
  CHECK(Read("alone\nempty=\n=nameless") == Map{{"alone", ""}, {"empty", ""}, {"", "nameless"}});
  // A line goes on after an odd number of backslashes; what it begins with is left out.
  CHECK(Read("a=1,\\\n   2,\\\n\t3\nb=4\\\\\nc=5") == Map{{"a", "1,2,3"}, {"b", "4\\"}, {"c", "5"}});
  CHECK(Read("a=1\\\n# no comment") == Map{{"a", "1# no comment"}});
  CHECK(Read("a=1\\") == Map{{"a", "1"}});
  CHECK(Read("a\\=b\\:c\\ d=e\\=\\t\\n\\q") == Map{{"a=b:c d", "e=\t\nq"}});
  CHECK(Read("u=\\u0041\\u00e9\\u20ac\\uD83D\\uDE00") == Map{{"u", "Aé€😀"}});
  CHECK(Read("a=1\na=2") == Map{{"a", "2"}});
}

TEST_CASE("properties that cannot be read are told with their line") {
  for (const char* const text :
       {"\n\na=\\u12", "\n\na=\\uzzzz", "\n\na=\\uD83D", "\n\n\\uDE00=1", "\n\na=\\uD83D\\u0041"}) {
    std::vector<std::string> errors;
    CHECK(ReadProperties(text, &errors).empty());
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].starts_with("line 3: "));
  }
}

TEST_CASE("what is left out has Kafka's default") {
  const ServerConfig config = Parsed("");
  CHECK(config.warnings.empty());
  CHECK(config.engine.directory == "/tmp/kafka-logs");
  CHECK(config.engine.num_partitions == 1);
  CHECK(config.engine.offsets_topic_num_partitions == 50);
  CHECK(config.engine.offsets_retention == absl::Hours(7 * 24));
  CHECK(config.engine.group_initial_rebalance_delay == absl::Seconds(3));
  CHECK(config.engine.topic_defaults == TopicConfig());
  CHECK(config.broker.auto_create_topics);
  CHECK(config.listen.connection.max_frame_bytes == 104857600);
  CHECK(config.listen.connection.idle_timeout == absl::Minutes(10));
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].name == "PLAINTEXT");
  CHECK(config.listeners[0].address == ":9092");
}

TEST_CASE("the table: each setting takes its default, shows it again, and refuses what is out of its range") {
  for (const BrokerSetting& setting : BrokerSettings()) {
    INFO(std::string(setting.name));
    ServerConfig config;
    CHECK(SetBrokerSetting(setting, setting.default_value, &config) == std::nullopt);
    ServerConfig again;
    CHECK(SetBrokerSetting(setting, GetBrokerSetting(setting, config), &again) == std::nullopt);
    CHECK(GetBrokerSetting(setting, again) == GetBrokerSetting(setting, config));
    CHECK_FALSE(setting.doc.empty());
    if (setting.name == "group.consumer.migration.policy")
      CHECK(SetBrokerSetting(setting, "x", &config).has_value());
    if (setting.type == ConfigType::kString) continue;
    if (setting.type != ConfigType::kList) CHECK(SetBrokerSetting(setting, "x", &config).has_value());
    CHECK(SetBrokerSetting(setting, setting.type == ConfigType::kList ? "" : std::to_string(setting.min - 1),
                           &config)
              .has_value());
  }
  // Each of a topic's configs has a broker's name for its default, and its text stands at the right place.
  std::vector<std::string_view> names;
  for (const TopicSetting& setting : TopicSettings()) {
    INFO(std::string(setting.name));
    names.push_back(setting.name);
    CHECK(FindTopicSettingByBrokerName(setting.broker_name) == &setting);
    TopicConfig config;
    CHECK(SetTopicSetting(setting.name, *config.Get(setting.name), &config) == std::nullopt);
    CHECK(config == TopicConfig());
    CHECK(SetTopicSetting(setting.name, "x", &config).has_value());
  }
  CHECK(names == TopicConfig::Names());
  for (const SettingAlias& alias : SettingAliases()) {
    CHECK((FindBrokerSetting(alias.of) != nullptr || FindTopicSettingByBrokerName(alias.of) != nullptr));
  }
}

TEST_CASE("values land where they belong") {
  const ServerConfig config = Parsed(
      "node.id = 7\nlog.dirs=/data\nnum.partitions=3\nlog.segment.bytes=1048576\nlog.retention.bytes=-1\n"
      "log.cleanup.policy=compact,delete\noffsets.retention.minutes=60\nauto.create.topics.enable=FALSE\n"
      "connections.max.idle.ms=5000\nmax.connections.per.ip=5\nbroker.rack=r1\nmessage.max.bytes=2000\n"
      "millrace.metrics.listener=127.0.0.1:0\nlog.cleaner.io.max.bytes.per.second=1e6\n",
      {{"num.partitions", "4"}, {"group.max.size", "9"}, {"group.consumer.migration.policy", "Upgrade"}});
  CHECK(config.warnings.empty());
  CHECK(config.broker.node_id == 7);
  CHECK(config.engine.directory == "/data");
  CHECK(config.engine.num_partitions == 4);
  CHECK(config.engine.group_max_size == 9);
  CHECK(config.engine.group_consumer_migration_policy == GroupMigrationPolicy::kUpgrade);
  CHECK(config.engine.topic_defaults.segment_bytes == 1 << 20);
  CHECK(config.engine.topic_defaults.retention_bytes == -1);
  CHECK(config.engine.topic_defaults.cleanup_policy == CleanupPolicy{.remove = true, .compact = true});
  CHECK(config.engine.topic_defaults.max_message_bytes == 2000);
  CHECK(config.engine.offsets_retention == absl::Hours(1));
  CHECK(config.engine.cleaner_io_max_bytes_per_second == 1e6);
  CHECK_FALSE(config.broker.auto_create_topics);
  CHECK(config.broker.rack == "r1");
  CHECK(config.listen.connection.idle_timeout == absl::Seconds(5));
  CHECK(config.broker.max_connections_per_ip == 5);
  CHECK(config.metrics_address == "127.0.0.1:0");
}

TEST_CASE("the more precise of several names wins, wherever it stands") {
  const auto retention = [](std::string_view text) {
    return Parsed(text).engine.topic_defaults.retention_ms;
  };
  CHECK(retention("log.retention.hours=1") == 3'600'000);
  CHECK(retention("log.retention.hours=-1") == -1);
  CHECK(retention("log.retention.minutes=2\nlog.retention.hours=1") == 120'000);
  CHECK(retention("log.retention.hours=1\nlog.retention.minutes=2") == 120'000);
  CHECK(retention("log.retention.ms=3\nlog.retention.minutes=2\nlog.retention.hours=1") == 3);
  CHECK(Parsed("log.dirs=/a\nlog.dir=/b").engine.directory == "/a");
  CHECK(Parsed("log.dir=/b").engine.directory == "/b");
  CHECK(Parsed("broker.id=5").broker.node_id == 5);
  CHECK(Parsed("log.roll.hours=2").engine.topic_defaults.segment_ms == 7'200'000);
  CHECK(Refused("log.retention.hours=9223372036854775807").starts_with("line 1: log.retention.hours="));
}

TEST_CASE("all that is wrong is told at once, with line, name, value and reason") {
  const std::string message = Refused(
      "num.partitions=0\n# "
      "fine\nnum.network.threads=many\nlog.segment.bytes=1\nauto.create.topics.enable=maybe\n"
      "log.dirs=/a,/b\nlisteners=SASL_SSL://:9093\nprocess.roles=controller\nauthorizer.class.name=A\n");
  const auto has = [&](std::string_view part) { return message.find(part) != std::string::npos; };
  INFO(message);
  CHECK(has("line 1: num.partitions=0: must be a number from 1 to 2147483647"));
  CHECK(has("line 3: num.network.threads=many: must be a number from 1 to 1024"));
  CHECK(has("line 4: log.segment.bytes=1: must be from 1024 to 2147483647"));
  CHECK(has("line 5: auto.create.topics.enable=maybe: must be true or false"));
  CHECK(has("line 6: log.dirs=/a,/b: must be one directory"));
  CHECK(has(
      "line 7: listeners=SASL_SSL://:9093: the listener SASL_SSL asks for SASL_SSL, which millrace has "));
  CHECK(has("line 8: process.roles=controller: must name broker"));
  CHECK(has("line 9: authorizer.class.name=A: there are no ACLs yet"));
  CHECK(std::count(message.begin(), message.end(), '\n') == 7);
  CHECK(Refused("group.min.session.timeout.ms=10\ngroup.max.session.timeout.ms=9")
            .starts_with("group.max.session.timeout.ms=9: must be at least group.min.session.timeout.ms"));
  const auto refused = ParseServerProperties("", {{"node.id", "-1"}});
  CHECK(std::string(refused.status().message()).starts_with("override: node.id=-1: must be"));
}

TEST_CASE("the file that is shipped has nothing to be warned of, and listens on this machine alone") {
  const absl::StatusOr<std::string> text =
      ReadTextFile(FileSystem::System(), MILLRACE_SOURCE_DIR "/examples/config/kraft/server.properties");
  REQUIRE(text.ok());
  const ServerConfig config = Parsed(*text);
  CHECK(config.warnings.empty());
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].address == "localhost:9092");
  CHECK(config.engine.topic_defaults == TopicConfig());
}

TEST_CASE("unknown names, and those that mean nothing here, are warned of") {
  const ServerConfig config = Parsed(
      "process.roles=broker,controller\ncontroller.quorum.voters=1@localhost:9093\nnum.io.threads=8\n"
      "listeners=PLAINTEXT://localhost:9092,CONTROLLER://"
      "localhost:9093\ncontroller.listener.names=CONTROLLER\n"
      "transaction.state.log.min.isr=1\nnum.partitons=3\nssl.keystore.location=/k\n");
  CHECK(config.listeners.size() == 1);
  CHECK(Has(config.warnings, "line 7: unknown property \"num.partitons\" is ignored"));
  CHECK(Has(config.warnings, "line 3: num.io.threads has no effect"));
  CHECK(Has(config.warnings, "the controller listener CONTROLLER://localhost:9093 is not opened"));
  CHECK(Has(config.warnings, "controller.quorum.voters has no effect"));
  CHECK(Has(config.warnings, "transaction.state.log.min.isr has no effect"));
  CHECK(Has(config.warnings, "ssl.keystore.location has no effect"));
  CHECK(config.warnings.size() == 6);
}

TEST_CASE("listeners are Kafka's") {
  ServerConfig config = Parsed(
      "listeners=PLAINTEXT://127.0.0.1:9092, inside://[::1]:0 ,OUT://:9094\n"
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:plaintext,OUT:PLAINTEXT,SECRET:SSL\n"
      "advertised.listeners=OUT://example.org:19094,PLAINTEXT://:9092\n");
  REQUIRE(config.listeners.size() == 3);
  CHECK(config.listeners[0].address == "127.0.0.1:9092");
  CHECK(config.listeners[0].advertised_address.empty());
  CHECK(config.listeners[1].name == "INSIDE");
  CHECK(config.listeners[1].address == "[::1]:0");
  CHECK(config.listeners[2].address == ":9094");
  CHECK(config.listeners[2].advertised_address == "example.org:19094");

  const std::pair<const char*, const char*> wrong[] = {
      {"listeners=localhost:9092", "must be a list of NAME://host:port"},
      {"listeners=PLAINTEXT://localhost", "must be a list of NAME://host:port"},
      {"listeners=PLAINTEXT://localhost:99999", "must be a list of NAME://host:port"},
      {"listeners=", "must name a listener for clients"},
      {"listeners=FOO://localhost:1", "the listener FOO has no protocol"},
      {"listeners=SSL://localhost:1", "asks for SSL"},
      {"listeners=PLAINTEXT://a:1,PLAINTEXT://a:2", "a name and a port of its own"},
      {"listeners=PLAINTEXT://a:1,B://a:1\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,B:PLAINTEXT",
       "a name and a port of its own"},
      {"listener.security.protocol.map=PLAINTEXT", "must be a list of NAME:PROTOCOL"},
      {"advertised.listeners=PLAINTEXT://0.0.0.0:9092", "must say where clients find the broker"},
      {"advertised.listeners=OTHER://a:1", "which is no name of listeners"},
  };
  for (const auto& [text, why] : wrong) {
    const std::string message = Refused(text);
    INFO(message);
    CHECK(message.find(why) != std::string::npos);
  }
}

TEST_CASE("limits of connections and of bytes") {
  const ServerConfig config = Parsed(
      "listeners=PLAINTEXT://:9092,INSIDE://:9093\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:"
      "PLAINTEXT\nmax.connections=100\nmax.connections.per.ip=0\nlistener.name.inside.max.connections=7\n"
      "max.connections.per.ip.overrides=127.0.0.1:5, ::1:6,[fe80::1]:0\nqueued.max.request.bytes=200000000\n"
      "producer.id.expiration.ms=5000\nmillrace.max.groups=9\nmillrace.max.producer.ids=8\n");
  CHECK(config.warnings.empty());
  CHECK(config.broker.max_connections == 100);
  CHECK(config.broker.max_connections_per_ip == 0);
  CHECK(config.broker.max_connections_per_ip_overrides ==
        std::map<std::string, int32_t>{{"127.0.0.1", 5}, {"::1", 6}, {"fe80::1", 0}});
  CHECK(config.broker.queued_request_bytes_max == 200'000'000);
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[0].max_connections == INT32_MAX);
  CHECK(config.listeners[1].max_connections == 7);
  CHECK(config.engine.producer_id_expiration == absl::Seconds(5));
  CHECK(config.engine.budgets.groups == 9);
  CHECK(config.engine.budgets.producer_ids == 8);
  for (const char* const wrong :
       {"max.connections.per.ip.overrides=127.0.0.1", "max.connections.per.ip.overrides=:5",
        "max.connections.per.ip.overrides=a:-1", "max.connections.per.ip.overrides=a:x", "max.connections=0",
        "queued.max.request.bytes=1000", "listener.name.plaintext.max.connections=0"}) {
    INFO(wrong);
    CHECK_FALSE(ParseServerProperties(wrong).ok());
  }
  CHECK(ParseServerProperties("queued.max.request.bytes=-1").ok());
  CHECK(Parsed("listener.name.other.max.connections=5").warnings.size() == 1);
}

TEST_CASE("a random uuid has 22 characters, never begins with '-', and differs from the next") {
  const auto random = Random::Seeded(1);
  std::vector<std::string> made;
  for (int i = 0; i < 1000; ++i) made.push_back(RandomUuid(random.get()));
  for (const std::string& uuid : made) {
    REQUIRE(uuid.size() == 22);
    REQUIRE(uuid[0] != '-');
    REQUIRE(TopicId::FromString(uuid).has_value());
  }
  std::sort(made.begin(), made.end());
  CHECK(std::unique(made.begin(), made.end()) == made.end());
}

TEST_CASE("a directory is formatted once, and tells its cluster and node") {
  SimEnv sim(3);
  ServerConfig config = Parsed("log.dirs=/a/b/c\nnode.id=4");
  config.engine.env = sim.env();
  auto info = DescribeStorage(config);
  REQUIRE(info.ok());
  CHECK_FALSE(info->formatted);

  CHECK(absl::IsInvalidArgument(FormatStorage(config, "short")));
  REQUIRE(FormatStorage(config, "AAAAAAAAAAAAAAAAAAAAAQ").ok());
  info = DescribeStorage(config);
  REQUIRE(info.ok());
  CHECK(info->formatted);
  CHECK(info->cluster_id == "AAAAAAAAAAAAAAAAAAAAAQ");
  CHECK(info->node_id == 4);
  CHECK(info->directory_id.size() == 22);
  CHECK(absl::IsAlreadyExists(FormatStorage(config, "AAAAAAAAAAAAAAAAAAAAAg")));
  CHECK(DescribeStorage(config)->cluster_id == "AAAAAAAAAAAAAAAAAAAAAQ");

  // What an engine finds there, it keeps.
  REQUIRE(Engine::Open(config.engine).ok());
  CHECK(DescribeStorage(config)->cluster_id == "AAAAAAAAAAAAAAAAAAAAAQ");

  REQUIRE(WriteTextFile(sim.env().files, "/a/b/c/meta.properties", "version=1\nnode.id=x\n").ok());
  const auto damaged = DescribeStorage(config);
  REQUIRE_FALSE(damaged.ok());
  CHECK(std::string(damaged.status().message()).find("/a/b/c/meta.properties") != std::string::npos);
  config.engine.directory.clear();
  CHECK(absl::IsInvalidArgument(FormatStorage(config, "AAAAAAAAAAAAAAAAAAAAAQ")));
}

}  // namespace
}  // namespace millrace::inline v0
