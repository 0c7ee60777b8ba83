#include "millrace/wire/messages/list_groups.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ListGroupsRequest);
MILLRACE_WIRE_INSTANTIATE(ListGroupsResponse);

}  // namespace millrace::inline v0::wire
