#include "millrace/wire/messages/describe_producers.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeProducersRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeProducersResponse);

}  // namespace millrace::inline v0::wire
