#include "millrace/wire/messages/create_topics.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(CreateTopicsRequest);
MILLRACE_WIRE_INSTANTIATE(CreateTopicsResponse);

}  // namespace millrace::inline v0::wire
