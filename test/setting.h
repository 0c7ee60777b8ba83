// Figures of suites, which the environment may change.

#ifndef MILLRACE_TEST_SETTING_H_
#define MILLRACE_TEST_SETTING_H_

#include <cstdint>
#include <cstdlib>

namespace millrace::test {

inline int64_t Setting(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_SETTING_H_
