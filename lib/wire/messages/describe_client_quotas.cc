#include "millrace/wire/messages/describe_client_quotas.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeClientQuotasRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeClientQuotasResponse);

}  // namespace millrace::inline v0::wire
