#include "millrace/wire/messages/list_offsets.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ListOffsetsRequest);
MILLRACE_WIRE_INSTANTIATE(ListOffsetsResponse);

}  // namespace millrace::inline v0::wire
