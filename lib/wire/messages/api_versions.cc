#include "millrace/wire/messages/api_versions.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ApiVersionsRequest);
MILLRACE_WIRE_INSTANTIATE(ApiVersionsResponse);

}  // namespace millrace::inline v0::wire
