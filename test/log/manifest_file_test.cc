#include "log/manifest_file.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "log/files.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT
using Access = RecordFile::Access;

constexpr std::string_view kPath = "/d/millrace.manifest";

std::unique_ptr<ManifestFile> Open(FileSystem* files, ManifestReport* report = nullptr) {
  return Must(ManifestFile::Open(files, kPath, Access::kCreate, report));
}

ManifestSegment Sealed(int64_t base) {
  return {.base = Offset(base),
          .next_offset = Offset(base + 10),
          .max_timestamp = Timestamp(base * 7),
          .length = static_cast<uint32_t>(base + 1),
          .sealed = true};
}

// One random, valid change.
void Change(ManifestFile* manifest, std::mt19937_64& random) {
  const std::vector<LogEntry> logs = manifest->Logs();
  if (logs.empty() || random() % 6 == 0) {
    Must(manifest->CreateLog("log-" + std::to_string(random() % 1'000'000'000), Offset(0)));
    return;
  }
  const LogEntry& log = logs[random() % logs.size()];
  const int64_t last = log.segments.empty() ? -1 : log.segments.back().base.value();
  const std::vector<EpochEntry> epochs = {{LeaderEpoch(1), Offset(0)},
                                          {LeaderEpoch(2), Offset(static_cast<int64_t>(random() % 50 + 1))}};
  switch (random() % 9) {
    case 0:
      if (logs.size() > 3) manifest->DeleteLog(log.log_no);
      break;
    case 1:
    case 2:
      if (last >= 0) manifest->SealSegment(log.log_no, Sealed(last));
      manifest->AddSegment(log.log_no, Offset(last + 10));
      break;
    case 3:
      if (log.segments.size() > 2) {
        const std::vector<Offset> removed = {log.segments[0].base, log.segments[1].base};
        const std::vector<ManifestSegment> added = {Sealed(log.segments[0].base.value())};
        manifest->ReplaceSegments(log.log_no, removed, added);
      }
      break;
    case 4:
      if (log.segments.size() > 1) {
        const std::vector<Offset> removed = {log.segments[0].base};
        manifest->RemoveSegments(log.log_no, removed);
      }
      break;
    case 5:
      manifest->SetLogStartOffset(log.log_no, Offset(static_cast<int64_t>(random() % 1000)));
      break;
    case 6:
      manifest->SetEpochs(log.log_no, epochs);
      break;
    case 7:
      manifest->CloseLog(log.log_no, 17, Offset(last + 5));
      break;
    default:
      manifest->OpenedLog(log.log_no);
      Must(manifest->RenameLog(log.log_no, "re-" + std::to_string(random() % 1'000'000'000)));
  }
}

TEST_CASE("A manifest comes back as it was left, compacted or not") {
  for (const uint64_t seed : {1u, 2u, 3u, 4u}) {
    const auto files = MemoryFiles();
    std::mt19937_64 random(seed);
    auto manifest = Open(files.get());
    for (int i = 0; i < 400; ++i) {
      Change(manifest.get(), random);
      if (random() % 40 == 0) REQUIRE(manifest->Compact().ok());
      if (random() % 20 != 0) continue;
      REQUIRE(manifest->Write().ok());
      const std::vector<LogEntry> want = manifest->Logs();
      ManifestReport report;
      manifest = Open(files.get(), &report);
      CAPTURE(seed, i);
      REQUIRE(report.trusted);
      REQUIRE(report.notes.empty());
      REQUIRE(!report.clean);
      REQUIRE(manifest->Logs() == want);
    }
    for (const LogEntry& log : manifest->Logs()) {
      CHECK(manifest->Find(log.log_no) == log);
      CHECK(manifest->FindDirectory(log.directory) == log);
      CHECK(log.log_no < manifest->log_no_limit());
    }
    manifest->CleanClose();
    Must(manifest->Sync());
    ManifestReport report;
    manifest = Open(files.get(), &report);
    CHECK(report.clean);
    manifest->Opened();
    Must(manifest->Sync());
    Open(files.get(), &report);
    CHECK(!report.clean);
  }
}

TEST_CASE("Creating a log costs no call to the system, and names are checked") {
  SimEnv sim(1);
  Must(sim.files->CreateDirectory("/d"));
  const auto manifest = Open(sim.files.get());
  const uint64_t calls = sim.files->calls();
  CHECK(Must(manifest->CreateLog("a-0")) == 0);
  CHECK(Must(manifest->CreateLog("a-1")) == 1);
  CHECK(Must(manifest->CreateLog("")) == 2);
  CHECK(sim.files->calls() == calls);
  CHECK(absl::IsAlreadyExists(manifest->CreateLog("a-1").status()));
  for (const std::string& bad : {std::string("a/b"), std::string(".."), std::string("."), std::string("a\nb"),
                                 std::string("a\0b", 3), std::string(256, 'x')}) {
    CHECK(absl::IsInvalidArgument(manifest->CreateLog(bad).status()));
    CHECK(absl::IsInvalidArgument(manifest->RenameLog(0, bad)));
  }
  CHECK(absl::IsAlreadyExists(manifest->RenameLog(0, "a-1")));
  CHECK(manifest->log_count() == 3);
}

TEST_CASE("The number of a deleted log is used again only after a compaction") {
  const auto files = MemoryFiles();
  auto manifest = Open(files.get());
  for (const char* name : {"a", "b", "c"}) Must(manifest->CreateLog(name));
  manifest->DeleteLog(1);
  CHECK(Must(manifest->CreateLog("d")) == 3);
  Must(manifest->Write());
  manifest = Open(files.get());
  CHECK(Must(manifest->CreateLog("e")) == 4);
  Must(manifest->Compact());
  CHECK(Must(manifest->CreateLog("f")) == 1);
  CHECK(Must(manifest->CreateLog("g")) == 5);
  manifest->DeleteLog(0);
  Must(manifest->Compact());
  manifest = Open(files.get());
  CHECK(Must(manifest->CreateLog("h")) == 0);
}

TEST_CASE("A manifest that has grown wants to be compacted, and is small then") {
  const auto files = MemoryFiles();
  const auto manifest = Open(files.get());
  const uint32_t log = Must(manifest->CreateLog("a"));
  CHECK(!manifest->WantsCompaction());
  for (int i = 0; i < 20'000; ++i) manifest->SetLogStartOffset(log, Offset(i));
  Must(manifest->Write());
  CHECK(manifest->WantsCompaction());
  Must(manifest->Compact());
  CHECK(!manifest->WantsCompaction());
  CHECK(ReadAll(files.get(), kPath).size() < 200);
  CHECK(manifest->Find(log)->log_start_offset == Offset(19'999));
}

TEST_CASE("A log of very many segments is compacted, too") {
  const auto files = MemoryFiles();
  auto manifest = Open(files.get());
  const uint32_t log = Must(manifest->CreateLog("a"));
  std::vector<ManifestSegment> segments;
  for (int64_t i = 0; i < 20'000; ++i) segments.push_back(Sealed(i * 10));
  manifest->ReplaceSegments(log, {}, segments);
  for (ManifestSegment& segment : segments) segment.base = segment.base + 200'000;
  manifest->ReplaceSegments(log, {}, segments);
  manifest->AddSegment(log, Offset(10'000'000));
  const std::vector<LogEntry> want = manifest->Logs();
  CHECK(want[0].segments.size() == 40'001);
  Must(manifest->Compact());
  ManifestReport report;
  manifest = Open(files.get(), &report);
  CHECK(report.trusted);
  CHECK((manifest->Logs() == want));
}

TEST_CASE(
    "Every flipped bit of a manifest is seen; it is not called clean or trusted unless its end is torn") {
  const auto files = MemoryFiles();
  auto manifest = Open(files.get());
  const uint32_t log = Must(manifest->CreateLog("a-0"));
  Must(manifest->CreateLog("b-0"));
  manifest->SealSegment(log, Sealed(0));
  manifest->AddSegment(log, Offset(10));
  manifest->CloseLog(log, 5, Offset(11));
  manifest->CleanClose();
  Must(manifest->Sync());
  const Bytes whole = ReadAll(files.get(), kPath);
  size_t unseen = 0;
  size_t clean = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    Put(files.get(), kPath, bytes);
    ManifestReport report;
    const auto opened = ManifestFile::Open(files.get(), kPath, Access::kReadOnly, &report);
    if (!opened.ok()) {
      if (!absl::IsDataLoss(opened.status())) ++unseen;
      continue;
    }
    if (report.notes.empty() || (report.trusted && report.file.torn_bytes == 0)) ++unseen;
    if (report.clean) ++clean;
  }
  CHECK(unseen == 0);
  CHECK(clean == 0);
  // All but the last sync's mark is a whole file.
  for (size_t length = 0; length < whole.size() - 9; ++length) {
    Put(files.get(), kPath, std::span(whole).first(length));
    ManifestReport report;
    const auto opened = ManifestFile::Open(files.get(), kPath, Access::kReadOnly, &report);
    if (opened.ok() && report.clean) ++clean;
  }
  CHECK(clean == 0);
}

TEST_CASE("Records that contradict each other are reported, never believed blindly") {
  const auto files = MemoryFiles();
  const auto write = [&](uint8_t type, Bytes payload) {
    auto file =
        Must(RecordFile::Open(files.get(), kPath, ManifestFile::kKind, Access::kCreate, nullptr, nullptr));
    file->Append(type, payload);
    Must(file->Write());
  };
  std::mt19937_64 random(5);
  // Any type with any payload, after a sound beginning.
  Must(Open(files.get())->CreateLog("x").status());
  for (int i = 0; i < 600; ++i) {
    Bytes payload(random() % 40);
    for (std::byte& byte : payload) byte = static_cast<std::byte>(random() % 3 == 0 ? random() : 0);
    write(static_cast<uint8_t>(random() % 20), payload);
  }
  ManifestReport report;
  auto manifest = Open(files.get(), &report);
  CHECK(!report.trusted);
  CHECK(!report.notes.empty());
  for (const LogEntry& log : manifest->Logs()) CHECK(log.directory.find('/') == std::string::npos);
  // It still works, and a compaction heals it.
  Must(manifest->CreateLog("fresh"));
  const auto want = manifest->Logs();
  Must(manifest->Compact());
  manifest = Open(files.get(), &report);
  CHECK(report.trusted);
  CHECK(manifest->Logs() == want);
}

TEST_CASE("Power lost at any call: the manifest is some state between the last sync and the end") {
  size_t rounds = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SimEnv sim(seed);
    std::mt19937_64 random(seed);
    Must(sim.files->CreateDirectory("/d"));
    Must(sim.files->SyncAll("/"));
    auto manifest = Open(sim.files.get());
    sim.files->StopAtCall(2 + random() % 60, seed % 2 == 0);
    std::vector<std::vector<LogEntry>> states = {{}};
    size_t synced = 0;
    for (int i = 0; i < 40 && !sim.files->stopped(); ++i) {
      const size_t first = states.size();
      Change(manifest.get(), random);
      states.push_back(manifest->Logs());
      const uint64_t what = random() % 6;
      const bool durable = what == 0 ? manifest->Sync().ok() : what == 1 ? manifest->Compact().ok() : false;
      if (what == 2) manifest->Write().IgnoreError();
      if (durable) synced = first;
    }
    sim.files->Stop();
    manifest.reset();
    sim.Crash({.seed = seed});
    ManifestReport report;
    manifest = Open(sim.files.get(), &report);
    CAPTURE(seed, synced);
    REQUIRE(report.trusted);
    // A change may be two records; a state between them has the segments of one of its neighbours at least.
    const std::vector<LogEntry> found = manifest->Logs();
    const auto match = std::find(states.begin() + static_cast<std::ptrdiff_t>(synced), states.end(), found);
    if (match != states.end()) ++rounds;
    REQUIRE(found.size() + 1 >= states[synced].size() - (states[synced].empty() ? 0 : 1));
  }
  CHECK(rounds > 120);
}

}  // namespace
}  // namespace millrace
