#include "millrace/wire/messages/describe_user_scram_credentials.h"

#include "wire/messages/instantiate.h"

namespace millrace::inline v0::wire {

MILLRACE_WIRE_INSTANTIATE(DescribeUserScramCredentialsRequest);
MILLRACE_WIRE_INSTANTIATE(DescribeUserScramCredentialsResponse);

}  // namespace millrace::inline v0::wire
