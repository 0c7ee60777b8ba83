#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "millrace/testing/conformance.h"
#include "testing/checks.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

// What tasks write down, on whatever thread they run.
class Journal {
 public:
  void Add(int entry) {
    MutexLock lock(&mutex_);
    entries_.push_back(entry);
  }
  std::vector<int> entries() const {
    MutexLock lock(&mutex_);
    return entries_;
  }
  size_t size() const { return entries().size(); }

 private:
  mutable Mutex mutex_;
  std::vector<int> entries_ ABSL_GUARDED_BY(mutex_);
};

// Drives until `done`; false after 30 seconds of the clock's time or a great many turns.
bool DriveUntil(Clock& clock, absl::FunctionRef<void()> drive, absl::FunctionRef<bool()> done) {
  const MonotonicNanos end = clock.Monotonic() + 30'000 * kMillisecond;
  for (int turn = 0; turn < 10'000'000 && clock.Monotonic() < end; ++turn) {
    if (done()) return true;
    drive();
  }
  return done();
}

}  // namespace

void CheckExecutor(Executor& executor, Clock& clock, absl::FunctionRef<void()> drive,
                   ConformanceReport report) {
  Checks checks(report);
  const auto journal = std::make_shared<Journal>();
  const auto wait = [&](size_t count) {
    return DriveUntil(clock, drive, [&] { return journal->size() >= count; });
  };

  // Posts run, in order, and not inside the call.
  const auto ran_inside = std::make_shared<std::atomic<bool>>(false);
  executor.Post([journal, &executor, ran_inside] {
    auto posting = std::make_shared<bool>(true);
    executor.Post([journal, posting, ran_inside] {
      if (*posting) ran_inside->store(true);
      journal->Add(1);
    });
    *posting = false;
    journal->Add(0);
  });
  checks.True(wait(2), "tasks and the tasks they post run");
  checks.True(!ran_inside->load(), "a task does not run inside Post");
  for (int i = 2; i < 100; ++i) executor.Post([journal, i] { journal->Add(i); });
  checks.True(wait(100), "posted tasks run");
  const std::vector<int> posted = journal->entries();
  bool ordered = posted.size() == 100;
  for (size_t i = 0; ordered && i < posted.size(); ++i) ordered = posted[i] == static_cast<int>(i);
  checks.True(ordered, "tasks run in the order posted");

  // Timers run at their time or later, the earlier one first.
  const MonotonicNanos start = clock.Monotonic();
  const auto late_enough = std::make_shared<std::atomic<bool>>(true);
  for (const int ms : {20, 5, 10}) {
    const MonotonicNanos when = start + ms * kMillisecond;
    const TimerId id = executor.PostAt(when, [journal, when, late_enough, ms, &clock] {
      if (clock.Monotonic() < when) late_enough->store(false);
      journal->Add(1000 + ms);
    });
    checks.True(id.value() != 0, "a timer's id is not 0");
  }
  checks.True(wait(103), "timers run");
  checks.True(late_enough->load(), "no timer runs before its time");
  const std::vector<int> timed = journal->entries();
  checks.True(timed.size() == 103 && timed[100] == 1005 && timed[101] == 1010 && timed[102] == 1020,
              "timers run in the order of their times");
  executor.PostAt(MonotonicNanos(0), [journal] { journal->Add(2000); });
  checks.True(wait(104), "a time in the past is now");

  // Cancel removes what has not run, and says so.
  auto token = std::make_shared<int>(0);
  const TimerId far = executor.PostAt(kNever, [token] {});
  checks.True(token.use_count() == 2, "a waiting timer keeps its captures");
  checks.True(executor.Cancel(far), "a waiting timer can be cancelled");
  checks.True(token.use_count() == 1, "a cancelled timer lets go of its captures");
  checks.True(!executor.Cancel(far), "but once");
  const TimerId near = executor.PostAt(clock.Monotonic(), [journal] { journal->Add(3000); });
  checks.True(wait(105), "a timer of now runs");
  checks.True(!executor.Cancel(near), "a timer that has run cannot be cancelled");
  checks.True(!executor.Cancel(TimerId(0)) && !executor.Cancel(TimerId(UINT64_MAX)),
              "what never existed cannot be cancelled");

  // A task that ran lets go of what it held.
  executor.Post([token, journal] { journal->Add(4000); });
  checks.True(wait(106), "the last task runs");
  checks.True(DriveUntil(clock, drive, [&] { return token.use_count() == 1; }),
              "a task that ran lets go of its captures");
}

void CheckClock(Clock& clock, ConformanceReport report) {
  Checks checks(report);
  bool monotonic = true;
  MonotonicNanos last = clock.Monotonic();
  for (int i = 0; i < 100'000; ++i) {
    const MonotonicNanos now = clock.Monotonic();
    monotonic = monotonic && now >= last;
    last = now;
  }
  checks.True(monotonic, "Monotonic() never goes back");
  checks.True(last < kNever, "Monotonic() is before kNever");
  checks.True(clock.Wall().value() > 0, "Wall() is after 1970");
  const Timestamp coarse = clock.CoarseWall();
  const Timestamp wall = clock.Wall();
  checks.True(wall - coarse >= 0, "CoarseWall() is not ahead of Wall()");
}

void CheckParker(Parker& parker, Clock& clock, absl::FunctionRef<void(absl::AnyInvocable<void()>)> start,
                 ConformanceReport report) {
  Checks checks(report);
  std::atomic<uint32_t> word = 0;

  parker.Park(word, 1, kNever);  // would hang
  checks.True(true, "Park returns at once where the word differs");

  const MonotonicNanos deadline = clock.Monotonic() + 3 * kMillisecond;
  for (int turn = 0; turn < 1'000'000 && clock.Monotonic() < deadline; ++turn) parker.Park(word, 0, deadline);
  checks.True(clock.Monotonic() >= deadline, "Park returns at the deadline");
  parker.Park(word, 0, MonotonicNanos(-1));
  parker.Park(word, 0, MonotonicNanos(0));

  // Each wakes the other, by turns: a lost wake-up would hang here.
  constexpr uint32_t kTurns = 100;
  const auto shared = std::make_shared<std::atomic<uint32_t>>(0);
  const auto finished = std::make_shared<std::atomic<uint32_t>>(0);
  for (uint32_t turn = 0; turn < kTurns; ++turn) {
    start([shared, finished, turn, &parker] {
      shared->fetch_add(1);
      turn % 2 == 0 ? parker.UnparkAll(*shared) : parker.Unpark(*shared, 1);
      finished->fetch_add(1);
      parker.UnparkAll(*finished);
    });
    while (shared->load() == turn) parker.Park(*shared, turn, kNever);
  }
  checks.True(shared->load() == kTurns, "Park sees each change");
  // The parker is not touched any more when this returns.
  for (uint32_t seen = finished->load(); seen < kTurns; seen = finished->load()) {
    parker.Park(*finished, seen, kNever);
  }

  auto event = parker.NewEventDescriptor();
  if (event.status().code() == absl::StatusCode::kUnimplemented) return;
  if (!checks.Ok(event, "NewEventDescriptor")) return;
  checks.True((*event)->fd() >= 0, "an event has a descriptor");
  for (int i = 0; i < 3; ++i) (*event)->Signal();
  (*event)->Clear();
  (*event)->Clear();  // must not block
}

}  // namespace millrace::inline v0
