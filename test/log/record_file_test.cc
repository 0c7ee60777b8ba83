#include "log/record_file.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "log/files.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT
using Access = RecordFile::Access;
using Entries = std::vector<std::pair<int, std::string>>;

constexpr RecordFileKind kKind = {.tag = {'T', 'E', 'S', 'T'}, .version = 3, .name = "test"};
constexpr std::string_view kPath = "/d/r";

struct Opened {
  std::unique_ptr<RecordFile> file = nullptr;
  Entries entries = {};
  RecordFileReport report = {};
  absl::Status status = absl::OkStatus();
};

Opened Open(FileSystem* files, Access access = Access::kCreate, RecordFileKind kind = kKind) {
  Opened opened;
  const auto visit = [&](uint8_t type, std::span<const std::byte> payload) {
    opened.entries.emplace_back(type, std::string(AsText(payload)));
    return absl::OkStatus();
  };
  auto file = RecordFile::Open(files, kPath, kind, access, visit, &opened.report);
  opened.status = file.status();
  if (file.ok()) opened.file = *std::move(file);
  return opened;
}

void Add(RecordFile* file, const std::pair<int, std::string>& entry) {
  file->Append(static_cast<uint8_t>(entry.first), AsBytes(entry.second));
}

Entries Sample(int count) {
  Entries entries;
  for (int i = 0; i < count; ++i) {
    entries.emplace_back(i + 1, std::string(static_cast<size_t>(i % 7), static_cast<char>('a' + i)));
  }
  return entries;
}

Bytes SampleFile(FileSystem* files, const Entries& entries) {
  const Opened opened = Open(files);
  for (const auto& entry : entries) Add(opened.file.get(), entry);
  Must(opened.file->Sync());
  return ReadAll(files, kPath);
}

TEST_CASE("Records come back in order, over several openings and a replacement") {
  const auto files = MemoryFiles();
  Entries want;
  for (int round = 0; round < 4; ++round) {
    const Opened opened = Open(files.get());
    REQUIRE(opened.status.ok());
    CHECK(opened.report.created == (round == 0));
    CHECK(opened.report.torn_bytes == 0);
    CHECK(opened.report.notes.empty());
    CHECK(opened.entries == want);
    for (const auto& entry : Sample(5)) {
      Add(opened.file.get(), entry);
      want.push_back(entry);
    }
    if (round == 2) {
      // What is buffered is said by the new contents; what comes later goes behind.
      want = Sample(2);
      REQUIRE(opened.file
                  ->Replace([&](RecordFile::Filler* filler) {
                    for (const auto& [type, text] : want)
                      filler->Append(static_cast<uint8_t>(type), AsBytes(text));
                  })
                  .ok());
      Add(opened.file.get(), {9, "behind"});
      want.emplace_back(9, "behind");
    }
    REQUIRE((round % 2 == 0 ? opened.file->Sync() : opened.file->Write()).ok());
    CHECK(opened.file->buffered_bytes() == 0);
    CHECK(opened.file->size_bytes() == ReadAll(files.get(), kPath).size());
  }
  CHECK(!files->Stat("/d/r.tmp").ok());
  CHECK(Open(files.get(), Access::kReadOnly).entries == want);
}

TEST_CASE("No file is made, and no call to the system, before there is something to say") {
  const auto files = MemoryFiles();
  CHECK(absl::IsNotFound(Open(files.get(), Access::kExisting).status));
  CHECK(absl::IsNotFound(Open(files.get(), Access::kReadOnly).status));
  const Opened opened = Open(files.get());
  REQUIRE(opened.file->Write().ok());
  REQUIRE(opened.file->Sync().ok());
  CHECK(absl::IsNotFound(files->Stat(kPath).status()));
}

TEST_CASE("Every flipped bit is seen, costs one record at most, and the others are read") {
  const auto files = MemoryFiles();
  const Entries entries = Sample(8);
  const Bytes whole = SampleFile(files.get(), entries);
  size_t silent = 0;
  size_t wrong = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    Put(files.get(), kPath, bytes);
    const Opened opened = Open(files.get(), Access::kReadOnly);
    if (bit < 32 * 8) {
      if (!absl::IsDataLoss(opened.status)) ++silent;
      continue;
    }
    if (!opened.status.ok() || opened.entries.size() + 1 < entries.size()) ++wrong;
    if (opened.report.damaged.empty() && opened.report.torn_bytes == 0) ++silent;
    if (opened.report.notes.empty()) ++silent;
    // What is given is a subsequence of what was written.
    size_t at = 0;
    for (const auto& entry : opened.entries) {
      while (at < entries.size() && entries[at] != entry) ++at;
      if (at++ >= entries.size()) ++wrong;
    }
  }
  CHECK(silent == 0);
  CHECK(wrong == 0);
}

TEST_CASE("A file cut anywhere gives the whole records before the cut, and is continued there") {
  const auto files = MemoryFiles();
  const Entries entries = Sample(6);
  const Bytes whole = SampleFile(files.get(), entries);
  size_t wrong = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    for (const bool zero_tail : {false, true}) {
      Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      if (zero_tail) bytes.resize(length + 50);
      Put(files.get(), kPath, bytes);
      Opened opened = Open(files.get());
      // There never is a file without a header.
      if (length < 32) {
        if (!absl::IsDataLoss(opened.status)) ++wrong;
        continue;
      }
      if (!opened.status.ok()) {
        ++wrong;
        continue;
      }
      if (!std::equal(opened.entries.begin(), opened.entries.end(), entries.begin())) ++wrong;
      if (length >= 32 && !opened.report.damaged.empty()) ++wrong;
      Entries want = opened.entries;
      want.emplace_back(77, "next");
      Add(opened.file.get(), want.back());
      Must(opened.file->Sync());
      const Opened again = Open(files.get());
      if (again.entries != want || !again.report.notes.empty()) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Foreign files, other kinds and newer formats are refused and left alone") {
  const auto files = MemoryFiles();
  const Bytes whole = SampleFile(files.get(), Sample(3));
  RecordFileKind other = kKind;
  other.tag = {'E', 'L', 'S', 'E'};
  CHECK(absl::IsDataLoss(Open(files.get(), Access::kCreate, other).status));
  RecordFileKind older = kKind;
  older.version = 2;
  CHECK(absl::IsUnimplemented(Open(files.get(), Access::kCreate, older).status));
  RecordFileKind newer = kKind;
  newer.version = 4;
  CHECK(Open(files.get(), Access::kCreate, newer).status.ok());
  CHECK(ReadAll(files.get(), kPath) == whole);
  const std::string text = "this is somebody's letter, and not a short one";
  Put(files.get(), kPath, AsBytes(text));
  CHECK(absl::IsDataLoss(Open(files.get()).status));
  CHECK(ReadAll(files.get(), kPath) == ToBytes(AsBytes(text)));
  Put(files.get(), kPath, AsBytes("short"));
  CHECK(absl::IsDataLoss(Open(files.get()).status));
}

TEST_CASE("Records of an older file and from another place never pass") {
  const auto files = MemoryFiles();
  const Bytes old = SampleFile(files.get(), Sample(6));
  {
    const Opened opened = Open(files.get());
    REQUIRE(opened.file->Replace([](RecordFile::Filler* filler) { filler->Append(50, {}); }).ok());
  }
  // The new file with the old one's records behind it.
  Bytes bytes = ReadAll(files.get(), kPath);
  bytes.insert(bytes.end(), old.begin() + static_cast<std::ptrdiff_t>(bytes.size()), old.end());
  Put(files.get(), kPath, bytes);
  const Opened opened = Open(files.get());
  CHECK(opened.entries == Entries{{50, ""}});
  CHECK(opened.report.torn_bytes > 0);
  // A record repeated further on.
  Bytes repeated = old;
  repeated.insert(repeated.end(), old.begin() + 32, old.end());
  Put(files.get(), kPath, repeated);
  CHECK(Open(files.get()).entries == Sample(6));
}

TEST_CASE("Whenever the power goes, what was synced is there, in order, and nothing that was not written") {
  uint64_t crashes = 0;
  uint64_t lost_unsynced = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SimEnv sim(seed);
    std::mt19937_64 random(seed);
    Must(sim.files->CreateDirectory("/d"));
    Must(sim.files->SyncAll("/"));
    Opened opened = Open(sim.files.get());
    sim.files->StopAtCall(1 + random() % 40, random() % 2 == 0);
    Entries appended;
    size_t synced = 0;
    for (int i = 0; i < 30 && !sim.files->stopped(); ++i) {
      appended.emplace_back(1, std::to_string(i) + std::string(random() % 300, 'x'));
      Add(opened.file.get(), appended.back());
      const size_t count = appended.size();
      if (random() % 3 == 0) {
        if (opened.file->Sync().ok()) synced = count;
      } else if (random() % 8 == 0) {
        const absl::Status status = opened.file->Replace([&](RecordFile::Filler* filler) {
          for (const auto& [type, text] : appended) filler->Append(static_cast<uint8_t>(type), AsBytes(text));
        });
        if (status.ok()) synced = count;
      } else {
        opened.file->Write().IgnoreError();
      }
    }
    sim.files->Stop();
    opened.file.reset();
    const bool kill = seed % 4 == 0;
    if (kill) {
      sim.KillProcess();
    } else {
      sim.Crash({.seed = seed});
    }
    ++crashes;
    const Opened again = Open(sim.files.get());
    CAPTURE(seed, synced, again.entries.size(), appended.size());
    REQUIRE(again.status.ok());
    REQUIRE(again.report.damaged.empty());
    REQUIRE(again.entries.size() >= synced);
    REQUIRE(again.entries.size() <= appended.size());
    REQUIRE(std::equal(again.entries.begin(), again.entries.end(), appended.begin()));
    lost_unsynced += again.entries.size() < appended.size() ? 1 : 0;
  }
  CHECK(crashes == 400);
  // The control: without a sync things do get lost.
  CHECK(lost_unsynced > 20);
}

TEST_CASE("A failed sync poisons; a full disk only makes wait") {
  SimEnv sim(1);
  Must(sim.files->CreateDirectory("/d"));
  Opened opened = Open(sim.files.get());
  Add(opened.file.get(), {1, "one"});
  Must(opened.file->Sync());
  sim.files->Fail({.kind = SimFaultKind::kNoSpace, .operation = FileOperation::kWrite, .times = 2});
  Add(opened.file.get(), {2, "two"});
  CHECK(absl::IsResourceExhausted(opened.file->Sync()));
  CHECK(absl::IsResourceExhausted(opened.file->Write()));
  Add(opened.file.get(), {3, "three"});
  CHECK(opened.file->Sync().ok());
  CHECK(Open(sim.files.get(), Access::kReadOnly).entries == Entries{{1, "one"}, {2, "two"}, {3, "three"}});
  const uint64_t before = sim.files->faults_fired();
  sim.files->Fail({.kind = SimFaultKind::kIoError, .operation = FileOperation::kSync});
  Add(opened.file.get(), {4, "four"});
  CHECK(absl::IsDataLoss(opened.file->Sync()));
  CHECK(sim.files->faults_fired() == before + 1);
  Add(opened.file.get(), {5, "five"});
  CHECK(absl::IsDataLoss(opened.file->Sync()));
  CHECK(absl::IsDataLoss(opened.file->Write()));
  CHECK(absl::IsDataLoss(opened.file->Replace([](RecordFile::Filler*) {})));
  CHECK(Open(sim.files.get(), Access::kReadOnly).entries.size() <= 4);
}

TEST_CASE("A replacement that fails leaves the old file in force, buffer and all") {
  SimEnv sim(2);
  Must(sim.files->CreateDirectory("/d"));
  Opened opened = Open(sim.files.get());
  Entries want = {{1, "one"}};
  Add(opened.file.get(), want[0]);
  Must(opened.file->Sync());
  for (const FileOperation operation :
       {FileOperation::kOpen, FileOperation::kWrite, FileOperation::kSync, FileOperation::kRename}) {
    Add(opened.file.get(), {2, "buffered"});
    want.emplace_back(2, "buffered");
    sim.files->ClearFaults();
    const uint64_t before = sim.files->faults_fired();
    sim.files->Fail({.kind = SimFaultKind::kIoError, .operation = operation, .path_contains = ".tmp"});
    CHECK(!opened.file->Replace([](RecordFile::Filler* filler) { filler->Append(9, {}); }).ok());
    CHECK(sim.files->faults_fired() == before + 1);
    CHECK(opened.file->Sync().ok());
    CHECK(Open(sim.files.get(), Access::kReadOnly).entries == want);
  }
}

}  // namespace
}  // namespace millrace
