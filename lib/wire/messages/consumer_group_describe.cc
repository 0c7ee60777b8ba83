#include "millrace/wire/messages/consumer_group_describe.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ConsumerGroupDescribeRequest);
MILLRACE_WIRE_INSTANTIATE(ConsumerGroupDescribeResponse);

}  // namespace millrace::inline v0::wire
