#include "log/batch_guard.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "log/files.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

constexpr Offset kBase{1000};
using Verdict = GuardReader::Verdict;

struct TestSegment {
  Bytes bytes = {};
  std::vector<uint32_t> starts = {};
  uint32_t end() const { return static_cast<uint32_t>(bytes.size()); }
};

TestSegment MakeSegment(size_t batches, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  TestSegment segment;
  for (size_t i = 0; i < batches; ++i) {
    const std::string value(random() % 40, 'v');
    const Record record{.key = "k", .value = value};
    Bytes batch(OneRecordBatchBound(record));
    batch.resize(EncodeOneRecordBatch(batch.data(), record, Timestamp(5), kBase + static_cast<int64_t>(i),
                                      LeaderEpoch(3)));
    segment.starts.push_back(segment.end());
    segment.bytes.insert(segment.bytes.end(), batch.begin(), batch.end());
  }
  return segment;
}

const GuardSeal kSeal = {.log_bytes = 77,
                         .next_offset = Offset(5),
                         .max_timestamp = Timestamp(6),
                         .offset_index_crc = 7,
                         .time_index_crc = 8,
                         .transaction_index_crc = 9};

// Whether `reader` knows every batch of the segment below `upto`, and nothing else.
bool KnowsAll(GuardReader* reader, const TestSegment& segment, uint32_t upto) {
  for (size_t i = 0; i < segment.starts.size(); ++i) {
    const uint32_t at = segment.starts[i];
    const Verdict want = at < upto ? Verdict::kMatches : Verdict::kNotCovered;
    if (Must(reader->Check(at, segment.bytes.data() + at)) != want) return false;
    if (at >= upto) continue;
    const uint32_t next = i + 1 < segment.starts.size() ? segment.starts[i + 1] : segment.end();
    if (Must(reader->NextBatch(at)) != next || Must(reader->NextBatch(at + 1)) != next) return false;
    if (Must(reader->Floor(next - 1))->position != at) return false;
    if (at + 30 < segment.end() &&
        Must(reader->Check(at + 1, segment.bytes.data() + at + 1)) != Verdict::kDiffers) {
      return false;
    }
  }
  return true;
}

TEST_CASE("A sealed guard knows every batch of its segment") {
  const auto files = MemoryFiles();
  for (const size_t batches : {0u, 1u, 2u, 509u, 510u, 511u, 1020u, 1600u}) {
    CAPTURE(batches);
    const TestSegment segment = MakeSegment(batches);
    const auto file = OpenFile(files.get(), "/d/g" + std::to_string(batches));
    BatchGuard guard(kBase);
    CHECK(guard.Extend(segment.bytes) == segment.end());
    REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
    CHECK(Must(file->Size()) == BatchGuard::FileBytes(batches));
    GuardReader reader = Must(GuardReader::Open(file.get(), kBase));
    CHECK(KnowsAll(&reader, segment, segment.end()));
    CHECK(reader.seal() == kSeal);
    CHECK(Must(reader.CountDamagedPages()) == 0);
    CHECK(!Must(reader.NextBatch(segment.end())).has_value());
  }
}

TEST_CASE("A guard grows piece by piece, is resumed and truncated, and stays equal to one built at once") {
  const auto files = MemoryFiles();
  const TestSegment segment = MakeSegment(2300, 5);
  for (const uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::string path = "/d/g" + std::to_string(seed);
    auto file = OpenFile(files.get(), path);
    BatchGuard guard(kBase);
    size_t done = 0;
    while (done < segment.starts.size()) {
      done = std::min(segment.starts.size(), done + 1 + random() % 400);
      const uint32_t end = done < segment.starts.size() ? segment.starts[done] : segment.end();
      guard.Extend(
          std::span(segment.bytes).subspan(guard.covered_position(), end - guard.covered_position()));
      REQUIRE(guard.covered_position() == end);
      if (random() % 2 == 0) REQUIRE(guard.WritePages(file.get()).ok());
      if (random() % 4 == 0) REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
      if (random() % 3 == 0) {
        guard = Must(BatchGuard::Resume(file.get(), kBase, segment.end()));
        done = static_cast<size_t>(std::ranges::lower_bound(segment.starts, guard.covered_position()) -
                                   segment.starts.begin());
      }
      if (random() % 5 == 0 && done > 0) {
        done = random() % done;
        REQUIRE(guard.TruncateTo(file.get(), segment.starts[done]).ok());
        REQUIRE(guard.covered_position() == segment.starts[done]);
      }
    }
    REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
    const auto at_once = OpenFile(files.get(), "/d/at_once");
    BatchGuard other(kBase);
    other.Extend(segment.bytes);
    REQUIRE(other.WriteSealed(at_once.get(), kSeal).ok());
    CHECK(ReadAll(files.get(), path) == ReadAll(files.get(), "/d/at_once"));
  }
}

TEST_CASE("A resumed guard trusts nothing beyond the log, of another segment or of another kind") {
  const auto files = MemoryFiles();
  const TestSegment segment = MakeSegment(600);
  const auto file = OpenFile(files.get(), "/d/g");
  BatchGuard guard(kBase);
  guard.Extend(segment.bytes);
  REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
  CHECK(Must(BatchGuard::Resume(file.get(), kBase, segment.end())).covered_position() == segment.end());
  CHECK(Must(BatchGuard::Resume(file.get(), kBase, segment.end() - 1)).covered_position() ==
        segment.starts[510]);
  CHECK(Must(BatchGuard::Resume(file.get(), kBase + 1, segment.end())).covered_position() == 0);
  CHECK(absl::IsDataLoss(GuardReader::Open(file.get(), kBase + 1).status()));
  Put(files.get(), "/d/foreign", segment.bytes);
  const auto foreign = OpenFile(files.get(), "/d/foreign");
  CHECK(absl::IsDataLoss(GuardReader::Open(foreign.get(), kBase).status()));
  BatchGuard anew = Must(BatchGuard::Resume(foreign.get(), kBase, segment.end()));
  CHECK(anew.covered_position() == 0);
  anew.Extend(segment.bytes);
  REQUIRE(anew.WriteSealed(foreign.get(), kSeal).ok());
  CHECK(ReadAll(files.get(), "/d/foreign") == ReadAll(files.get(), "/d/g"));
}

TEST_CASE("Every flipped bit of a guarded header is seen") {
  const auto files = MemoryFiles();
  const TestSegment segment = MakeSegment(3);
  const auto file = OpenFile(files.get(), "/d/g");
  BatchGuard guard(kBase);
  guard.Extend(segment.bytes);
  REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
  GuardReader reader = Must(GuardReader::Open(file.get(), kBase));
  size_t missed = 0;
  for (const uint32_t at : segment.starts) {
    for (size_t bit = 0; bit < kGuardedHeaderBytes * 8; ++bit) {
      Bytes header(segment.bytes.begin() + at, segment.bytes.begin() + at + 61);
      FlipBit(&header, bit);
      missed += Must(reader.Check(at, header.data())) == Verdict::kDiffers ? 0 : 1;
    }
  }
  CHECK(missed == 0);
}

TEST_CASE("No flipped bit and no truncation of a guard file makes it say what is wrong") {
  const auto files = MemoryFiles();
  const TestSegment segment = MakeSegment(520);
  const auto file = OpenFile(files.get(), "/d/g");
  BatchGuard guard(kBase);
  guard.Extend(segment.bytes);
  REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
  const Bytes whole = ReadAll(files.get(), "/d/g");
  size_t wrong = 0;
  size_t unseen = 0;
  const auto probe = [&](const Bytes& bytes, bool damaged) {
    Put(files.get(), "/d/x", bytes);
    const auto x = OpenFile(files.get(), "/d/x");
    auto reader = GuardReader::Open(x.get(), kBase);
    if (!reader.ok()) return;
    bool seen = !reader->seal().has_value() || Must(reader->CountDamagedPages()) > 0;
    if (reader->seal().has_value() && *reader->seal() != kSeal) ++wrong;
    for (size_t i = 0; i < segment.starts.size(); i += 101) {
      const uint32_t at = segment.starts[i];
      const Verdict verdict = Must(reader->Check(at, segment.bytes.data() + at));
      if (verdict == Verdict::kDiffers) ++wrong;
      const auto next = Must(reader->NextBatch(at));
      if (next.has_value() && *next != segment.starts[i + 1]) ++wrong;
    }
    if (damaged && !seen) ++unseen;
  };
  // All bits of the header, page headers and seal; every seventh of the entries.
  for (size_t bit = 0; bit < whole.size() * 8; bit += (bit / 8 > 60 && bit / 8 < 4000) ? 7 : 1) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    probe(bytes, true);
  }
  CHECK(wrong == 0);
  CHECK(unseen == 0);
  for (size_t length = 0; length < whole.size(); length += length < 100 || length > 4000 ? 1 : 13) {
    probe(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)), true);
  }
  CHECK(wrong == 0);
  CHECK(unseen == 0);
}

TEST_CASE("Behind a damaged page the guard still knows the others") {
  const auto files = MemoryFiles();
  const TestSegment segment = MakeSegment(2000);
  const auto file = OpenFile(files.get(), "/d/g");
  BatchGuard guard(kBase);
  guard.Extend(segment.bytes);
  REQUIRE(guard.WriteSealed(file.get(), kSeal).ok());
  for (size_t page = 0; page < 4; ++page) {
    Bytes bytes = ReadAll(files.get(), "/d/g");
    FlipBit(&bytes, (32 + page * 4096 + 100) * 8);
    Put(files.get(), "/d/x", bytes);
    const auto x = OpenFile(files.get(), "/d/x");
    GuardReader reader = Must(GuardReader::Open(x.get(), kBase));
    size_t wrong = 0;
    for (size_t i = 0; i < segment.starts.size(); ++i) {
      const Verdict want = i / 510 == page ? Verdict::kNotCovered : Verdict::kMatches;
      wrong +=
          Must(reader.Check(segment.starts[i], segment.bytes.data() + segment.starts[i])) == want ? 0 : 1;
    }
    CAPTURE(page);
    CHECK(wrong == 0);
  }
}

TEST_CASE("Extending stops at what cannot be a batch") {
  TestSegment segment = MakeSegment(5);
  BatchGuard guard(kBase);
  segment.bytes[segment.starts[3] + 16] = std::byte{1};
  CHECK(guard.Extend(segment.bytes) == segment.starts[3]);
  BatchGuard cut(kBase);
  CHECK(cut.Extend(std::span(segment.bytes).first(segment.starts[2] + 10)) == segment.starts[2]);
  BatchGuard zeros(kBase);
  CHECK(zeros.Extend(Bytes(500)) == 0);
}

}  // namespace
}  // namespace millrace
