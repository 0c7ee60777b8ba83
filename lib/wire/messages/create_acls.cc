#include "millrace/wire/messages/create_acls.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(CreateAclsRequest);
MILLRACE_WIRE_INSTANTIATE(CreateAclsResponse);

}  // namespace millrace::inline v0::wire
