#include "base/mutex.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace millrace {
namespace {

TEST_CASE("A Mutex lets one thread in at a time") {
  Mutex mutex;
  int64_t count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        MutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 40'000);

  mutex.Lock();
  bool got = true;
  std::thread([&] {
    if (mutex.TryLock()) {
      mutex.Unlock();
    } else {
      got = false;
    }
  }).join();
  mutex.Unlock();
  CHECK_FALSE(got);
}

TEST_CASE("A CondVar hands a turn from thread to thread") {
  Mutex mutex;
  CondVar changed;
  int turn = 0;
  std::thread other([&] {
    for (int i = 1; i < 200; i += 2) {
      MutexLock lock(&mutex);
      while (turn != i) changed.Wait(&mutex);
      ++turn;
      changed.SignalAll();
    }
  });
  for (int i = 0; i < 200; i += 2) {
    MutexLock lock(&mutex);
    while (turn != i) changed.WaitFor(&mutex, std::chrono::seconds(60));
    ++turn;
    changed.Signal();
  }
  other.join();
  CHECK(turn == 200);
}

}  // namespace
}  // namespace millrace
