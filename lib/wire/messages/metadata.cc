#include "millrace/wire/messages/metadata.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(MetadataRequest);
MILLRACE_WIRE_INSTANTIATE(MetadataResponse);

}  // namespace millrace::inline v0::wire
