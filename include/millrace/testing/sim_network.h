// SimNetwork: hosts with a network between them, ruled by a seed, in a simulated world. Connections run the
// code that TCP's run, over bytes that are late, come in pieces, stop half way, or do not come at all. Equal
// seeds and equal calls give equal runs.
//
//   SimEnv sim(seed);
//   SimNetwork network(sim, {.delay_max = absl::Milliseconds(5), .split = true, .cut_probability = 0.001});
//   auto server = network.NewTransport("broker-1");
//   auto client = network.NewTransport("app");
//   auto listener = server->Listen("broker-1:9092", ...);
//   auto connection = client->Connect("broker-1:9092", ...);
//   network.Partition("app", "broker-1");
//   sim.executor->RunFor(1'000'000'000);
//   network.Heal("app", "broker-1");
//
// In the target millrace::testing: of a tree that has millrace as a subdirectory, and not of an installed
// one.

#ifndef MILLRACE_TESTING_SIM_NETWORK_H_
#define MILLRACE_TESTING_SIM_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "millrace/export.h"
#include "millrace/testing/conformance.h"
#include "millrace/testing/sim_env.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

struct SimNetworkOptions {
  // Connecting, and each stretch of bytes written, takes so long: a time between the two, by the seed. Bytes
  // of one connection stay in order, as TCP's do.
  absl::Duration delay_min = absl::ZeroDuration();
  absl::Duration delay_max = absl::ZeroDuration();
  // A read gets a part of what is there, of any length from 1 byte. Else all of it, from however many writes.
  bool split = false;
  // How probable it is that a write is cut: a part of it, from no byte to all but one, arrives, and the
  // connection is lost. For both ends, which learn of it one after the other.
  double cut_probability = 0;
};

// What it has done so far.
struct SimNetworkCounts {
  uint64_t writes = 0;
  uint64_t cuts = 0;
  uint64_t split_reads = 0;
  bool operator==(const SimNetworkCounts&) const = default;
};

// For the one thread of the simulation. Must outlive its transports; borrows the world.
class MILLRACE_EXPORT SimNetwork {
 public:
  explicit SimNetwork(SimEnv& world, SimNetworkOptions options = {});
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // The network as `host` sees it. Any number of hosts; one host may have several. Destroying it is the death
  // of the host's process: its connections are lost to their other ends.
  std::unique_ptr<Transport> NewTransport(std::string host);

  // A client on `host` that sends bytes of any kind; null if nobody listens at `address`.
  std::unique_ptr<RawPeer> ConnectRaw(std::string_view host, std::string_view address);

  // From now on; what is on its way stays as it is.
  void SetOptions(SimNetworkOptions options);
  // Nothing gets through between two hosts, either way, until Heal: bytes wait, as TCP's would, and so does
  // who connects.
  void Partition(std::string_view a, std::string_view b);
  void Heal(std::string_view a, std::string_view b);
  void HealAll();
  // Cuts the nth write from now between any two hosts (1: the next one), after `bytes` of its bytes. 0 takes
  // it back.
  void CutAtWrite(uint64_t nth, size_t bytes = 0);

  SimNetworkCounts counts() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_SIM_NETWORK_H_
