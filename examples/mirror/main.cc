// Store and forward: an edge writes to its own engine, whether or not the cluster is there, and a mirror
// brings the records over. Then the same code that reads an engine reads the cluster.
//
//   mirror [BOOTSTRAP]     a cluster, "host:port"; without one, a broker of its own in this process
//
// The topic "readings" is made where it is missing.

#include <iostream>
#include <string>

#include "millrace/broker.h"
#include "millrace/mirror.h"
#include "millrace/transport.h"

namespace {

constexpr int kReadings = 1000;

int Fail(std::string_view what, const absl::Status& why) {
  std::cerr << "mirror: " << what << ": " << why.message() << '\n';
  return 1;
}

absl::Status Write(millrace::Producer& producer, int first, int last) {
  for (int i = first; i < last; ++i) {
    const std::string value = std::to_string(20 + i % 5) + " degrees";
    if (absl::Status sent = producer.Send("readings", {.key = "sensor", .value = value}); !sent.ok())
      return sent;
  }
  return producer.Flush();
}

// Knows nothing of where the consumer came from.
absl::StatusOr<int> Count(millrace::Consumer& consumer, int wanted) {
  if (absl::Status ok = consumer.Assign({{"readings", millrace::PartitionId(0)}}); !ok.ok()) return ok;
  int count = 0;
  while (count < wanted) {
    auto batches = consumer.Poll(absl::Seconds(10));
    if (!batches.ok()) return batches.status();
    if (batches->empty()) break;
    for (const millrace::Batch& batch : *batches) count += batch.view().record_count();
  }
  return count;
}

int Run(const std::string& bootstrap, millrace::BrokerFaults* faults) {
  auto edge = millrace::Engine::Open({});
  if (!edge.ok()) return Fail("opening the engine", edge.status());
  if (absl::Status made = (*edge)->CreateTopic("readings"); !made.ok())
    return Fail("creating the topic", made);
  auto cluster = millrace::Connect(bootstrap);
  if (!cluster.ok()) return Fail("connecting", cluster.status());
  auto mirror =
      millrace::Mirror::Make(edge->get(), cluster->get(), {.name = "edge-1", .topics = {{"readings"}}});
  if (!mirror.ok()) return Fail("making the mirror", mirror.status());

  auto producer = (*edge)->NewProducer();
  if (!producer.ok()) return Fail("making a producer", producer.status());
  if (absl::Status ok = Write(**producer, 0, kReadings / 2); !ok.ok()) return Fail("writing", ok);
  if (absl::Status ok = (*mirror)->Drain(absl::Seconds(30)); !ok.ok()) return Fail("forwarding", ok);
  // The line goes down (where the broker is ours); readings are stored at the edge.
  if (faults != nullptr) {
    faults->RefuseConnections(true);
    faults->DropConnections();
  }
  if (absl::Status ok = Write(**producer, kReadings / 2, kReadings); !ok.ok()) return Fail("writing", ok);
  if (faults != nullptr) faults->RefuseConnections(false);
  if (absl::Status ok = (*mirror)->Drain(absl::Seconds(30)); !ok.ok()) return Fail("forwarding", ok);
  if (absl::Status ok = (*mirror)->Close(absl::Seconds(10)); !ok.ok()) return Fail("closing the mirror", ok);

  auto consumer = (*cluster)->NewConsumer({.start = millrace::Start::kEarliest});
  if (!consumer.ok()) return Fail("making a consumer", consumer.status());
  const auto count = Count(**consumer, kReadings);
  if (!count.ok()) return Fail("reading the cluster", count.status());
  std::cout << *count << " readings are in the cluster\n";
  return *count >= kReadings ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return Run(argv[1], nullptr);
  auto engine = millrace::Engine::Open({});
  auto tcp = millrace::NewTcpTransport();
  if (!engine.ok() || !tcp.ok()) return Fail("starting", engine.ok() ? tcp.status() : engine.status());
  auto broker = millrace::Broker::Start(
      {.engine = engine->get(), .listeners = {{.transport = tcp->get(), .address = "127.0.0.1:0"}}});
  if (!broker.ok()) return Fail("starting a broker", broker.status());
  if (absl::Status ok = (*engine)->CreateTopic("readings"); !ok.ok()) return Fail("creating the topic", ok);
  return Run((*broker)->bootstrap_servers(), &(*broker)->faults());
}
