// The death of the process, of the power, of the disk and of its space: what a log survives, and what it
// says.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/log_fixture.h"

namespace millrace {
namespace {

using log_test::kSimulatedPlaces;
using log_test::kTime;
using log_test::LogFixture;
using log_test::Numbers;
using log_test::SmallSegments;
using log_test::Strings;
using Shutdown = RecoveryReport::Shutdown;

TEST_CASE("the death of the process loses nothing, and nothing is read to find that out", "[log][crash]") {
  LogFixture f(SmallSegments(), kSimulatedPlaces);
  f.Append(0, 333);
  f.Kill();
  CHECK(f.report.shutdown == Shutdown::kProcessCrash);
  CHECK(f.report.scanned_bytes == 0);
  CHECK(f.log->log_end_offset() == Offset(333));
  CHECK(f.Read(Offset(0)) == Numbers(0, 333));
  f.Append(333, 400);
  f.Kill();
  f.Kill();
  CHECK(f.Read(Offset(300)) == Numbers(300, 400));
  f.Flush();
  CHECK(f.log->flushed_offset() == Offset(400));
  f.Reopen();
  CHECK(f.report.shutdown == Shutdown::kClean);
  CHECK(f.Read(Offset(0)) == Numbers(0, 400));
}

TEST_CASE("after a power loss what was flushed is there, and a torn tail is cut", "[log][crash]") {
  LogFixture f({.segment_bytes = 1 << 20}, kSimulatedPlaces);
  const auto keep = GENERATE(SimKeep::kSynced, SimKeep::kRandom, SimKeep::kEverything);
  f.Append(0, 100);
  f.Flush();
  f.Append(100, 400);
  f.Crash({.seed = 11, .keep = keep});
  CHECK(f.report.shutdown == Shutdown::kPowerLoss);
  CHECK(f.report.damaged.empty());
  const auto end = static_cast<int>(f.log->log_end_offset().value());
  CHECK(end >= 100);
  CHECK(f.report.end_offset == Offset(end));
  if (keep == SimKeep::kSynced) CHECK(end == 100);
  if (keep == SimKeep::kEverything) CHECK(end == 400);
  CHECK(f.Read(Offset(0)) == Numbers(0, end));
  f.Append(end, end + 10);
  f.Reopen();
  CHECK(f.Read(Offset(0)) == Numbers(0, end + 10));
}

TEST_CASE("what lies behind the flush point is scanned, and no more", "[log][crash]") {
  LogFixture f({.segment_bytes = 1 << 20}, kSimulatedPlaces);
  f.Append(0, 1000);
  f.Flush();
  REQUIRE(f.log->RunMaintenance().ok());
  f.sim.clock.Advance(1'000'000'000);
  f.Append(1000, 1001);
  f.Flush();
  REQUIRE(f.log->RunMaintenance().ok());  // the flush point itself
  f.Append(1001, 1011);
  const int64_t size = f.log->stats().size_bytes;
  f.Crash({.seed = 3, .keep = SimKeep::kEverything});
  CHECK(f.log->log_end_offset() == Offset(1011));
  CHECK(f.report.scanned_bytes > 0);
  CHECK(f.report.scanned_bytes <= size / 1011 * 11);
}

TEST_CASE("a tail that is torn in the middle of a batch is cut, whatever is behind it", "[log][crash]") {
  LogFixture f({.segment_bytes = 1 << 20}, kSimulatedPlaces);
  f.Append(0, 100);
  f.Flush();
  f.Append(100, 200);
  const std::string name = "00000000000000000000.log";
  // The batch of offset 150 is broken on the disk; those behind it are whole.
  auto cursor = f.log->NewCursor(Offset(150));
  REQUIRE(cursor.ok());
  const size_t left = (*cursor)->Next(1 << 20)->bytes.size();
  const auto at = static_cast<uint64_t>(f.log->stats().size_bytes) - left + 70;
  f.sim.files->Stop();
  f.log.reset();
  f.sim.Crash({.seed = 1, .keep = SimKeep::kEverything});
  f.FlipByte(name, at);
  f.Open();
  CHECK(f.log->log_end_offset() == Offset(150));
  CHECK(f.report.cut_bytes > 0);
  CHECK_FALSE(f.report.notes.empty());
  CHECK(f.report.damaged.empty());
  CHECK(f.Read(Offset(0)) == Numbers(0, 150));
  // What was cut does not come back, even where offsets would follow on.
  f.Append(150, 151);
  f.Crash({.seed = 2, .keep = SimKeep::kEverything});
  CHECK(f.Read(Offset(0)) == Numbers(0, 151));
}

TEST_CASE("without a flush a power loss may take everything", "[log][crash]") {
  // The control: the cases above would find a flush that does nothing.
  LogFixture f({.segment_bytes = 1 << 20}, kSimulatedPlaces);
  f.Append(0, 100);
  f.Crash({.seed = 5, .keep = SimKeep::kSynced});
  CHECK(f.log->log_end_offset() == Offset(0));
}

TEST_CASE("damage below the flush point is fenced, not cut", "[log][crash]") {
  LogFixture f({.segment_bytes = 1 << 20, .index_interval_bytes = 256}, kSimulatedPlaces);
  f.Append(0, 100);
  f.Flush();
  f.sim.clock.Advance(1'000'000'000);
  REQUIRE(f.log->RunMaintenance().ok());  // makes the flush point itself durable
  const auto size = static_cast<uint64_t>(f.log->stats().size_bytes);
  f.sim.files->Stop();
  f.log.reset();
  f.sim.Crash({.seed = 1, .keep = SimKeep::kEverything});
  {
    // The device forgot the second half.
    const auto file =
        log_test::Must(f.files()->Open(f.Path("00000000000000000000.log"), OpenMode::kReadWrite));
    const log_test::Bytes zeros(size / 2);
    log_test::Must(file->WriteAt(size - size / 2, zeros));
    log_test::Must(file->Sync());
  }
  f.Open();
  // The offsets stay taken; what is lost is named.
  CHECK(f.log->log_end_offset() >= Offset(100));
  Strings values;
  const std::vector<DamagedRange> damaged = f.ReadAround(Offset(0), &values);
  REQUIRE(damaged.size() == 1);
  CHECK(damaged.front().next == Offset(100));
  CHECK(values == Numbers(0, static_cast<int>(damaged.front().first.value())));
  CHECK(values.size() > 10);
  const auto appended = f.log->Append({.value = "new"}, kTime);
  INFO(appended.status().message());
  REQUIRE(appended.ok());
  CHECK(appended->first_offset == Offset(100));
  CHECK(f.log->fenced() == damaged);
}

TEST_CASE("a full disk refuses appends, which work again once there is space", "[log][crash]") {
  LogFixture f({.segment_bytes = 256 << 10}, kSimulatedPlaces);
  const std::string value(1000, 'v');
  f.sim.files->SetCapacity(512 << 10);
  int64_t appended = 0;
  absl::Status refused;
  while (appended < 2000) {
    const auto result = f.log->Append({.value = value}, kTime);
    refused = result.status();
    if (!refused.ok()) break;
    ++appended;
  }
  REQUIRE(appended > 100);
  REQUIRE_FALSE(refused.ok());
  CHECK(ErrorCodeOf(refused) == ErrorCode::kKafkaStorageError);
  CHECK(std::string(refused.message()).find("space") != std::string::npos);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(f.log->Append({.value = value}, kTime).ok());
  CHECK(f.log->log_end_offset() == Offset(appended));
  CHECK(f.Read(Offset(0)).size() == static_cast<size_t>(appended));
  f.sim.files->SetCapacity(uint64_t{4} << 20);
  for (int i = 0; i < 500; ++i) {
    const auto result = f.log->Append({.value = value}, kTime);
    INFO(result.status().message());
    REQUIRE(result.ok());
  }
  f.Flush();
  f.Reopen();
  CHECK(f.Read(Offset(0)).size() == static_cast<size_t>(appended) + 500);
  CHECK(f.log->Verify()->empty());
}

TEST_CASE("one sync serves everybody who waits", "[log][crash]") {
  LogFixture f({.segment_bytes = 1 << 20}, kSimulatedPlaces);
  f.Close();
  f.options.env.executor = f.sim.executor.get();
  f.Open();
  f.Append(0, 10);
  f.Flush();
  f.sim.executor->RunReady();
  std::vector<int64_t> done;
  for (int i = 10; i < 74; ++i) {
    f.Append(i, i + 1);
    f.log->OnDurable(Offset(i + 1), [&done, i](const absl::Status& status) {
      if (status.ok()) done.push_back(i);
    });
  }
  CHECK(done.empty());
  const uint64_t before = f.sim.files->calls(FileOperation::kSync);
  f.sim.executor->RunReady();
  CHECK(done.size() == 64);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(f.sim.files->calls(FileOperation::kSync) - before <= 2);  // the data's, and maybe the flush point's
  bool at_once = false;
  f.log->OnDurable(Offset(74), [&](const absl::Status& status) { at_once = status.ok(); });
  CHECK(at_once);
  CHECK(f.log->flushed_offset() == Offset(74));
}

TEST_CASE("without an executor RunMaintenance makes durable what somebody waits for", "[log][crash]") {
  LogFixture f({.segment_bytes = 1 << 20}, kSimulatedPlaces);
  f.Append(0, 10);
  bool done = false;
  f.log->OnDurable(Offset(10), [&](const absl::Status& status) { done = status.ok(); });
  CHECK_FALSE(done);
  REQUIRE(f.log->RunMaintenance().ok());
  CHECK(done);
  // Who still waits when the log is closed is told so.
  f.Append(10, 11);
  absl::Status told = absl::UnknownError("");
  f.log->OnDurable(Offset(5000), [&](absl::Status status) { told = std::move(status); });
  f.Close();
  CHECK(ErrorCodeOf(told) == ErrorCode::kKafkaStorageError);
}

TEST_CASE("interval durability flushes by time and by count", "[log][crash]") {
  TopicConfig config = {.segment_bytes = 1 << 20};
  config.durability = Durability::kInterval;
  config.flush_messages = 100;
  config.flush_ms = 500;
  LogFixture f(config, kSimulatedPlaces);
  f.Close();
  f.options.env.executor = f.sim.executor.get();
  f.Open();
  f.Append(0, 10);
  f.sim.executor->RunReady();
  CHECK(f.log->flushed_offset() == Offset(0));
  f.sim.executor->RunFor(600'000'000);
  CHECK(f.log->flushed_offset() == Offset(10));
  f.Append(10, 115);
  f.sim.executor->RunReady();
  CHECK(f.log->flushed_offset() >= Offset(110));
}

TEST_CASE("producers are known again after every kind of death", "[log][crash]") {
  LogFixture f(SmallSegments(), kSimulatedPlaces);
  const auto send = [&](int32_t sequence) {
    BatchBuilder builder(
        {.producer_id = ProducerId(7), .producer_epoch = ProducerEpoch(1), .base_sequence = sequence});
    const std::string value = std::to_string(sequence);
    builder.Append({.value = value}, f.sim.clock.Wall());
    return f.log->AppendBatch(*builder.Finish());
  };
  for (int i = 0; i < 100; ++i) REQUIRE(send(i).ok());
  f.Kill();
  CHECK(send(99)->duplicate);
  for (int i = 100; i < 150; ++i) REQUIRE(send(i).ok());
  f.Flush();
  f.Crash({.seed = 1, .keep = SimKeep::kSynced});
  CHECK(send(149)->duplicate);
  CHECK(ErrorCodeOf(send(151).status()) == ErrorCode::kOutOfOrderSequenceNumber);
  REQUIRE(send(150).ok());
  CHECK(f.Read(Offset(0)) == Numbers(0, 151));
}

}  // namespace
}  // namespace millrace
