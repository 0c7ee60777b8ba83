// What a thread does between two looks at something that another thread is about to change.

#ifndef MILLRACE_ENV_SPIN_H_
#define MILLRACE_ENV_SPIN_H_

namespace millrace::inline v0 {

// Some tens of nanoseconds in which the processor may do something for its sibling.
inline void SpinPause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Lets another thread that could run have the processor: the one waited for may be among them.
void YieldProcessor();

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_SPIN_H_
