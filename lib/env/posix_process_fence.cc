// Linux's membarrier(2), its private expedited form: some microseconds, whatever the number of threads.

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env/process_fence.h"

namespace millrace::inline v0 {
namespace {

bool Membarrier(int command) {
  return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool Register() {
  return Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
         Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

}  // namespace

bool ProcessFence::Available() {
  // A sandbox may forbid it, or a kernel not have it.
  static const bool available = Register();
  return available;
}

void ProcessFence::Run() {
  if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) || Register()) return;
  // Slower, and for every process.
  Membarrier(MEMBARRIER_CMD_GLOBAL);
}

}  // namespace millrace::inline v0
