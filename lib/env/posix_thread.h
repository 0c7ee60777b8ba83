// PosixThread: a thread of ours in somebody's process: named, and deaf to the signals that are the host's.

#ifndef MILLRACE_ENV_POSIX_THREAD_H_
#define MILLRACE_ENV_POSIX_THREAD_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

// Movable. Thread-compatible.
class MILLRACE_EXPORT PosixThread {
 public:
  PosixThread() = default;
  PosixThread(PosixThread&&) = default;
  PosixThread& operator=(PosixThread&&) = delete;
  ~PosixThread() { Join(); }

  // The thread is named "<name>-<number>", 15 characters at most. It blocks the signals that are sent to the
  // process; what a thread's own fault raises stays open, and so does the profiler's. kResourceExhausted: the
  // limit of threads is reached.
  static absl::StatusOr<PosixThread> Start(std::string_view name, size_t number,
                                           absl::AnyInvocable<void()> run);

  // Waits for its end. The thread itself must not call it.
  void Join();

 private:
  explicit PosixThread(std::thread thread) : thread_(std::move(thread)) {}

  std::thread thread_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_POSIX_THREAD_H_
