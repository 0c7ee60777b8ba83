// One log used by many threads at once: appenders, readers, and all that changes the log under them. Run
// under ThreadSanitizer as well.

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/env/executor.h"
#include "millrace/log/log.h"
#include "temp_dir.h"

namespace millrace {
namespace {

constexpr int kAppenders = 3;
constexpr int kReaders = 2;
constexpr int kRecordsEach = 1200;
constexpr int64_t kRecords = int64_t{kAppenders} * kRecordsEach;

// What the threads find wrong: Catch2's assertions are for the main thread alone.
class Findings {
 public:
  void Add(const std::string& what) {
    if (count_.fetch_add(1) == 0) first_ = what;
  }
  bool Check(const absl::Status& status, const char* what) {
    if (!status.ok()) Add(std::string(what) + ": " + std::string(status.message()));
    return status.ok();
  }
  int count() const { return count_.load(); }
  // After the threads have ended.
  const std::string& first() const { return first_; }

 private:
  std::atomic<int> count_{0};
  std::string first_;
};

// "thread:number", with something behind it so that sizes differ.
std::string ValueOf(int thread, int number) {
  return std::to_string(thread) + ":" + std::to_string(number) + ":" +
         std::string(static_cast<size_t>(number % 90), 'v');
}

struct Origin {
  int thread = -1;
  int number = -1;
};
Origin OriginOf(std::string_view value) {
  const size_t colon = value.find(':');
  if (colon == std::string_view::npos) return {};
  return {.thread = std::stoi(std::string(value.substr(0, colon))),
          .number = std::stoi(std::string(value.substr(colon + 1)))};
}

// Appends single records and batches of three by turns.
void AppendAll(Log* log, int thread, Findings* findings) {
  BatchBuilder builder;
  Offset last = kNoOffset;
  for (int i = 0; i < kRecordsEach;) {
    absl::StatusOr<AppendResult> result = absl::UnknownError("not appended");
    int count = 1;
    if (i % 2 == 0 || i + 3 > kRecordsEach) {
      const std::string value = ValueOf(thread, i);
      result = log->Append({.value = value}, Timestamp(1'000'000 + i));
    } else {
      count = 3;
      builder.Reset();
      for (int k = 0; k < count; ++k) {
        const std::string value = ValueOf(thread, i + k);
        builder.Append({.value = value}, Timestamp(1'000'000 + i + k));
      }
      auto batch = builder.Finish();
      if (!findings->Check(batch.status(), "finishing a batch")) return;
      result = log->AppendBatch(*batch);
    }
    if (!findings->Check(result.status(), "appending")) return;
    if (result->first_offset <= last) findings->Add("the offsets of one thread fell");
    if (result->last_offset != result->first_offset + (count - 1)) findings->Add("a batch has other offsets");
    last = result->last_offset;
    i += count;
  }
}

// Reads until the last record. Offsets must follow on, but where the log's start was raised past the reader;
// the records of each appender must come in order, and untouched.
void ReadAll(Log* log, size_t bytes_max, Findings* findings) {
  auto cursor = log->NewCursor(log->log_start_offset());
  // The start may be raised in between.
  while (!cursor.ok()) cursor = log->NewCursor(log->log_start_offset());
  std::vector<int> next(kAppenders, 0);
  bool skipped = (*cursor)->position() > Offset(0);
  Offset expected = (*cursor)->position();
  while (expected < Offset(kRecords) && findings->count() == 0) {
    auto slice = (*cursor)->Next(bytes_max);
    if (absl::IsOutOfRange(slice.status())) {
      const Offset start = log->log_start_offset();
      if (start < expected) findings->Add("out of range inside the log");
      skipped = true;
      expected = start;
      (*cursor)->Seek(start).IgnoreError();  // raised again: the next read says so
      continue;
    }
    if (!findings->Check(slice.status(), "reading")) return;
    for (const BatchView batch : *slice) {
      if (!batch.CrcIsValid()) findings->Add("a batch does not fit its CRC");
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        if (record.offset < expected) continue;
        if (record.offset != expected) findings->Add("an offset was left out");
        expected = record.offset + 1;
        const Origin origin = OriginOf(*record.value);
        if (origin.thread < 0 || origin.thread >= kAppenders ||
            ValueOf(origin.thread, origin.number) != *record.value) {
          findings->Add("a record is not what was appended");
          return;
        }
        int& wanted = next[static_cast<size_t>(origin.thread)];
        if (skipped ? origin.number < wanted : origin.number != wanted) findings->Add("a thread's order");
        wanted = origin.number + 1;
      }
      if (!reader.status().ok()) findings->Add("a batch cannot be read");
    }
    if (slice->empty()) std::this_thread::yield();
  }
}

// All that changes the log, over and over until the appenders are through.
void Maintain(Log* log, const std::atomic<bool>* done, bool deletes, Findings* findings) {
  // At least one round of each.
  for (int round = 0; round < 8 || !done->load(); ++round) {
    if (round % 4 == 0) findings->Check(log->Roll(), "rolling");
    if (round % 4 == 1) findings->Check(log->Flush(), "flushing");
    if (round % 4 == 2) findings->Check(log->RunMaintenance(), "maintenance");
    if (deletes && round % 4 == 3) {
      const int64_t end = log->log_end_offset().value();
      findings->Check(log->DeleteRecordsBefore(Offset(end / 3)), "deleting records");
    }
    const LogStats stats = log->stats();
    if (stats.log_start_offset > stats.log_end_offset) findings->Add("the log starts behind its end");
    if (log->flushed_offset() > log->log_end_offset()) findings->Add("flushed more than there is");
    const auto found = log->OffsetForTimestamp(Timestamp(1'000'000 + round));
    findings->Check(found.status(), "looking up a timestamp");
    std::this_thread::yield();
  }
}

void UseTogether(bool deletes, bool executor) {
  test::TempDir directory;
  const auto background = executor ? NewThreadExecutor() : nullptr;
  LogOptions options;
  options.backend = GENERATE(FileBackend::kMapped, FileBackend::kReadWrite);
  options.env.executor = background.get();
  options.config.segment_bytes = 16 << 10;
  options.config.index_interval_bytes = 512;
  options.config.retention_ms = -1;
  options.config.file_delete_delay_ms = 0;
  auto opened = Log::Open(directory.Path("log-0"), options);
  INFO(opened.status().message());
  REQUIRE(opened.ok());
  Log* const log = opened->get();

  Findings findings;
  std::atomic<bool> done{false};
  std::vector<std::thread> appenders;
  std::vector<std::thread> others;
  for (int i = 0; i < kAppenders; ++i) appenders.emplace_back(AppendAll, log, i, &findings);
  for (int i = 0; i < kReaders; ++i) {
    others.emplace_back(ReadAll, log, i == 0 ? size_t{1} << 20 : size_t{300}, &findings);
  }
  others.emplace_back(Maintain, log, &done, deletes, &findings);
  others.emplace_back([&] {
    while (!done.load()) findings.Check(log->Flush(), "flushing beside the other");
  });
  for (std::thread& thread : appenders) thread.join();
  done.store(true);
  for (std::thread& thread : others) thread.join();

  INFO(findings.first());
  CHECK(findings.count() == 0);
  CHECK(log->log_end_offset() == Offset(kRecords));
  const Offset start = log->log_start_offset();
  CHECK((start > Offset(0)) == deletes);
  const absl::Status closed = log->Close();
  INFO(closed.message());
  CHECK(closed.ok());
  opened->reset();

  // And all of it is there again.
  auto again = Log::Open(directory.Path("log-0"), options);
  INFO(again.status().message());
  REQUIRE(again.ok());
  CHECK((*again)->log_start_offset() == start);
  CHECK((*again)->log_end_offset() == Offset(kRecords));
  Findings reread;
  ReadAll(again->get(), 1 << 20, &reread);
  INFO(reread.first());
  CHECK(reread.count() == 0);
}

TEST_CASE("appenders, readers, rolls and flushes share a log") {
  UseTogether(/*deletes=*/false, /*executor=*/false);
}

TEST_CASE("a log is shared while its segments are deleted, and an executor works for it") {
  UseTogether(/*deletes=*/true, /*executor=*/true);
}

}  // namespace
}  // namespace millrace
