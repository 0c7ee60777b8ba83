// A small log's directory, damaged as the input says, then opened, read, appended to and opened again. Damage
// may cost records, never the process, and never lets a record pass for another. MILLRACE_TRACE=1 tells what
// an input does.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "fuzz/fuzz_target.h"
#include "log/files.h"
#include "millrace/env/clock.h"
#include "millrace/log/log.h"

namespace millrace::inline v0::fuzz {
namespace {

using Directory = std::map<std::string, Bytes>;

constexpr std::string_view kPath = "/d/log";
constexpr int kRecords = 40;

// Every run sees the same.
class StillClock final : public Clock {
 public:
  MonotonicNanos Monotonic() override { return MonotonicNanos(1); }
  Timestamp Wall() override { return Timestamp(1'700'000'000'000); }
};

const bool kTracing = std::getenv("MILLRACE_TRACE") != nullptr;

LogOptions Options(FileSystem* files, StillClock* clock, FileBackend backend) {
  LogOptions options;
  options.config = {.segment_bytes = 4096, .index_interval_bytes = 128, .file_delete_delay_ms = 0};
  options.env = {.clock = clock, .files = files};
  options.backend = backend;
  return options;
}

std::string ValueAt(int64_t offset) {
  return "value " + std::to_string(offset);
}

// What lies on the disk: of a log that was closed, or of one whose owner just went.
Directory Make(bool closed) {
  Directory directory;
  const auto files = log_test::MemoryFiles();
  StillClock clock;
  auto log = log_test::Must(Log::Open(kPath, Options(files.get(), &clock, FileBackend::kMapped)));
  const auto keep = [&] {
    for (const std::string& name : log_test::Must(files->List(kPath)))
      directory[name] = log_test::ReadAll(files.get(), std::string(kPath) + "/" + name);
  };
  for (int i = 0; i < kRecords; ++i) {
    if (i % 12 == 11) log_test::Must(log->Roll());
    log_test::Must(log->Append({.key = "key", .value = ValueAt(i)}).status());
    if (i == kRecords / 2) log_test::Must(log->Flush());
  }
  if (!closed) keep();
  log_test::Must(log->Close());
  log.reset();
  if (closed) keep();
  return directory;
}

// Makes the batch at `at` fit its checksum again, whatever it says.
bool Forge(Bytes* bytes, size_t at) {
  if (bytes->size() < 61 || at > bytes->size() - 61) return false;
  const auto length = LoadBig<int32_t>(bytes->data() + at + 8);
  if (length < 49 || static_cast<uint64_t>(length) + 12 > bytes->size() - at) return false;
  const auto covered = std::span(*bytes).subspan(at + 21, static_cast<size_t>(length) - 9);
  StoreBig<uint32_t>(bytes->data() + at + 17, Crc32c(covered));
  return true;
}

// Applies one change; true if what is read afterwards may be anything.
bool Damage(Directory* directory, ByteReader* input) {
  const uint8_t which = input->Read<uint8_t>();
  const uint8_t how = input->Read<uint8_t>();
  const size_t where = input->Read<uint16_t>();
  const uint8_t what = input->Read<uint8_t>();
  if (directory->empty()) return false;
  const auto file = std::next(directory->begin(), which % static_cast<int>(directory->size()));
  Bytes& bytes = file->second;
  if (kTracing)
    std::fprintf(stderr, "%s (%zu bytes): change %d at %zu, %d\n", file->first.c_str(), bytes.size(), how % 8,
                 bytes.empty() ? 0 : where % bytes.size(), what);
  const size_t at = bytes.empty() ? 0 : where % bytes.size();
  switch (how % 8) {
    case 0:
      if (!bytes.empty()) bytes[at] ^= std::byte{what};
      return false;
    case 1:
      bytes.resize(at);
      return false;
    case 2:
      bytes.resize(bytes.size() + what, std::byte{how});
      return false;
    case 3:
      directory->erase(file);
      return false;
    case 4:
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), std::min<size_t>(what, bytes.size() - at),
                  std::byte{0});
      return false;
    case 5: {  // another file's content: what it says may even fit
      const auto other = std::next(directory->begin(), what % static_cast<int>(directory->size()));
      bytes = Bytes(other->second);
      return true;
    }
    case 6: {
      Bytes bytes_twice = bytes;
      bytes.insert(bytes.end(), bytes_twice.begin(), bytes_twice.end());
      return true;
    }
    default:
      return Forge(&bytes, at);
  }
}

// All offsets that can be read, past what is damaged.
std::set<int64_t> ReadAll(Log* log, bool anything) {
  std::set<int64_t> offsets;
  auto cursor = log->NewCursor(log->log_start_offset());
  if (!cursor.ok()) return offsets;
  int64_t last = -1;
  for (int steps = 0; steps < 1000; ++steps) {
    const auto slice = (*cursor)->Next(1 << 16);
    if (const auto range = DamagedRangeOf(slice.status()); range.has_value()) {
      if (kTracing) std::fprintf(stderr, "%s\n", std::string(slice.status().message()).c_str());
      Require(range->first < range->next);
      if (!(*cursor)->Seek(range->next).ok()) return offsets;
      continue;
    }
    if (kTracing && !slice.ok()) std::fprintf(stderr, "%s\n", std::string(slice.status().message()).c_str());
    if (!slice.ok() || slice->empty()) return offsets;
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        const int64_t offset = record.offset.value();
        Require(anything || offset > last);
        Require(anything || record.value == ValueAt(offset));
        last = offset;
        offsets.insert(offset);
      }
    }
  }
  throw Broken("no damage may hold a reader for ever");
}

void OpenAndUse(Directory directory, FileBackend backend, bool anything) {
  const auto files = log_test::MemoryFiles();
  StillClock clock;
  log_test::Must(files->CreateDirectory(kPath));
  for (const auto& [name, bytes] : directory)
    log_test::Put(files.get(), std::string(kPath) + "/" + name, bytes);
  const LogOptions options = Options(files.get(), &clock, backend);
  std::set<int64_t> before;
  {
    RecoveryReport report;
    auto log = Log::Open(kPath, options, &report);
    if (kTracing) {
      std::fprintf(stderr, "%s\n", std::string(log.status().message()).c_str());
      for (const std::string& note : report.notes) std::fprintf(stderr, "%s\n", note.c_str());
    }
    if (!log.ok()) return;
    before = ReadAll(log->get(), anything);
    (*log)->Verify().status().IgnoreError();
    const int64_t end = (*log)->log_end_offset().value();
    const auto appended = (*log)->Append({.key = "key", .value = ValueAt(end)});
    if (appended.ok()) {
      Require(appended->first_offset == Offset(end));
      before.insert(end);
    }
    if (!(*log)->Close().ok()) return;
  }
  auto log = Log::Open(kPath, options);
  Require(log.ok());
  const std::set<int64_t> after = ReadAll(log->get(), anything);
  for (const int64_t offset : before) {
    if (kTracing && !after.contains(offset)) std::fprintf(stderr, "-%ld ", offset);
  }
  for (const int64_t offset : after) {
    if (kTracing && !before.contains(offset)) std::fprintf(stderr, "+%ld ", offset);
  }
  Require(anything || after == before);
}

void FuzzRecovery(Input bytes) {
  static const Directory& closed = *new Directory(Make(true));
  static const Directory& open = *new Directory(Make(false));
  if (bytes.size() < 6) return;
  ByteReader input(bytes);
  const uint8_t mode = input.Read<uint8_t>();
  Directory directory = mode % 2 == 0 ? closed : open;
  bool anything = false;
  for (int changes = 0; changes < 8 && input.remaining() >= 5; ++changes)
    anything = Damage(&directory, &input) || anything;
  OpenAndUse(std::move(directory), mode / 2 % 2 == 0 ? FileBackend::kMapped : FileBackend::kReadWrite,
             anything);
}

// Each kind of change to each file.
std::vector<Bytes> RecoverySeeds() {
  std::vector<Bytes> seeds;
  for (uint8_t file = 0; file < 24; ++file) {
    for (uint8_t how = 0; how < 8; ++how) {
      const uint8_t mode = (file + how) % 4;
      Bytes& seed = seeds.emplace_back();
      for (const uint8_t byte : {mode, file, how, uint8_t{0}, uint8_t(37 * how), uint8_t{16}})
        seed.push_back(std::byte{byte});
    }
  }
  return seeds;
}

}  // namespace

void AddRecoveryTargets(Targets* to) {
  to->push_back({.name = "recovery", .run = FuzzRecovery, .seeds = RecoverySeeds, .cost_micros = 500});
}

}  // namespace millrace::inline v0::fuzz
