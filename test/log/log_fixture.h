// LogFixture: a log in a world of its own, which can be closed, killed, cut off from power and opened again.

#ifndef MILLRACE_TEST_LOG_LOG_FIXTURE_H_
#define MILLRACE_TEST_LOG_LOG_FIXTURE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/files.h"
#include "millrace/log/log.h"
#include "millrace/testing/sim_env.h"
#include "temp_dir.h"

namespace millrace::log_test {

using Strings = std::vector<std::string>;

// "from", "from + 1", ... "to - 1".
inline Strings Numbers(int from, int to) {
  Strings numbers;
  for (int i = from; i < to; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

// What the simulated clock shows at first, and the record at offset 0 is stamped with.
inline constexpr Timestamp kTime{1'700'000'000'000};

enum class Files { kPosix, kMemory, kSimulated };

struct Place {
  Files files = Files::kMemory;
  FileBackend backend = FileBackend::kMapped;
};
inline const std::vector<Place> kMemoryPlaces = {{Files::kMemory, FileBackend::kMapped},
                                                 {Files::kMemory, FileBackend::kReadWrite}};
inline const std::vector<Place> kSimulatedPlaces = {{Files::kSimulated, FileBackend::kMapped},
                                                    {Files::kSimulated, FileBackend::kReadWrite}};
inline const std::vector<Place> kPosixPlaces = {{Files::kPosix, FileBackend::kMapped},
                                                {Files::kPosix, FileBackend::kReadWrite}};
inline const std::vector<Place> kAllPlaces = {
    {Files::kPosix, FileBackend::kMapped},     {Files::kPosix, FileBackend::kReadWrite},
    {Files::kMemory, FileBackend::kMapped},    {Files::kMemory, FileBackend::kReadWrite},
    {Files::kSimulated, FileBackend::kMapped}, {Files::kSimulated, FileBackend::kReadWrite}};

inline TopicConfig SmallSegments() {
  return {.segment_bytes = 4096, .index_interval_bytes = 256, .file_delete_delay_ms = 0};
}

class LogFixture {
 public:
  // Runs the test case once for each of `places`.
  explicit LogFixture(TopicConfig config = SmallSegments(), const std::vector<Place>& places = kMemoryPlaces)
      : sim(7) {
    const Place place = GENERATE_COPY(from_range(places));
    options.config = std::move(config);
    options.backend = place.backend;
    path = "/log-0";
    if (place.files == Files::kPosix) {
      directory.emplace();
      path = directory->Path("log-0");
      options.env.files = FileSystem::System();
    } else if (place.files == Files::kMemory) {
      memory = NewMemoryFileSystem({.clock = &sim.clock});
      options.env.files = memory.get();
    } else {
      options.env.files = sim.files.get();
    }
    options.env.clock = &sim.clock;
    options.env.random = sim.random.get();
    Open();
  }
  ~LogFixture() { log.reset(); }
  LogFixture(const LogFixture&) = delete;
  LogFixture& operator=(const LogFixture&) = delete;

  FileSystem* files() const { return options.env.files; }
  std::string Path(std::string_view name) const { return path + "/" + std::string(name); }

  // --- Lives
  void Open() {
    auto opened = Log::Open(path, options, &report);
    INFO(opened.status().message());
    REQUIRE(opened.ok());
    log = *std::move(opened);
  }
  void Close() {
    const absl::Status closed = log->Close();
    INFO(closed.message());
    REQUIRE(closed.ok());
    log.reset();
  }
  void Reopen() {
    Close();
    Open();
  }
  // kSimulated: the process dies, and a new one opens the log.
  void Kill() {
    sim.files->Stop();
    log.reset();
    sim.KillProcess();
    Open();
  }
  // kSimulated: the power fails.
  void Crash(SimCrashOptions how) {
    sim.files->Stop();
    log.reset();
    sim.Crash(how);
    Open();
  }

  // --- Records: the value of the record at offset i is "i".
  void Append(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string value = std::to_string(i);
      const auto appended = log->Append({.key = "key", .value = value}, kTime + i);
      INFO(appended.status().message());
      REQUIRE(appended.ok());
      REQUIRE(appended->first_offset == Offset(i));
    }
  }
  void Flush() {
    const absl::Status flushed = log->Flush();
    INFO(flushed.message());
    REQUIRE(flushed.ok());
  }
  // All values from an offset on.
  Strings Read(Offset from, size_t bytes_max = 1 << 20) const {
    Strings values;
    auto cursor = log->NewCursor(from);
    INFO(cursor.status().message());
    REQUIRE(cursor.ok());
    while (true) {
      const auto slice = (*cursor)->Next(bytes_max);
      INFO(slice.status().message());
      REQUIRE(slice.ok());
      if (slice->empty()) return values;
      Take(*slice, from, &values);
    }
  }
  // Likewise, past what is damaged, which is returned.
  std::vector<DamagedRange> ReadAround(Offset from, Strings* values) const {
    std::vector<DamagedRange> damaged;
    auto cursor = log->NewCursor(from);
    INFO(cursor.status().message());
    REQUIRE(cursor.ok());
    while (true) {
      const auto slice = (*cursor)->Next(1 << 20);
      if (const auto range = DamagedRangeOf(slice.status()); range.has_value()) {
        damaged.push_back(*range);
        REQUIRE((*cursor)->Seek(range->next).ok());
        continue;
      }
      INFO(slice.status().message());
      REQUIRE(slice.ok());
      if (slice->empty()) return damaged;
      Take(*slice, from, values);
    }
  }
  static void Take(const LogSlice& slice, Offset from, Strings* values) {
    for (const BatchView batch : slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        if (record.offset >= from) values->emplace_back(record.value.value_or(""));
      }
      REQUIRE(reader.status().ok());
    }
  }

  // --- Files
  Strings Names() const { return Must(files()->List(path)); }
  // Names that end so.
  Strings NamesWith(std::string_view suffix) const {
    Strings found;
    for (const std::string& name : Names()) {
      if (name.ends_with(suffix)) found.push_back(name);
    }
    return found;
  }
  Bytes Content(std::string_view name) const { return ReadAll(files(), Path(name)); }
  void FlipByte(std::string_view name, uint64_t at) const {
    const std::unique_ptr<File> file = Must(files()->Open(Path(name), OpenMode::kReadWrite));
    std::byte byte;
    Must(ReadExactly(file.get(), at, {&byte, 1}));
    byte ^= std::byte{0x10};
    Must(file->WriteAt(at, {&byte, 1}));
    Must(file->Sync());
  }

  SimEnv sim;
  std::unique_ptr<FileSystem> memory;
  std::optional<test::TempDir> directory;
  std::string path;
  LogOptions options;
  RecoveryReport report;
  std::unique_ptr<Log> log;
};

}  // namespace millrace::log_test

#endif  // MILLRACE_TEST_LOG_LOG_FIXTURE_H_
