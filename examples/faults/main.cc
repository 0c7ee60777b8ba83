// Faults: a client meets an error, a delay and a lost connection, and recovers from each.
//
//   faults
//
// A broker in this process is told what to do to the client's next request. A client of any language would
// see the same: connect it to the printed address instead.

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include "../wire_client.h"
#include "millrace/broker.h"
#include "millrace/millrace.h"
#include "millrace/record.h"
#include "millrace/wire/messages/produce.h"

namespace {

using millrace::ErrorCode;
using millrace::wire::ApiKey;

// Sends one record until it is stored; says what happened on the way. False: it never was.
bool Send(millrace::Transport* tcp, const std::string& address, const std::string& value) {
  millrace::BatchBuilder builder;
  builder.Append({.value = value}, millrace::Timestamp(1'700'000'000'000));
  const auto batch = builder.Finish();
  if (!batch.ok()) return false;
  auto client = std::make_unique<WireClient>(tcp, address);
  for (int attempt = 1; attempt <= 5; ++attempt) {
    const auto began = std::chrono::steady_clock::now();
    const auto answer = client->Call<millrace::wire::ProduceResponse>(
        millrace::wire::ProduceRequest{
            .acks = -1,
            .timeout_ms = 1000,
            .topic_data = {{.name = "orders", .partition_data = {{.index = 0, .records = *batch}}}}},
        9);
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began)
            .count();
    std::cout << "  attempt " << attempt << ": ";
    if (!answer.ok()) {
      std::cout << "the connection ended; connecting again\n";
      client = std::make_unique<WireClient>(tcp, address);
      continue;
    }
    const auto& partition = answer->responses.at(0).partition_responses.at(0);
    if (partition.error_code == 0) {
      std::cout << "stored at offset " << partition.base_offset << (took >= 100 ? ", after a long while" : "")
                << '\n';
      return true;
    }
    std::cout << "refused with Kafka's error " << partition.error_code << '\n';
  }
  return false;
}

}  // namespace

int main() {
  auto engine = millrace::Engine::Open({});
  auto tcp = millrace::NewTcpTransport();
  if (!engine.ok() || !tcp.ok()) return 1;
  auto broker = millrace::Broker::Start(
      {.engine = engine->get(), .listeners = {{.transport = tcp->get(), .address = "127.0.0.1:0"}}});
  if (!broker.ok() || !(*engine)->CreateTopic("orders").ok()) return 1;
  const std::string& address = (*broker)->bootstrap_servers();
  std::cout << "a broker at " << address << '\n';

  const struct {
    const char* what;
    millrace::Fault fault;
  } lessons[] = {
      {"not the leader, twice",
       {.api = ApiKey::kProduce, .times = 2, .error = ErrorCode::kNotLeaderOrFollower}},
      {"slow", {.api = ApiKey::kProduce, .delay = absl::Milliseconds(150)}},
      {"gone before it stored anything", {.api = ApiKey::kProduce, .drop = true}},
      {"gone after it stored the record: it comes twice",
       {.api = ApiKey::kProduce, .carry_out = true, .drop = true}},
  };
  for (const auto& lesson : lessons) {
    std::cout << lesson.what << ":\n";
    const auto fault = (*broker)->faults().Add(lesson.fault);
    if (!fault.ok() || !Send(tcp->get(), address, lesson.what)) return 1;
    if ((*broker)->faults().met(*fault) != lesson.fault.times) return 1;
  }
  const auto log = (*engine)->PartitionLog({"orders", millrace::PartitionId(0)});
  if (!log.ok()) return 1;
  std::cout << "records sent: 4, stored: " << (*log)->log_end_offset().value() << '\n';
  return (*log)->log_end_offset().value() == 5 ? 0 : 1;
}
