// TcpResponder: answers each connection once, and ends it. For small services beside the frames of Kafka.

#ifndef MILLRACE_TRANSPORT_TCP_RESPONDER_H_
#define MILLRACE_TRANSPORT_TCP_RESPONDER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::inline v0 {

// Has one thread. Thread-safe.
class TcpResponder {
 public:
  struct Options {
    // As of Transport::Listen.
    std::string address = "127.0.0.1:0";
    // More are closed as soon as they are accepted. At least 1.
    int connections_max = 16;
    // Of a request. At least 1.
    size_t bytes_max = 8192;
    // A connection ends so long after it was accepted, whatever it is at.
    absl::Duration timeout = absl::Seconds(10);
    // Of the thread: "<name>-0".
    std::string name = "millrace-http";
  };
  // Called on the thread with all that has come so far. Nullopt: more is needed; not when `full`: no more
  // will be read.
  using Answer = absl::AnyInvocable<std::optional<std::string>(std::string_view request, bool full)>;

  // Errors: those of Transport::Listen.
  static absl::StatusOr<std::unique_ptr<TcpResponder>> Start(Options options, Answer answer);
  // Ends all connections; when it returns nothing of it runs any more. Not to be run by its thread.
  virtual ~TcpResponder() = default;

  // Where it listens, with the real port.
  virtual const std::string& address() const = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_TCP_RESPONDER_H_
