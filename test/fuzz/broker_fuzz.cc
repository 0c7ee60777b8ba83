// Any bytes, sent to a whole broker as requests of every API key: each gets an answer that decodes, or its
// connection ends. Nothing crashes, hangs or waits for ever, and the broker then serves the next client and
// closes.
//
// An input is a run of requests: a byte for the key (of those that are served; the last values: raw frames),
// one for the version, two for the length, and the body.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "broker/api/handlers.h"
#include "fuzz/api_messages.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/fuzzed_broker.h"
#include "millrace/record.h"
#include "wire/golden.h"

namespace millrace::inline v0::fuzz {
namespace {

using testing::AnyMessage;

constexpr int kRequestsMax = 6;
// Longer than any request may wait but those of a classic group's rebalance.
constexpr int64_t kLongNanos = int64_t{6} * 60 * 1'000'000'000;

const AnyMessage& ResponseOf(int16_t key) {
  for (const AnyMessage& type : ApiMessages()) {
    if (type.api.key == key && type.api.name.ends_with("Response")) return type;
  }
  throw Broken("a key without a response");
}

void CheckAnswer(int16_t key, int16_t version, Input answer) {
  const auto headers = wire::HeaderVersionsOf(key, version);
  size_t used = 0;
  const auto header = wire::DecodePrefix<wire::ResponseHeader>(answer, headers->response, &used);
  Require(header.ok() && header->correlation_id == 7, "an answer has its request's correlation id");
  Require(ResponseOf(key).decode(answer.subspan(used), version).ok(), "an answer decodes");
}

bool HasNoAnswer(int16_t key, int16_t version, Input body) {
  if (key != wire::ProduceRequest::kApi.key) return false;
  size_t used = 0;
  const auto produce = wire::DecodePrefix<wire::ProduceRequest>(body, version, &used);
  return produce.ok() && produce->acks == 0;
}

// A rebalance lasts as long as its members say.
bool MayWaitLonger(int16_t key) {
  return key == wire::JoinGroupRequest::kApi.key || key == wire::SyncGroupRequest::kApi.key;
}

void AskOne(FuzzedBroker* broker, const ApiHandler& handler, int16_t version, Input body) {
  const auto key = static_cast<int16_t>(handler.key);
  Bytes answer;
  Outcome outcome = broker->Ask(RequestFrame(key, version, body), &answer);
  if (outcome == Outcome::kWaits) {
    if (HasNoAnswer(key, version, body)) return broker->NothingAwaited();
    outcome = broker->Await(kLongNanos, &answer);
  }
  Require(outcome != Outcome::kWaits || MayWaitLonger(key),
          ("a request is answered in the end: API key " + std::to_string(key)).c_str());
  if (outcome == Outcome::kAnswered) CheckAnswer(key, version, answer);
}

// The broker is as good as before for somebody else.
void AskForVersions(FuzzedBroker* broker) {
  Bytes body;
  Require(wire::Encode(wire::ApiVersionsRequest{}, 0, &body).ok());
  Bytes answer;
  Require(broker->Ask(RequestFrame(18, 0, body), &answer) == Outcome::kAnswered, "the broker still serves");
  CheckAnswer(18, 0, answer);
}

void FuzzBroker(Input input) {
  FuzzedBroker broker;
  const auto take = [&](size_t wanted) {
    const Input taken = input.first(std::min(wanted, input.size()));
    input = input.subspan(taken.size());
    return taken;
  };
  const auto handlers = Handlers();
  for (int requests = 0; requests < kRequestsMax && input.size() >= 4; ++requests) {
    const Input head = take(4);
    const size_t which = std::to_integer<size_t>(head[0]);
    const Input body = take(std::to_integer<size_t>(head[2]) | std::to_integer<size_t>(head[3]) << 8);
    if (which >= 250) {
      broker.Ask({body.begin(), body.end()});
      broker.NothingAwaited();
      continue;
    }
    const ApiHandler& handler = handlers[which % handlers.size()];
    const int versions = handler.served.last - handler.served.first + 1;
    const int version = handler.served.first + std::to_integer<int>(head[1]) % versions;
    AskOne(&broker, handler, static_cast<int16_t>(version), body);
  }
  AskForVersions(&broker);
  broker.Close();
}

// --- Seeds

void PutRequest(Bytes* to, size_t handler, int version_index, Input body) {
  if (body.size() > UINT16_MAX) return;
  to->push_back(static_cast<std::byte>(handler));
  to->push_back(static_cast<std::byte>(version_index));
  to->push_back(static_cast<std::byte>(body.size()));
  to->push_back(static_cast<std::byte>(body.size() >> 8));
  to->insert(to->end(), body.begin(), body.end());
}

// Of the newest version that is served.
template <typename Message>
Bytes Asking(const Message& message) {
  const auto handlers = Handlers();
  for (size_t i = 0; i < handlers.size(); ++i) {
    if (static_cast<int16_t>(handlers[i].key) != Message::kApi.key) continue;
    Bytes body;
    // Some fields are of earlier versions alone.
    for (int16_t version = handlers[i].served.last; version >= handlers[i].served.first; --version) {
      if (!wire::Encode(message, version, &body).ok()) continue;
      Bytes seed;
      PutRequest(&seed, i, version - handlers[i].served.first, body);
      return seed;
    }
  }
  throw Broken("no version is served that this request fits");
}

Bytes SomeBatch(Compression codec) {
  BatchBuilder builder({.compression = codec});
  builder.Append({.key = "key", .value = "value"}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  Require(batch.ok());
  return {batch->begin(), batch->end()};
}

// A session of each kind: what it asks is about what is there.
std::vector<Bytes> Sessions() {
  const std::string topic(kFuzzTopic);
  const std::string group(kFuzzGroup);
  std::vector<Bytes> seeds;
  Bytes session;
  const auto ask = [&](const auto& message) {
    const Bytes one = Asking(message);
    seeds.push_back(one);
    session.insert(session.end(), one.begin(), one.end());
  };
  const Bytes batch = SomeBatch(Compression::kNone);
  const Bytes compressed = SomeBatch(Compression::kZstd);
  wire::ProduceRequest produce{.acks = -1, .timeout_ms = 1000};
  produce.topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = batch}}}};
  ask(produce);
  produce.topic_data[0].partition_data[0].records = compressed;
  ask(produce);
  wire::FetchRequest fetch{.max_wait_ms = 10, .min_bytes = 1};
  fetch.topics = {{.topic = topic, .partitions = {{.partition = 0, .partition_max_bytes = 1000}}}};
  ask(fetch);
  ask(wire::MetadataRequest{.topics = {{{.name = topic}}}});
  ask(wire::ListOffsetsRequest{.topics = {{.name = topic, .partitions = {{.timestamp = -1}}}}});
  seeds.push_back(std::exchange(session, {}));
  ask(wire::FindCoordinatorRequest{.coordinator_keys = {group}});
  ask(wire::JoinGroupRequest{.group_id = group,
                             .session_timeout_ms = 10000,
                             .rebalance_timeout_ms = 10000,
                             .protocol_type = "consumer",
                             .protocols = {{.name = "range"}}});
  ask(wire::SyncGroupRequest{.group_id = group, .generation_id = 1, .member_id = "m"});
  ask(wire::OffsetCommitRequest{.group_id = group,
                                .topics = {{.name = topic, .partitions = {{.committed_offset = 3}}}}});
  ask(wire::OffsetFetchRequest{
      .groups = {{.group_id = group, .topics = {{{.name = topic, .partition_indexes = {0}}}}}}});
  ask(wire::DeleteGroupsRequest{.groups_names = {group}});
  seeds.push_back(std::exchange(session, {}));
  ask(wire::ConsumerGroupHeartbeatRequest{
      .group_id = "k",
      .member_id = "m",
      .rebalance_timeout_ms = 10000,
      .subscribed_topic_names = {{topic}},
      .topic_partitions = std::vector<wire::ConsumerGroupHeartbeatRequest::TopicPartitions>{}});
  ask(wire::ConsumerGroupDescribeRequest{.group_ids = {"k"}});
  seeds.push_back(std::exchange(session, {}));
  ask(wire::CreateTopicsRequest{.topics = {{.name = "new", .num_partitions = 2, .replication_factor = 1}}});
  ask(wire::CreatePartitionsRequest{.topics = {{.name = topic, .count = 3}}});
  ask(wire::DeleteRecordsRequest{.topics = {{.name = topic, .partitions = {{.offset = -1}}}}});
  ask(wire::DescribeConfigsRequest{.resources = {{.resource_type = 2, .resource_name = topic}}});
  ask(wire::IncrementalAlterConfigsRequest{
      .resources = {{.resource_type = 2,
                     .resource_name = topic,
                     .configs = {{.name = "retention.ms", .config_operation = 0, .value = "1000"}}}}});
  ask(wire::DeleteTopicsRequest{.topics = {{.name = topic}}});
  seeds.push_back(std::exchange(session, {}));
  return seeds;
}

// And every golden request that is served, by itself.
std::vector<Bytes> BrokerSeeds() {
  std::vector<Bytes> seeds = Sessions();
  const auto handlers = Handlers();
  wire::Exchanges::ForEach([&]<typename E>(E) {
    for (size_t i = 0; i < handlers.size(); ++i) {
      if (static_cast<int16_t>(handlers[i].key) != E::kKey) continue;
      for (const auto& golden : testing::ReadGolden("messages/" + std::string(E::Request::kApi.name))) {
        if (golden.refused || !handlers[i].served.Has(golden.version)) continue;
        PutRequest(&seeds.emplace_back(), i, golden.version - handlers[i].served.first, golden.bytes);
      }
    }
  });
  return seeds;
}

}  // namespace

void AddBrokerTargets(Targets* to) {
  to->push_back({.name = "broker", .run = FuzzBroker, .seeds = BrokerSeeds, .cost_micros = 300});
}

}  // namespace millrace::inline v0::fuzz
