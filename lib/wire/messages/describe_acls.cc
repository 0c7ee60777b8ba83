#include "millrace/wire/messages/describe_acls.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeAclsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeAclsResponse);

}  // namespace millrace::inline v0::wire
