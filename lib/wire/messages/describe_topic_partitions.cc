#include "millrace/wire/messages/describe_topic_partitions.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeTopicPartitionsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeTopicPartitionsResponse);

}  // namespace millrace::inline v0::wire
