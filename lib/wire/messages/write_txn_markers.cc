#include "millrace/wire/messages/write_txn_markers.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(WriteTxnMarkersRequest);
MILLRACE_WIRE_INSTANTIATE(WriteTxnMarkersResponse);

}  // namespace millrace::inline v0::wire
