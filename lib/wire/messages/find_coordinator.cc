#include "millrace/wire/messages/find_coordinator.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(FindCoordinatorRequest);
MILLRACE_WIRE_INSTANTIATE(FindCoordinatorResponse);

}  // namespace millrace::inline v0::wire
