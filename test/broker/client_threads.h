// Clients on threads of their own, each of which does something over and over until its broker is gone.

#ifndef MILLRACE_TEST_BROKER_CLIENT_THREADS_H_
#define MILLRACE_TEST_BROKER_CLIENT_THREADS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace millrace::test {

class ClientThreads {
 public:
  ~ClientThreads() { Join(); }

  // `round` is called until it fails: with kUnavailable when the broker is gone, which is well; anything else
  // is a finding.
  void Start(std::string name, std::function<absl::Status()> round) {
    auto& rounds = *rounds_.emplace_back(std::make_unique<std::atomic<int>>(0));
    threads_.emplace_back([this, &rounds, name = std::move(name), round = std::move(round)] {
      absl::Status status;
      while (status.ok()) {
        status = round();
        if (!status.ok()) break;
        rounds.fetch_add(1);
        MutexLock lock(&mutex_);
        progress_.SignalAll();
      }
      MutexLock lock(&mutex_);
      ++ended_;
      if (!absl::IsUnavailable(status)) findings_ += name + ": " + status.ToString() + "\n";
      progress_.SignalAll();
    });
  }
  // Returns when each has done so much, or one has ended.
  void AwaitRounds(int wanted) {
    MutexLock lock(&mutex_);
    while (ended_ == 0 && !AllHave(wanted)) progress_.Wait(&mutex_);
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // Empty: none.
  std::string findings() {
    MutexLock lock(&mutex_);
    return findings_;
  }
  int fewest_rounds() const {
    int fewest = INT32_MAX;
    for (const auto& rounds : rounds_) fewest = std::min(fewest, rounds->load());
    return fewest;
  }

 private:
  bool AllHave(int wanted) const { return fewest_rounds() >= wanted; }

  std::vector<std::unique_ptr<std::atomic<int>>> rounds_;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar progress_;
  int ended_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string findings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_BROKER_CLIENT_THREADS_H_
