#include "millrace/wire/messages/delete_records.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DeleteRecordsRequest);
MILLRACE_WIRE_INSTANTIATE(DeleteRecordsResponse);

}  // namespace millrace::inline v0::wire
