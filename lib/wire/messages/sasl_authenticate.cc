#include "millrace/wire/messages/sasl_authenticate.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(SaslAuthenticateRequest);
MILLRACE_WIRE_INSTANTIATE(SaslAuthenticateResponse);

}  // namespace millrace::inline v0::wire
