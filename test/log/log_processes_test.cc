// Other processes: one writes, any number read; and a writer that is killed.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>

#include "log/log_fixture.h"

namespace millrace {
namespace {

using log_test::kAllPlaces;
using log_test::kPosixPlaces;
using log_test::kTime;
using log_test::LogFixture;
using log_test::Numbers;
using log_test::SmallSegments;

// A process that runs `body`, tells when it has come so far, and waits to be killed.
class Child {
 public:
  // `body` returns whether all went well; it must not use the test framework.
  explicit Child(const std::function<bool()>& body) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const char told = body() ? 'y' : 'n';
      if (write(ends[1], &told, 1) != 1) _exit(1);
      pause();
      _exit(0);
    }
    close(ends[1]);
    char told = 'n';
    const bool answered = read(ends[0], &told, 1) == 1;
    close(ends[0]);
    well_ = answered && told == 'y';
  }
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool well() const { return well_; }
  pid_t pid() const { return pid_; }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  bool well_ = false;
};

bool AppendNumbers(Log* log, int from, int to) {
  for (int i = from; i < to; ++i) {
    const std::string value = std::to_string(i);
    if (!log->Append({.key = "key", .value = value}, kTime + i).ok()) return false;
  }
  return true;
}

TEST_CASE("a second writer is refused and told who the first is", "[log][processes]") {
  LogFixture f(SmallSegments(), kAllPlaces);
  const auto second = Log::Open(f.path, f.options);
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(std::string(second.status().message()).find("process") != std::string::npos);
  f.Append(0, 3);
}

TEST_CASE("a writer in another process is named, and its death frees the log at once", "[log][processes]") {
  LogFixture f(SmallSegments(), kPosixPlaces);
  f.Close();
  Child writer([&] {
    auto log = Log::Open(f.path, f.options);
    if (!log.ok() || !AppendNumbers(log->get(), 0, 300)) return false;
    static_cast<void>(log->release());  // goes with the process
    return true;
  });
  REQUIRE(writer.well());
  const auto refused = Log::Open(f.path, f.options);
  CHECK(refused.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(std::string(refused.status().message()).find(std::to_string(writer.pid())) != std::string::npos);

  LogOptions reading = f.options;
  reading.read_only = true;
  auto follower = Log::Open(f.path, reading);
  INFO(follower.status().message());
  REQUIRE(follower.ok());
  CHECK((*follower)->log_end_offset() == Offset(300));
  follower->reset();

  writer.Kill();
  f.Open();
  CHECK(f.report.shutdown == RecoveryReport::Shutdown::kProcessCrash);
  CHECK(f.report.scanned_bytes == 0);
  CHECK(f.log->log_end_offset() == Offset(300));
  CHECK(f.Read(Offset(0)) == Numbers(0, 300));
  f.Append(300, 310);
}

TEST_CASE("a log is read after its writer was killed, without becoming one", "[log][processes]") {
  LogFixture f(SmallSegments(), kPosixPlaces);
  f.Close();
  {
    Child writer([&] {
      auto log = Log::Open(f.path, f.options);
      if (!log.ok() || !AppendNumbers(log->get(), 0, 50)) return false;
      static_cast<void>(log->release());
      return true;
    });
    REQUIRE(writer.well());
  }
  LogOptions reading = f.options;
  reading.read_only = true;
  auto opened = Log::Open(f.path, reading, &f.report);
  INFO(opened.status().message());
  REQUIRE(opened.ok());
  f.log = *std::move(opened);
  CHECK(f.Read(Offset(0)) == Numbers(0, 50));
  CHECK_FALSE(f.log->Append({.value = "x"}).ok());
  CHECK_FALSE(f.log->TruncateTo(Offset(0)).ok());
  CHECK_FALSE(f.log->Flush().ok());
  f.log.reset();
  f.Open();
  f.Append(50, 60);
}

TEST_CASE("another opening follows the live log read-only", "[log][processes]") {
  LogFixture f(SmallSegments(), kAllPlaces);
  f.Append(0, 10);
  LogOptions reading = f.options;
  reading.read_only = true;
  auto follower = Log::Open(f.path, reading);
  INFO(follower.status().message());
  REQUIRE(follower.ok());
  CHECK((*follower)->log_end_offset() == Offset(10));
  CHECK_FALSE((*follower)->Append({.value = "x"}).ok());
  auto cursor = (*follower)->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  int seen = 0;
  int written = 10;
  for (const int upto : {10, 20, 400}) {
    f.Append(written, upto);
    written = upto;
    while (true) {
      const auto slice = (*cursor)->Next(1 << 20);
      INFO(slice.status().message());
      REQUIRE(slice.ok());
      if (slice->empty()) break;
      for (const BatchView batch : *slice) seen += batch.record_count();
    }
    CHECK(seen == upto);
  }
  CHECK((*follower)->log_end_offset() == Offset(400));
  REQUIRE(f.log->DeleteRecordsBefore(Offset(390)).ok());
  CHECK((*follower)->log_end_offset() == Offset(400));
  CHECK((*follower)->log_start_offset() == Offset(390));
}

TEST_CASE("a reader of what is not there is told so", "[log][processes]") {
  LogFixture f;
  LogOptions reading = f.options;
  reading.read_only = true;
  CHECK(Log::Open("/nowhere", reading).status().code() == absl::StatusCode::kNotFound);
  CHECK(f.files()->Stat("/nowhere").status().code() == absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace millrace
