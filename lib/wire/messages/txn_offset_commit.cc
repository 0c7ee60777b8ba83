#include "millrace/wire/messages/txn_offset_commit.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(TxnOffsetCommitRequest);
MILLRACE_WIRE_INSTANTIATE(TxnOffsetCommitResponse);

}  // namespace millrace::inline v0::wire
