#include "millrace/wire/messages/alter_client_quotas.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(AlterClientQuotasRequest);
MILLRACE_WIRE_INSTANTIATE(AlterClientQuotasResponse);

}  // namespace millrace::inline v0::wire
