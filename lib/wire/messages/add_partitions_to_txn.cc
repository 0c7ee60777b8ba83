#include "millrace/wire/messages/add_partitions_to_txn.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(AddPartitionsToTxnRequest);
MILLRACE_WIRE_INSTANTIATE(AddPartitionsToTxnResponse);

}  // namespace millrace::inline v0::wire
