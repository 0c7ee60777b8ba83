// A manifest that is gone, or has holes: what the directories hold is what there is, and none of it is
// removed.

#include "log/lost_logs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "log/log_files.h"
#include "log/log_fixture.h"
#include "log_manager_fixture.h"

namespace millrace {
namespace {

using log_test::Bytes;
using log_test::LogFixture;
using log_test::Must;
using log_test::Numbers;
using log_test::Strings;

constexpr std::string_view kSegment = "00000000000000000000.log";

// Segments of ten records: 0, 10, 20, 30; the last is active.
struct FourSegments : LogFixture {
  explicit FourSegments(const std::vector<log_test::Place>& places = log_test::kMemoryPlaces)
      : LogFixture({.segment_bytes = 1 << 20, .file_delete_delay_ms = 0}, places) {
    for (int base = 0; base < 40; base += 10) {
      if (base > 0) REQUIRE(log->Roll().ok());
      Append(base, base + 10);
    }
  }
  void Overwrite(std::string_view name, std::string_view text) const {
    Must(WriteFileAtomically(files(), Path(name), std::as_bytes(std::span(text))));
  }
  bool Notes(std::string_view what) const {
    return std::any_of(report.notes.begin(), report.notes.end(),
                       [&](const std::string& note) { return note.find(what) != std::string::npos; });
  }
};

TEST_CASE("without its manifest a log is what its directory holds", "[log][lost]") {
  FourSegments f(log_test::kAllPlaces);
  f.Close();
  Must(f.files()->Remove(f.Path(kManifestFile)));
  f.Open();
  CHECK(f.report.shutdown == RecoveryReport::Shutdown::kPowerLoss);
  CHECK(f.Notes("the manifest did not know it"));
  CHECK(f.Read(Offset(0)) == Numbers(0, 40));
  CHECK(f.report.damaged.empty());
  f.Append(40, 45);
  REQUIRE(f.log->Roll().ok());
  f.Append(45, 50);
  f.Reopen();
  CHECK(f.report.shutdown == RecoveryReport::Shutdown::kClean);
  CHECK(f.report.notes.empty());
  CHECK(f.Read(Offset(0)) == Numbers(0, 50));
}

TEST_CASE("nor is anything lost where the owner of the adopted log dies, whatever it had looked at",
          "[log][lost]") {
  FourSegments f(log_test::kSimulatedPlaces);
  f.Flush();
  f.sim.files->Stop();
  f.log.reset();
  f.sim.KillProcess();
  Must(f.files()->Remove(f.Path(kManifestFile)));
  f.Open();
  CHECK(f.Read(Offset(0)) == Numbers(0, 40));
  f.Kill();
  CHECK(f.Read(Offset(0)) == Numbers(0, 40));
  f.Append(40, 42);
  f.Crash({.seed = 3});
  Strings values = f.Read(Offset(0));
  REQUIRE(values.size() >= 40);
  values.resize(40);
  CHECK(values == Numbers(0, 40));
}

TEST_CASE("without its manifest too, damage is told and the rest is read", "[log][lost]") {
  FourSegments f;
  f.Close();
  Must(f.files()->Remove(f.Path(kManifestFile)));
  const std::string segment = GENERATE(as<std::string>(), kSegment, "00000000000000000030.log");
  const int base = segment == kSegment ? 0 : 30;
  size_t at = 0;
  const Bytes bytes = f.Content(segment);
  for (int i = 0; i < 4; ++i) at += BatchView(bytes.data() + at).size_bytes();
  f.FlipByte(segment, at + 70);
  f.Open();
  CHECK(f.Notes("damaged in front of offset"));
  Strings values;
  const auto damaged = f.ReadAround(Offset(0), &values);
  REQUIRE(damaged.size() == 1);
  CHECK(damaged[0] == DamagedRange{Offset(base + 4), Offset(base + 5)});
  Strings rest = Numbers(0, 40);
  rest.erase(rest.begin() + base + 4);
  CHECK(values == rest);
}

TEST_CASE("a foreign file in the place of a segment is told, and kept", "[log][lost]") {
  FourSegments f;
  f.Close();
  Must(f.files()->Remove(f.Path(kManifestFile)));
  const std::string segment =
      GENERATE(as<std::string>(), "00000000000000000010.log", "00000000000000000030.log");
  const int base = segment == "00000000000000000030.log" ? 30 : 10;
  f.Overwrite(segment, "somebody's letter");
  f.Open();
  CHECK(f.Notes(segment + " holds no batch"));
  const Bytes kept = f.Content(segment + std::string(kStraySuffix));
  CHECK(std::string_view(reinterpret_cast<const char*>(kept.data()), kept.size()) == "somebody's letter");
  Strings values;
  f.ReadAround(Offset(0), &values);
  Strings rest = Numbers(0, 40);
  rest.erase(rest.begin() + base, rest.begin() + base + 10);
  CHECK(values == rest);
  if (base == 10) CHECK(f.report.damaged == std::vector{DamagedRange{Offset(10), Offset(20)}});
}

TEST_CASE("a manifest with holes is completed from the directory", "[log][lost]") {
  FourSegments f;
  f.Close();
  const size_t size = f.Content(kManifestFile).size();
  // One byte in 7 of all there is behind the header.
  for (size_t at = 64; at < size; at += 7) {
    INFO("byte " << at);
    const Bytes before = f.Content(kManifestFile);
    f.FlipByte(kManifestFile, at);
    f.Open();
    CHECK(f.Read(Offset(0)) == Numbers(0, 40));
    f.Reopen();
    CHECK(f.report.notes.empty());  // it is whole again
    CHECK(f.Read(Offset(0)) == Numbers(0, 40));
    f.Close();
    // Not what that opening has made of it.
    Must(WriteFileAtomically(f.files(), f.Path(kManifestFile), before));
  }
}

TEST_CASE("a manager finds its logs again, and gives no slot of a lost one to another",
          "[log][lost][manager]") {
  World world;
  {
    auto manager = world.Open();
    Create(manager.get(), Names(3));
    for (int i = 0; i < 3; ++i) {
      auto log = Get(manager.get(), Name(i));
      for (int n = 0; n < 20; ++n) REQUIRE(Put(log.get(), Name(i), std::to_string(n)).ok());
      REQUIRE(log->Flush().ok());
    }
    REQUIRE(manager->DeleteLogs(std::vector{Name(1)}).ok());
    REQUIRE(manager->Close().ok());
  }
  REQUIRE(world.sim.files->Remove("/data/millrace.manifest").ok());
  LogManagerReport report;
  auto manager = world.Open(&report);
  CHECK(report.notes.size() == 2);
  CHECK(manager->Names() == std::vector{Name(0), Name(2)});
  Create(manager.get(), {"another"});
  CHECK(Get(manager.get(), "another")->log_end_offset() == Offset(0));
  for (const int i : {0, 2}) {
    auto log = Get(manager.get(), Name(i));
    CHECK(log->log_end_offset() == Offset(20));
    CHECK(ReadAll(log.get()).size() == 20);
    CHECK(Put(log.get(), Name(i), "20").ok());
  }
}

TEST_CASE("a damaged header of the manifest is an error that says what to do, and changes nothing",
          "[log][lost]") {
  FourSegments f;
  f.Close();
  const Strings names = f.Names();
  for (const std::string_view text : {std::string_view(""), std::string_view("somebody's letter")}) {
    f.Overwrite(kManifestFile, text);
    const auto opened = Log::Open(f.path, f.options);
    CHECK(absl::IsDataLoss(opened.status()));
    const std::string message(opened.status().message());
    CHECK(message.find(f.Path(kManifestFile)) != std::string::npos);
    CHECK(message.find("move it away") != std::string::npos);
    CHECK(f.Names() == names);
    CHECK(f.Content(kManifestFile).size() == text.size());
  }
  Must(f.files()->Remove(f.Path(kManifestFile)));
  f.Open();
  CHECK(f.Read(Offset(0)) == Numbers(0, 40));
}

}  // namespace
}  // namespace millrace
