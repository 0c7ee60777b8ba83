#include "millrace/wire/messages/consumer_group_heartbeat.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ConsumerGroupHeartbeatRequest);
MILLRACE_WIRE_INSTANTIATE(ConsumerGroupHeartbeatResponse);

}  // namespace millrace::inline v0::wire
