// Embedded Kafka in tests: each case has a broker of its own, tells it what the client is to meet, and looks
// afterwards at what has arrived.

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "../wire_client.h"
#include "embedded_kafka.h"
#include "millrace/record.h"
#include "millrace/wire/messages/produce.h"

namespace {

using millrace::ErrorCode;

// The code under test: sends a value, again where that promises success. Returns how often it has sent.
absl::StatusOr<int> SendWithRetries(EmbeddedKafka& kafka, const std::string& value) {
  millrace::BatchBuilder builder;
  builder.Append({.value = value}, millrace::Timestamp(1'700'000'000'000));
  auto client = std::make_unique<WireClient>(&kafka.transport(), kafka.bootstrap_servers());
  const auto batch = builder.Finish();
  if (!batch.ok()) return batch.status();
  for (int attempt = 1; attempt <= 5; ++attempt) {
    const auto answer = client->Call<millrace::wire::ProduceResponse>(
        millrace::wire::ProduceRequest{
            .acks = -1,
            .timeout_ms = 1000,
            .topic_data = {{.name = "orders", .partition_data = {{.index = 0, .records = *batch}}}}},
        9);
    if (absl::IsUnavailable(answer.status())) {
      client = std::make_unique<WireClient>(&kafka.transport(), kafka.bootstrap_servers());
      continue;
    }
    if (!answer.ok()) return answer.status();
    const auto code = static_cast<ErrorCode>(answer->responses[0].partition_responses[0].error_code);
    if (code == ErrorCode::kNone) return attempt;
    if (code != ErrorCode::kNotLeaderOrFollower) return absl::InternalError("refused for good");
  }
  return absl::UnavailableError("five attempts were not enough");
}

int64_t Stored(EmbeddedKafka& kafka) {
  return (*kafka.engine().PartitionLog({"orders", millrace::PartitionId(0)}))->log_end_offset().value();
}

// What this process has open: threads, descriptors.
std::vector<ptrdiff_t> Traces() {
  std::vector<ptrdiff_t> traces;
  for (const char* what : {"/proc/self/task", "/proc/self/fd"}) {
    std::error_code none;
    traces.push_back(std::distance(std::filesystem::directory_iterator(what, none), {}));
  }
  return traces;
}

class Orders : public EmbeddedKafka {
 protected:
  Orders() { REQUIRE(engine().CreateTopic("orders").ok()); }
};

TEST_CASE_METHOD(Orders, "a value is sent once") {
  CHECK(SendWithRetries(*this, "paid").value() == 1);
  CHECK(Stored(*this) == 1);
}

TEST_CASE_METHOD(Orders, "a broker that is not the leader just now is asked again") {
  const auto fault = faults().Add(
      {.api = millrace::wire::ApiKey::kProduce, .times = 2, .error = ErrorCode::kNotLeaderOrFollower});
  CHECK(SendWithRetries(*this, "paid").value() == 3);
  CHECK(faults().met(*fault) == 2);
  CHECK(Stored(*this) == 1);
}

TEST_CASE_METHOD(Orders,
                 "a connection that is lost before the answer makes a duplicate without idempotence") {
  REQUIRE(faults().Add({.api = millrace::wire::ApiKey::kProduce, .carry_out = true, .drop = true}).ok());
  CHECK(SendWithRetries(*this, "paid").value() == 2);
  CHECK(Stored(*this) == 2);
}

TEST_CASE_METHOD(Orders, "an error that will not pass is not tried again") {
  REQUIRE(faults().Add({.topic = "orders", .error = ErrorCode::kInvalidTopicException}).ok());
  CHECK(SendWithRetries(*this, "paid").status().message() == "refused for good");
  CHECK(Stored(*this) == 0);
}

TEST_CASE("brokers in one process know nothing of each other, and leave nothing behind") {
  const std::vector<ptrdiff_t> before = Traces();
  {
    EmbeddedKafka first;
    EmbeddedKafka second;
    CHECK(first.bootstrap_servers() != second.bootstrap_servers());
    REQUIRE(first.engine().CreateTopic("orders").ok());
    REQUIRE(second.engine().CreateTopic("orders").ok());
    CHECK(SendWithRetries(first, "paid").ok());
    CHECK(Stored(first) == 1);
    CHECK(Stored(second) == 0);
    CHECK(Traces() != before);
  }
  CHECK(Traces() == before);
}

}  // namespace
