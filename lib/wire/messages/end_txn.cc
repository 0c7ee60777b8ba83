#include "millrace/wire/messages/end_txn.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(EndTxnRequest);
MILLRACE_WIRE_INSTANTIATE(EndTxnResponse);

}  // namespace millrace::inline v0::wire
