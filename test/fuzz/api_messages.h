// All messages of the wire behind one interface (wire/any_message.h), compiled once.

#ifndef MILLRACE_TEST_FUZZ_API_MESSAGES_H_
#define MILLRACE_TEST_FUZZ_API_MESSAGES_H_

#include <vector>

#include "wire/any_message.h"

namespace millrace::inline v0::fuzz {

const std::vector<testing::AnyMessage>& ApiMessages();

}  // namespace millrace::inline v0::fuzz

#endif  // MILLRACE_TEST_FUZZ_API_MESSAGES_H_
