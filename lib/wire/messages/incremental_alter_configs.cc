#include "millrace/wire/messages/incremental_alter_configs.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(IncrementalAlterConfigsRequest);
MILLRACE_WIRE_INSTANTIATE(IncrementalAlterConfigsResponse);

}  // namespace millrace::inline v0::wire
