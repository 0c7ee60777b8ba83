#include "millrace/wire/messages/alter_configs.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(AlterConfigsRequest);
MILLRACE_WIRE_INSTANTIATE(AlterConfigsResponse);

}  // namespace millrace::inline v0::wire
