#include "millrace/wire/messages/offset_delete.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(OffsetDeleteRequest);
MILLRACE_WIRE_INSTANTIATE(OffsetDeleteResponse);

}  // namespace millrace::inline v0::wire
