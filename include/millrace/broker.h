// Broker: serves an engine to Kafka's clients over a transport. In the component millrace::broker.
//
//   auto tcp = millrace::NewTcpTransport();
//   auto broker = millrace::Broker::Start(
//       {.engine = engine->get(), .listeners = {{.transport = tcp->get(), .address = "127.0.0.1:0"}}});
//   (*broker)->bootstrap_servers();  // "127.0.0.1:41873": what a client is configured with
//
// Engine and transport must outlive it. With an engine that its host drives, groups and requests that wait
// get on only when RunOnce is called.
//
// Which of Kafka's APIs are served so far, lib/broker/README.md lists; ApiVersions tells the clients.

#ifndef MILLRACE_BROKER_H_
#define MILLRACE_BROKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/broker_faults.h"
#include "millrace/engine.h"
#include "millrace/export.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

// Where a broker listens: one of Kafka's `listeners`, with its `advertised.listeners`.
struct BrokerListener {
  // Borrowed; must outlive the broker.
  Transport* transport = nullptr;
  // Port 0: a free one.
  std::string address = "127.0.0.1:9092";
  // Where clients that came in here are told to connect to; empty: where it listens. Port 0: the port it
  // listens on.
  std::string advertised_address = {};
  ListenOptions options = {};
};

struct ServerConfig;

struct BrokerOptions {
  // Borrowed; must outlive the broker, and be open for writing.
  Engine* engine = nullptr;
  // At least one. Each is a broker of its own to those who come in through it; the data are the same.
  std::vector<BrokerListener> listeners = {};
  // "node.id".
  int32_t node_id = 1;
  // What clients are told ("cluster.id"): 22 characters of base64url. Empty: one is made up at each start.
  std::string cluster_id = {};
  // "broker.rack"; empty: none.
  std::string rack = {};
  // Whether asking for the metadata of a topic that is not there creates it, if the client agrees
  // ("auto.create.topics.enable").
  bool auto_create_topics = true;
  // The most that one fetch answers with, whatever it asks for ("fetch.max.bytes"), and waits for.
  int32_t fetch_max_bytes = 55 * 1024 * 1024;
  absl::Duration fetch_max_wait = absl::Minutes(5);
  // Fetch sessions at once ("max.incremental.fetch.session.cache.slots"); clients without one name all they
  // read each time. 0: none.
  int32_t fetch_sessions_max = 1000;
  // Connections that are open at once, on all listeners together ("max.connections"), and from one address
  // without its port ("max.connections.per.ip", and for some addresses a number of their own,
  // "max.connections.per.ip.overrides": "127.0.0.1", "::1"). One too many is closed as soon as it is
  // accepted, and counted. ListenOptions limits those of one listener.
  int32_t max_connections = INT32_MAX;
  int32_t max_connections_per_ip = INT32_MAX;
  std::map<std::string, int32_t> max_connections_per_ip_overrides = {};
  // While the requests that were not answered yet have more bytes than this, no connection is read from,
  // until half of them are gone ("queued.max.request.bytes"; Kafka has no limit by default). Nothing is
  // refused. Zero or less: no limit. What has not come whole is bounded beside it, for each listener, by this
  // and by ListenOptions::max_unfinished_bytes.
  int64_t queued_request_bytes_max = int64_t{512} << 20;
  // A connection is not read from while more unsent bytes than this wait for its client.
  size_t unsent_bytes_max = 1024 * 1024;
  // What a client is told that asks for the broker's configuration (millrace/server.h). Borrowed; must
  // outlive the broker. Null: what these options and the engine's say of it.
  const ServerConfig* server = nullptr;

  // kInvalidConfig naming the field and what it may be.
  absl::Status Validate() const;
};

// Thread-safe.
class MILLRACE_EXPORT Broker {
 public:
  // Listens, and answers from then on. Errors: those of Validate and of Transport::Listen (the listeners
  // before it are closed again), kFailedPrecondition for an engine that is closed or read-only.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(BrokerOptions options);
  // As Close with no time to drain.
  virtual ~Broker() = default;

  // "host:port,host:port": the advertised address of each listener, in their order.
  virtual const std::string& bootstrap_servers() const = 0;

  // What clients are to meet, in tests of theirs. Lives as long as the broker.
  virtual BrokerFaults& faults() = 0;

  // Accepts nothing more, answers what waits, sends what was answered, and closes the connections; what is
  // not through after `drain` is cut off. When it returns nothing of the broker runs any more. The engine is
  // as it was. Idempotent. Not to be called on a thread that runs the transport or the engine's executor, but
  // for hosts that drive the engine themselves.
  virtual absl::Status Close(absl::Duration drain) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_H_
