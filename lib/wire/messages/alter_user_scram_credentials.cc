#include "millrace/wire/messages/alter_user_scram_credentials.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(AlterUserScramCredentialsRequest);
MILLRACE_WIRE_INSTANTIATE(AlterUserScramCredentialsResponse);

}  // namespace millrace::inline v0::wire
