#include "millrace/wire/messages/describe_configs.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeConfigsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeConfigsResponse);

}  // namespace millrace::inline v0::wire
