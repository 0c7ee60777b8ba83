#include "millrace/wire/messages/produce.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ProduceRequest);
MILLRACE_WIRE_INSTANTIATE(ProduceResponse);

}  // namespace millrace::inline v0::wire
