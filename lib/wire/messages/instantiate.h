// Compiles a message's codec; see millrace/wire/message.h. One .cc for each API key, because each message
// costs about a second.

#ifndef MILLRACE_WIRE_MESSAGES_INSTANTIATE_H_
#define MILLRACE_WIRE_MESSAGES_INSTANTIATE_H_

#include "millrace/wire/message.h"

#define MILLRACE_WIRE_INSTANTIATE(S) MILLRACE_WIRE_CODEC(template, S)

#endif  // MILLRACE_WIRE_MESSAGES_INSTANTIATE_H_
