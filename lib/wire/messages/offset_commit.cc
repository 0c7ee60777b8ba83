#include "millrace/wire/messages/offset_commit.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(OffsetCommitRequest);
MILLRACE_WIRE_INSTANTIATE(OffsetCommitResponse);

}  // namespace millrace::inline v0::wire
