#include "millrace/wire/messages/describe_transactions.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeTransactionsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeTransactionsResponse);

}  // namespace millrace::inline v0::wire
