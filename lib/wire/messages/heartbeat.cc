#include "millrace/wire/messages/heartbeat.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(HeartbeatRequest);
MILLRACE_WIRE_INSTANTIATE(HeartbeatResponse);

}  // namespace millrace::inline v0::wire
