#include "millrace/wire/messages/add_offsets_to_txn.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(AddOffsetsToTxnRequest);
MILLRACE_WIRE_INSTANTIATE(AddOffsetsToTxnResponse);

}  // namespace millrace::inline v0::wire
