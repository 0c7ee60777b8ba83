// What does the log add to the bare work of an append, a flush and a recovery?
//
// - LogAppendOne/100: one record as a batch of its own; floor: encode, CRC, a release store.
// - LogAppendBatch/100x100: 100 records encoded and appended; floor: the same, in place.
// - Append2P/100: two threads with one log, or a log each; `vs_one`: over one thread's rate.
// - AppendRefill/100: over segments that are prepared in the background meanwhile; then to disk.
// - AppendDurable/THREADS: Append and Flush; floor: bare pwrite and fdatasync, for one thread; `vs_one`;
//   `vs_bare_group`: over a textbook's group commit with as many threads.
// - Recover/1GiB: an unflushed segment after a power loss; floor: the bare CRCs of its batches.
//
// The floors run in turns with what they are compared to, a fraction of a millisecond each, and `vs_floor` is
// the ratio of the medians: on a shared machine both then meet the same weather. `records_per_second` is
// plain records over plain time, interruptions included; `best_per_second` is from the best of the turns.

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "bench_util.h"
#include "millrace/log/log.h"
#include "record/format.h"

namespace millrace_bench {
namespace {

using namespace millrace;  // NOLINT

constexpr size_t kBytes = 100;
constexpr int64_t kGiB = int64_t{1} << 30;
// What the bursts run over: enough for all their records, and quick to populate.
constexpr int64_t kBurstBytes = kGiB / 4;
constexpr Timestamp kTime{1'700'000'000'000};

std::unique_ptr<Log> OpenLog(const std::string& directory, int64_t segment_bytes = kGiB,
                             Executor* executor = nullptr, bool preallocate = true) {
  return Value(Log::Open(directory, {.config = {.segment_bytes = segment_bytes, .preallocate = preallocate},
                                     .env = {.executor = executor}}),
               "opening the log");
}

// The first append makes the segment, and populates it.
std::unique_ptr<Log> PopulatedLog(const std::string& directory) {
  auto log = OpenLog(directory, kBurstBytes);
  Check(log->Append({.value = "first"}, kTime).status(), "the first append");
  return log;
}

// A file of the same kind as a populated segment, for the floors.
class Populated {
 public:
  explicit Populated(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    Require(fd >= 0 && posix_fallocate(fd, 0, kBurstBytes) == 0, "allocating the floor's file");
    void* const at = mmap(nullptr, kBurstBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    Require(at != MAP_FAILED && madvise(at, kBurstBytes, MADV_POPULATE_WRITE) == 0,
            "populating the floor's file");
    close(fd);
    data_ = static_cast<std::byte*>(at);
  }
  ~Populated() { munmap(data_, kBurstBytes); }
  Populated(const Populated&) = delete;
  Populated& operator=(const Populated&) = delete;

  std::byte* next() { return data_ + used_; }
  void Publish(size_t bytes, uint64_t records) {
    used_ += bytes;
    end_.store(end_.load(std::memory_order_relaxed) + records, std::memory_order_release);
  }
  Offset offset() const { return Offset(static_cast<int64_t>(end_.load(std::memory_order_relaxed))); }

 private:
  std::byte* data_ = nullptr;
  size_t used_ = 0;
  std::atomic<uint64_t> end_{0};
};

// Lets `ours` and `floor` do `turn` records each in turns, `records` in all, and reports.
template <typename Ours, typename Floor>
void Compare(benchmark::State& state, int64_t records, int64_t turn, Ours ours, Floor floor) {
  Samples our_nanos;
  Samples floor_nanos;
  int64_t total = 0;
  for (int64_t done = 0; done < records; done += turn) {
    const int64_t begin = NowNanos();
    ours(turn);
    const int64_t middle = NowNanos();
    floor(turn);
    const int64_t end = NowNanos();
    total += middle - begin;
    our_nanos.Add(middle - begin);
    floor_nanos.Add(end - middle);
  }
  const auto per_second = [turn](double nanos) { return static_cast<double>(turn) * 1e9 / nanos; };
  state.SetIterationTime(static_cast<double>(total) / 1e9);
  state.counters["records_per_second"] = static_cast<double>(records) * 1e9 / static_cast<double>(total);
  state.counters["best_per_second"] = per_second(our_nanos.At(0));
  state.counters["median_per_second"] = per_second(our_nanos.At(0.5));
  state.counters["floor_per_second"] = per_second(floor_nanos.At(0.5));
  state.counters["vs_floor"] = our_nanos.At(0.5) / floor_nanos.At(0.5);
  state.counters["vs_floor_best"] = our_nanos.At(0) / floor_nanos.At(0);
}

void LogAppendOne(benchmark::State& state) {
  for (auto _ : state) {
    Directory directory;
    auto log = PopulatedLog(directory.path() + "/log-0");
    Populated floor(directory.path() + "/floor");
    Payload<kBytes> payload;
    uint64_t number = 0;
    Compare(
        state, 1'500'000, 10'000,
        [&](int64_t count) {
          for (int64_t i = 0; i < count; ++i) {
            payload.Set(number++);
            Check(log->Append({.value = payload.view()}, kTime).status(), "appending");
          }
        },
        [&](int64_t count) {
          for (int64_t i = 0; i < count; ++i) {
            payload.Set(number++);
            floor.Publish(EncodeOneRecordBatch(floor.next(), {.value = payload.view()}, kTime, floor.offset(),
                                               LeaderEpoch(0)),
                          1);
          }
        });
    Require(log->log_end_offset() == Offset(1'500'001), "all were appended");
  }
}

constexpr int32_t kBatchRecords = 100;

// A batch of kBatchRecords, written where it stays.
size_t EncodeInPlace(std::byte* batch, Payload<kBytes>* payload, uint64_t number, Offset base) {
  std::byte* to = batch + kBatchHeaderBytes;
  for (int32_t i = 0; i < kBatchRecords; ++i) {
    payload->Set(number + static_cast<uint64_t>(i));
    const Record record = {.value = payload->view()};
    to = WriteRecord(to, record, RecordBodySize(record, 0, i), 0, i);
  }
  const auto size = static_cast<size_t>(to - batch);
  WriteBatchHeader(batch,
                   {.size_bytes = size,
                    .base_offset = base,
                    .last_offset_delta = kBatchRecords - 1,
                    .base_timestamp = kTime.value(),
                    .max_timestamp = kTime.value(),
                    .record_count = kBatchRecords},
                   {});
  return size;
}

void LogAppendBatch(benchmark::State& state) {
  for (auto _ : state) {
    Directory directory;
    auto log = PopulatedLog(directory.path() + "/log-0");
    Populated floor(directory.path() + "/floor");
    Payload<kBytes> payload;
    uint64_t number = 0;
    BatchBuilder builder;
    Compare(
        state, 2'200'000, 20'000,
        [&](int64_t count) {
          for (int64_t done = 0; done < count; done += kBatchRecords) {
            builder.Reset();
            for (int32_t i = 0; i < kBatchRecords; ++i) {
              payload.Set(number++);
              builder.Append({.value = payload.view()}, kTime);
            }
            const auto batch = Value(builder.Finish(), "finishing the batch");
            Check(log->AppendBatch(batch, AppendOrigin::kClient, /*trusted=*/true).status(), "appending");
          }
        },
        [&](int64_t count) {
          for (int64_t done = 0; done < count; done += kBatchRecords) {
            floor.Publish(EncodeInPlace(floor.next(), &payload, number, floor.offset()), kBatchRecords);
            number += kBatchRecords;
          }
        });
    Require(log->log_end_offset() == Offset(2'200'001), "all were appended");
  }
}

// --- Several threads

// Runs `work(thread)` on that many threads at once; returns the nanoseconds from the start of all to the end
// of the last.
template <typename Work>
int64_t OnThreads(int count, Work work) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      ready.fetch_add(1);
      while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
      work(i);
    });
  }
  while (ready.load() < count) std::this_thread::yield();
  const int64_t begin = NowNanos();
  go.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();
  return NowNanos() - begin;
}

void AppendMany(Log* log, int64_t records) {
  Payload<kBytes> payload;
  for (int64_t i = 0; i < records; ++i) {
    payload.Set(static_cast<uint64_t>(i));
    Check(log->Append({.value = payload.view()}, kTime).status(), "appending");
  }
}

void Append2P(benchmark::State& state, int logs) {
  constexpr int64_t kTurn = 25'000;
  constexpr int kTurns = 20;
  for (auto _ : state) {
    Directory directory;
    std::vector<std::unique_ptr<Log>> opened;
    for (int i = 0; i < logs; ++i) {
      opened.push_back(PopulatedLog(directory.path() + "/log-" + std::to_string(i)));
    }
    Samples one;
    Samples two;
    int64_t total = 0;
    for (int turn = 0; turn < kTurns; ++turn) {
      one.Add(OnThreads(1, [&](int) { AppendMany(opened[0].get(), kTurn); }));
      const int64_t nanos = OnThreads(
          2, [&](int thread) { AppendMany(opened[static_cast<size_t>(thread % logs)].get(), kTurn); });
      two.Add(nanos);
      total += nanos;
    }
    state.SetIterationTime(static_cast<double>(total) / 1e9);
    state.counters["records_per_second"] = 2.0 * kTurn * kTurns * 1e9 / static_cast<double>(total);
    state.counters["best_per_second"] = 2.0 * kTurn * 1e9 / two.At(0);
    state.counters["vs_one"] = 2 * one.At(0.5) / two.At(0.5);
    state.counters["vs_one_best"] = 2 * one.At(0) / two.At(0);
  }
}

double CpuSeconds(clockid_t clock) {
  timespec spent = {};
  clock_gettime(clock, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

// 1 GiB and a half over segments of 256 MiB, none of them made ahead: what making them costs, and where.
void AppendRefill(benchmark::State& state) {
  constexpr int64_t kRecords = 9'000'000;
  for (auto _ : state) {
    Directory directory;
    auto executor = NewThreadExecutor();
    auto log = OpenLog(directory.path() + "/log-0", kGiB / 4, executor.get(), /*preallocate=*/false);
    const double process = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
    const double thread = CpuSeconds(CLOCK_THREAD_CPUTIME_ID);
    const int64_t begin = NowNanos();
    AppendMany(log.get(), kRecords);
    const auto appended = static_cast<double>(NowNanos() - begin) / 1e9;
    const double foreground = CpuSeconds(CLOCK_THREAD_CPUTIME_ID) - thread;
    const double background = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - process - foreground;
    Check(log->Flush(), "flushing");
    const auto flushed = static_cast<double>(NowNanos() - begin) / 1e9;
    state.SetIterationTime(appended);
    state.counters["records_per_second"] = static_cast<double>(kRecords) / appended;
    state.counters["cpu_ns_per_record"] = foreground * 1e9 / static_cast<double>(kRecords);
    state.counters["background_cpu_ns_per_record"] = background * 1e9 / static_cast<double>(kRecords);
    state.counters["to_disk_bytes_per_second"] = static_cast<double>(log->stats().size_bytes) / flushed;
    Check(log->Close(), "closing");
  }
}

// --- Durability

// Flushes of each thread in a turn.
constexpr int64_t kFlushes = 100;

int64_t DurableNanos(Log* log, int threads) {
  return OnThreads(threads, [&](int) {
    for (int64_t i = 0; i < kFlushes; ++i) {
      AppendMany(log, 1);
      Check(log->Flush(), "flushing");
    }
  });
}

int64_t BareSyncNanos(int fd, off_t from) {
  std::array<std::byte, 170> batch = {};
  const auto bytes = static_cast<ssize_t>(batch.size());
  const int64_t begin = NowNanos();
  for (int64_t i = 0; i < kFlushes; ++i) {
    Require(pwrite(fd, batch.data(), batch.size(), from + i * bytes) == bytes && fdatasync(fd) == 0,
            "pwrite and fdatasync");
  }
  return NowNanos() - begin;
}

// Group commit as textbooks have it: who finds no sync under way makes one for all, the others wait for it.
class BareGroup {
 public:
  BareGroup(int fd, off_t from) : fd_(fd), at_(from) {}
  void Commit() {
    std::array<std::byte, 170> batch = {};
    const auto bytes = static_cast<ssize_t>(batch.size());
    std::unique_lock lock(mutex_);
    Require(pwrite(fd_, batch.data(), batch.size(), at_) == bytes, "pwrite");
    at_ += bytes;
    const off_t end = at_;
    while (durable_ < end) {
      if (std::exchange(syncing_, true)) {
        synced_.wait(lock);
        continue;
      }
      const off_t upto = at_;
      lock.unlock();
      Require(fdatasync(fd_) == 0, "fdatasync");
      lock.lock();
      durable_ = upto;
      syncing_ = false;
      synced_.notify_all();
    }
  }

 private:
  const int fd_;
  std::mutex mutex_;
  std::condition_variable synced_;
  off_t at_;
  off_t durable_ = 0;
  bool syncing_ = false;
};

int64_t BareGroupNanos(int fd, off_t from, int threads) {
  BareGroup group(fd, from);
  return OnThreads(threads, [&](int) {
    for (int64_t i = 0; i < kFlushes; ++i) group.Commit();
  });
}

void AppendDurable(benchmark::State& state) {
  constexpr int kTurns = 10;
  constexpr off_t kFloorBytes = 64 << 20;
  const auto threads = static_cast<int>(state.range(0));
  for (auto _ : state) {
    Directory directory;
    auto log = OpenLog(directory.path() + "/log-0", 16 << 20);
    AppendMany(log.get(), 1);
    Check(log->Flush(), "the first flush");
    const int fd = open((directory.path() + "/floor").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    Require(fd >= 0 && posix_fallocate(fd, 0, kFloorBytes) == 0 && fsync(fd) == 0, "making the floor's file");
    Samples floor;
    Samples one;
    Samples all;
    Samples bare;
    for (int turn = 0; turn < kTurns; ++turn) {
      const off_t from = turn * (kFloorBytes / kTurns);
      floor.Add(BareSyncNanos(fd, from));
      bare.Add(BareGroupNanos(fd, from, threads));
      one.Add(DurableNanos(log.get(), 1));
      all.Add(DurableNanos(log.get(), threads));
    }
    close(fd);
    const double nanos = all.At(0.5);
    state.SetIterationTime(nanos / 1e9);
    state.counters["records_per_second"] = static_cast<double>(kFlushes * threads) * 1e9 / nanos;
    state.counters["floor_per_second"] = static_cast<double>(kFlushes) * 1e9 / floor.At(0.5);
    // One thread's flush over a bare one.
    state.counters["vs_floor"] = one.At(0.5) / floor.At(0.5);
    state.counters["vs_floor_best"] = one.At(0) / floor.At(0);
    state.counters["vs_one"] = threads * one.At(0.5) / nanos;
    state.counters["vs_one_best"] = threads * one.At(0) / all.At(0);
    // Our rate over that of a bare group commit with as many threads.
    state.counters["vs_bare_group"] = bare.At(0.5) / nanos;
  }
}

// --- Recovery

// The CRCs of the batches in the first `bytes` bytes, and nothing else; returns the nanoseconds.
int64_t ScanNanos(const std::string& path, size_t bytes) {
  const int64_t begin = NowNanos();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const at = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  Require(fd >= 0 && at != MAP_FAILED, "mapping the segment");
  close(fd);
  const BatchRange range({static_cast<const std::byte*>(at), bytes});
  bool valid = true;
  for (const BatchView batch : range) valid = batch.CrcIsValid() && valid;
  munmap(at, bytes);
  Require(valid, "every CRC fits");
  return NowNanos() - begin;
}

// Fills a segment in a process that dies, and takes away what would have told that it was only the process.
// The segment stays in the page cache.
void FillAndLosePower(const std::string& directory) {
  const pid_t child = fork();
  Require(child >= 0, "fork");
  if (child == 0) {
    auto log = OpenLog(directory);
    BatchBuilder builder;
    Payload<kBytes> payload;
    for (uint64_t number = 0; number < 9'600'000;) {
      builder.Reset();
      for (int32_t i = 0; i < kBatchRecords; ++i) {
        payload.Set(number++);
        builder.Append({.value = payload.view()}, kTime);
      }
      Check(log->AppendBatch(Value(builder.Finish(), "a batch"), AppendOrigin::kClient, true).status(),
            "append");
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  Require(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "the child was killed");
  Require(unlink((directory + "/millrace.control").c_str()) == 0, "removing the control file");
  // What a power loss has left is on the disk: none of it waits to be written.
  const int fd = open(directory.c_str(), O_RDONLY | O_CLOEXEC);
  Require(fd >= 0 && syncfs(fd) == 0, "syncing");
  close(fd);
}

void Recover(benchmark::State& state) {
  for (auto _ : state) {
    Directory directory;
    const std::string path = directory.path() + "/log-0";
    FillAndLosePower(path);
    const std::string segment = path + "/00000000000000000000.log";
    RecoveryReport report;
    const int64_t begin = NowNanos();
    auto log = Value(Log::Open(path, {.config = {.segment_bytes = kGiB}}, &report), "opening again");
    const int64_t nanos = NowNanos() - begin;
    Require(report.shutdown == RecoveryReport::Shutdown::kPowerLoss && report.cut_bytes == 0 &&
                log->log_end_offset() == Offset(9'600'000),
            "a power loss was recognised, and nothing lost");
    const int64_t floor = ScanNanos(segment, static_cast<size_t>(report.scanned_bytes));
    state.SetIterationTime(static_cast<double>(nanos) / 1e9);
    state.counters["scanned_bytes"] = static_cast<double>(report.scanned_bytes);
    state.counters["seconds_per_gib"] = static_cast<double>(nanos) / 1e9 * static_cast<double>(kGiB) /
                                        static_cast<double>(report.scanned_bytes);
    state.counters["vs_floor"] = static_cast<double>(nanos) / static_cast<double>(floor);
  }
}

void Append2POneLog(benchmark::State& state) {
  Append2P(state, 1);
}
void Append2PTwoLogs(benchmark::State& state) {
  Append2P(state, 2);
}

BENCHMARK(LogAppendOne)->Name("LogAppendOne/100")->Apply(Standard);
BENCHMARK(LogAppendBatch)->Name("LogAppendBatch/100x100")->Apply(Standard);
BENCHMARK(Append2POneLog)->Name("Append2P/100/one_log")->Apply(Standard);
BENCHMARK(Append2PTwoLogs)->Name("Append2P/100/two_logs")->Apply(Standard);
BENCHMARK(AppendRefill)->Name("AppendRefill/100")->Apply(Standard);
BENCHMARK(AppendDurable)->Arg(1)->Arg(8)->Arg(64)->Apply(Standard);
BENCHMARK(Recover)->Name("Recover/1GiB")->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

BENCHMARK_MAIN();
