#include "millrace/wire/messages/describe_groups.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeGroupsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeGroupsResponse);

}  // namespace millrace::inline v0::wire
