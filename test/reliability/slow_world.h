// A broker on a simulated network, clients that are slow in every way they can be, and a good one beside
// them.

#ifndef MILLRACE_TEST_RELIABILITY_SLOW_WORLD_H_
#define MILLRACE_TEST_RELIABILITY_SLOW_WORLD_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/wire_client.h"
#include "millrace/broker.h"
#include "millrace/engine.h"
#include "millrace/record.h"
#include "millrace/testing/sim_env.h"
#include "millrace/testing/sim_network.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/produce.h"
#include "reliability/requests.h"

namespace millrace::inline v0 {

struct SlowWorld {
  explicit SlowWorld(ConnectionOptions connection, BrokerOptions options = {}) {
    auto opened = Engine::Open({.directory = "/data",
                                .env = sim.env(),
                                .offsets_topic_num_partitions = 1,
                                .group_initial_rebalance_delay = absl::Minutes(5)});
    REQUIRE(opened.ok());
    engine = *std::move(opened);
    REQUIRE(engine->CreateTopic("orders").ok());
    transport = network.NewTransport("broker");
    good_transport = network.NewTransport("good");
    options.engine = engine.get();
    options.listeners = {
        {.transport = transport.get(), .address = "broker:9092", .options = {.connection = connection}}};
    auto started = Broker::Start(options);
    REQUIRE(started.ok());
    broker = *std::move(started);
    good.emplace(&sim, good_transport.get(), "broker:9092");
  }

  std::unique_ptr<RawPeer> Connect(std::string_view host = "slow") {
    auto peer = network.ConnectRaw(host, "broker:9092");
    REQUIRE(peer != nullptr);
    return peer;
  }
  void RunSeconds(int64_t seconds) { sim.executor->RunFor(seconds * 1'000'000'000); }

  // Whether the good client is served, at once: a record goes in, and comes out.
  bool Serves() {
    BatchBuilder builder;
    builder.Append({.value = "v"}, Timestamp(1'700'000'000'000));
    const auto batch = builder.Finish();
    const wire::ProduceRequest produce{
        .acks = -1,
        .timeout_ms = 1000,
        .topic_data = {{.name = "orders", .partition_data = {{.index = 0, .records = *batch}}}}};
    const auto produced = good->Call<wire::ProduceResponse>(produce, 8);
    if (!produced.ok() || produced->responses[0].partition_responses[0].error_code != 0) return false;
    const wire::FetchRequest fetch{
        .session_epoch = -1,
        .topics = {{.topic = "orders",
                    .partitions = {{.fetch_offset = produced->responses[0].partition_responses[0].base_offset,
                                    .partition_max_bytes = 1 << 20}}}}};
    const auto fetched = good->Call<wire::FetchResponse>(fetch, 11);
    return fetched.ok() && !fetched->responses[0].partitions[0].records->empty();
  }
  // For each of so many seconds `each()`, and then whether the good client is served; returns how often.
  template <typename Each>
  int ServesFor(int seconds, Each each) {
    int served = 0;
    for (int second = 0; second < seconds; ++second) {
      each();
      RunSeconds(1);
      served += Serves() ? 1 : 0;
    }
    return served;
  }
  int ServesFor(int seconds) {
    return ServesFor(seconds, [] {});
  }

  // The sum of a metric's series with these labels among theirs.
  int64_t Counted(std::string_view name, const Labels& labels = {}) {
    int64_t sum = 0;
    for (const auto& sample : engine->metrics().Snapshot().samples) {
      if (sample.name != name) continue;
      bool fits = true;
      for (const auto& label : labels) fits &= std::ranges::find(sample.labels, label) != sample.labels.end();
      if (fits) sum += sample.value;
    }
    return sum;
  }
  // Without the good client.
  int64_t Open() { return Counted("kafka_server_socketservermetrics_connection_count") - 1; }
  int64_t EndedAtDeadline() {
    return Counted("millrace_listener_ended_connections_total", {{"reason", "deadline"}});
  }

  SimEnv sim{7};
  SimNetwork network{sim};
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Transport> good_transport;
  std::unique_ptr<Broker> broker;
  std::optional<WireClient> good;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_RELIABILITY_SLOW_WORLD_H_
