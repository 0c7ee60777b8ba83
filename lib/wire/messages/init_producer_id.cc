#include "millrace/wire/messages/init_producer_id.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(InitProducerIdRequest);
MILLRACE_WIRE_INSTANTIATE(InitProducerIdResponse);

}  // namespace millrace::inline v0::wire
