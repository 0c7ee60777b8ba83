// A cluster behind bootstrap servers: records and groups through millrace::remote, the rest over the wire.

#ifndef MILLRACE_TOOLS_NETWORK_CLUSTER_H_
#define MILLRACE_TOOLS_NETWORK_CLUSTER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "millrace/env/env.h"
#include "millrace/transport.h"
#include "tools/cluster.h"
#include "tools/tool.h"

namespace millrace::inline v0::tools {

// Connects when something is first asked. `transport` and the members of `env` are borrowed.
std::unique_ptr<Cluster> NewNetworkCluster(const ConnectRequest& request, Transport* transport, Env env);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_NETWORK_CLUSTER_H_
