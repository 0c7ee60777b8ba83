#include "millrace/wire/messages/list_partition_reassignments.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ListPartitionReassignmentsRequest);
MILLRACE_WIRE_INSTANTIATE(ListPartitionReassignmentsResponse);

}  // namespace millrace::inline v0::wire
