#include "millrace/wire/messages/join_group.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(JoinGroupRequest);
MILLRACE_WIRE_INSTANTIATE(JoinGroupResponse);

}  // namespace millrace::inline v0::wire
