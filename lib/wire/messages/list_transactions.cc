#include "millrace/wire/messages/list_transactions.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ListTransactionsRequest);
MILLRACE_WIRE_INSTANTIATE(ListTransactionsResponse);

}  // namespace millrace::inline v0::wire
