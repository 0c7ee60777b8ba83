// R5: after a power loss the end of the newest segment is anything: shorter, zero, garbage, or some of its
// sectors of now and others of before. Wherever that begins, the log opens, ends where its whole batches end,
// holds everything that was flushed or says which of it is gone, says what it cut, and takes appends.
//
// Exhaustive: every byte offset of the last 64 KiB, a part of which lies below the flush point.
//
// MILLRACE_TORN_TAIL_STEP: from one offset to the next (default: 1, all, of the mapped log; 5 of the other).
// MILLRACE_TORN_TAIL_COINS: how often the sectors from a sector on are kept or lost by the toss of a coin
// (default 8). MILLRACE_SEED: of the garbage and the coins.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "reliability/flat_files.h"
#include "reliability/image.h"
#include "setting.h"

namespace millrace::testing {
namespace {

constexpr char kDirectory[] = "/log-0";
constexpr char kSegment[] = "00000000000000000000.log";
constexpr uint32_t kTail = 64 << 10;
constexpr uint32_t kSector = 512;

// How the checker's own eyes are tried.
enum class Control : uint8_t {
  kNone,
  // The log is opened as after a mere death of the process: what the control page says is believed.
  kNoRecovery,
  // What was not flushed is taken to be.
  kLyingFlush,
};

// A log that was cut off from power: its files, and what is known of it.
class TornLog {
 public:
  TornLog(FileBackend backend, Control control) : control_(control), garbage_(Random::Seeded(Seed())) {
    options_.backend = backend;
    options_.config.segment_bytes = 1 << 20;
    options_.config.index_interval_bytes = 4096;
    options_.config.retention_ms = -1;
    options_.config.segment_ms = INT64_MAX;
    options_.env.clock = &clock_;
    options_.env.files = &files_;
    auto log = *Log::Open(kDirectory, options_);
    clock_.Advance(1'000'000'000);
    const auto append = [&](int records, int bytes) {
      problem_ += known_.Append(log.get(), records, bytes, records > 1 ? ProducerId(7) : kNoProducerId);
      starts_.push_back(size_);
      size_ += static_cast<uint32_t>(known_.batches().back().bytes().size());
    };
    for (int i = 0; i < 5; ++i) append(1 + i % 4, 50 + 37 * i);
    // The last 64 KiB begin below the flush point.
    for (int i = 0; i < 8; ++i) append(1 + i % 3, 40 + 211 * i);
    flush_position_ = size_;
    flushed_ = known_.end();
    problem_ += Text(log->Flush());
    problem_ += Text(log->RunMaintenance());  // which says on the disk how far that was
    for (int i = 0; size_ < flush_position_ + kTail - 17'000; ++i) append(1 + i % 3, 10 + 173 * (i % 17));
    append(20, 400);
    append(1, 2);
    image_ = TakeImage(&files_, kDirectory);
    segment_ = std::move(image_.extract(kSegment).mapped());
    // Of the room behind the end a page is enough.
    segment_.resize(std::min<size_t>(segment_.size(), size_ + 4096));
    log.reset();
  }

  // The first byte of the last 64 KiB.
  uint32_t tail() const { return size_ - kTail; }
  uint32_t size() const { return size_; }
  uint32_t flush_position() const { return flush_position_; }
  const std::string& problem() const { return problem_; }
  const Bytes& segment() const { return segment_; }
  Bytes Garbage(size_t count) {
    Bytes bytes(count);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(garbage_->Next());
    return bytes;
  }
  uint64_t Below(uint64_t bound) { return garbage_->Below(bound); }

  // Opens the log with `damaged` for its segment. `first`: where it is damaged first. "" or what is wrong.
  std::string Check(const Bytes& damaged, uint32_t first, bool again) {
    if (control_ != Control::kNoRecovery) files_.Remount();
    files_.Restore(kDirectory, image_);
    PutFile(&files_, std::string(kDirectory) + "/" + kSegment, damaged);
    ++images_;
    return CheckOpened(damaged, first, again);
  }
  int64_t images() const { return images_; }

 private:
  static uint64_t Seed() { return static_cast<uint64_t>(test::Setting("MILLRACE_SEED", 1)); }

  bool IsWhole(const Bytes& damaged, size_t batch) const {
    const Bytes& known = known_.batches()[batch].bytes();
    return starts_[batch] + known.size() <= damaged.size() &&
           std::memcmp(damaged.data() + starts_[batch], known.data(), known.size()) == 0;
  }

  struct End {
    Offset offset{0};
    // Anything behind this byte that is not zero is cut.
    uint32_t position = 0;
  };
  // Where the log must end. `first`: where the damage begins.
  End EndOf(const Bytes& damaged, uint32_t first) const {
    const uint32_t flushed = control_ == Control::kLyingFlush ? size_ : flush_position_;
    const auto batch_at = [&](uint32_t position) {
      return static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), position) -
                                 starts_.begin()) -
             1;
    };
    if (damaged.size() < flushed) {
      const size_t broken = batch_at(static_cast<uint32_t>(damaged.size()));
      return {.offset = control_ == Control::kLyingFlush ? known_.end() : flushed_,
              .position = starts_[broken]};
    }
    size_t i = batch_at(std::max(first, flushed));
    while (i < starts_.size() && IsWhole(damaged, i)) ++i;
    if (i == starts_.size()) return {.offset = known_.end(), .position = size_};
    return {.offset = known_.batches()[i].base, .position = starts_[i]};
  }

  std::string CheckOpened(const Bytes& damaged, uint32_t first, bool again) {
    RecoveryReport report;
    auto opened = Log::Open(kDirectory, options_, &report);
    if (!opened.ok()) return "Open: " + Text(opened.status());
    std::unique_ptr<Log> log = *std::move(opened);
    const auto [end, position] = EndOf(damaged, first);
    if (control_ != Control::kNoRecovery && report.shutdown != RecoveryReport::Shutdown::kPowerLoss)
      return "it was not taken for a power loss";
    if (log->log_end_offset() != end || report.end_offset != end) {
      return absl::StrFormat("the log ends at %d, its whole batches at %d", log->log_end_offset().value(),
                             end.value()) +
             Joined(report.notes);
    }
    const auto from = damaged.begin() + std::min<int64_t>(position, static_cast<int64_t>(damaged.size()));
    const bool cut = std::any_of(from, damaged.end(), [](std::byte byte) { return byte != std::byte{0}; });
    if (cut != (report.cut_bytes > 0) || (cut && report.notes.empty()))
      return absl::StrFormat("it says that it cut %d bytes", report.cut_bytes) + Joined(report.notes);

    std::vector<DamagedRange> lost;
    KnownLog expected = known_;
    expected.CutTo(end);
    std::string problem = expected.Compare(log.get(), &lost);
    if (problem.empty()) problem = CheckLost(damaged, lost, end, log.get());
    if (!problem.empty()) return problem + Joined(report.notes);
    problem = expected.Append(log.get(), 2, 100);
    if (problem.empty() && !log->Flush().ok()) problem = "it cannot be flushed";
    if (problem.empty()) problem = expected.Compare(log.get(), &lost);
    if (!problem.empty() || !again) return problem;

    const absl::Status closed = log->Close();
    if (!closed.ok()) return "Close: " + Text(closed);
    log = *Log::Open(kDirectory, options_, &report);
    if (report.shutdown != RecoveryReport::Shutdown::kClean || report.end_offset != expected.end())
      return absl::StrFormat("opened again it ends at %d", report.end_offset.value()) + Joined(report.notes);
    std::vector<DamagedRange> still_lost;
    problem = expected.Compare(log.get(), &still_lost);
    return problem.empty() ? CheckLost(damaged, still_lost, end, log.get()) : problem;
  }

  // Of what was flushed, all that is damaged is said to be lost. What is whole behind it may be lost with it
  // (nothing says where a batch begins behind a torn one), but nothing before it, and nothing that is
  // appended later.
  std::string CheckLost(const Bytes& damaged, const std::vector<DamagedRange>& lost, Offset end,
                        Log* log) const {
    std::vector<DamagedRange> broken;
    for (size_t i = 0; i < starts_.size() && starts_[i] < flush_position_; ++i) {
      const KnownLog::Batch& batch = known_.batches()[i];
      if (!IsWhole(damaged, i)) broken.push_back({.first = batch.base, .next = batch.next});
    }
    for (const DamagedRange& range : broken) {
      const bool told = std::any_of(lost.begin(), lost.end(), [&](const DamagedRange& other) {
        return other.first <= range.first && other.next >= range.next;
      });
      if (!told) return "not said to be lost: " + Text({range}) + "of " + Text(lost);
    }
    for (const DamagedRange& range : lost) {
      if (broken.empty() || range.first < broken.front().first || range.next > end)
        return "said to be lost: " + Text(lost) + "damaged: " + Text(broken);
    }
    return log->fenced().size() == lost.size() || lost.empty() ? "" : "fenced() tells another story";
  }

  const Control control_;
  std::unique_ptr<Random> garbage_;
  FlatFiles files_;
  SimClock clock_;
  LogOptions options_;
  KnownLog known_;
  std::vector<uint32_t> starts_;
  uint32_t size_ = 0;
  uint32_t flush_position_ = 0;
  Offset flushed_{0};
  Image image_;
  Bytes segment_;
  std::string problem_;
  int64_t images_ = 0;
};

uint32_t Step(FileBackend backend) {
  return static_cast<uint32_t>(
      test::Setting("MILLRACE_TORN_TAIL_STEP", backend == FileBackend::kMapped ? 1 : 5));
}

enum class Kind : uint8_t { kCutOff, kZero, kGarbage };
constexpr const char* kKindNames[] = {"cut off", "zero", "garbage"};

Bytes Damage(Bytes bytes, Kind kind, uint32_t from, const Bytes& garbage) {
  if (kind == Kind::kCutOff) bytes.resize(from);
  if (kind == Kind::kZero) std::fill(bytes.begin() + from, bytes.end(), std::byte{0});
  if (kind == Kind::kGarbage) std::copy(garbage.begin() + from, garbage.end(), bytes.begin() + from);
  return bytes;
}

// Damages the segment from each offset of the last 64 KiB on. Returns at how many of them something was
// wrong.
int64_t EachOffset(TornLog* log, Kind kind, uint32_t step, std::string* problem) {
  const Bytes garbage = log->Garbage(log->segment().size());
  int64_t wrong = 0;
  for (uint32_t at = log->tail(); at < log->size(); at += step) {
    const std::string found = log->Check(Damage(log->segment(), kind, at, garbage), at, at % 16 == 0);
    if (found.empty()) continue;
    if (wrong++ == 0)
      *problem =
          absl::StrFormat("%s from byte %d of %d on (flushed to %d): %s", kKindNames[static_cast<int>(kind)],
                          at, log->size(), log->flush_position(), found);
  }
  return wrong;
}

TEST_CASE("a tail that is cut off, zero or garbage from any byte on") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const Kind kind = GENERATE(Kind::kCutOff, Kind::kZero, Kind::kGarbage);
  TornLog log(backend, Control::kNone);
  REQUIRE(log.problem().empty());
  REQUIRE(log.tail() < log.flush_position());
  std::string problem;
  const int64_t wrong = EachOffset(&log, kind, Step(backend), &problem);
  INFO(problem);
  CHECK(wrong == 0);
  CHECK(log.images() >= kTail / Step(backend));
}

TEST_CASE("a tail of which some sectors are there and others are not") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const int64_t coins = test::Setting("MILLRACE_TORN_TAIL_COINS", 8);
  TornLog log(backend, Control::kNone);
  REQUIRE(log.problem().empty());
  const Bytes garbage = log.Garbage(log.segment().size());
  const auto lose = [&](Bytes* bytes, uint32_t sector, bool zero) {
    const uint32_t end = std::min(sector + kSector, static_cast<uint32_t>(bytes->size()));
    for (uint32_t i = sector; i < end; ++i) (*bytes)[i] = zero ? std::byte{0} : garbage[i];
  };
  int64_t wrong = 0;
  std::string problem;
  const auto check = [&](const Bytes& bytes, uint32_t at, std::string_view how) {
    const std::string found = log.Check(bytes, at, true);
    if (!found.empty() && wrong++ == 0)
      problem = absl::StrFormat("sector at %d of %d (flushed to %d), %s: %s", at, log.size(),
                                log.flush_position(), how, found);
  };
  for (uint32_t at = log.tail() / kSector * kSector; at < log.size(); at += kSector) {
    for (const bool zero : {true, false}) {
      Bytes one = log.segment();
      lose(&one, at, zero);
      check(one, at, zero ? "zero" : "garbage");
    }
    for (int64_t toss = 0; toss < coins; ++toss) {
      Bytes some = log.segment();
      for (uint32_t sector = at; sector < log.size(); sector += kSector) {
        if (sector == at || log.Below(2) == 0) lose(&some, sector, toss % 2 == 0 || log.Below(2) == 0);
      }
      check(some, at, "and others");
    }
  }
  INFO(problem);
  CHECK(wrong == 0);
  CHECK(log.images() >= static_cast<int64_t>(kTail / kSector) * (2 + coins));
}

TEST_CASE("a segment that was closed but not flushed, torn while the next one is there") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const Kind kind = GENERATE(Kind::kCutOff, Kind::kZero, Kind::kGarbage);
  FlatFiles files;
  SimClock clock;
  LogOptions options;
  options.backend = backend;
  options.config.segment_bytes = 1 << 20;
  options.env.clock = &clock;
  options.env.files = &files;
  KnownLog known;
  std::string problem;
  auto log = *Log::Open(kDirectory, options);
  for (int i = 0; i < 12; ++i) problem += known.Append(log.get(), 1 + i % 3, 40 + 97 * i);
  const uint32_t torn_from = static_cast<uint32_t>(log->stats().size_bytes);
  problem += Text(log->Flush());
  for (int i = 0; i < 12; ++i) problem += known.Append(log.get(), 1 + i % 3, 40 + 97 * i);
  const uint32_t size = static_cast<uint32_t>(log->stats().size_bytes);
  const Offset second = known.end();
  problem += Text(log->Roll());
  for (int i = 0; i < 5; ++i) problem += known.Append(log.get(), 1 + i % 3, 200);
  problem += Text(log->RunMaintenance());
  REQUIRE(problem.empty());
  Image image = TakeImage(&files, kDirectory);
  const Bytes segment = std::move(image.extract(kSegment).mapped());
  REQUIRE(segment.size() == size);
  const auto random = Random::Seeded(static_cast<uint64_t>(test::Setting("MILLRACE_SEED", 1)));
  Bytes garbage(segment.size());
  for (std::byte& byte : garbage) byte = static_cast<std::byte>(random->Next());
  log.reset();
  for (uint32_t at = torn_from; at < size; at += Step(backend)) {
    files.Remount();
    files.Restore(kDirectory, image);
    const Bytes damaged = Damage(segment, kind, at, garbage);
    if (damaged == segment) continue;  // its last bytes are zero
    PutFile(&files, std::string(kDirectory) + "/" + kSegment, damaged);
    RecoveryReport report;
    log = *Log::Open(kDirectory, options, &report);
    Offset end{0};
    uint32_t position = 0;
    for (const KnownLog::Batch& batch : known.batches()) {
      const bool whole = position + batch.bytes().size() <= damaged.size() &&
                         std::equal(batch.bytes().begin(), batch.bytes().end(), damaged.begin() + position);
      if (!whole || batch.base == second) break;
      position += static_cast<uint32_t>(batch.bytes().size());
      end = batch.next;
    }
    KnownLog expected = known;
    expected.CutTo(end);
    std::vector<DamagedRange> lost;
    problem = expected.Append(log.get(), 1, 10);
    if (problem.empty()) problem = expected.Compare(log.get(), &lost);
    INFO("torn at " << at << " of " << size << ", flushed to " << torn_from << ": " << problem
                    << Joined(report.notes));
    REQUIRE(problem.empty());
    REQUIRE(lost.empty());
    REQUIRE(report.end_offset == end);
    REQUIRE_FALSE(report.notes.empty());
    REQUIRE(Joined(report.notes).find("put aside") != std::string::npos);
    log.reset();
  }
}

TEST_CASE("a recovery that looks at nothing, and a flush that does nothing, are found out") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const Kind kind = GENERATE(Kind::kCutOff, Kind::kZero, Kind::kGarbage);
  const Control control = GENERATE(Control::kNoRecovery, Control::kLyingFlush);
  if (control == Control::kNoRecovery && kind == Kind::kCutOff) return;  // a short file is always looked into
  TornLog log(backend, control);
  std::string problem;
  const int64_t wrong = EachOffset(&log, kind, 97, &problem);
  INFO(problem);
  CHECK(wrong > log.images() * 7 / 10);
}

}  // namespace
}  // namespace millrace::testing
