#include "millrace/wire/messages/leave_group.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(LeaveGroupRequest);
MILLRACE_WIRE_INSTANTIATE(LeaveGroupResponse);

}  // namespace millrace::inline v0::wire
