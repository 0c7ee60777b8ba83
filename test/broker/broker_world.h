// A broker over a simulated engine, and its clients.

#ifndef MILLRACE_TEST_BROKER_BROKER_WORLD_H_
#define MILLRACE_TEST_BROKER_BROKER_WORLD_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "broker/wire_client.h"
#include "millrace/broker.h"
#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"

namespace millrace::inline v0 {

struct BrokerWorld {
  explicit BrokerWorld(BrokerOptions options = {}, Budgets budgets = {},
                       absl::Duration rebalance_delay = absl::ZeroDuration()) {
    auto opened = Engine::Open({.directory = "/data",
                                .env = sim.env(),
                                .budgets = budgets,
                                .offsets_topic_num_partitions = 1,
                                .group_initial_rebalance_delay = rebalance_delay});
    REQUIRE(opened.ok());
    engine = *std::move(opened);
    transport = NewInMemoryTransport(sim.env());
    options.engine = engine.get();
    options.listeners = {{.transport = transport.get(), .address = "broker:9092"}};
    auto started = Broker::Start(options);
    INFO(std::string(started.status().message()));
    REQUIRE(started.ok());
    broker = *std::move(started);
  }
  WireClient Connect() { return WireClient(&sim, transport.get(), "broker:9092"); }

  SimEnv sim{7};
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Broker> broker;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_BROKER_BROKER_WORLD_H_
