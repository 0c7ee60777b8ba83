// BrokerFaults: what the clients of a broker are to meet in a test: errors, delays, broken connections. In
// the component millrace::broker.
//
//   // The next two produce requests are refused, and the one after is stored but never answered.
//   auto refuse = broker->faults().Add(
//       {.api = wire::ApiKey::kProduce, .times = 2, .error = ErrorCode::kNotLeaderOrFollower});
//   auto forget = broker->faults().Add({.api = wire::ApiKey::kProduce, .carry_out = true, .drop = true});
//
// librdkafka's mock cluster has such hooks (rd_kafka_mock_push_request_errors); here they sit in a broker
// that keeps what it is given. A broker without faults pays one look at a flag for each request.

#ifndef MILLRACE_BROKER_FAULTS_H_
#define MILLRACE_BROKER_FAULTS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/export.h"
#include "millrace/status.h"
#include "millrace/types.h"
#include "millrace/wire/api_keys.h"

namespace millrace::inline v0 {

using FaultId = StrongId<struct FaultIdTag, uint64_t>;

struct MILLRACE_EXPORT Fault {
  // --- Which requests meet it. Only those that the broker serves count.

  // Nullopt: of every kind.
  std::optional<wire::ApiKey> api = std::nullopt;
  // Only those that name this topic (beside others, perhaps), or its id while it exists; empty: all. Fetches
  // of a session name what has changed in it.
  std::string topic = {};
  // Only those of clients that call themselves so ("client.id"); empty: all.
  std::string client_id = {};
  // The first of them to meet it, counted from now: 1 is the next one. At least 1.
  uint64_t nth = 1;
  // How many meet it from there on; UINT64_MAX: all. At least 1.
  uint64_t times = 1;

  // --- What happens to them, in this order

  // The broker carries the request out as always, and the rest happens to its answer. Without it the request
  // is delayed, and then answered with `error`, dropped, or, with neither, carried out.
  bool carry_out = false;
  // InfiniteDuration: it is never answered; its connection ends with the broker's Close, or the client's.
  absl::Duration delay = absl::ZeroDuration();
  // Stands wherever the answer has a place for an error: in the whole, for each topic, for each partition.
  // Where it has none (an answer that lists nothing; a produce with acks=0), the connection ends.
  ErrorCode error = ErrorCode::kNone;
  // The connection ends without an answer.
  bool drop = false;

  // kInvalidArgument naming the field: a fault that does nothing, `nth` or `times` of 0, a negative delay,
  // `error` together with `drop`.
  absl::Status Validate() const;
};

// Thread-safe; lives as long as its broker. A request meets the first fault, in the order of adding, that is
// for it, and no other.
class MILLRACE_EXPORT BrokerFaults {
 public:
  virtual ~BrokerFaults() = default;

  // Errors: those of Validate; nothing was added then.
  virtual absl::StatusOr<FaultId> Add(Fault fault) = 0;
  // Requests that have met it (they may still be delayed) are not freed by it. False: there is none of that
  // id, or no longer.
  virtual bool Remove(FaultId id) = 0;
  virtual void Clear() = 0;
  // How many requests have met a fault so far, removed and spent ones included. 0 for an id never given.
  virtual uint64_t met(FaultId id) const = 0;

  // Ends all connections that are open now.
  virtual void DropConnections() = 0;
  // While it is set, connections that come in end at once. Open ones stay.
  virtual void RefuseConnections(bool refuse) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_FAULTS_H_
