// Server: an engine and a broker from a server.properties, as Kafka's. In the component millrace::broker.
//
//   auto config = millrace::ParseServerProperties(text);        // all that is wrong with it, at once
//   millrace::FormatStorage(*config, millrace::RandomUuid());   // once for a directory
//   auto server = millrace::Server::Start(*std::move(config));
//   (*server)->broker().bootstrap_servers();                    // "localhost:9092"
//
// Which of Kafka's names mean something here, ServerPropertyNames() lists; DescribeConfigs tells the clients.

#ifndef MILLRACE_SERVER_H_
#define MILLRACE_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/broker.h"
#include "millrace/engine.h"
#include "millrace/env/random.h"
#include "millrace/export.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

// What a server.properties says, in our terms.
struct ServerConfig {
  // One of Kafka's `listeners`, with its `advertised.listeners`. Addresses as in BrokerListener.
  struct Listener {
    // "PLAINTEXT"; in upper case.
    std::string name = {};
    std::string address = {};
    std::string advertised_address = {};
    // "listener.name.NAME.max.connections": open at once on this listener.
    int32_t max_connections = INT32_MAX;
  };

  // log.dirs, num.partitions, the defaults of topics (log.retention.*, ...), groups. Its `env` may be set
  // before Start.
  EngineOptions engine = {};
  // node.id and limits. Its engine and its listeners are Start's to fill in.
  BrokerOptions broker = {};
  std::vector<Listener> listeners = {};
  // Of each of them: socket.request.max.bytes, connections.max.idle.ms.
  ListenOptions listen = {};
  // Event loops of the network ("num.network.threads").
  int32_t network_threads = 3;
  // "host:port" of the listener of metrics ("millrace.metrics.listener"); empty: none.
  std::string metrics_address = {};
  // What was unknown, and what means nothing here (the CONTROLLER listener, ...): each a line for a person.
  std::vector<std::string> warnings = {};
};

// Reads the text of a server.properties (java.util.Properties), then `overrides`, which win. What is left out
// has Kafka's default. Some names have several forms, of which the more precise wins, wherever it stands:
// log.retention.ms before .minutes before .hours, log.dirs before log.dir.
// kInvalidConfig: a line for each thing that is wrong, with its line, name, value and reason.
MILLRACE_EXPORT absl::StatusOr<ServerConfig> ParseServerProperties(
    std::string_view text, const std::vector<std::pair<std::string, std::string>>& overrides = {});

// Every name that means something here, sorted.
MILLRACE_EXPORT std::vector<std::string_view> ServerPropertyNames();

// 22 characters of URL-safe base64, the first of them no '-' (a tool would take it for a flag). Null: the
// system's random numbers.
MILLRACE_EXPORT std::string RandomUuid(Random* random = nullptr);

// What a directory's meta.properties says.
struct StorageInfo {
  std::string directory = {};
  // The rest is empty if not.
  bool formatted = false;
  std::string cluster_id = {};
  int32_t node_id = -1;
  std::string directory_id = {};
};

// kInvalidArgument: the engine of `config` has no directory. kDataLoss: there is a meta.properties, but
// damaged. Reads a file; changes nothing.
MILLRACE_EXPORT absl::StatusOr<StorageInfo> DescribeStorage(const ServerConfig& config);

// Writes meta.properties (version 1) into the directory of `config`, which it makes if it is missing.
// kInvalidArgument: `cluster_id` is no uuid as above, or there is no directory. kAlreadyExists: formatted
// before, and nothing is changed.
MILLRACE_EXPORT absl::Status FormatStorage(const ServerConfig& config, std::string_view cluster_id);

// Thread-safe.
class MILLRACE_EXPORT Server {
 public:
  // Opens the engine, listens by TCP, and serves. Each error is one line: what is in use (a port, the
  // directory), not formatted (kFailedPrecondition), of another node (kFailedPrecondition), and those of
  // Engine::Open and Broker::Start. An engine in memory alone (no directory) needs no format.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerConfig config);
  // As Close with no time to drain.
  virtual ~Server() = default;

  // Borrowed: they live as long as the server.
  virtual Engine& engine() = 0;
  virtual Broker& broker() = 0;
  // Where metrics are served, with the real port; empty: nowhere.
  virtual const std::string& metrics_address() const = 0;
  // As it was started with; the broker's cluster_id is the directory's.
  virtual const ServerConfig& config() const = 0;

  // The broker's connections within `drain`, then the engine. Idempotent.
  virtual absl::Status Close(absl::Duration drain) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_SERVER_H_
