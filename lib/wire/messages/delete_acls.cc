#include "millrace/wire/messages/delete_acls.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DeleteAclsRequest);
MILLRACE_WIRE_INSTANTIATE(DeleteAclsResponse);

}  // namespace millrace::inline v0::wire
