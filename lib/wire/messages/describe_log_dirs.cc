#include "millrace/wire/messages/describe_log_dirs.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeLogDirsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeLogDirsResponse);

}  // namespace millrace::inline v0::wire
