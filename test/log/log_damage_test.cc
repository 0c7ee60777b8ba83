// Damage of single bytes: always found, fenced off to one batch, and never a reason to lose others.

#include <catch2/catch.hpp>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "log/log_fixture.h"

namespace millrace {
namespace {

using log_test::kTime;
using log_test::LogFixture;
using log_test::Numbers;
using log_test::Strings;

constexpr char kSegment[] = "00000000000000000000.log";

// 40 records in one closed segment, then 20 in the active one.
struct Damaged : LogFixture {
  Damaged() : LogFixture({.segment_bytes = 1 << 20, .index_interval_bytes = 256, .file_delete_delay_ms = 0}) {
    Append(0, 40);
    REQUIRE(log->Roll().ok());
    Append(40, 60);
    Close();
    const log_test::Bytes bytes = Content(kSegment);
    for (size_t at = 0; at < bytes.size(); at += BatchView(bytes.data() + at).size_bytes())
      starts.push_back(at);
    REQUIRE(starts.size() == 40);
  }
  std::vector<size_t> starts;
};

Strings Without(int lost, int to) {
  Strings numbers = Numbers(0, to);
  numbers.erase(numbers.begin() + lost);
  return numbers;
}

TEST_CASE("each byte of a batch, header or not, is watched over; only the batch is lost", "[log][damage]") {
  Damaged f;
  const int lost = 17;
  // Offset, length, epoch, magic, CRC, attributes, timestamps, producer, count; then the record.
  for (const size_t at : std::initializer_list<size_t>{0,  5,  7,  8,  10, 11, 12, 15, 16, 17, 20,
                                                       21, 26, 30, 42, 50, 56, 60, 61, 66, 70}) {
    f.FlipByte(kSegment, f.starts[lost] + at);
    f.Open();
    INFO("byte " << at);
    CHECK(f.report.shutdown == RecoveryReport::Shutdown::kClean);
    Strings values;
    const std::vector<DamagedRange> damaged = f.ReadAround(Offset(0), &values);
    REQUIRE(damaged.size() == 1);
    CHECK(damaged[0] == DamagedRange{Offset(lost), Offset(lost + 1)});
    CHECK(values == Without(lost, 60));
    CHECK(f.log->fenced() == damaged);
    CHECK(*f.log->Verify() == damaged);
    // Whatever is behind the damage is found by offset and by time as well.
    CHECK(f.Read(Offset(lost + 1)) == Numbers(lost + 1, 60));
    CHECK((*f.log->OffsetForTimestamp(kTime + lost + 3))->offset == Offset(lost + 3));
    CHECK(f.log->Append({.key = "key", .value = "60"}, kTime).ok());
    REQUIRE(f.log->TruncateTo(Offset(60)).ok());
    f.Close();
    f.FlipByte(kSegment, f.starts[lost] + at);
  }
  f.Open();
  CHECK(f.log->Verify()->empty());  // the control: it was the flips
  CHECK(f.Read(Offset(0)) == Numbers(0, 60));
}

TEST_CASE("without its guard a segment still tells damage by checksums and order", "[log][damage]") {
  Damaged f;
  const int lost = 17;
  f.files()->Remove(f.Path("00000000000000000000.guard")).IgnoreError();
  for (const size_t at : std::initializer_list<size_t>{0, 8, 16, 17, 40, 66}) {
    f.FlipByte(kSegment, f.starts[lost] + at);
    f.Open();
    INFO("byte " << at);
    Strings values;
    const std::vector<DamagedRange> damaged = f.ReadAround(Offset(0), &values);
    REQUIRE(damaged.size() == 1);
    CHECK(damaged[0].first == Offset(lost));
    // A wrong length hides where the next batch is: the rest of this segment may go, the next stays.
    CHECK(damaged[0].next <= Offset(40));
    CHECK(values.size() >= static_cast<size_t>(lost) + 20);
    CHECK(values.back() == "59");
    f.Close();
    f.files()->Remove(f.Path("00000000000000000000.guard")).IgnoreError();
    f.FlipByte(kSegment, f.starts[lost] + at);
  }
}

TEST_CASE("a range that is given up is passed over, also later", "[log][damage]") {
  Damaged f;
  f.FlipByte(kSegment, f.starts[17] + 65);
  f.Open();
  const auto damaged = f.log->Verify();
  REQUIRE(damaged.ok());
  REQUIRE(damaged->size() == 1);
  CHECK(f.log->ClearFenced({Offset(1), Offset(2)}).code() == absl::StatusCode::kNotFound);
  const absl::Status cleared = f.log->ClearFenced(damaged->front());
  INFO(cleared.message());
  REQUIRE(cleared.ok());
  CHECK(f.log->fenced().empty());
  CHECK(f.Read(Offset(0)) == Without(17, 60));
  CHECK(f.Read(Offset(17)) == Numbers(18, 60));
  f.Reopen();
  CHECK(f.Read(Offset(0)) == Without(17, 60));
  CHECK(f.log->fenced().empty());
}

TEST_CASE("side files are caches: lost or damaged, they are made again", "[log][damage]") {
  Damaged f;
  const char* const suffix = GENERATE(".index", ".timeindex", ".guard");
  const std::string name = std::string("00000000000000000000") + suffix;
  const log_test::Bytes whole = f.Content(name);
  REQUIRE_FALSE(whole.empty());
  const auto check = [&] {
    f.Open();
    CHECK(f.Read(Offset(0)) == Numbers(0, 60));
    CHECK(f.Read(Offset(33)) == Numbers(33, 60));
    CHECK((*f.log->OffsetForTimestamp(kTime + 21))->offset == Offset(21));
    CHECK(f.log->Verify()->empty());
    f.Close();
  };
  for (size_t at = 0; at < whole.size(); at += 7) {
    f.FlipByte(name, at);
    check();
    f.FlipByte(name, at);
  }
  log_test::Put(f.files(), f.Path(name), std::span(whole).first(whole.size() / 2));
  check();
  log_test::Put(f.files(), f.Path(name), {});
  check();
  REQUIRE(f.files()->Remove(f.Path(name)).ok());
  check();
}

TEST_CASE("a missing segment is a fenced range, not a shorter log", "[log][damage]") {
  Damaged f;
  REQUIRE(f.files()->Remove(f.Path(kSegment)).ok());
  auto opened = Log::Open(f.path, f.options, &f.report);
  INFO(opened.status().message());
  REQUIRE(opened.ok());
  f.log = *std::move(opened);
  CHECK(f.log->log_end_offset() == Offset(60));
  CHECK(f.Read(Offset(40)) == Numbers(40, 60));
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  CHECK_FALSE((*cursor)->Next(1 << 20).ok());
  CHECK(f.log->Append({.value = "x"}, kTime)->first_offset == Offset(60));
}

TEST_CASE("a directory that is not a log, or of a newer format, is refused and left alone", "[log][damage]") {
  Damaged f;
  const log_test::Bytes manifest = f.Content("millrace.manifest");
  const log_test::Bytes foreign(4096, std::byte{'x'});
  log_test::Put(f.files(), f.Path("millrace.manifest"), foreign);
  const auto refused = Log::Open(f.path, f.options);
  REQUIRE_FALSE(refused.ok());
  CHECK(std::string(refused.status().message()).find("manifest") != std::string::npos);
  CHECK(f.Content("millrace.manifest") == foreign);
  log_test::Put(f.files(), f.Path("millrace.manifest"), manifest);
  f.Open();
  CHECK(f.Read(Offset(0)) == Numbers(0, 60));
}

// A file that is shorter than it was written, in the middle of a batch or between two, or not there at all.
TEST_CASE("a closed segment that is short or gone costs just what is missing", "[log][damage]") {
  Damaged f;
  const int kept = GENERATE(0, 1, 17, 39);
  const size_t into = GENERATE(size_t{0}, size_t{30});
  const std::string path = f.Path(kSegment);
  const bool gone = kept == 0 && into == 0;
  if (gone) {
    log_test::Must(f.files()->Remove(path));
  } else {
    log_test::Must(log_test::OpenFile(f.files(), path)->Truncate(f.starts[static_cast<size_t>(kept)] + into));
  }
  f.Open();
  const std::vector<DamagedRange> lost = {DamagedRange{Offset(kept), Offset(40)}};
  Strings left = Numbers(0, 60);
  left.erase(left.begin() + kept, left.begin() + 40);
  for (int life = 0; life < 2; ++life) {
    Strings values;
    CHECK(f.ReadAround(Offset(0), &values) == lost);
    CHECK(values == left);
    CHECK(f.log->fenced() == lost);
    CHECK(f.Read(Offset(40)) == Numbers(40, 60));
    f.Reopen();
  }
  CHECK(*f.log->Verify() == lost);
  REQUIRE(f.log->ClearFenced(lost[0]).ok());
  CHECK(f.Read(Offset(0)) == left);
  f.Append(60, 62);
}

TEST_CASE("an active segment that is short or gone is told when it is opened, and appended to",
          "[log][damage]") {
  Damaged f;
  const std::string path = f.Path("00000000000000000040.log");
  const bool gone = GENERATE(true, false);
  if (gone) {
    log_test::Must(f.files()->Remove(path));
  } else {
    log_test::Must(log_test::OpenFile(f.files(), path)->Truncate(100));
  }
  f.Open();
  const DamagedRange lost = {Offset(gone ? 40 : 41), Offset(60)};
  CHECK(f.report.damaged == std::vector{lost});
  f.Append(60, 62);
  Strings values;
  CHECK(f.ReadAround(Offset(0), &values) == std::vector{lost});
  Strings left = Numbers(0, 62);
  left.erase(left.begin() + static_cast<int>(lost.first.value()), left.begin() + 60);
  CHECK(values == left);
}

}  // namespace
}  // namespace millrace
