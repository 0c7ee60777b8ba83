#include <sched.h>

#include "env/spin.h"

namespace millrace::inline v0 {

void YieldProcessor() {
  ::sched_yield();
}

}  // namespace millrace::inline v0
