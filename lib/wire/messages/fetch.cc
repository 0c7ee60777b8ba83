#include "millrace/wire/messages/fetch.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(FetchRequest);
MILLRACE_WIRE_INSTANTIATE(FetchResponse);

}  // namespace millrace::inline v0::wire
