#include "log/flush_points.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "log/files.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

constexpr std::string_view kPath = "/d/millrace.flush";

std::unique_ptr<FlushPoints> Open(FileSystem* files, FlushPointsReport* report = nullptr) {
  return Must(FlushPoints::Open(files, kPath, false, report));
}

FlushPoint Point(int64_t offset) {
  return {.offset = Offset(offset),
          .segment_base = Offset(offset / 10),
          .position = static_cast<uint32_t>(offset * 3)};
}

TEST_CASE("Flush points come back, for many logs, after many changes") {
  const auto files = MemoryFiles();
  std::mt19937_64 random(1);
  std::map<uint32_t, FlushPoint> want;
  FlushPointsReport report;
  auto points = Open(files.get(), &report);
  CHECK(report.created);
  CHECK(!points->Get(0).has_value());
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 50; ++i) {
      const auto log_no = static_cast<uint32_t>(random() % 3000);
      if (random() % 5 == 0) {
        points->Clear(log_no);
        want.erase(log_no);
      } else {
        want[log_no] = Point(static_cast<int64_t>(random() % 1'000'000));
        points->Set(log_no, want[log_no]);
      }
    }
    REQUIRE(points->Sync().ok());
    REQUIRE(points->dirty() == 0);
    if (round % 3 == 0) points = Open(files.get(), &report);
    CHECK(!(round % 3 == 0 && report.created));
    size_t wrong = 0;
    for (uint32_t log_no = 0; log_no < 3100; ++log_no) {
      const auto found = want.find(log_no);
      const auto point = points->Get(log_no);
      if (found == want.end() ? point.has_value() : point != found->second) ++wrong;
    }
    REQUIRE(wrong == 0);
  }
  CHECK(report.one_damaged.empty());
  CHECK(report.both_damaged.empty());
}

TEST_CASE("Nothing to do costs nothing; one sync serves all logs") {
  SimEnv sim(1);
  Must(sim.files->CreateDirectory("/d"));
  const auto points = Open(sim.files.get());
  const uint64_t calls = sim.files->calls();
  CHECK(points->Sync().ok());
  points->Clear(3);
  CHECK(points->Sync().ok());
  CHECK(sim.files->calls() == calls);
  for (uint32_t i = 0; i < 100; ++i) points->Set(i, Point(i));
  CHECK(points->Sync().ok());
  CHECK(sim.files->calls(FileOperation::kSync) == 2);  // One of them made the file.
  points->Set(5, Point(5));
  CHECK(points->dirty() == 0);
}

TEST_CASE("Every flipped bit is seen, and leaves this log's other flush point and all other logs") {
  const auto files = MemoryFiles();
  auto points = Open(files.get());
  for (uint32_t log_no = 0; log_no < 3; ++log_no) points->Set(log_no, Point(10 + log_no));
  Must(points->Sync());
  for (uint32_t log_no = 0; log_no < 3; ++log_no) points->Set(log_no, Point(20 + log_no));
  Must(points->Sync());
  const Bytes whole = ReadAll(files.get(), kPath);
  size_t unseen = 0;
  size_t wrong = 0;
  const size_t regions[] = {0, 4096, 4096 + 32 * 1024};
  for (const size_t region : regions) {
    const size_t bytes_here = region == 0 ? 4096 : 3 * 32;
    for (size_t bit = region * 8; bit < (region + bytes_here) * 8;
         bit += region == 0 && bit > 200 && bit < 32'700 ? 13 : 1) {
      Bytes bytes = whole;
      FlipBit(&bytes, bit);
      Put(files.get(), kPath, bytes);
      FlushPointsReport report;
      const auto opened = FlushPoints::Open(files.get(), kPath, true, &report);
      if (region == 0) {
        if (!absl::IsDataLoss(opened.status())) ++unseen;
        continue;
      }
      const auto hit = static_cast<uint32_t>((bit / 8 - region) / 32);
      if (!opened.ok() || report.one_damaged != std::vector<uint32_t>{hit}) {
        ++unseen;
        continue;
      }
      for (uint32_t log_no = 0; log_no < 3; ++log_no) {
        const auto point = (*opened)->Get(log_no);
        const bool fits = point == Point(20 + log_no) || (log_no == hit && point == Point(10 + log_no));
        if (!fits) ++wrong;
      }
    }
  }
  CHECK(unseen == 0);
  CHECK(wrong == 0);
}

TEST_CASE("A file cut anywhere is refused, or read as far as it goes") {
  const auto files = MemoryFiles();
  auto points = Open(files.get());
  points->Set(0, Point(1));
  points->Set(1000, Point(2));
  Must(points->Sync());
  const Bytes whole = ReadAll(files.get(), kPath);
  size_t wrong = 0;
  for (size_t length = 0; length < whole.size(); length += length < 4200 ? 7 : 61) {
    Put(files.get(), kPath, std::span(whole).first(length));
    FlushPointsReport report;
    auto opened = FlushPoints::Open(files.get(), kPath, false, &report);
    if (length < 4096) {
      if (!absl::IsDataLoss(opened.status())) ++wrong;
      continue;
    }
    if (!opened.ok()) {
      ++wrong;
      continue;
    }
    const auto point = (*opened)->Get(0);
    if (point.has_value() && point != Point(1)) ++wrong;
    (*opened)->Set(0, Point(9));
    if (!(*opened)->Sync().ok() || Open(files.get())->Get(0) != Point(9)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Foreign files and newer formats are refused and left alone") {
  const auto files = MemoryFiles();
  Put(files.get(), kPath, Bytes(5000, std::byte{'x'}));
  CHECK(absl::IsDataLoss(FlushPoints::Open(files.get(), kPath, false, nullptr).status()));
  Put(files.get(), kPath, Bytes(5, std::byte{'x'}));
  CHECK(absl::IsDataLoss(FlushPoints::Open(files.get(), kPath, false, nullptr).status()));
  CHECK(ReadAll(files.get(), kPath).size() == 5);
  CHECK(absl::IsNotFound(FlushPoints::Open(files.get(), "/d/none", true, nullptr).status()));
}

TEST_CASE(
    "Whenever the power goes, each log has a flush point that was set, not older than the last durable one") {
  size_t newer = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SimEnv sim(seed);
    std::mt19937_64 random(seed);
    Must(sim.files->CreateDirectory("/d"));
    Must(sim.files->SyncAll("/"));
    auto points = Open(sim.files.get());
    sim.files->StopAtCall(1 + random() % 40, seed % 2 == 0);
    // Points only rise here, so older is smaller.
    std::vector<int64_t> set(4, 0);
    std::vector<int64_t> durable(4, 0);
    for (int i = 0; i < 60 && !sim.files->stopped(); ++i) {
      const auto log_no = static_cast<uint32_t>(random() % 4);
      set[log_no] += 1;
      points->Set(log_no, Point(set[log_no]));
      if (random() % 3 == 0 && points->Sync().ok()) durable = set;
    }
    sim.files->Stop();
    points.reset();
    sim.Crash({.seed = seed});
    points = Open(sim.files.get());
    CAPTURE(seed);
    for (uint32_t log_no = 0; log_no < 4; ++log_no) {
      const auto point = points->Get(log_no);
      const int64_t offset = point.has_value() ? point->offset.value() : 0;
      REQUIRE(offset >= durable[log_no]);
      REQUIRE(offset <= set[log_no]);
      if (point.has_value()) REQUIRE(*point == Point(offset));
      newer += offset > durable[log_no] ? 1 : 0;
    }
  }
  // Crashes did fall into syncs.
  CHECK(newer > 10);
}

TEST_CASE("A failed sync poisons the flush points; a full disk does not") {
  SimEnv sim(3);
  Must(sim.files->CreateDirectory("/d"));
  const auto points = Open(sim.files.get());
  points->Set(0, Point(1));
  sim.files->Fail({.kind = SimFaultKind::kNoSpace, .operation = FileOperation::kAllocate});
  CHECK(absl::IsResourceExhausted(points->Sync()));
  CHECK(points->dirty() == 1);
  CHECK(points->Sync().ok());
  CHECK(Open(sim.files.get())->Get(0) == Point(1));
  points->Set(0, Point(2));
  sim.files->Fail({.kind = SimFaultKind::kIoError, .operation = FileOperation::kSync});
  CHECK(absl::IsDataLoss(points->Sync()));
  CHECK(sim.files->faults_fired() == 2);
  points->Set(0, Point(3));
  CHECK(absl::IsDataLoss(points->Sync()));
}

}  // namespace
}  // namespace millrace
