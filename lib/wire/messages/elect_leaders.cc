#include "millrace/wire/messages/elect_leaders.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ElectLeadersRequest);
MILLRACE_WIRE_INSTANTIATE(ElectLeadersResponse);

}  // namespace millrace::inline v0::wire
