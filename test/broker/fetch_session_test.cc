#include "broker/fetch_session.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "broker/broker_world.h"
#include "millrace/status.h"
#include "millrace/testing/sim_env.h"
#include "millrace/wire/messages/fetch.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// A client with a session over the partitions of one topic.
class Reader {
 public:
  Reader(BrokerWorld* world, int16_t version) : client_(world->Connect()), version_(version) {}

  wire::FetchRequest Request(int32_t epoch, std::vector<std::pair<int32_t, int64_t>> from) const {
    wire::FetchRequest request{.session_id = session_, .session_epoch = epoch};
    request.max_bytes = max_bytes;
    if (from.empty()) return request;
    auto& topic = request.topics.emplace_back();
    (version_ < 13 ? topic.topic : unused_) = "orders";
    if (version_ >= 13) topic.topic_id = id;
    for (const auto& [partition, offset] : from) {
      topic.partitions.push_back(
          {.partition = partition, .fetch_offset = offset, .partition_max_bytes = 1 << 20});
    }
    return request;
  }
  // How many bytes of records came of each partition that the answer names, by partition.
  std::map<int32_t, size_t> Ask(const wire::FetchRequest& request) {
    auto response = client_.Call<wire::FetchResponse>(request, version_);
    REQUIRE(response.ok());
    error = static_cast<ErrorCode>(response->error_code);
    if (error == ErrorCode::kNone) session_ = response->session_id;
    std::map<int32_t, size_t> answers;
    for (const auto& topic : response->responses) {
      for (const auto& one : topic.partitions) {
        answers[one.partition_index] = one.records->size();
        errors[one.partition_index] = static_cast<ErrorCode>(one.error_code);
      }
    }
    return answers;
  }
  std::map<int32_t, size_t> Ask(int32_t epoch, std::vector<std::pair<int32_t, int64_t>> from = {}) {
    return Ask(Request(epoch, std::move(from)));
  }

  TopicId id = {};
  int32_t max_bytes = 1 << 20;
  int32_t session() const { return session_; }
  void set_session(int32_t session) { session_ = session; }
  ErrorCode error = ErrorCode::kNone;
  std::map<int32_t, ErrorCode> errors;

 private:
  WireClient client_;
  const int16_t version_;
  int32_t session_ = 0;
  mutable std::string unused_;
};

void Publish(BrokerWorld& world, int32_t partition, int records = 1) {
  auto producer = world.engine->NewProducer();
  REQUIRE(producer.ok());
  const auto topic = (*producer)->Topic("orders");
  for (int i = 0; i < records; ++i)
    REQUIRE((*producer)->Send(*topic, {.value = "v"}, nullptr, PartitionId(partition)).ok());
  REQUIRE((*producer)->Flush().ok());
  REQUIRE((*producer)->Close().ok());
}

TEST_CASE("in a session only what is new is told, at every version that has sessions") {
  for (int16_t version = 7; version <= 18; ++version) {
    INFO(version);
    BrokerWorld world;
    const auto id = world.engine->admin().CreateTopic("orders", {.partitions = 3});
    REQUIRE(id.ok());
    Reader reader(&world, version);
    reader.id = *id;
    Publish(world, 1);
    const auto first = reader.Ask(0, {{0, 0}, {1, 0}, {2, 0}});
    CHECK(reader.session() > 0);
    REQUIRE(first.size() == 3);
    CHECK(first.at(0) == 0);
    CHECK(first.at(1) > 0);
    // The offset that goes on is named alone; the others stay.
    CHECK(reader.Ask(1, {{1, 1}}).empty());
    CHECK(reader.Ask(2).empty());
    Publish(world, 2);
    const auto news = reader.Ask(3);
    REQUIRE(news.size() == 1);
    CHECK(news.at(2) > 0);
    // The client that does not go on gets it again.
    CHECK(reader.Ask(4).size() == 1);
    CHECK(reader.Ask(5, {{2, 1}}).empty());
    // A log start that moves is news without records.
    Publish(world, 0, 2);
    CHECK(reader.Ask(6).size() == 1);
    CHECK(reader.Ask(7, {{0, 2}}).empty());
    REQUIRE(world.engine->admin().DeleteRecordsBefore({"orders", PartitionId(0)}, Offset(1)).ok());
    const auto moved = reader.Ask(8);
    REQUIRE(moved.size() == 1);
    CHECK(moved.at(0) == 0);
    CHECK(reader.Ask(9).empty());
  }
}

TEST_CASE("a long poll of a session waits for any of its partitions") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 2}).ok());
  WireClient client = world.Connect();
  wire::FetchRequest request{.max_wait_ms = 500, .min_bytes = 1, .session_id = 0, .session_epoch = 0};
  request.topics = {{.topic = "orders",
                     .partitions = {{.partition = 0, .partition_max_bytes = 1 << 20},
                                    {.partition = 1, .partition_max_bytes = 1 << 20}}}};
  client.Send(request, 11);
  CHECK(client.answers() == 0);
  world.sim.executor->RunFor(kSecond / 2);
  const auto first = client.Receive<wire::FetchResponse>(11);
  REQUIRE(first.ok());
  CHECK(first->responses.at(0).partitions.size() == 2);
  request.topics.clear();
  request.session_id = first->session_id;
  request.session_epoch = 1;
  client.Send(request, 11);
  CHECK(client.answers() == 0);
  Publish(world, 1);
  const auto second = client.Receive<wire::FetchResponse>(11);
  REQUIRE(second.ok());
  REQUIRE(second->responses.size() == 1);
  REQUIRE(second->responses[0].partitions.size() == 1);
  CHECK(second->responses[0].partitions[0].partition_index == 1);
}

TEST_CASE("partitions are added to a session and forgotten; one that is empty ends") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 3}).ok());
  Reader reader(&world, 11);
  CHECK(reader.Ask(0, {{0, 0}}).size() == 1);
  const int32_t session = reader.session();
  CHECK(reader.Ask(1, {{2, 0}}).size() == 1);  // new ones are told once
  Publish(world, 0);
  Publish(world, 2);
  auto forget = reader.Request(2, {});
  forget.forgotten_topics_data = {{.topic = "orders", .partitions = {0, 1}}};
  const auto rest = reader.Ask(forget);
  CHECK(rest.size() == 1);
  CHECK(rest.contains(2));
  forget = reader.Request(3, {});
  forget.forgotten_topics_data = {{.topic = "orders", .partitions = {2}}};
  CHECK(reader.Ask(forget).empty());
  CHECK(reader.session() == 0);
  reader.set_session(session);
  reader.Ask(4);
  CHECK(reader.error == ErrorCode::kFetchSessionIdNotFound);
}

TEST_CASE("requests that do not follow are refused, and change nothing") {
  BrokerWorld world;
  const auto id = world.engine->admin().CreateTopic("orders", {.partitions = 2});
  REQUIRE(id.ok());
  Reader reader(&world, 12);
  reader.Ask(0, {{0, 0}});
  const int32_t session = reader.session();
  Publish(world, 1);
  for (const int32_t epoch : {2, 7}) {
    CHECK(reader.Ask(epoch, {{1, 0}}).empty());
    CHECK(reader.error == ErrorCode::kInvalidFetchSessionEpoch);
  }
  CHECK(reader.Ask(1).empty());
  CHECK(reader.error == ErrorCode::kNone);
  Reader by_id(&world, 13);
  by_id.id = *id;
  by_id.set_session(session);
  by_id.Ask(2, {{1, 0}});
  CHECK(by_id.error == ErrorCode::kFetchSessionTopicIdError);
  // A session ends when its client says so, or asks for another.
  CHECK(reader.Ask(0, {{0, 0}}).size() == 1);
  CHECK(reader.session() != session);
  const int32_t other = reader.session();
  CHECK(reader.Ask(-1, {{0, 0}}).size() == 1);
  CHECK(reader.session() == 0);
  for (const int32_t ended : {session, other, 12345}) {
    reader.set_session(ended);
    reader.Ask(1);
    CHECK(reader.error == ErrorCode::kFetchSessionIdNotFound);
  }
}

TEST_CASE("an error is told each time; what comes after it is news") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders").ok());
  Reader reader(&world, 11);
  CHECK(reader.Ask(0, {{0, 5}}).size() == 1);
  CHECK(reader.errors[0] == ErrorCode::kOffsetOutOfRange);
  CHECK(reader.Ask(1).size() == 1);
  CHECK(reader.Ask(2, {{0, 0}}).size() == 1);
  CHECK(reader.errors[0] == ErrorCode::kNone);
  CHECK(reader.Ask(3).empty());
}

TEST_CASE("who had records goes to the end of the line") {
  BrokerWorld world;
  REQUIRE(world.engine->CreateTopic("orders", {.partitions = 3}).ok());
  for (int32_t partition = 0; partition < 3; ++partition) Publish(world, partition);
  Reader reader(&world, 11);
  reader.max_bytes = 1;  // one batch an answer
  std::vector<int32_t> order;
  for (int32_t epoch = 0; epoch < 6; ++epoch) {
    const auto answers = epoch == 0 ? reader.Ask(0, {{0, 0}, {1, 0}, {2, 0}}) : reader.Ask(epoch);
    for (const auto& [partition, bytes] : answers) {
      if (bytes > 0) order.push_back(partition);
    }
  }
  CHECK(order == std::vector<int32_t>{0, 1, 2, 0, 1, 2});
}

TEST_CASE("sessions make room for one another when they are old") {
  SimEnv sim(1);
  FetchSessionCache cache(sim.env(), 2);
  const auto parts = [](int32_t count) {
    std::vector<FetchPart> made;
    for (int32_t i = 0; i < count; ++i) made.push_back({.key = {.topic = "t", .partition = i}});
    return made;
  };
  const auto small = cache.Create(false, parts(1));
  const auto large = cache.Create(false, parts(3));
  REQUIRE(small != nullptr);
  REQUIRE(large != nullptr);
  CHECK(small->id() != large->id());
  CHECK(cache.Create(false, parts(9)) == nullptr);  // both are safe still
  sim.executor->RunFor(FetchSessionCache::kSafeNanos + 1);
  REQUIRE(cache.Find(small->id()).ok());
  REQUIRE(cache.Find(large->id()).ok());
  CHECK(cache.Create(false, parts(1)) == nullptr);  // no smaller one to drive out
  const auto larger = cache.Create(false, parts(2));
  REQUIRE(larger != nullptr);
  CHECK_FALSE(cache.Find(small->id()).ok());
  sim.executor->RunFor(FetchSessionCache::kSafeNanos + 1);
  REQUIRE(cache.Find(larger->id()).ok());
  const auto last = cache.Create(false, parts(1));  // in the place of the one nobody uses
  REQUIRE(last != nullptr);
  CHECK_FALSE(cache.Find(large->id()).ok());
  CHECK(cache.size() == 2);
  CHECK(FetchSessionCache(sim.env(), 0).Create(false, parts(1)) == nullptr);
}

}  // namespace
}  // namespace millrace::inline v0
