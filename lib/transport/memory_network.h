// MemoryNetwork: addresses within the process, and connections between them. The in-memory transport is one
// host on it; a simulated network has several, and rules.

#ifndef MILLRACE_TRANSPORT_MEMORY_NETWORK_H_
#define MILLRACE_TRANSPORT_MEMORY_NETWORK_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "millrace/transport.h"
#include "transport/address.h"
#include "transport/listener_state.h"
#include "transport/memory_pipe.h"

namespace millrace::inline v0 {

class MemoryConnections;

// Who listens where, and every pipe that is in use. Thread-safe.
class MemoryNetwork {
 public:
  // One who listens.
  struct Place {
    std::string host = {};  // of the transport
    std::shared_ptr<ListenerState> listener = nullptr;
    std::shared_ptr<MemoryConnections> connections = nullptr;
  };

  // `env` must have an executor and a clock; `rules` may be null. All borrowed.
  MemoryNetwork(Env env, NetworkRules* rules) : env_(env), rules_(rules) {}

  const Env& env() const { return env_; }
  NetworkRules* rules() const { return rules_; }

  // Takes an address, port 0 replaced by a free one, and returns it as text. kAlreadyExists.
  absl::StatusOr<std::string> Reserve(HostPort address);
  // Who listens at a reserved address from now on.
  void Publish(const std::string& address, Place place);
  // Frees the address, unless somebody else has it by now.
  void Remove(const ListenerState& listener);
  // Null: nobody.
  std::shared_ptr<const Place> Find(std::string_view address) const;
  // Of the next connection.
  uint64_t NextNumber() { return next_number_.fetch_add(1); }
  // The address of the next connection that `host` makes.
  std::string NextClient(std::string_view host);

  // Connects somebody on `host`, who is given the pipes; the accepting end starts at once. kUnavailable.
  struct Link {
    std::shared_ptr<MemoryPipe> in = nullptr;
    std::shared_ptr<MemoryPipe> out = nullptr;
    std::string local_address = {};
  };
  static absl::StatusOr<Link> Connect(const std::shared_ptr<MemoryNetwork>& network, std::string_view host,
                                      std::string_view target, std::weak_ptr<PipeEnd> client);
  // Nothing gets through between `host` and who listens at `target`.
  bool Blocked(std::string_view host, std::string_view target) const;
  // The rules have changed: readers who wait look again.
  void Recheck();

 private:
  std::shared_ptr<MemoryPipe> NewPipe(std::string_view from, std::string_view to);

  const Env env_;
  NetworkRules* const rules_;

  std::atomic<uint64_t> next_number_{1};

  mutable Mutex mutex_;
  // Null: reserved.
  StringMap<std::shared_ptr<const Place>> places_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<MemoryPipe>> pipes_ ABSL_GUARDED_BY(mutex_);
  uint16_t next_port_ ABSL_GUARDED_BY(mutex_) = 30'000;
  uint64_t next_client_ ABSL_GUARDED_BY(mutex_) = 1;
};

// A transport of `host` on `network`.
std::unique_ptr<Transport> NewMemoryTransport(std::shared_ptr<MemoryNetwork> network, std::string host);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_MEMORY_NETWORK_H_
