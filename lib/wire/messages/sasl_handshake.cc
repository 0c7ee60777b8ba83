#include "millrace/wire/messages/sasl_handshake.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(SaslHandshakeRequest);
MILLRACE_WIRE_INSTANTIATE(SaslHandshakeResponse);

}  // namespace millrace::inline v0::wire
