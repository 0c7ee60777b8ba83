// FakeCleanableLog: a log for the tests of the cleaner: closed segments in a directory and a list of them in
// a file that is replaced atomically, as a manifest would be.

#ifndef MILLRACE_TEST_LOG_FAKE_CLEANABLE_LOG_H_
#define MILLRACE_TEST_LOG_FAKE_CLEANABLE_LOG_H_

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/cleaned_segment.h"
#include "log/cleaner.h"
#include "log/log_files.h"
#include "log/segment_swap.h"
#include "millrace/record.h"
#include "record/batches.h"

namespace millrace::log_test {

using Records = std::map<int64_t, record_test::OwnedRecord>;

class FakeCleanableLog final : public CleanableLog {
 public:
  // Borrows `files`. `directory` must exist.
  FakeCleanableLog(FileSystem* files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // --- CleanableLog
  std::string directory() const override { return directory_; }
  TopicConfig config() const override { return settings; }
  std::vector<ManifestSegment> ClosedSegments() const override { return segments_; }
  Offset log_start_offset() const override { return Offset(0); }
  Offset CleanableEnd() const override { return cleanable_end; }
  absl::StatusOr<std::vector<AbortedTransaction>> Aborted(Offset, Offset) override { return aborted; }
  std::vector<ProducerStateInfo> ProducersForCleaning() override { return producers; }
  std::vector<DamagedRange> FencedRanges() const override { return fenced; }
  absl::Status SwapSegments(std::span<const Offset> removed,
                            const std::optional<ManifestSegment>& added) override {
    std::vector<ManifestSegment> next = segments_;
    std::erase_if(next, [&](const ManifestSegment& segment) {
      return std::find(removed.begin(), removed.end(), segment.base) != removed.end();
    });
    if (added.has_value()) next.push_back(*added);
    std::sort(next.begin(), next.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
    if (careless) {
      // As a swap would be that trusts in luck: the old files go first, the list comes last.
      for (const Offset base : removed) {
        MILLRACE_RETURN_IF_ERROR(RemoveSegmentFiles(files_, directory_, base, ""));
      }
      if (added.has_value()) {
        MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(files_, directory_, added->base, kCleanedSuffix, ""));
      }
      segments_ = std::move(next);
      return Save();
    }
    if (added.has_value()) MILLRACE_RETURN_IF_ERROR(PrepareSwap(files_, directory_, added->base));
    segments_ = std::move(next);
    MILLRACE_RETURN_IF_ERROR(Save());
    if (added.has_value()) return FinishSwap(files_, directory_, added->base, removed);
    for (const Offset base : removed) {
      MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(files_, directory_, base, "", kDeletedSuffix));
    }
    return absl::OkStatus();
  }

  // --- For the tests

  // Adds a closed segment of these batches.
  absl::Status AddSegment(Offset base, const std::vector<std::vector<std::byte>>& batches,
                          Offset next_offset) {
    auto segment = CleanedSegment::Create(files_, directory_, base, 256);
    MILLRACE_RETURN_IF_ERROR(segment.status());
    for (const auto& batch : batches) MILLRACE_RETURN_IF_ERROR((*segment)->Append(batch));
    auto finished = (*segment)->Finish(next_offset);
    MILLRACE_RETURN_IF_ERROR(finished.status());
    MILLRACE_RETURN_IF_ERROR(RenameSegmentFiles(files_, directory_, base, kCleanedSuffix, ""));
    MILLRACE_RETURN_IF_ERROR(files_->SyncDirectory(directory_));
    segments_.push_back(*finished);
    return Save();
  }

  // Reads the list, and recovers, as an open after a crash does.
  absl::Status Load() {
    auto text = ReadWholeFile(files_, JoinPath(directory_, "segments"), 1 << 20);
    MILLRACE_RETURN_IF_ERROR(text.status());
    std::istringstream in(std::string(reinterpret_cast<const char*>(text->data()), text->size()));
    segments_.clear();
    int64_t base, next, max;
    uint32_t length;
    while (in >> base >> next >> max >> length) {
      segments_.push_back({.base = Offset(base),
                           .next_offset = Offset(next),
                           .max_timestamp = Timestamp(max),
                           .length = length,
                           .sealed = true});
    }
    return RecoverSwaps(files_, directory_, LogEntry{.segments = segments_}).status();
  }

  // Every record, through the checks of the SegmentScanner; how many batches there are.
  absl::StatusOr<Records> ReadAll(std::vector<std::pair<int64_t, int64_t>>* batches = nullptr) const {
    Records records;
    for (const ManifestSegment& segment : segments_) {
      auto scanner =
          SegmentScanner::Open(files_, directory_, segment.base, segment.next_offset, segment.length);
      MILLRACE_RETURN_IF_ERROR(scanner.status());
      auto info = files_->Stat(JoinPath(directory_, SegmentFileName(segment.base, kLogSuffix)));
      MILLRACE_RETURN_IF_ERROR(info.status());
      if (info->size_bytes != segment.length) return absl::DataLossError("the file has another length");
      for (;;) {
        auto batch = (*scanner)->Next();
        MILLRACE_RETURN_IF_ERROR(batch.status());
        if (!batch->has_value()) break;
        if (batches != nullptr) {
          batches->emplace_back((*batch)->base_offset().value(), (*batch)->last_offset().value());
        }
        std::vector<record_test::OwnedRecord> of_batch;
        MILLRACE_RETURN_IF_ERROR(record_test::ReadAll(**batch, &of_batch));
        for (auto& record : of_batch) records[record.offset] = std::move(record);
      }
    }
    return records;
  }
  // The headers of all batches.
  struct BatchInfo {
    int64_t base = 0;
    int64_t last = 0;
    int32_t count = 0;
    int32_t last_sequence = -1;
    bool control = false;
    Compression compression = Compression::kNone;
    std::optional<Timestamp> horizon = std::nullopt;
  };
  absl::StatusOr<std::vector<BatchInfo>> Batches() const {
    std::vector<BatchInfo> infos;
    for (const ManifestSegment& segment : segments_) {
      auto scanner =
          SegmentScanner::Open(files_, directory_, segment.base, segment.next_offset, segment.length);
      MILLRACE_RETURN_IF_ERROR(scanner.status());
      for (;;) {
        auto batch = (*scanner)->Next();
        MILLRACE_RETURN_IF_ERROR(batch.status());
        if (!batch->has_value()) break;
        const BatchView view = **batch;
        infos.push_back({.base = view.base_offset().value(),
                         .last = view.last_offset().value(),
                         .count = view.record_count(),
                         .last_sequence = view.last_sequence(),
                         .control = view.is_control(),
                         .compression = view.compression(),
                         .horizon = view.delete_horizon()});
      }
    }
    return infos;
  }

  TopicConfig settings = {.cleanup_policy = {.remove = false, .compact = true},
                          .segment_bytes = 64 << 10,
                          .index_interval_bytes = 256,
                          .delete_retention_ms = 1000};
  Offset cleanable_end{INT64_MAX};
  std::vector<AbortedTransaction> aborted = {};
  std::vector<ProducerStateInfo> producers = {};
  std::vector<DamagedRange> fenced = {};
  bool careless = false;

 private:
  absl::Status Save() {
    std::string text;
    for (const ManifestSegment& segment : segments_) {
      StrAppend(&text, segment.base, " ", segment.next_offset, " ", segment.max_timestamp, " ",
                segment.length, "\n");
    }
    return WriteFileAtomically(files_, JoinPath(directory_, "segments"), AsBytes(text));
  }

  FileSystem* const files_;
  const std::string directory_;
  std::vector<ManifestSegment> segments_;
};

}  // namespace millrace::log_test

#endif  // MILLRACE_TEST_LOG_FAKE_CLEANABLE_LOG_H_
