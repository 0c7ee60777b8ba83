// R1: kill -9 at any moment loses nothing that was acknowledged. A writer in a process of its own is killed
// after 0 to 50 ms, round after round over the same directory; each time the log must open at once, and hold
// every number once and in order, up to at least the last one that was acknowledged.
//
// MILLRACE_KILL_ROUNDS sets the rounds of all modes together (default 1000), MILLRACE_SEED the delays.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "millrace/env/random.h"
#include "millrace/log/log.h"
#include "setting.h"
#include "temp_dir.h"

extern char** environ;

namespace millrace {
namespace {

// One life of the writer. Returns the last number it acknowledged, or -1.
int64_t LiveAndDie(const std::string& directory, const char* mode, const char* backend, int64_t micros) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const std::vector<const char*> arguments = {MILLRACE_KILL_WRITER, directory.c_str(), mode, backend,
                                              nullptr};
  pid_t child = -1;
  REQUIRE(posix_spawn(&child, MILLRACE_KILL_WRITER, &actions, nullptr, const_cast<char**>(arguments.data()),
                      environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  int64_t last = -1;
  const auto drain = [&](int wait_ms) {
    pollfd readable = {.fd = ends[0], .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, wait_ms) <= 0) return true;
    int64_t numbers[512];
    const ssize_t got = read(ends[0], numbers, sizeof numbers);
    if (got >= static_cast<ssize_t>(sizeof numbers[0]))
      last = numbers[static_cast<size_t>(got) / sizeof numbers[0] - 1];
    return got > 0;
  };
  // The clock of the kill starts with the first sign of life, or the rounds would mostly interrupt the
  // loading of the program.
  drain(10'000);
  timespec begin = {};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (timespec now = begin;
       (now.tv_sec - begin.tv_sec) * 1'000'000 + (now.tv_nsec - begin.tv_nsec) / 1000 < micros;
       clock_gettime(CLOCK_MONOTONIC, &now)) {
    if (!drain(1)) break;
  }
  kill(child, SIGKILL);
  while (drain(-1)) {
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  INFO("the writer ended by itself with status " << status);
  REQUIRE(WIFSIGNALED(status));
  return last;
}

// The end of the log in `directory`, whose records must be the numbers from its start on. -1 if they are not.
int64_t CheckedEnd(const std::string& directory, FileBackend backend) {
  auto log =
      Log::Open(directory, {.config = {.segment_bytes = 64 << 10, .retention_ms = -1}, .backend = backend});
  INFO(log.status().message());
  REQUIRE(log.ok());
  auto cursor = (*log)->NewCursor(Offset(0));
  INFO(cursor.status().message());
  REQUIRE(cursor.ok());
  int64_t expected = 0;
  while (true) {
    auto slice = (*cursor)->Next(1 << 20);
    INFO(slice.status().message());
    REQUIRE(slice.ok());
    if (slice->empty()) break;
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record); ++expected) {
        if (record.offset != Offset(expected) || record.value != std::to_string(expected)) return -1;
      }
      if (!reader.status().ok()) return -1;
    }
  }
  return (*log)->log_end_offset() == Offset(expected) ? expected : -1;
}

struct Mode {
  const char* name;
  const char* backend;
  int64_t share;  // of the rounds, in per cent
};

// Rounds of one mode; the number of those in which something acknowledged was missing or doubled.
int Violations(const Mode& mode, int64_t rounds, Random& random) {
  const FileBackend backend =
      std::string(mode.backend) == "mapped" ? FileBackend::kMapped : FileBackend::kReadWrite;
  int violations = 0;
  std::unique_ptr<test::TempDir> directory;
  for (int64_t round = 0; round < rounds; ++round) {
    if (round % 25 == 0)
      directory = std::make_unique<test::TempDir>();  // keeps what must be read in each round small
    const std::string path = directory->path() + "/log-0";
    const auto micros = static_cast<int64_t>(random.Below(rounds > 300 ? 25'000 : 50'000));
    const int64_t acknowledged = LiveAndDie(path, mode.name, mode.backend, micros);
    if (CheckedEnd(path, backend) <= acknowledged) ++violations;
  }
  return violations;
}

TEST_CASE("kill -9 loses nothing that was acknowledged") {
  const int64_t rounds = test::Setting("MILLRACE_KILL_ROUNDS", 1000);
  const int64_t seed = test::Setting("MILLRACE_SEED", 20261123);
  const Mode mode = GENERATE(Mode{"append", "mapped", 50}, Mode{"batch", "mapped", 25},
                             Mode{"flush", "mapped", 10}, Mode{"append", "readwrite", 15});
  INFO("seed " << seed << ", mode " << mode.name << ", backend " << mode.backend);
  auto random = Random::Seeded(static_cast<uint64_t>(seed));
  CHECK(Violations(mode, rounds * mode.share / 100, *random) == 0);
}

TEST_CASE("a writer that acknowledges too early is found out") {
  auto random = Random::Seeded(1);
  CHECK(Violations({"early", "mapped", 100}, 10, *random) > 0);
}

}  // namespace
}  // namespace millrace
