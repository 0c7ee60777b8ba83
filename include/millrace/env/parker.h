// Parker: how a thread of the host's waits inside a blocking call, and how it is woken.
//
// Only the thin blocking shells (Consumer::Poll, Producer::Flush, ...) park; the core never does. A simulated
// Parker runs the simulation until the awaited word changes, so that blocking code is simulated unchanged.

#ifndef MILLRACE_ENV_PARKER_H_
#define MILLRACE_ENV_PARKER_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "millrace/env/clock.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

// EventDescriptor: a file descriptor that becomes readable when signalled, for the host's own epoll loop.
// Signal() and Clear() are thread-safe. Closing happens in the destructor.
class MILLRACE_EXPORT EventDescriptor {
 public:
  virtual ~EventDescriptor() = default;
  // The descriptor to watch for reading. Borrowed: valid while this object lives; do not read or close it.
  virtual int fd() const = 0;
  virtual void Signal() = 0;
  virtual void Clear() = 0;
};

// Thread-safe.
class MILLRACE_EXPORT Parker {
 public:
  virtual ~Parker() = default;

  // Blocks while `word` holds `expected`, until UnparkAll(word) or `deadline` (kNever: no deadline). May
  // return early for no reason: the caller checks its condition again. Returns at once when `word` already
  // differs.
  virtual void Park(const std::atomic<uint32_t>& word, uint32_t expected, MonotonicNanos deadline) = 0;
  // Wakes every thread parked on `word`. The caller changes the word first.
  virtual void UnparkAll(std::atomic<uint32_t>& word) = 0;
  // Wakes `count` of them, or all if they are fewer. The others sleep on, though the word has changed.
  virtual void Unpark(std::atomic<uint32_t>& word, int count) = 0;
  // kUnimplemented where the environment has no descriptors (simulation).
  virtual absl::StatusOr<std::unique_ptr<EventDescriptor>> NewEventDescriptor() = 0;

  // Futexes and eventfd. Lives for ever.
  static Parker* System();
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_PARKER_H_
