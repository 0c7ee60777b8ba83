// R7: each kind of file, and each thing that can happen to it. Whatever it is, there is no crash, no wrong
// record, and no data gone that the damage did not hit; and there is a status that names the file, a note, or
// nothing that anybody could miss.
//
// The matrix of one log, after each kind of end. That of an engine's directory is in engine_damage_test.cc.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "millrace/status.h"
#include "reliability/damage.h"
#include "reliability/flat_files.h"
#include "reliability/image.h"

namespace millrace::testing {
namespace {

constexpr char kDirectory[] = "/log-0";
constexpr char kFirst[] = "00000000000000000000";

enum class End : uint8_t { kClosed, kKilled, kPowerLoss };

// Three segments of twelve records, the last one open.
struct MatrixLog {
  explicit MatrixLog(FlatFiles* files, End end, FileBackend backend, int salt) : end(end) {
    options.backend = backend;
    options.config.segment_bytes = 1 << 20;
    options.config.index_interval_bytes = 256;
    options.config.retention_ms = -1;
    options.config.segment_ms = INT64_MAX;
    options.env.clock = &clock;
    options.env.files = files;
    std::string problem;
    auto log = *Log::Open(kDirectory, options);
    const auto append = [&](int from, int to) {
      for (int i = from; i < to; ++i)
        problem += known.Append(log.get(), 2, 100 + salt * 16 + i, ProducerId(7 + salt));
    };
    problem += Text(log->SetLeaderEpoch(LeaderEpoch(1)));
    append(0, 6);
    problem += Text(log->Roll());
    second = known.end();
    append(6, 12);
    problem += Text(log->Roll());
    third = known.end();
    append(12, 16);
    problem += Text(log->Flush());
    clock.Advance(1'000'000'000);
    problem += Text(log->RunMaintenance());
    flushed = known.end();
    append(16, 18);
    if (end == End::kClosed) problem += Text(log->Close());
    if (end == End::kClosed) flushed = known.end();
    image = TakeImage(files, kDirectory);
    for (const auto& [name, bytes] : image) {
      files->Rename(std::string(kDirectory) + "/" + name, "/old-" + name).IgnoreError();
    }
    log.reset();
    files->Restore(kDirectory, {});
    if (!problem.empty()) throw std::runtime_error(problem);
  }

  const End end;
  SimClock clock;
  LogOptions options;
  KnownLog known;
  Offset second{0};
  Offset third{0};
  Offset flushed{0};
  Image image;
};

// Every segment's bytes are still in some file of the directory; "" or the name of one that is not.
std::string GoneSegment(const Image& before, const Image& after) {
  for (const auto& [name, bytes] : before) {
    if (name.find(".log") == std::string::npos) continue;
    size_t used = bytes.size();
    while (used > 0 && bytes[used - 1] == std::byte{0}) --used;
    const bool there = std::any_of(after.begin(), after.end(), [&](const auto& file) {
      return file.second.size() >= used &&
             std::equal(bytes.begin(), bytes.begin() + static_cast<int64_t>(used), file.second.begin());
    });
    if (!there) return name;
  }
  return "";
}

struct Cell {
  std::string name = {};
  DamageKind kind = DamageKind::kMissing;
};

// What was hit: the records from `first` to before `next` may be lost, if that is said.
struct Hit {
  Offset first{0};
  Offset next{0};
};

Hit HitOf(const MatrixLog& f, const Cell& cell) {
  if (!cell.name.ends_with(".log") || cell.kind == DamageKind::kDuplicated) return {};
  if (cell.name.starts_with(kFirst)) return {.first = Offset(0), .next = f.second};
  if (cell.name.starts_with(absl::StrFormat("%020d", f.second.value())))
    return {.first = f.second, .next = f.third};
  return {.first = f.third, .next = f.known.end()};
}

// Refused: the file is named, no data were touched, and once the file is put right everything is there.
std::string CheckRefused(const MatrixLog& f, FlatFiles* files, const Cell& cell, const Image& damaged,
                         const absl::Status& status) {
  if (Text(status).find(cell.name) == std::string::npos)
    return "refused without naming the file: " + Text(status);
  if (absl::IsInternal(status) || absl::IsUnknown(status)) return "refused with a bad code: " + Text(status);
  files->Forbid("");
  const Image after = TakeImage(files, kDirectory);
  for (const auto& [name, bytes] : damaged) {
    const auto found = after.find(name);
    const bool same = found != after.end() && found->second == bytes;
    if (!same && (name == cell.name || name.find(".log") != std::string::npos))
      return "refused, but " + name + " is not what it was";
  }
  Image right = after;
  right.erase(cell.name + "/");
  right.erase(cell.name);
  if (const auto whole = f.image.find(cell.name); whole != f.image.end()) right.insert(*whole);
  files->Restore(kDirectory, {});
  files->Restore(kDirectory, right);
  const auto opened = Log::Open(kDirectory, f.options);
  if (!opened.ok()) return "put right, it does not open: " + Text(opened.status());
  std::vector<DamagedRange> lost;
  const std::string problem = f.known.Compare(opened->get(), &lost);
  return lost.empty() && (*opened)->log_end_offset() == f.known.end() ? problem
                                                                      : "put right, it is not whole";
}

// "": as promised. `told`: what was said.
std::string CheckCell(const MatrixLog& f, FlatFiles* files, const Cell& cell, const Image& damaged,
                      bool* refused) {
  files->Restore(kDirectory, damaged);
  files->Forbid(cell.kind == DamageKind::kUnreadable ? std::string(kDirectory) + "/" + cell.name : "");
  if (f.end == End::kPowerLoss) files->Remount();
  RecoveryReport report;
  auto opened = Log::Open(kDirectory, f.options, &report);
  *refused = !opened.ok();
  if (!opened.ok()) return CheckRefused(f, files, cell, damaged, opened.status());
  std::unique_ptr<Log> log = *std::move(opened);
  const Hit hit = HitOf(f, cell);
  const bool cut = log->log_end_offset() < f.known.end();
  KnownLog known = f.known;
  if (cut) {
    if (log->log_end_offset() < f.flushed || hit.next != f.known.end())
      return absl::StrFormat("it ends at %d%s", log->log_end_offset().value(), Joined(report.notes));
    if (report.notes.empty()) return "it was cut, and nothing says so";
    known.CutTo(log->log_end_offset());
  }
  if (log->log_end_offset() > f.known.end()) return "it ends too late" + Joined(report.notes);
  if (log->log_start_offset() != Offset(0)) return "it begins elsewhere" + Joined(report.notes);
  std::vector<DamagedRange> lost;
  std::string problem = known.Compare(log.get(), &lost);
  if (!problem.empty()) {
    // Unreadable is neither there nor lost: the error names the file, and the rest is read.
    const bool unreadable = cell.kind == DamageKind::kUnreadable || cell.kind == DamageKind::kDirectory;
    const bool said = unreadable && problem.find(cell.name) != std::string::npos;
    if (!said) return problem + Joined(report.notes);
  }
  for (const DamagedRange& range : lost) {
    if (range.first < hit.first || range.next > hit.next)
      return "lost, but not hit: " + Text(lost) + Joined(report.notes);
  }
  // What lies in other segments is read directly, too.
  for (const Offset offset : {Offset(1), f.second + 1, f.third + 1}) {
    if (offset >= hit.first && offset < hit.next) continue;
    const auto cursor = log->NewCursor(offset);
    const auto slice = cursor.ok() ? (*cursor)->Next(1) : cursor.status();
    if (!slice.ok() || slice->empty()) return "not readable: " + Text(slice.status()) + Joined(report.notes);
    const Bytes& bytes = f.known.Holding(offset).bytes();
    const auto found = (*slice->begin()).bytes();
    if (!std::equal(found.begin(), found.end(), bytes.begin(), bytes.end())) return "another batch is read";
  }
  const auto appended = log->Append({.value = "more"});
  if (!appended.ok() && Text(appended.status()).find(cell.name) == std::string::npos)
    return "no appends, and not because of the file: " + Text(appended.status());
  files->Forbid("");
  if (hit.next == Offset(0)) {
    const std::string gone = GoneSegment(f.image, TakeImage(files, kDirectory));
    if (!gone.empty()) return gone + " is gone" + Joined(report.notes);
  }
  return "";
}

// What cannot be told: until a segment is closed nothing but the place of its files says whose it is, and the
// ends in shared memory are those of a directory of the same name.
bool CannotBeTold(const MatrixLog& f, const Cell& cell) {
  const bool newest = cell.name == absl::StrFormat("%020d.log", f.third.value());
  return cell.kind == DamageKind::kSwapped && f.end != End::kClosed &&
         (newest || (cell.name == "millrace.control" && f.end == End::kKilled));
}

struct Matrix {
  int cells = 0;
  int refused = 0;
  int wrong = 0;
  std::string problems = {};
  std::string passed = {};
};

// `plant`: does more to the image than the cell says.
template <typename Plant>
Matrix RunMatrix(FlatFiles* files, const MatrixLog& f, const MatrixLog& other, Plant plant) {
  Matrix matrix;
  std::vector<std::string> names;
  for (const auto& [name, bytes] : f.image) names.push_back(name);
  for (const char* const absent : {"millrace.fenced", "millrace.cleared", "00000000000000000000.txnindex"})
    names.emplace_back(absent);
  for (const std::string& name : names) {
    for (const DamageKind kind : kAllDamage) {
      const Cell cell = {.name = name, .kind = kind};
      Image damaged = f.image;
      if (!ApplyDamage(kind, name, other.image, &damaged) || CannotBeTold(f, cell) || !plant(cell, &damaged))
        continue;
      ++matrix.cells;
      bool refused = false;
      const std::string problem = CheckCell(f, files, cell, damaged, &refused);
      matrix.refused += refused ? 1 : 0;
      if (problem.empty()) {
        matrix.passed += "\n" + name + " " + std::string(DamageName(kind)) + (refused ? ", refused" : "");
        continue;
      }
      ++matrix.wrong;
      matrix.problems += "\n" + name + " " + std::string(DamageName(kind)) + ": " + problem;
    }
  }
  return matrix;
}

TEST_CASE("each kind of damage to each file of a log") {
  const FileBackend backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  const End end = GENERATE(End::kClosed, End::kKilled, End::kPowerLoss);
  FlatFiles files;
  const MatrixLog other(&files, end, backend, 1);
  const MatrixLog f(&files, end, backend, 0);
  const Matrix matrix = RunMatrix(&files, f, other, [](const Cell&, Image*) { return true; });
  INFO("end " << static_cast<int>(end) << ": " << matrix.cells << " cells, " << matrix.refused << " refused"
              << matrix.problems);
  CHECK(matrix.problems.empty());
  CHECK(matrix.cells > 150);
}

TEST_CASE("a repair that loses another segment, or takes another's for it, is found out") {
  const End end = GENERATE(End::kClosed, End::kPowerLoss);
  const bool missing = GENERATE(true, false);
  FlatFiles files;
  const MatrixLog other(&files, end, FileBackend::kMapped, 1);
  const MatrixLog f(&files, end, FileBackend::kMapped, 0);
  const std::string second = absl::StrFormat("%020d", f.second.value());
  const Matrix matrix = RunMatrix(&files, f, other, [&](const Cell& cell, Image* image) {
    if (cell.name.starts_with(second)) return false;
    image->erase(second + ".guard");
    if (missing) {
      image->erase(second + ".log");
    } else {
      (*image)[second + ".log"] = other.image.at(second + ".log");
    }
    return true;
  });
  INFO(matrix.passed);
  CHECK(matrix.cells > 100);
  CHECK(matrix.wrong == matrix.cells);
}

TEST_CASE("a manifest that is cut at any byte") {
  const End end = GENERATE(End::kClosed, End::kKilled, End::kPowerLoss);
  FlatFiles files;
  const MatrixLog f(&files, end, FileBackend::kMapped, 0);
  const Cell cell = {.name = "millrace.manifest", .kind = DamageKind::kTruncated};
  std::string problems;
  for (size_t at = 0; at < f.image.at(cell.name).size(); ++at) {
    Image damaged = f.image;
    damaged[cell.name].resize(at);
    bool refused = false;
    const std::string problem = CheckCell(f, &files, cell, damaged, &refused);
    if (!problem.empty()) problems += absl::StrFormat("\ncut at %d: %s", at, problem);
  }
  INFO("end " << static_cast<int>(end) << problems);
  CHECK(problems.empty());
}

}  // namespace
}  // namespace millrace::testing
