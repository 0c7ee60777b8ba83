#include "millrace/wire/messages/delete_groups.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DeleteGroupsRequest);
MILLRACE_WIRE_INSTANTIATE(DeleteGroupsResponse);

}  // namespace millrace::inline v0::wire
