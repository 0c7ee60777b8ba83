#include "millrace/wire/messages/offset_fetch.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(OffsetFetchRequest);
MILLRACE_WIRE_INSTANTIATE(OffsetFetchResponse);

}  // namespace millrace::inline v0::wire
