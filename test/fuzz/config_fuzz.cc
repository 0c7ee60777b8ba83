// What a broker is told by its owner: property files, the settings that were changed while it ran, the
// registry of topics; and two small grammars, of addresses and of HTTP.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "broker/config/broker_configs.h"
#include "broker/config/dynamic_configs.h"
#include "broker/http.h"
#include "fuzz/fuzz_target.h"
#include "log/record_file.h"
#include "millrace/engine.h"
#include "millrace/server.h"
#include "millrace/testing/sim_env.h"
#include "partition/topic_records.h"
#include "transport/address.h"

namespace millrace::inline v0::fuzz {
namespace {

// It is read or refused with a line for each thing that is wrong; what is read holds what the table allows,
// and shows values that give the same again.
void Properties(Input input) {
  const absl::StatusOr<ServerConfig> config = ParseServerProperties(AsText(input));
  if (!config.ok()) return Require(!config.status().message().empty());
  Require(config->engine.Validate().ok());
  Require(!config->listeners.empty());
  ServerConfig again;
  for (const BrokerSetting& setting : BrokerSettings()) {
    const std::string value = GetBrokerSetting(setting, *config);
    Require(!SetBrokerSetting(setting, value, &again).has_value());
    Require(GetBrokerSetting(setting, again) == value);
  }
}

std::vector<Bytes> PropertySeeds() {
  std::vector<Bytes> seeds = {
      ToInput("process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
              "inter.broker.listener.name=PLAINTEXT\nadvertised.listeners=PLAINTEXT://localhost:9092\n"
              "controller.listener.names=CONTROLLER\nlog.dirs=/tmp/x\n"
              "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"),
      ToInput("# comment\n! another\nname : a \\\n  continued \\u0041\\t\\n\n\nempty\n"),
      ToInput("log.retention.hours=168\nlog.retention.ms=-1\nlog.cleanup.policy=compact,delete\n")};
  std::string all;
  for (const BrokerSetting& setting : BrokerSettings())
    all += std::string(setting.name) + "=" + std::string(setting.default_value) + "\n";
  seeds.push_back(ToInput(all));
  return seeds;
}

// A file of records with these payloads: a type, a length, a payload, and so on.
void PutRecords(FileSystem* files, std::string_view path, RecordFileKind kind, Input input) {
  const auto visit = [](uint8_t, std::span<const std::byte>) { return absl::OkStatus(); };
  auto file = RecordFile::Open(files, path, kind, RecordFile::Access::kCreate, visit, nullptr);
  Require(file.ok());
  while (input.size() > 2) {
    const size_t length = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    (*file)->Append(std::to_integer<uint8_t>(input[0]) % 255, input.subspan(2, length));
    input = input.subspan(2 + length);
  }
  Require((*file)->Sync().ok());
}

void PutRun(Bytes* to, uint8_t type, Input payload) {
  to->push_back(std::byte{type});
  to->push_back(static_cast<std::byte>(payload.size()));
  to->insert(to->end(), payload.begin(), payload.end());
}

// The first byte: 0: the bytes are the file, else its records.
void PutFile(SimEnv& sim, std::string_view path, RecordFileKind kind, Input input) {
  if (std::to_integer<int>(input[0]) != 0) return PutRecords(sim.files.get(), path, kind, input.subspan(1));
  auto file = sim.files->Open(path, OpenMode::kCreate);
  Require(file.ok());
  if (input.size() > 1) Require((*file)->WriteAt(0, input.subspan(1)).ok());
}

// An engine whose settings these are opens, or says why not; what it took, it takes again after a change.
void Configs(Input input) {
  if (input.empty()) return;
  SimEnv sim(1);
  auto engine = Engine::Open({.directory = "/data", .env = sim.env(), .offsets_topic_num_partitions = 1});
  Require(engine.ok());
  constexpr RecordFileKind kKind{.tag = {'c', 'o', 'n', 'f'}, .version = 1, .name = "configs"};
  PutFile(sim, "/data/millrace.configs", kKind, input);
  auto* const impl = static_cast<EngineImpl*>(engine->get());
  DynamicConfigs configs(impl);
  const absl::Status loaded = configs.Load();
  if (!loaded.ok()) return Require(!loaded.message().empty());
  const std::vector<ConfigChange> change = {{.name = "log.retention.ms", .value = "12345"}};
  Require(configs.Alter(ConfigScope::kBroker, change, /*validate_only=*/false).ok());
  DynamicConfigs again(impl);
  Require(again.Load().ok());
  Require(again.state().cluster == configs.state().cluster);
  Require(again.state().broker == configs.state().broker);
}

std::vector<Bytes> ConfigSeeds() {
  Bytes seed = {std::byte{1}};
  for (const TopicSetting& setting : TopicSettings()) {
    Bytes payload =
        ToInput("?" + std::string(setting.broker_name) + "=" + TopicConfig().Get(setting.name).value_or(""));
    payload[0] = static_cast<std::byte>(seed.size() % 2);
    if (payload.size() < 256) PutRun(&seed, 1, payload);
  }
  return {seed, {std::byte{0}}, {std::byte{1}}};
}

// The registry of topics, and each of its records alone.
void Topics(Input input) {
  if (input.empty()) return;
  TopicsState state;
  const auto apply = [&](uint8_t type, std::span<const std::byte> payload) {
    return state.Apply(type, payload);
  };
  SimEnv sim(1);
  Require(sim.files->CreateDirectory("/data").ok());
  PutFile(sim, "/data/millrace.topics", kTopicsFileKind, input);
  RecordFileReport report;
  auto file = RecordFile::Open(sim.files.get(), "/data/millrace.topics", kTopicsFileKind,
                               RecordFile::Access::kExisting, apply, &report);
  if (!file.ok()) return;
  file->reset();
  for (const auto& [id, topic] : state.topics) {
    TopicsState again;
    Require(again.Apply(static_cast<uint8_t>(TopicRecordType::kCreated), EncodeCreated(topic)).ok());
    Require(again.topics.size() == 1 && again.topics.begin()->second.config == topic.config);
  }
}

std::vector<Bytes> TopicSeeds() {
  const TopicData topic{.name = "topic", .id = {.bytes = {std::byte{1}, std::byte{2}}}, .partitions = 3};
  TopicConfig config;
  config.segment_bytes = 1 << 20;
  config.cleanup_policy.compact = true;
  Bytes seed = {std::byte{1}};
  PutRun(&seed, 1, EncodeCreated(topic));
  PutRun(&seed, 3, EncodePartitions(topic.id, 5));
  PutRun(&seed, 4, EncodeConfig(topic.id, config));
  PutRun(&seed, 5, EncodeProducerIds(1000));
  Bytes deleted = seed;
  PutRun(&deleted, 2, EncodeDeleted(topic.id));
  return {seed, deleted, {std::byte{0}}, {std::byte{1}}};
}

void Address(Input input) {
  const auto address = ParseHostPort(AsText(input));
  if (!address.ok()) return Require(!address.status().message().empty());
  const auto again = ParseHostPort(FormatHostPort(*address));
  Require(again.ok() && *again == *address);
}

// Once complete, more bytes change nothing; a refusal has a status.
void Http(Input input) {
  const std::string_view text = AsText(input);
  const auto whole = ParseHttpRequest(text, true);
  Require(whole.has_value());
  Require(whole->refused == 0 || (whole->refused >= 400 && whole->refused <= 599));
  for (size_t cut = 0; cut < text.size(); cut += 1 + text.size() / 16) {
    const auto part = ParseHttpRequest(text.substr(0, cut), false);
    if (part.has_value()) Require(part->refused == whole->refused && part->path == whole->path);
  }
}

}  // namespace

void AddConfigTargets(Targets* to) {
  to->push_back({.name = "config.properties", .run = Properties, .seeds = PropertySeeds, .cost_micros = 200});
  to->push_back({.name = "config.dynamic", .run = Configs, .seeds = ConfigSeeds, .cost_micros = 200});
  to->push_back({.name = "config.topics", .run = Topics, .seeds = TopicSeeds, .cost_micros = 100});
  to->push_back({.name = "address", .run = Address, .seeds = [] {
                   return std::vector<Bytes>{ToInput("127.0.0.1:9092"), ToInput("[::1]:0"), ToInput(":65535"),
                                             ToInput("host.example:1")};
                 }});
  to->push_back({.name = "http", .run = Http, .seeds = [] {
                   return std::vector<Bytes>{
                       ToInput("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"),
                       ToInput("GET / HTTP/1.0\r\n\r\n"),
                       ToInput("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")};
                 }});
}

}  // namespace millrace::inline v0::fuzz
