#include "env/posix_thread.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <system_error>

#include "base/check.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

// While it lives, threads that are started block the signals that are sent to the process.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    ::sigfillset(&blocked);
    for (const int open : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
      ::sigdelset(&blocked, open);
    }
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// The kernel keeps 15 characters: cut the name, not the number.
std::string ThreadName(std::string_view name, size_t number) {
  const std::string suffix = StrCat("-", number);
  return StrCat(name.substr(0, 15 - std::min<size_t>(suffix.size(), 15)), suffix);
}

}  // namespace

absl::StatusOr<PosixThread> PosixThread::Start(std::string_view name, size_t number,
                                               absl::AnyInvocable<void()> run) {
  const SignalsBlocked blocked;
  try {
    return PosixThread(std::thread([run = std::move(run), name = ThreadName(name, number)]() mutable {
      ::pthread_setname_np(::pthread_self(), name.c_str());
      run();
    }));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        ToAbsl(StrCat("cannot start thread ", ThreadName(name, number), ": ", error.what())));
  }
}

void PosixThread::Join() {
  if (!thread_.joinable()) return;
  MILLRACE_CHECK(thread_.get_id() != std::this_thread::get_id());
  thread_.join();
}

}  // namespace millrace::inline v0
