#include "millrace/wire/messages/list_config_resources.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(ListConfigResourcesRequest);
MILLRACE_WIRE_INSTANTIATE(ListConfigResourcesResponse);

}  // namespace millrace::inline v0::wire
