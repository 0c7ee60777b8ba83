#include "millrace/wire/messages/create_partitions.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(CreatePartitionsRequest);
MILLRACE_WIRE_INSTANTIATE(CreatePartitionsResponse);

}  // namespace millrace::inline v0::wire
