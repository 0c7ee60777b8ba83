#include "millrace/broker_faults.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/record.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr auto kProduce = wire::ApiKey::kProduce;
constexpr auto kFetch = wire::ApiKey::kFetch;

std::vector<std::byte> OneRecord(const std::string& value) {
  BatchBuilder builder;
  builder.Append({.value = value}, Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  return {batch->begin(), batch->end()};
}

struct FaultyWorld : BrokerWorld {
  FaultyWorld() {
    REQUIRE(engine->CreateTopic("orders").ok());
    REQUIRE(engine->CreateTopic("others").ok());
  }

  FaultId Add(Fault fault) {
    auto id = broker->faults().Add(std::move(fault));
    REQUIRE(id.ok());
    return *id;
  }
  // Sends one record; returns the correlation id.
  static int32_t SendRecord(WireClient& client, const std::string& topic = "orders", int16_t acks = -1) {
    const std::vector<std::byte> batch = OneRecord("value");
    return client.Send(
        wire::ProduceRequest{
            .acks = acks,
            .timeout_ms = 1000,
            .topic_data = {{.name = topic, .partition_data = {{.index = 0, .records = batch}}}}},
        9);
  }
  // The error code of its answer; nullopt: there is none.
  static std::optional<int16_t> Answered(WireClient& client) {
    const auto answer = client.Receive<wire::ProduceResponse>(9);
    if (!answer.ok()) return std::nullopt;
    REQUIRE(answer->responses.size() == 1);
    REQUIRE(answer->responses[0].partition_responses.size() == 1);
    return answer->responses[0].partition_responses[0].error_code;
  }
  static std::optional<int16_t> SendOne(WireClient& client, const std::string& topic = "orders",
                                        int16_t acks = -1) {
    SendRecord(client, topic, acks);
    return Answered(client);
  }
  int64_t Stored(const std::string& topic = "orders") {
    const auto log = engine->PartitionLog({topic, PartitionId(0)});
    REQUIRE(log.ok());
    return (*log)->log_end_offset().value();
  }
};

int16_t Number(ErrorCode code) {
  return static_cast<int16_t>(code);
}

TEST_CASE("without a fault every record is stored") {
  FaultyWorld world;
  WireClient client = world.Connect();
  for (int i = 0; i < 4; ++i) CHECK(FaultyWorld::SendOne(client) == 0);
  CHECK(world.Stored() == 4);
  CHECK_FALSE(client.closed());
}

TEST_CASE("an injected error is answered, and the request is not carried out") {
  FaultyWorld world;
  const FaultId fault = world.Add({.api = kProduce, .times = 2, .error = ErrorCode::kNotLeaderOrFollower});
  WireClient client = world.Connect();
  CHECK(FaultyWorld::SendOne(client) == Number(ErrorCode::kNotLeaderOrFollower));
  CHECK(world.broker->faults().met(fault) == 1);
  CHECK(FaultyWorld::SendOne(client) == Number(ErrorCode::kNotLeaderOrFollower));
  CHECK(world.Stored() == 0);
  CHECK(FaultyWorld::SendOne(client) == 0);
  CHECK(world.Stored() == 1);
  CHECK(world.broker->faults().met(fault) == 2);
  CHECK_FALSE(world.broker->faults().Remove(fault));
}

TEST_CASE("an error in the answer to a request that was carried out") {
  FaultyWorld world;
  world.Add({.api = kProduce, .carry_out = true, .error = ErrorCode::kRequestTimedOut});
  WireClient client = world.Connect();
  CHECK(FaultyWorld::SendOne(client) == Number(ErrorCode::kRequestTimedOut));
  CHECK(world.Stored() == 1);
  // With records in the answer, which are spliced in.
  world.Add({.api = kFetch, .carry_out = true, .error = ErrorCode::kKafkaStorageError});
  const wire::FetchRequest fetch{
      .topics = {{.topic = "orders", .partitions = {{.partition_max_bytes = 1024}}}}};
  const auto faulty = client.Call<wire::FetchResponse>(fetch, 12);
  REQUIRE(faulty.ok());
  CHECK(faulty->responses.at(0).partitions.at(0).error_code == Number(ErrorCode::kKafkaStorageError));
  CHECK(faulty->error_code == Number(ErrorCode::kKafkaStorageError));
  const auto sound = client.Call<wire::FetchResponse>(fetch, 12);
  REQUIRE(sound.ok());
  CHECK(sound->responses.at(0).partitions.at(0).error_code == 0);
  CHECK(faulty->responses.at(0).partitions.at(0).high_watermark == 1);
}

TEST_CASE("a delay, before and after a request is carried out") {
  FaultyWorld world;
  WireClient client = world.Connect();
  for (const bool carry_out : {false, true}) {
    INFO(carry_out);
    const int64_t before = world.Stored();
    world.Add({.api = kProduce, .carry_out = carry_out, .delay = absl::Seconds(2)});
    FaultyWorld::SendRecord(client);
    CHECK(client.answers() == 0);
    CHECK(world.Stored() == before + (carry_out ? 1 : 0));
    world.sim.executor->RunFor(2 * kSecond - 1);
    CHECK(client.answers() == 0);
    world.sim.executor->RunFor(1);
    CHECK(FaultyWorld::Answered(client) == 0);
    CHECK(world.Stored() == before + 1);
  }
  // Delayed, and then refused.
  world.Add({.api = kProduce, .delay = absl::Seconds(1), .error = ErrorCode::kNotEnoughReplicas});
  FaultyWorld::SendRecord(client);
  CHECK(client.answers() == 0);
  world.sim.executor->RunFor(kSecond);
  CHECK(FaultyWorld::Answered(client) == Number(ErrorCode::kNotEnoughReplicas));
  CHECK(world.Stored() == 2);
}

TEST_CASE("a connection is dropped before a request is carried out, or before its answer") {
  FaultyWorld world;
  for (const bool carry_out : {false, true}) {
    INFO(carry_out);
    const int64_t before = world.Stored();
    world.Add({.api = kProduce, .carry_out = carry_out, .drop = true});
    WireClient client = world.Connect();
    WireClient other = world.Connect();
    CHECK_FALSE(FaultyWorld::SendOne(client).has_value());
    CHECK(client.closed());
    CHECK_FALSE(other.closed());
    CHECK(world.Stored() == before + (carry_out ? 1 : 0));
    // It comes back.
    WireClient again = world.Connect();
    CHECK(FaultyWorld::SendOne(again) == 0);
  }
}

TEST_CASE("who wants no answer learns of an error by the end of the connection") {
  FaultyWorld world;
  for (const bool carry_out : {false, true}) {
    WireClient client = world.Connect();
    FaultyWorld::SendRecord(client, "orders", 0);
    CHECK_FALSE(client.closed());
    world.Add({.api = kProduce, .carry_out = carry_out, .error = ErrorCode::kNotLeaderOrFollower});
    FaultyWorld::SendRecord(client, "orders", 0);
    CHECK(client.closed());
  }
  CHECK(world.Stored() == 3);
}

TEST_CASE("an answer without a place for an error is none") {
  FaultyWorld world;
  WireClient client = world.Connect();
  world.Add({.api = wire::ApiKey::kMetadata, .error = ErrorCode::kUnknownServerError});
  // Version 12 names the topics that were asked for; nobody asks for one.
  const auto answer = client.Call<wire::MetadataResponse>(
      wire::MetadataRequest{.topics = std::vector<wire::MetadataRequest::Topic>()}, 12);
  CHECK_FALSE(answer.ok());
  CHECK(client.closed());
}

TEST_CASE("faults pick requests by API, topic, client and number") {
  FaultyWorld world;
  WireClient client = world.Connect();
  const int16_t code = Number(ErrorCode::kKafkaStorageError);
  const auto fault = [](Fault more) {
    more.error = ErrorCode::kKafkaStorageError;
    return more;
  };
  BrokerFaults& faults = world.broker->faults();
  SECTION("another API") {
    const FaultId id = world.Add(fault({.api = kFetch}));
    CHECK(FaultyWorld::SendOne(client) == 0);
    CHECK(faults.met(id) == 0);
    CHECK(faults.Remove(id));
  }
  SECTION("any API") {
    world.Add(fault({.times = UINT64_MAX}));
    CHECK(FaultyWorld::SendOne(client) == code);
    const auto beat = client.Call<wire::HeartbeatResponse>(wire::HeartbeatRequest{.group_id = "g"}, 4);
    REQUIRE(beat.ok());
    CHECK(beat->error_code == code);
    faults.Clear();
    CHECK(FaultyWorld::SendOne(client) == 0);
  }
  SECTION("a topic, by name and by id") {
    const FaultId id = world.Add(fault({.topic = "orders", .times = 2}));
    CHECK(FaultyWorld::SendOne(client, "others") == 0);
    CHECK(FaultyWorld::SendOne(client, "orders") == code);
    for (const bool named : {false, true}) {
      const auto described = world.engine->admin().DescribeTopic(named ? "orders" : "others");
      REQUIRE(described.ok());
      const TopicId topic = described->id;
      const auto fetched = client.Call<wire::FetchResponse>(
          wire::FetchRequest{.topics = {{.topic_id = topic, .partitions = {{.partition_max_bytes = 1024}}}}},
          13);
      REQUIRE(fetched.ok());
      CHECK(fetched->responses.at(0).partitions.at(0).error_code == (named ? code : 0));
      CHECK(fetched->responses.at(0).topic_id == topic);
    }
    CHECK(faults.met(id) == 2);
  }
  SECTION("a client") {
    world.Add(fault({.client_id = "somebody else"}));
    CHECK(FaultyWorld::SendOne(client) == 0);
    world.Add(fault({.client_id = "test"}));
    CHECK(FaultyWorld::SendOne(client) == code);
  }
  SECTION("the third, and the one after") {
    world.Add(fault({.api = kProduce, .nth = 3, .times = 2}));
    std::vector<int16_t> codes;
    for (int i = 0; i < 6; ++i) codes.push_back(FaultyWorld::SendOne(client).value());
    CHECK(codes == std::vector<int16_t>{0, 0, code, code, 0, 0});
  }
  SECTION("several stand in a row") {
    world.Add(fault({}));
    world.Add({.error = ErrorCode::kNotEnoughReplicas});
    CHECK(FaultyWorld::SendOne(client) == code);
    CHECK(FaultyWorld::SendOne(client) == Number(ErrorCode::kNotEnoughReplicas));
    CHECK(FaultyWorld::SendOne(client) == 0);
  }
}

TEST_CASE("a broker closes though a request waits for ever") {
  FaultyWorld world;
  WireClient client = world.Connect();
  WireClient second = world.Connect();
  world.Add({.api = kProduce, .delay = absl::InfiniteDuration()});
  world.Add({.api = kProduce, .carry_out = true, .delay = absl::InfiniteDuration()});
  FaultyWorld::SendRecord(client);
  FaultyWorld::SendRecord(second);
  world.sim.executor->RunFor(3600 * kSecond / 10);
  CHECK(client.answers() == 0);
  CHECK_FALSE(client.closed());
  CHECK(world.broker->Close(absl::Seconds(1)).ok());
  CHECK(client.closed());
  CHECK(second.closed());
  CHECK(client.answers() + second.answers() == 0);
  CHECK(world.Stored() == 1);
}

TEST_CASE("a client that went does not keep what it waited for") {
  FaultyWorld world;
  world.Add({.api = kProduce, .delay = absl::Seconds(1)});
  {
    WireClient client = world.Connect();
    FaultyWorld::SendRecord(client);
  }
  world.sim.executor->RunFor(2 * kSecond);
  // The request had come: it is carried out.
  CHECK(world.Stored() == 1);
  CHECK(world.broker->Close(absl::ZeroDuration()).ok());
}

TEST_CASE("connections are dropped, and refused for a while") {
  FaultyWorld world;
  WireClient first = world.Connect();
  WireClient second = world.Connect();
  CHECK(FaultyWorld::SendOne(first) == 0);
  CHECK_FALSE(second.closed());
  BrokerFaults& faults = world.broker->faults();
  faults.DropConnections();
  CHECK(first.closed());
  CHECK(second.closed());
  faults.RefuseConnections(true);
  WireClient refused = world.Connect();
  CHECK(refused.closed());
  faults.RefuseConnections(false);
  WireClient again = world.Connect();
  CHECK(FaultyWorld::SendOne(again) == 0);
}

TEST_CASE("a fault that makes no sense is refused by name") {
  FaultyWorld world;
  BrokerFaults& faults = world.broker->faults();
  const std::pair<Fault, std::string> bad[] = {
      {{.drop = false}, "does nothing"},
      {{.nth = 0, .drop = true}, "nth"},
      {{.times = 0, .drop = true}, "times"},
      {{.delay = absl::Seconds(-1)}, "delay"},
      {{.error = ErrorCode::kInvalidRecord, .drop = true}, "error and drop"},
  };
  for (const auto& [fault, word] : bad) {
    const auto added = faults.Add(fault);
    REQUIRE_FALSE(added.ok());
    CHECK(std::string(added.status().message()).find(word) != std::string::npos);
  }
  WireClient client = world.Connect();
  CHECK(FaultyWorld::SendOne(client) == 0);
}

}  // namespace
}  // namespace millrace::inline v0
