// EmbeddedKafka: a broker of Kafka for a test case: on a free port of this machine, over an engine in memory,
// up in a few milliseconds, gone without a trace when the case is over. Any client of Kafka can connect.

#ifndef MILLRACE_EXAMPLES_EMBEDDED_KAFKA_TEST_EMBEDDED_KAFKA_H_
#define MILLRACE_EXAMPLES_EMBEDDED_KAFKA_TEST_EMBEDDED_KAFKA_H_

#include <memory>
#include <string>

#include "millrace/broker.h"
#include "millrace/millrace.h"

class EmbeddedKafka {
 public:
  // What "bootstrap.servers" of the client under test is set to.
  const std::string& bootstrap_servers() const { return broker_->bootstrap_servers(); }
  // Topics, and what lies in them, without a client.
  millrace::Engine& engine() { return *engine_; }
  // What the client is to meet.
  millrace::BrokerFaults& faults() { return broker_->faults(); }
  millrace::Transport& transport() { return *tcp_; }

 private:
  // value() ends the case where something fails.
  const std::unique_ptr<millrace::Engine> engine_ = millrace::Engine::Open({}).value();
  const std::unique_ptr<millrace::Transport> tcp_ = millrace::NewTcpTransport().value();
  const std::unique_ptr<millrace::Broker> broker_ =
      millrace::Broker::Start(
          {.engine = engine_.get(), .listeners = {{.transport = tcp_.get(), .address = "127.0.0.1:0"}}})
          .value();
};

#endif  // MILLRACE_EXAMPLES_EMBEDDED_KAFKA_TEST_EMBEDDED_KAFKA_H_
