#include "millrace/env/executor.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "millrace/env/file_system.h"
#include "millrace/env/parker.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

// Waits until Done was called `count` times.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void Done() {
    MutexLock lock(&mutex_);
    if (--left_ <= 0) changed_.SignalAll();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (left_ > 0) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int left_ ABSL_GUARDED_BY(mutex_);
};

size_t Threads() {
  return FileSystem::System()->List("/proc/self/task")->size();
}

TEST_CASE("Threads start with the first task, have names, and leave signals to the host") {
  // A sanitizer's runtime starts a thread of its own with the first one.
  std::thread([] {}).join();
  const size_t before = Threads();
  auto executor = NewThreadExecutor({.threads = 3, .name = "a-very-long-name"});
  CHECK(Threads() == before);
  std::string name;
  bool usr1_blocked = false;
  bool segv_blocked = true;
  Countdown done(1);
  executor->Post([&] {
    char text[16] = {};
    ::pthread_getname_np(::pthread_self(), text, sizeof text);
    name = text;
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    usr1_blocked = ::sigismember(&blocked, SIGUSR1) == 1;
    segv_blocked = ::sigismember(&blocked, SIGSEGV) == 1;
    done.Done();
  });
  done.Wait();
  CHECK(Threads() == before + 1);
  CHECK(name == "a-very-long-n-0");
  CHECK(usr1_blocked);
  CHECK_FALSE(segv_blocked);
  sigset_t mine;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  CHECK(::sigismember(&mine, SIGUSR1) == 0);
  executor.reset();
}

TEST_CASE("Several threads work side by side") {
  const auto executor = NewThreadExecutor({.threads = 3});
  // Each waits for the others: with fewer threads this would hang.
  Countdown meeting(3);
  Countdown done(3);
  for (int i = 0; i < 3; ++i) {
    executor->Post([&] {
      meeting.Done();
      meeting.Wait();
      done.Done();
    });
  }
  done.Wait();
  // A timer fires though another task keeps a thread busy, and the watch over the time moves on.
  Countdown fired(2);
  Countdown release(1);
  Clock* const clock = Clock::System();
  executor->Post([&] { release.Wait(); });
  executor->PostAt(clock->Monotonic() + 2'000'000, [&] { fired.Done(); });
  executor->PostAt(clock->Monotonic() + 1'000'000, [&] { fired.Done(); });
  fired.Wait();
  release.Done();
  SUCCEED();
}

TEST_CASE("Nothing is lost or reordered when many threads post and cancel") {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  std::vector<std::vector<int>> ran(kThreads);
  std::atomic<int> timers_run = 0;
  std::atomic<int> timers_cancelled = 0;
  {
    const auto executor = NewThreadExecutor();
    Clock* const clock = Clock::System();
    Countdown done(kThreads * kTasks);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kTasks; ++i) {
          executor->Post([&, t, i] {
            ran[static_cast<size_t>(t)].push_back(i);
            done.Done();
          });
          const TimerId timer =
              executor->PostAt(clock->Monotonic() + 20'000, [&] { timers_run.fetch_add(1); });
          if (i % 2 == 0 && executor->Cancel(timer)) timers_cancelled.fetch_add(1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    done.Wait();
    // Every timer was due before this one.
    Countdown last(1);
    executor->PostAt(clock->Monotonic() + 1'000'000, [&] { last.Done(); });
    last.Wait();
  }
  for (const std::vector<int>& mine : ran) {
    CHECK(mine.size() == kTasks);
    CHECK(std::is_sorted(mine.begin(), mine.end()));
  }
  CHECK(timers_run + timers_cancelled == kThreads * kTasks);
}

TEST_CASE("The destructor drops what has not started and waits for what runs") {
  const auto token = std::make_shared<int>(0);
  std::atomic<bool> finished = false;
  Countdown started(1);
  auto executor = NewThreadExecutor();
  Executor* const borrowed = executor.get();
  std::atomic<uint32_t> go = 0;
  executor->Post([&] {
    started.Done();
    while (go.load() == 0) Parker::System()->Park(go, 0, kNever);
    borrowed->Post([token] { ++*token; });  // dropped, now or by the destructor
    finished = true;
  });
  executor->Post([token] { ++*token; });
  executor->PostAt(kNever, [token] { ++*token; });
  started.Wait();
  std::thread destroyer([&] { executor.reset(); });
  go = 1;
  Parker::System()->UnparkAll(go);
  destroyer.join();
  CHECK(finished);
  CHECK(token.use_count() == 1);
  CHECK(*token <= 2);
}

TEST_CASE("A manual executor runs in the host's loop, so many at a time, none that came later") {
  SimClock clock;
  const auto executor = NewManualExecutor(&clock);
  CHECK(executor->NextDue() == kNever);
  CHECK(executor->RunOnce() == 0);
  int ran = 0;
  for (int i = 0; i < 5; ++i) executor->Post([&] { ++ran; });
  CHECK(executor->RunOnce(2) == 2);
  CHECK(ran == 2);
  CHECK(executor->NextDue() <= clock.Monotonic());
  CHECK(executor->RunOnce() == 3);

  executor->Post([&] { executor->Post([&] { executor->PostAt(MonotonicNanos(0), [&] { ++ran; }); }); });
  CHECK(executor->RunOnce() == 1);
  CHECK(executor->RunOnce() == 1);
  CHECK(executor->RunOnce() == 1);
  CHECK(ran == 6);

  executor->PostAt(MonotonicNanos(100), [&] { ++ran; });
  CHECK(executor->NextDue() == MonotonicNanos(100));
  CHECK(executor->RunOnce() == 0);
  clock.Advance(100);
  CHECK(executor->RunOnce() == 1);
  CHECK(ran == 7);
}

TEST_CASE("Neither timers nor posts can starve the other") {
  SimClock clock;
  const auto executor = NewSimExecutor(&clock);
  std::string order;
  const auto post_at_once = [&](char mark) {
    return [&order, &executor, mark] {
      order.push_back(mark);
      executor->PostAt(MonotonicNanos(0), [&order] { order.push_back('t'); });
      executor->Post([&order] { order.push_back('p'); });
    };
  };
  executor->Post(post_at_once('1'));
  executor->PostAt(MonotonicNanos(-5), post_at_once('2'));
  executor->RunReady();
  CHECK(order == "12tptp");
}

}  // namespace
}  // namespace millrace
