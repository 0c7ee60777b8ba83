// How long it takes to open a directory with many partitions, and what they cost when nobody uses them.
//
//   Open/1000/clean, Open/1000/killed    1,000 logs of 3 segments, after a clean close and after kill -9
//   Partitions/100000                    create, append one record to each, close, open, read one from each
//
// Both work on the LogManager below the engine. Floors: Open, reading the shared files with read(2);
// Partitions, making the directories and files with the plain system calls.

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bench_util.h"
#include "log/log_manager.h"

namespace millrace_bench {
namespace {

using namespace millrace;  // NOLINT

constexpr int kLogs = 1000;
constexpr int kSegments = 3;

std::string Name(int64_t i) {
  return "bench-" + std::to_string(i);
}

LogManagerOptions Options(const std::string& directory) {
  // Fewer than what the host allows, and fewer than Partitions would like to have.
  const int64_t files = std::min<int64_t>(Setting("MILLRACE_BENCH_PARTITIONS", 100'000) / 5, 16'000);
  return {.directory = directory, .descriptors = files, .mappings = files};
}

void Create(LogManager* manager, int64_t begin, int64_t end) {
  static const auto kConfig = std::make_shared<const TopicConfig>();
  std::vector<NewLog> logs;
  for (int64_t i = begin; i < end; ++i) logs.push_back({.name = Name(i), .config = kConfig});
  Check(manager->CreateLogs(logs, true), "create");
}

void AppendOne(LogManager* manager, int64_t i) {
  const auto log = Value(manager->GetLog(Name(i)), "open log");
  Check(log->Append({.key = "key", .value = "value"}, kNoTimestamp).status(), "append");
}

void ReadOne(LogManager* manager, int64_t i) {
  const auto log = Value(manager->GetLog(Name(i)), "open log");
  const auto cursor = Value(log->NewCursor(Offset(0)), "cursor");
  const LogSlice slice = Value(cursor->Next(1 << 16), "read");
  Require(!slice.empty(), "a record was read");
}

size_t HeapBytes() {
  return mallinfo2().uordblks;
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

size_t Mappings() {
  std::ifstream maps("/proc/self/maps");
  size_t lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}

// Reads what an open reads, and nothing more.
int64_t FloorNanos(const std::string& directory) {
  const int64_t start = NowNanos();
  std::vector<char> buffer(1 << 20);
  for (const char* const name :
       {"millrace.manifest", "millrace.control", "millrace.flush", "meta.properties"}) {
    const int fd = open((directory + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && read(fd, buffer.data(), buffer.size()) > 0) {
    }
    if (fd >= 0) close(fd);
  }
  return NowNanos() - start;
}

// Runs `work` in a process of its own, which then dies by kill -9.
template <typename Work>
void InKilledProcess(Work work) {
  const pid_t child = fork();
  Require(child >= 0, "fork");
  if (child == 0) {
    work();
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  Require(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "the child was killed");
}

void Prepare(const std::string& directory) {
  const auto manager = Value(LogManager::Open(Options(directory)), "open");
  Create(manager.get(), 0, kLogs);
  for (int i = 0; i < kLogs; ++i) {
    const auto log = Value(manager->GetLog(Name(i)), "open log");
    for (int s = 0; s < kSegments; ++s) {
      if (s > 0) Check(log->Roll(), "roll");
      AppendOne(manager.get(), i);
    }
  }
  Check(manager->Close(), "close");
}

// Made once for all repetitions; each leaves it cleanly closed.
const std::string& Prepared() {
  static const Directory directory;
  static const std::string path = [] {
    std::string data = directory.path() + "/data";
    Prepare(data);
    return data;
  }();
  return path;
}

void Open(benchmark::State& state, bool killed) {
  const std::string& path = Prepared();
  for (auto _ : state) {
    if (killed) {
      InKilledProcess([&] {
        // Never destroyed: that would close it.
        LogManager* const manager = Value(LogManager::Open(Options(path)), "open").release();
        for (int i = 0; i < kLogs; ++i) AppendOne(manager, i);
      });
    }
    const int64_t floor = FloorNanos(path);
    malloc_trim(0);
    const size_t heap = HeapBytes();
    const int64_t start = NowNanos();
    LogManagerReport report;
    auto manager = Value(LogManager::Open(Options(path), &report), "open");
    const int64_t nanos = NowNanos() - start;
    // A kernel without unique mount ids cannot tell a dead process from a power loss: then it counts as one.
    Require((report.shutdown == RecoveryReport::Shutdown::kClean) != killed, "the shutdown was recognised");
    state.counters["page_cache_believed"] = report.shutdown == RecoveryReport::Shutdown::kPowerLoss ? 0 : 1;
    state.SetIterationTime(static_cast<double>(nanos) * 1e-9);
    state.counters["vs_floor"] = static_cast<double>(nanos) / static_cast<double>(floor);
    state.counters["cold_heap_bytes_per_log"] = static_cast<double>(HeapBytes() - heap) / kLogs;
    // All logs opened, read and left idle with their files mapped.
    const size_t resident = ResidentBytes();
    const int64_t all = NowNanos();
    for (int i = 0; i < kLogs; ++i) ReadOne(manager.get(), i);
    state.counters["first_read_us_per_log"] = static_cast<double>(NowNanos() - all) / 1e3 / kLogs;
    state.counters["mapped_resident_bytes_per_log"] =
        static_cast<double>(ResidentBytes() - std::min(resident, ResidentBytes())) / kLogs;
    Check(manager->Close(), "close");
  }
}

// The plainest way to a directory with a file and a record for each.
int64_t FilesNanos(const std::string& directory, int64_t count) {
  const std::string record(80, 'x');
  const int64_t start = NowNanos();
  for (int64_t i = 0; i < count; ++i) {
    const std::string path = directory + "/" + Name(i);
    Require(mkdir(path.c_str(), 0755) == 0, "mkdir");
    const int fd = open((path + "/00000000000000000000.log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    Require(fd >= 0 && write(fd, record.data(), record.size()) > 0, "write");
    close(fd);
  }
  return NowNanos() - start;
}

// A tenth of the files is enough to know what one costs.
constexpr int64_t kFloorPart = 10;

void Partitions(benchmark::State& state) {
  const int64_t count = state.range(0);
  // Kept to the end of the program: ext4 without a journal is slow to create files while many others were
  // just deleted. About 2 GB a repetition.
  static std::vector<std::unique_ptr<Directory>> used;
  const auto seconds = [](int64_t since) { return static_cast<double>(NowNanos() - since) * 1e-9; };
  for (auto _ : state) {
    used.push_back(std::make_unique<Directory>());
    const double floor =
        static_cast<double>(FilesNanos(used.back()->path(), count / kFloorPart) * kFloorPart) * 1e-9;
    used.push_back(std::make_unique<Directory>());
    const std::string path = used.back()->path() + "/data";
    size_t mappings = 0;
    int64_t descriptors = 0;
    const int64_t begin = NowNanos();
    double creates = 0;
    // As in an engine: what goes cold does so on another thread.
    const auto executor = NewThreadExecutor();
    LogManagerOptions options = Options(path);
    options.env.executor = executor.get();
    auto manager = Value(LogManager::Open(options), "open");
    manager->StartBackground();
    for (int64_t i = 0; i < count; i += 1000) {
      const int64_t end = std::min(i + 1000, count);
      const int64_t creating = NowNanos();
      Create(manager.get(), i, end);
      creates += seconds(creating);
      for (int64_t k = i; k < end; ++k) AppendOne(manager.get(), k);
      descriptors = std::max(descriptors, manager->stats().descriptors);
      if (i % 10'000 == 0) mappings = std::max(mappings, Mappings());
    }
    const double created = seconds(begin);
    const int64_t closing = NowNanos();
    Check(manager->Close(), "close");
    manager.reset();
    state.counters["close_s"] = seconds(closing);
    malloc_trim(0);
    const size_t heap = HeapBytes();
    const int64_t opening = NowNanos();
    manager = Value(LogManager::Open(options), "open");
    manager->StartBackground();
    state.counters["open_s"] = seconds(opening);
    state.counters["cold_heap_bytes_per_log"] =
        static_cast<double>(HeapBytes() - heap) / static_cast<double>(count);
    const int64_t reading = NowNanos();
    for (int64_t i = 0; i < count; ++i) ReadOne(manager.get(), i);
    state.counters["read_per_s"] = static_cast<double>(count) / seconds(reading);
    mappings = std::max(mappings, Mappings());
    Check(manager->Close(), "close");
    manager.reset();
    state.SetIterationTime(created);
    state.counters["create_per_s"] = static_cast<double>(count) / creates;
    state.counters["create_and_append_per_s"] = static_cast<double>(count) / created;
    state.counters["vs_floor"] = created / floor;
    state.counters["descriptors_max"] = static_cast<double>(descriptors);
    state.counters["mappings_max"] = static_cast<double>(mappings);
  }
}

void OpenClean(benchmark::State& state) {
  Open(state, false);
}
void OpenKilled(benchmark::State& state) {
  Open(state, true);
}

BENCHMARK(OpenClean)->Name("Open/1000/clean")->Apply(Standard);
BENCHMARK(OpenKilled)->Name("Open/1000/killed")->Apply(Standard);
BENCHMARK(Partitions)->Arg(Setting("MILLRACE_BENCH_PARTITIONS", 100'000))->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

BENCHMARK_MAIN();
