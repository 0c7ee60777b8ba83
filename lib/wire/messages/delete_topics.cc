#include "millrace/wire/messages/delete_topics.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DeleteTopicsRequest);
MILLRACE_WIRE_INSTANTIATE(DeleteTopicsResponse);

}  // namespace millrace::inline v0::wire
