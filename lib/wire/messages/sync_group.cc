#include "millrace/wire/messages/sync_group.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(SyncGroupRequest);
MILLRACE_WIRE_INSTANTIATE(SyncGroupResponse);

}  // namespace millrace::inline v0::wire
