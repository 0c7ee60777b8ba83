// How a broker closes while requests are under way, and how it goes on when clients take their answers late.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/metadata.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kSecondNanos = 1'000'000'000;

wire::JoinGroupRequest JoinWaiting(const std::string& member) {
  return {.group_id = "g",
          .session_timeout_ms = 10'000,
          .rebalance_timeout_ms = 300'000,
          .member_id = member,
          .protocol_type = "test",
          .protocols = {{.name = "p", .metadata = {std::byte{1}}}}};
}

TEST_CASE("closing answers a member that waits for others, however long they would take") {
  BrokerWorld world;
  WireClient one = world.Connect();
  one.Send(JoinWaiting(""), 3);
  world.sim.executor->RunFor(4 * kSecondNanos);
  const auto joined = one.Receive<wire::JoinGroupResponse>(3);
  REQUIRE(joined.ok());
  REQUIRE(joined->error_code == 0);
  // The second waits until the first joins again, or its time-out is over.
  WireClient two = world.Connect();
  two.Send(JoinWaiting(""), 3);
  CHECK(two.answers() == 0);
  REQUIRE(world.broker->Close(absl::InfiniteDuration()).ok());
  const auto answered = two.Receive<wire::JoinGroupResponse>(3);
  REQUIRE(answered.ok());
  CHECK(answered->error_code == static_cast<int16_t>(ErrorCode::kCoordinatorNotAvailable));
  CHECK(two.closed());
  CHECK(one.closed());
  world.broker.reset();
  // What comes later is dropped.
  world.sim.executor->RunFor(400 * kSecondNanos);
  CHECK(two.answers() == 0);
}

TEST_CASE("closing takes up no more requests") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  WireClient client = world.Connect();
  client.Send(wire::FetchRequest{.max_wait_ms = 100'000,
                                 .min_bytes = 1,
                                 .topics = {{.topic = "orders", .partitions = {{.partition_max_bytes = 1}}}}},
              11);
  // It lies behind the first, which is under way.
  client.Send(wire::MetadataRequest{.topics = {{{.name = "new"}}}}, 4);
  CHECK(client.answers() == 0);
  REQUIRE(world.broker->Close(absl::Seconds(1)).ok());
  CHECK(client.answers() == 1);
  CHECK(client.closed());
  CHECK_FALSE(world.engine->admin().DescribeTopic("new").ok());
}

TEST_CASE("a connection goes on once its client has taken its answers, however small the limit") {
  const size_t unsent_bytes_max = GENERATE(size_t{0}, size_t{1000}, size_t{1} << 20);
  BrokerWorld world({.unsent_bytes_max = unsent_bytes_max});
  REQUIRE(world.engine->CreateTopic("orders").ok());
  auto producer = world.engine->NewProducer({.linger = absl::ZeroDuration()});
  REQUIRE(producer.ok());
  // More than the pipe between the two holds.
  const std::string value(600'000, 'v');
  REQUIRE((*producer)->Send("orders", {.value = value}).ok());
  REQUIRE((*producer)->Flush(absl::Seconds(1)).ok());
  WireClient client = world.Connect();
  for (int i = 0; i < 3; ++i) {
    client.Send(
        wire::FetchRequest{.min_bytes = 1,
                           .topics = {{.topic = "orders", .partitions = {{.partition_max_bytes = 1 << 20}}}}},
        11);
  }
  CHECK(client.answers() == 3);
}

}  // namespace
}  // namespace millrace::inline v0
