// Macros that pass an error on to the caller.

#ifndef MILLRACE_BASE_RETURN_IF_ERROR_H_
#define MILLRACE_BASE_RETURN_IF_ERROR_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates an absl::Status and returns it from the function unless it is OK.
#define MILLRACE_RETURN_IF_ERROR(expression)                                               \
  do {                                                                                     \
    if (absl::Status millrace_status = (expression); !millrace_status.ok()) [[unlikely]] { \
      return millrace_status;                                                              \
    }                                                                                      \
  } while (false)

#define MILLRACE_INTERNAL_CONCAT_2(a, b) a##b
#define MILLRACE_INTERNAL_CONCAT(a, b) MILLRACE_INTERNAL_CONCAT_2(a, b)
#define MILLRACE_INTERNAL_ASSIGN_OR_RETURN(holder, target, expression) \
  auto holder = (expression);                                          \
  if (!holder.ok()) [[unlikely]] {                                     \
    return std::move(holder).status();                                 \
  }                                                                    \
  target = *std::move(holder)

// Evaluates an absl::StatusOr, returns its error, or assigns its value: `target` may declare a variable.
//   MILLRACE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files->Open(path, OpenMode::kRead));
// Two statements: not for the body of an `if` without braces.
#define MILLRACE_ASSIGN_OR_RETURN(target, ...)                                                        \
  MILLRACE_INTERNAL_ASSIGN_OR_RETURN(MILLRACE_INTERNAL_CONCAT(millrace_status_or_, __LINE__), target, \
                                     (__VA_ARGS__))

#endif  // MILLRACE_BASE_RETURN_IF_ERROR_H_
