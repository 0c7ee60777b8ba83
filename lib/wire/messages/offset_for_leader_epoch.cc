#include "millrace/wire/messages/offset_for_leader_epoch.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(OffsetForLeaderEpochRequest);
MILLRACE_WIRE_INSTANTIATE(OffsetForLeaderEpochResponse);

}  // namespace millrace::inline v0::wire
