// ProcessFence: a memory barrier in every thread of the process at once, paid for by the one that asks for
// it.
//
// Where one side of "store, then look whether the other has" runs millions of times a second and the other
// seldom, the seldom one takes the barrier for both.

#ifndef MILLRACE_ENV_PROCESS_FENCE_H_
#define MILLRACE_ENV_PROCESS_FENCE_H_

namespace millrace::inline v0 {

// Thread-safe.
class ProcessFence {
 public:
  // Whether this system has it. False: both sides need barriers of their own. The same for all of a process's
  // life.
  static bool Available();
  // What the calling thread stored before is seen by what any other thread loads, in its program's order,
  // after some moment within this call; and the other way about. Requires: Available().
  static void Run();
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_PROCESS_FENCE_H_
