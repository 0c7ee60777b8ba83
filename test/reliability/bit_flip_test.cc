// R6: one bit of one file is another. Of a closed segment: no wrong byte is ever returned, the batch that has
// it is named as lost, and every other batch is read as before. Of any other file: it is made again or not
// needed, or the report says what is not known any more; never is data wrong or gone.
//
// Exhaustive: each bit of a segment of 64 KiB, and of each file beside it.
//
// MILLRACE_BIT_FLIP_STEP: from one bit of the segment to the next (default 1: all).
// MILLRACE_BIT_FLIP_ROOM_STEP: the same in the parts of millrace.flush and millrace.control that belong to no
// log (default 997).

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "millrace/status.h"
#include "reliability/flat_files.h"
#include "reliability/image.h"
#include "setting.h"

namespace millrace::testing {
namespace {

constexpr char kDirectory[] = "/log-0";
constexpr char kSegment[] = "00000000000000000000.log";
constexpr size_t kSegmentBytes = 64 << 10;
constexpr ProducerId kProducer{7};

void FlipBit(FlatFiles* files, const std::string& name, size_t bit) {
  files->BytesOf(std::string(kDirectory) + "/" + name)[bit / 8] ^= std::byte{1} << (bit % 8);
}

// How the log came to its end.
enum class End : uint8_t { kClosed, kKilled, kPowerLoss };

// A closed segment of 64 KiB and a newest one, and everything that is known of the log.
struct FlipLog {
  FlipLog(FileBackend backend, End end) : end(end) {
    options.backend = backend;
    options.config.segment_bytes = 1 << 20;
    options.config.index_interval_bytes = 2048;
    options.config.retention_ms = -1;
    options.config.segment_ms = INT64_MAX;
    options.config.file_delete_delay_ms = 0;
    options.env.clock = &clock;
    options.env.files = &files;
    std::string problem;
    auto log = *Log::Open(kDirectory, options);
    const auto append = [&](int records, int bytes) {
      problem += known.Append(log.get(), records, bytes, records % 2 == 0 ? kProducer : kNoProducerId);
    };
    problem += Text(log->SetLeaderEpoch(LeaderEpoch(3)));
    for (int i = 0; log->stats().size_bytes < static_cast<int64_t>(kSegmentBytes) - 4000; ++i) {
      if (i == 20) problem += Text(log->SetLeaderEpoch(LeaderEpoch(5)));
      append(1 + (i + 1) % 4, 1 + 97 * (i % 13));
    }
    // To the byte.
    const int64_t without = BatchBytes(1, 1000) - 1000;
    append(1, static_cast<int>(static_cast<int64_t>(kSegmentBytes) - log->stats().size_bytes - without));
    sealed_bytes = static_cast<size_t>(log->stats().size_bytes);
    sealed_end = known.end();
    problem += Text(log->Roll());
    for (int i = 0; i < 6; ++i) append(1 + i % 3, 100);
    problem += Text(log->DeleteRecordsBefore(Offset(1)));
    problem += Text(log->Flush());
    clock.Advance(1'000'000'000);
    problem += Text(log->RunMaintenance());
    for (int i = 0; i < 4; ++i) append(2, 50);
    producers = log->Producers();
    epochs = {log->EpochEndOffset(LeaderEpoch(3)), log->EpochEndOffset(LeaderEpoch(5))};
    if (end == End::kClosed) problem += Text(log->Close());
    image = TakeImage(&files, kDirectory);
    // What the dead process would do further is done to other files.
    for (const auto& [name, bytes] : image) {
      files.Rename(std::string(kDirectory) + "/" + name, "/old-" + name).IgnoreError();
    }
    log.reset();
    if (!problem.empty()) throw std::runtime_error(problem);
  }

  static int64_t BatchBytes(int records, int bytes) {
    FlatFiles files;
    SimClock clock;
    LogOptions options;
    options.env.files = &files;
    options.env.clock = &clock;
    KnownLog log;
    options.config.segment_bytes = 1 << 20;
    // As far on as the last batch of the real one, where numbers take as many bytes.
    const auto opened = *Log::Open(kDirectory, options);
    log.Append(opened.get(), 1, 1);
    log.Append(opened.get(), records, bytes);
    return static_cast<int64_t>(log.batches().back().bytes().size());
  }

  std::unique_ptr<Log> Open(absl::Status* status, bool read_only = false) {
    LogOptions wanted = options;
    wanted.read_only = read_only;
    auto opened = Log::Open(kDirectory, wanted, &report);
    *status = opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  const End end;
  FlatFiles files;
  SimClock clock;
  LogOptions options;
  KnownLog known;
  size_t sealed_bytes = 0;
  Offset sealed_end{0};
  std::vector<ProducerStateInfo> producers;
  std::vector<std::pair<LeaderEpoch, Offset>> epochs;
  Image image;
  RecoveryReport report;
};

// The log with a bit of batch `flipped` flipped.
std::string CheckSegment(const FlipLog& f, const KnownLog::Batch& flipped, Log* log) {
  const Offset first = std::max(flipped.base, log->log_start_offset());
  const std::vector<DamagedRange> wanted = {{.first = first, .next = flipped.next}};
  // Straight to what is damaged, and straight past it.
  const auto cursor = log->NewCursor(flipped.next - 1);
  if (!cursor.ok()) return Text(cursor.status());
  const auto at = (*cursor)->Next(1);
  const auto range = DamagedRangeOf(at.status());
  if (!range.has_value() || range->next != flipped.next || range->first > flipped.next - 1)
    return absl::StrFormat("a cursor at %d: %s", flipped.next.value() - 1, Text(at.status()));
  if (!(*cursor)->Seek(flipped.next).ok()) return "the cursor cannot go past it";
  const auto behind = (*cursor)->Next(1);
  if (!behind.ok() || behind->empty() || (*behind->begin()).base_offset() != flipped.next)
    return "what is behind it is not found: " + Text(behind.status());
  const auto time = log->OffsetForTimestamp(KnownLog::TimeOf(flipped.next));
  if (!time.ok() || !time->has_value() || (*time)->offset != flipped.next) return "nor is it by its time";
  std::vector<DamagedRange> found;
  const std::string problem = f.known.Compare(log, &found);
  if (problem.empty() && found != wanted)
    return "reported as lost: " + Text(found) + "damaged: " + Text(wanted);
  return problem;
}

TEST_CASE("each bit of a closed segment is watched over, and only its batch is lost") {
  FlipLog f(FileBackend::kMapped, End::kClosed);
  REQUIRE(f.sealed_bytes == kSegmentBytes);
  const auto step = static_cast<size_t>(test::Setting("MILLRACE_BIT_FLIP_STEP", 1));
  f.files.Restore(kDirectory, f.image);
  size_t wrong = 0;
  size_t flips = 0;
  size_t batch = 0;
  size_t batch_end = f.known.batches()[0].bytes().size();
  std::string problem;
  for (size_t bit = 0; bit < f.sealed_bytes * 8; bit += step) {
    while (bit / 8 >= batch_end) batch_end += f.known.batches()[++batch].bytes().size();
    FlipBit(&f.files, kSegment, bit);
    absl::Status status;
    const auto log = f.Open(&status, /*read_only=*/true);
    const std::string found =
        log == nullptr ? "Open: " + Text(status) : CheckSegment(f, f.known.batches()[batch], log.get());
    FlipBit(&f.files, kSegment, bit);
    ++flips;
    if (!found.empty() && wrong++ == 0)
      problem = absl::StrFormat("bit %d of byte %d, in the batch that ends at byte %d: %s", bit % 8, bit / 8,
                                batch_end, found);
  }
  INFO(problem);
  CHECK(wrong == 0);
  CHECK(flips >= kSegmentBytes * 8 / step);
}

TEST_CASE("a writer that finds a flipped bit says so, and can give the batch up") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  FlipLog f(backend, End::kClosed);
  size_t batch = 0;
  size_t batch_end = f.known.batches()[0].bytes().size();
  const auto step = static_cast<size_t>(test::Setting("MILLRACE_BIT_FLIP_STEP", 1)) * 151;
  for (size_t bit = 0; bit < f.sealed_bytes * 8; bit += step) {
    while (bit / 8 >= batch_end) batch_end += f.known.batches()[++batch].bytes().size();
    f.files.Restore(kDirectory, f.image);
    FlipBit(&f.files, kSegment, bit);
    absl::Status status;
    auto log = f.Open(&status);
    INFO("bit " << bit << ": " << Text(status));
    REQUIRE(log != nullptr);
    const KnownLog::Batch& flipped = f.known.batches()[batch];
    const std::vector<DamagedRange> wanted = {
        {.first = std::max(flipped.base, log->log_start_offset()), .next = flipped.next}};
    const auto verified = log->Verify();
    REQUIRE(verified.ok());
    REQUIRE(*verified == wanted);
    REQUIRE(log->fenced() == wanted);
    const std::string problem = CheckSegment(f, flipped, log.get());
    INFO(problem);
    REQUIRE(problem.empty());
    REQUIRE(log->Append({.value = "x"})->first_offset == f.known.end());
    REQUIRE(log->TruncateTo(f.known.end()).ok());
    REQUIRE(log->ClearFenced(wanted[0]).ok());
    REQUIRE(log->Close().ok());
    log = f.Open(&status);
    REQUIRE(log->Verify()->empty());
    std::vector<DamagedRange> lost;
    // Passed over as if it had been compacted away: the checker sees that one is missing.
    REQUIRE(f.known.Compare(log.get(), &lost).find("is not as it was appended") != std::string::npos);
    REQUIRE(lost.empty());
  }
}

TEST_CASE("a reader that believes flipped bytes, and one that loses a neighbour, are found out") {
  FlipLog f(FileBackend::kMapped, End::kClosed);
  constexpr size_t kCrcAt = 17;
  constexpr size_t kAttributesAt = 21;
  size_t start = 0;
  int found = 0;
  int tried = 0;
  for (size_t batch = 0; start < f.sealed_bytes; ++batch) {
    const KnownLog::Batch& flipped = f.known.batches()[batch];
    const size_t size = flipped.bytes().size();
    absl::Status status;
    {
      // The checksum fits what is there, and there is no guard: nothing but the checker can tell.
      f.files.Restore(kDirectory, f.image);
      REQUIRE(f.files.Remove(std::string(kDirectory) + "/00000000000000000000.guard").ok());
      FlipBit(&f.files, kSegment, (start + size - 3) * 8);
      const auto bytes = f.files.BytesOf(std::string(kDirectory) + "/" + kSegment).subspan(start, size);
      StoreBig<uint32_t>(bytes.data() + kCrcAt, Crc32c(bytes.subspan(kAttributesAt)));
      const auto log = f.Open(&status, /*read_only=*/true);
      found += CheckSegment(f, flipped, log.get()).empty() ? 0 : 1;
      ++tried;
    }
    if (start + size < f.sealed_bytes) {
      // The next batch is damaged as well.
      f.files.Restore(kDirectory, f.image);
      FlipBit(&f.files, kSegment, (start + size - 3) * 8);
      FlipBit(&f.files, kSegment, (start + size + 40) * 8);
      const auto log = f.Open(&status, /*read_only=*/true);
      found += CheckSegment(f, flipped, log.get()).empty() ? 0 : 1;
      ++tried;
    }
    start += size;
  }
  CHECK(found == tried);
  CHECK(tried > 80);
}

// --- The other files

struct Tally {
  int64_t flips = 0;
  int64_t refused = 0;
  int64_t told = 0;
};

// The whole log with a bit of another file flipped. Everything must be as it was, or something said about it.
// "": it is as it was; a text that begins with '!': it is not, and nothing says so.
std::string CheckWhole(const FlipLog& f, std::string_view name, Log* log) {
  std::string changed;
  const auto differs = [&](const std::string& what) {
    const std::string notes = Joined(f.report.notes);
    const bool told = notes.find(name) != std::string::npos;
    changed += (told ? "" : "!") + what + "; ";
  };
  std::vector<DamagedRange> lost;
  if (const std::string problem = f.known.Compare(log, &lost); !problem.empty()) return "!" + problem;
  if (!lost.empty()) return "!lost: " + Text(lost);  // the data are there, all of them
  if (log->log_end_offset() != f.known.end())
    return "!it ends at " + std::to_string(log->log_end_offset().value());
  if (log->log_start_offset() != Offset(1)) differs("it begins elsewhere");
  for (const Offset offset : {Offset(1), Offset(17), f.sealed_end - 1, f.sealed_end, f.known.end() - 1}) {
    const auto found = log->OffsetForTimestamp(KnownLog::TimeOf(offset));
    if (!found.ok() || !found->has_value() || (*found)->offset != offset) return "!a time is not found";
    const auto cursor = log->NewCursor(offset);
    const auto slice = cursor.ok() ? (*cursor)->Next(1) : cursor.status();
    if (!slice.ok() || (*slice->begin()).base_offset() != f.known.Holding(offset).base)
      return "!an offset is not found";
  }
  if (std::vector<std::pair<LeaderEpoch, Offset>>{log->EpochEndOffset(LeaderEpoch(3)),
                                                  log->EpochEndOffset(LeaderEpoch(5))} != f.epochs)
    differs("epochs are not known any more");
  const auto producers = log->Producers();
  if (producers.size() != f.producers.size() || producers[0].last_sequence != f.producers[0].last_sequence ||
      producers[0].producer_id != f.producers[0].producer_id ||
      producers[0].last_timestamp != f.producers[0].last_timestamp)
    differs("a producer is not known any more");
  if (const auto appended = log->Append({.value = "x"});
      !appended.ok() || appended->first_offset != f.known.end())
    return "!it takes no appends: " + Text(appended.status());
  return changed;
}

// Flips bits of `name`, those that `chosen` wants.
Tally FlipFile(FlipLog* f, const std::string& name, size_t step, size_t from, size_t to, std::string* problem,
               int64_t* wrong) {
  Tally tally;
  for (size_t bit = from * 8; bit < to * 8; bit += step) {
    f->files.Restore(kDirectory, f->image);
    if (f->end == End::kPowerLoss) f->files.Remount();
    FlipBit(&f->files, name, bit);
    absl::Status status;
    const auto log = f->Open(&status);
    std::string found;
    if (log == nullptr) {
      ++tally.refused;
      if (Text(status).find(name) == std::string::npos) found = "!refused without a reason: " + Text(status);
      if (absl::IsInternal(status)) found = "!refused as an error of our own";
    } else {
      found = CheckWhole(*f, name, log.get());
      if (!found.empty()) ++tally.told;
    }
    ++tally.flips;
    if (found.find('!') != std::string::npos && (*wrong)++ == 0)
      *problem = absl::StrFormat("%s, bit %d of byte %d: %s%s", name, bit % 8, bit / 8, found,
                                 Joined(f->report.notes));
  }
  return tally;
}

TEST_CASE("a flipped bit in any other file of a log changes nothing, or is reported") {
  const End end = GENERATE(End::kClosed, End::kKilled, End::kPowerLoss);
  const auto room = static_cast<size_t>(test::Setting("MILLRACE_BIT_FLIP_ROOM_STEP", 997));
  FlipLog f(FileBackend::kMapped, end);
  size_t files = 0;
  for (const auto& [name, bytes] : f.image) {
    if (name.ends_with(".log") || name.starts_with("spare")) continue;
    ++files;
    int64_t wrong = 0;
    std::string problem;
    Tally tally;
    const auto flip = [&](size_t step, size_t from, size_t to) {
      const Tally more = FlipFile(&f, name, step, from, std::min(to, bytes.size()), &problem, &wrong);
      tally.flips += more.flips;
      tally.refused += more.refused;
      tally.told += more.told;
    };
    if (name == "millrace.flush" || name == "millrace.control") {
      // The header's fields, the entries of this log; then the room that belongs to nobody.
      flip(1, 0, 128);
      flip(1, 4096, 4096 + 256);
      flip(room, 128, bytes.size());
      flip(1, 4096 + (32 << 10), 4096 + (32 << 10) + 64);
    } else {
      flip(1, 0, bytes.size());
    }
    INFO("end " << static_cast<int>(end) << ", " << name << ": " << tally.flips << " flips, " << tally.refused
                << " refused, " << tally.told << " reported; " << problem);
    CHECK(wrong == 0);
    CHECK((bytes.empty() || tally.flips > 0));
  }
  CHECK(files >= 5);
}

TEST_CASE(
    "a process that died between the two copies of the log's end lost nothing, and nothing is scanned") {
  FlipLog f(FileBackend::kMapped, End::kKilled);
  const bool older_first = GENERATE(true, false);
  const bool torn = GENERATE(false, true);
  f.files.Restore(kDirectory, f.image);
  // The log's slot: u32 term, u32 active, i64 log start, 2 x {i64 base, u64 end, u64 end inverted, ...}.
  std::byte* const slot = f.files.BytesOf(std::string(kDirectory) + "/millrace.control").data() + 4096;
  const auto load = [&](size_t at) {
    uint64_t value;
    std::memcpy(&value, slot + at, sizeof value);
    return value;
  };
  uint32_t active;
  std::memcpy(&active, slot + 4, sizeof active);
  const size_t end_at = 16 + size_t{32} * active + 8;
  const uint64_t end = load(end_at);
  REQUIRE(load(end_at + 8) == ~end);
  const KnownLog::Batch& last = f.known.batches().back();
  const uint64_t before = end - (static_cast<uint64_t>(last.next - last.base) << 32 | last.bytes().size());
  const uint64_t inverted = ~before;
  if (older_first) {
    std::memcpy(slot + end_at + 8, &inverted, sizeof inverted);
  } else {
    std::memcpy(slot + end_at, &before, sizeof before);
  }
  if (torn)
    FlipBit(&f.files, absl::StrFormat("%020d.log", f.sealed_end.value()), (end & 0xffffffff) * 8 - 20);
  absl::Status status;
  const auto log = f.Open(&status);
  REQUIRE(log != nullptr);
  std::vector<DamagedRange> lost;
  const std::string problem = f.known.Compare(log.get(), &lost);
  INFO(problem);
  CHECK(problem.empty());
  CHECK(lost.empty());
  CHECK((f.report.scanned_bytes > 0) == torn);
  CHECK((f.report.shutdown == RecoveryReport::Shutdown::kProcessCrash) == !torn);
  CHECK(log->log_end_offset() == (torn ? last.base : last.next));
}

}  // namespace
}  // namespace millrace::testing
