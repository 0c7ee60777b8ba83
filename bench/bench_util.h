// What the benchmark programs share: time, ratios, a directory of their own, and payloads that a reader can
// verify.

#ifndef MILLRACE_BENCH_BENCH_UTIL_H_
#define MILLRACE_BENCH_BENCH_UTIL_H_

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace_bench {

inline int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Ends the program with a message: a benchmark whose subject fails has nothing to report.
[[noreturn]] inline void Die(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, std::string(status.message()).c_str());
  std::exit(1);
}
inline void Check(const absl::Status& status, const char* what) {
  if (!status.ok()) Die(what, status);
}
template <typename T>
T Value(absl::StatusOr<T> value, const char* what) {
  if (!value.ok()) Die(what, value.status());
  return *std::move(value);
}
inline void Require(bool condition, const char* what) {
  if (!condition) Die(what, absl::InternalError("does not hold"));
}

// Pins the calling thread to one processor, where the machine has it.
inline void PinTo(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// A directory under MILLRACE_BENCH_DIRECTORY (default: the working directory, so that it is a disk and not a
// tmpfs).
class Directory {
 public:
  Directory() {
    const char* parent = std::getenv("MILLRACE_BENCH_DIRECTORY");
    path_ = std::string(parent != nullptr ? parent : ".") + "/millrace-bench-XXXXXX";
    Require(mkdtemp(path_.data()) != nullptr, "making a directory");
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Writes so many bytes into a file of that directory and deletes it. A virtual machine pays for memory that
// it has not used lately, more than for what is written to it; who writes next does not pay then.
inline void WarmPageCache(const std::string& directory, size_t bytes) {
  const std::string path = directory + "/warm";
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  Require(file != nullptr, "making a file");
  const std::vector<char> block(1 << 20, 'x');
  for (size_t at = 0; at < bytes; at += block.size())
    Require(std::fwrite(block.data(), 1, block.size(), file) == block.size(), "writing a file");
  std::fclose(file);
  std::filesystem::remove(path);
}

// A payload that carries its number at both ends, so that a reader can tell a lost, doubled or torn record.
template <size_t kBytes>
struct Payload {
  static_assert(kBytes >= 16);
  std::array<char, kBytes> bytes;

  Payload() { bytes.fill('x'); }
  void Set(uint64_t number) {
    std::memcpy(bytes.data(), &number, sizeof number);
    std::memcpy(bytes.data() + kBytes - sizeof number, &number, sizeof number);
  }
  std::string_view view() const { return {bytes.data(), kBytes}; }
};

inline bool Carries(std::string_view payload, size_t size, uint64_t number) {
  if (payload.size() != size) return false;
  uint64_t front, back;
  std::memcpy(&front, payload.data(), sizeof front);
  std::memcpy(&back, payload.data() + size - sizeof back, sizeof back);
  return front == number && back == number;
}

// Percentiles of collected nanoseconds; sorts in place.
class Samples {
 public:
  void Reserve(size_t count) { nanos_.reserve(count); }
  void Add(int64_t nanos) { nanos_.push_back(nanos); }
  size_t size() const { return nanos_.size(); }
  double At(double quantile) {
    if (nanos_.empty()) return 0;
    auto nth =
        nanos_.begin() + static_cast<std::ptrdiff_t>(quantile * static_cast<double>(nanos_.size() - 1));
    std::nth_element(nanos_.begin(), nth, nanos_.end());
    return static_cast<double>(*nth);
  }

 private:
  std::vector<int64_t> nanos_;
};

// Something so many times a second, by the clock: what comes late is made up for.
class Pace {
 public:
  explicit Pace(int64_t per_second) : step_(1'000'000'000 / per_second), next_(NowNanos()) {}
  // Returns when it was due, where that is over already: else now, without the time of waking up.
  int64_t Wait() {
    const int64_t due = next_;
    next_ += step_;
    if (NowNanos() >= due) return due;
    const ::timespec until = {.tv_sec = due / 1'000'000'000, .tv_nsec = due % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    return NowNanos();
  }

 private:
  const int64_t step_;
  int64_t next_;
};

// A positive number from the environment, else `otherwise`.
inline int64_t Setting(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  const int64_t value = text == nullptr ? 0 : std::atoll(text);
  return value > 0 ? value : otherwise;
}

// Every benchmark of the suite: real time given by hand, MILLRACE_BENCH_REPETITIONS repetitions (default
// five), each of them shown.
inline void Standard(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime()
      ->Repetitions(static_cast<int>(Setting("MILLRACE_BENCH_REPETITIONS", 5)))
      ->Iterations(1)
      ->ReportAggregatesOnly(false)
      ->Unit(benchmark::kMillisecond);
}

}  // namespace millrace_bench

#endif  // MILLRACE_BENCH_BENCH_UTIL_H_
