// Cluster: what the tools talk to. Records go through the abstract Producer and Consumer, groups through
// Admin; what Admin does not tell (leaders, brokers, settings by name, what a broker speaks) goes over the
// wire.

#ifndef MILLRACE_TOOLS_CLUSTER_H_
#define MILLRACE_TOOLS_CLUSTER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "millrace/admin.h"
#include "millrace/consumer.h"
#include "millrace/producer.h"
#include "tools/wire_caller.h"

namespace millrace::inline v0::tools {

// Single-threaded. Must outlive what it made.
class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) = 0;
  virtual absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) = 0;
  // Borrowed.
  virtual absl::StatusOr<Admin*> admin() = 0;
  virtual WireCaller& wire() = 0;
};

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_CLUSTER_H_
