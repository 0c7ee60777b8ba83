// SimEnv: a world in one thread, ruled by a seed: time that moves when told, tasks that run in a fixed order,
// and files that lose what was not synced. The code under test runs unchanged; equal seeds and equal calls
// give equal runs.
//
//   SimEnv sim(seed);
//   auto engine = Engine::Open({.directory = "/data", .env = sim.env()});
//   ... append, sim.executor->RunReady(), sim.clock.Advance(...) ...
//   sim.files->Stop();             // the process stops here: nothing it does from now on has an effect
//   engine->reset();               // its destructors see errors
//   sim.Crash({.seed = seed});     // the power goes, and comes back
//   engine = Engine::Open(...);
//
// In the target millrace::testing: of a tree that has millrace as a subdirectory, and not of an installed
// one.

#ifndef MILLRACE_TESTING_SIM_ENV_H_
#define MILLRACE_TESTING_SIM_ENV_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "millrace/env/env.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

// Stands still until it is told to move. Thread-safe.
class SimClock final : public Clock {
 public:
  explicit SimClock(Timestamp wall = Timestamp(1'700'000'000'000)) : wall_ms_(wall.value()) {}

  MonotonicNanos Monotonic() override { return MonotonicNanos(nanos_.load()); }
  Timestamp Wall() override { return Timestamp(wall_ms_.load() + nanos_.load() / 1'000'000); }

  // Moves both clocks forward.
  void Advance(int64_t nanos) { nanos_.fetch_add(nanos); }
  // Likewise, to a point of the monotonic clock; nothing happens where that has passed.
  void AdvanceTo(MonotonicNanos when) {
    if (when.value() > nanos_.load()) nanos_.store(when.value());
  }
  // Somebody sets the wall clock, forward or back.
  void JumpWall(int64_t delta_ms) { wall_ms_.fetch_add(delta_ms); }

 private:
  std::atomic<int64_t> nanos_{0};
  // The wall clock's time when the monotonic one was 0.
  std::atomic<int64_t> wall_ms_;
};

// Runs tasks inside the calls below, in the order in which they become due. Posting is thread-safe; running
// is for one thread, but a task may run others (a Park inside a task does).
class MILLRACE_EXPORT SimExecutor : public Executor {
 public:
  // Runs the next task that is due at the clock's time. False: there is none.
  virtual bool RunOne() = 0;
  // Runs what is due, and what that posts, until nothing is (or `tasks_max` ran). Returns how many tasks ran.
  virtual size_t RunReady(size_t tasks_max = SIZE_MAX) = 0;
  // Runs the next task; where none is due, moves the clock to the next one first. False, with the clock at
  // `until` (unless that is kNever), where none is due by then.
  virtual bool RunNext(MonotonicNanos until = kNever) = 0;
  // Moves the clock by `nanos` and runs on the way what becomes due, each at its time. Returns how many ran.
  virtual size_t RunFor(int64_t nanos) = 0;
  // When the next task is due; kNever if none waits.
  virtual MonotonicNanos NextDue() = 0;
  // Destroys the tasks that wait: their process is dead. Returns how many there were.
  virtual size_t DropTasks() = 0;
};
// `clock` is borrowed.
MILLRACE_EXPORT std::unique_ptr<SimExecutor> NewSimExecutor(SimClock* clock);

// Park runs the simulation until the word changes or the deadline comes. For one thread.
class MILLRACE_EXPORT SimParker : public Parker {
 public:
  // How often Park returned because nothing was left that could change the word. The caller then usually
  // parks again: 1,000 times in a row is taken for a deadlock and ends the process by a failed check.
  virtual uint64_t deadlocks() const = 0;
};
// `executor` is borrowed.
MILLRACE_EXPORT std::unique_ptr<SimParker> NewSimParker(SimExecutor* executor);

// What a simulated device answers.
enum class SimFaultKind : uint8_t {
  // EIO. Of a sync: the unsynced pages count as clean from then on, though they are not on the disk.
  kIoError,
  // ENOSPC.
  kNoSpace,
  // EDQUOT.
  kQuota,
  // EROFS: as of a file system that was remounted after an error.
  kReadOnly,
  // EMFILE.
  kTooManyFiles,
  // ENOMEM.
  kNoMemory,
  // A write stores its first half, then ENOSPC; any other call: ENOSPC.
  kShortWrite,
};

struct SimFault {
  SimFaultKind kind = SimFaultKind::kIoError;
  // Which calls count; nullopt: all.
  std::optional<FileOperation> operation = std::nullopt;
  // Only calls on paths that hold this text count.
  std::string path_contains = {};
  // The first call to fail, counted from now: 1 is the next one.
  uint64_t nth = 1;
  // How many calls fail from there on.
  uint64_t times = 1;
};

enum class SimKeep : uint8_t {
  // Only what was synced.
  kSynced,
  // And a random part of the rest: each page, each change of names, by the toss of a coin.
  kRandom,
  // All of it.
  kEverything,
};

struct SimCrashOptions {
  uint64_t seed = 0;
  SimKeep keep = SimKeep::kRandom;
  // With kRandom, every eighth kept page is torn: some of its sectors of 512 bytes are of before.
  bool tear_pages = true;
  // The file system was shut down and mounted again, while the machine stayed up.
  bool same_boot = false;
};

// A file system in memory that knows what is on its disk and what is only in its page cache, stores through
// mappings included. Pages have 4 KiB. Content is durable by File::Sync, MappedFile::Sync or SyncAll; names
// are by SyncDirectory or SyncAll. A change of names (a rename is one change) that was not synced may survive
// a crash by itself, whatever came before it. Syncs compare whole files: keep those of a test small.
// Thread-safe, but for Stop, KillProcess and Crash, which one thread calls while no other is inside.
class MILLRACE_EXPORT SimFileSystem : public FileSystem {
 public:
  // --- Faults

  // Adds a fault. Several may be set; the first that fits a call decides. They outlive a crash.
  virtual void Fail(SimFault fault) = 0;
  virtual void ClearFaults() = 0;
  // Calls that were failed so far: a test that expects a fault checks that it fired.
  virtual uint64_t faults_fired() const = 0;
  // Calls made so far, of all kinds or of one. Refused ones count, those of a stopped process do not.
  virtual uint64_t calls() const = 0;
  virtual uint64_t calls(FileOperation operation) const = 0;
  // The limit of all files together, each rounded up to 4 KiB; 0 fills the disk.
  virtual void SetCapacity(uint64_t bytes) = 0;

  // --- Deaths

  // Stops the process at the nth call from now (1: the next one), before that has any effect; `half`: where
  // that call is a write, in its middle. 0 takes it back.
  virtual void StopAtCall(uint64_t nth, bool half = false) = 0;
  // The process is dead: every call fails with kAborted, and neither calls nor stores through its mappings
  // reach the files any more. So its objects can be destroyed in peace. KillProcess() or Crash() follows.
  virtual void Stop() = 0;
  virtual bool stopped() const = 0;
  // The process dies (unless it was stopped before), the machine lives: the page cache survives, locks are
  // free. What was open stays dead; new calls work.
  virtual void KillProcess() = 0;
  // The power goes and comes back: what is there is what the disk had. Locks are free, Volume() is another
  // one.
  virtual void Crash(SimCrashOptions options) = 0;
};
// `clock` is borrowed.
MILLRACE_EXPORT std::unique_ptr<SimFileSystem> NewSimFileSystem(SimClock* clock);

// All of it together.
struct SimEnv {
  explicit SimEnv(uint64_t seed)
      : executor(NewSimExecutor(&clock)),
        parker(NewSimParker(executor.get())),
        files(NewSimFileSystem(&clock)),
        random(Random::Seeded(seed)) {}

  Env env() {
    return Env{.clock = &clock,
               .files = files.get(),
               .executor = executor.get(),
               .parker = parker.get(),
               .random = random.get(),
               .logger = Logger::None()};
  }
  void KillProcess() {
    executor->DropTasks();
    files->KillProcess();
  }
  void Crash(SimCrashOptions options) {
    executor->DropTasks();
    files->Crash(options);
  }

  SimClock clock;
  std::unique_ptr<SimExecutor> executor;
  std::unique_ptr<SimParker> parker;
  std::unique_ptr<SimFileSystem> files;
  std::unique_ptr<Random> random;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_SIM_ENV_H_
