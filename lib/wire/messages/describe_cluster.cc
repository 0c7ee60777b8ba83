#include "millrace/wire/messages/describe_cluster.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeClusterRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeClusterResponse);

}  // namespace millrace::inline v0::wire
