// MILLRACE_CHECK: assertions for errors of the programmer, on in release too. Never for what input, the disk
// or the caller's data can cause: those get a status.

#ifndef MILLRACE_BASE_CHECK_H_
#define MILLRACE_BASE_CHECK_H_

namespace millrace::inline v0 {

// Ends the process where the debugger or the core file shows what was violated. Writes nothing.
[[noreturn, gnu::cold, gnu::noinline]] inline void CheckFailed([[maybe_unused]] const char* condition,
                                                               [[maybe_unused]] const char* file,
                                                               [[maybe_unused]] int line) {
  [[maybe_unused]] const char* volatile kept_condition = condition;
  [[maybe_unused]] const char* volatile kept_file = file;
  [[maybe_unused]] volatile int kept_line = line;
  __builtin_trap();
}

}  // namespace millrace::inline v0

// Traps unless `condition` holds. Costs one predictable branch.
#define MILLRACE_CHECK(condition)                              \
  do {                                                         \
    if (!(condition)) [[unlikely]] {                           \
      ::millrace::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                          \
  } while (false)

#endif  // MILLRACE_BASE_CHECK_H_
