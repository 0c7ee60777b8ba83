// LogCleaner: compaction. Keeps of each key the newest record, at its old offset, and rewrites closed
// segments without the others. Source: Kafka's LogCleaner, Cleaner, LogCleanerManager; KIP-58, KIP-354,
// KIP-534.
//
// A cleaning has two parts: it reads the dirty stretch (what was appended since the last cleaning) and notes
// the last offset of each key; then it rewrites everything below the end of that stretch. Small results are
// merged with their neighbours. It runs in steps, so that whoever drives it can throttle it and do other
// things in between; the log goes on meanwhile.

#ifndef MILLRACE_LOG_CLEANER_H_
#define MILLRACE_LOG_CLEANER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/batch_filter.h"
#include "log/cleaned_segment.h"
#include "log/cleaner_transactions.h"
#include "log/manifest_file.h"
#include "log/offset_map.h"
#include "log/segment_scanner.h"
#include "log/transaction_index.h"
#include "millrace/env/file_system.h"
#include "millrace/log/log.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// What the cleaner needs of a log. Closed segments are only ever changed through ReplaceSegments, retention
// and truncation; the implementation is thread-safe.
class CleanableLog {
 public:
  virtual ~CleanableLog() = default;

  virtual std::string directory() const = 0;
  virtual TopicConfig config() const = 0;
  // All but the active one, by rising base, each with its length and the offset after it.
  virtual std::vector<ManifestSegment> ClosedSegments() const = 0;
  virtual Offset log_start_offset() const = 0;
  // No record at or beyond it may be compacted: of open transactions, and what is not committed yet.
  virtual Offset CleanableEnd() const = 0;
  // The aborted transactions that overlap [from, until), wherever their markers are. kDataLoss: not known.
  virtual absl::StatusOr<std::vector<AbortedTransaction>> Aborted(Offset from, Offset until) = 0;
  virtual std::vector<ProducerStateInfo> ProducersForCleaning() = 0;
  virtual std::vector<DamagedRange> FencedRanges() const = 0;
  // Puts the finished ".cleaned" segment `added` (nullopt: nothing was left) in the place of those with the
  // bases `removed`, all of which must still be there (kAborted otherwise): see segment_swap.h. Readers keep
  // what they hold.
  virtual absl::Status SwapSegments(std::span<const Offset> removed,
                                    const std::optional<ManifestSegment>& added) = 0;
};

struct CleanerOptions {
  // "log.cleaner.dedupe.buffer.size": memory for the keys of one pass; where they are more, a cleaning takes
  // several.
  size_t dedupe_buffer_bytes = size_t{128} << 20;
  // "log.cleaner.io.buffer.load.factor".
  double load_factor = 0.9;
  // A compressed batch may become so large; 0: what record.h says.
  size_t decompressed_bytes_max = kDecompressedBytesByBatch;
};

// What there is to clean in a log.
struct CleaningPlan {
  // The dirty stretch: [first_dirty, end).
  Offset first_dirty{0};
  Offset end{0};
  int64_t clean_bytes = 0;
  int64_t dirty_bytes = 0;
  // The dirty share is beyond min.cleanable.dirty.ratio, or a record older than max.compaction.lag.ms.
  bool due = false;

  double dirty_ratio() const {
    const int64_t all = clean_bytes + dirty_bytes;
    return all == 0 ? 0 : static_cast<double>(dirty_bytes) / static_cast<double>(all);
  }
};

// `checkpoint`: where the dirty stretch began after the last cleaning; kNoOffset: never cleaned. `files` is
// borrowed.
absl::StatusOr<CleaningPlan> PlanCleaning(FileSystem* files, const CleanableLog& log, Offset checkpoint,
                                          Timestamp now);

// Cleaning: one pass over one log. Single-threaded; everything given is borrowed and must outlive it. The
// destructor of an unfinished one leaves the log as it was, or with the groups done so far.
class Cleaning {
 public:
  Cleaning(FileSystem* files, CleanableLog* log, CleaningPlan plan, CleanerOptions options, Timestamp now,
           std::array<uint64_t, 2> seed);
  ~Cleaning();
  Cleaning(const Cleaning&) = delete;
  Cleaning& operator=(const Cleaning&) = delete;

  // Goes on for about a quarter of a MiB of reading. True: done. After an error it is over: what was swapped
  // stays so, everything else is as it was. kResourceExhausted: no space, or one batch has more keys than the
  // buffer takes; kDataLoss: met damage, which compaction must not build on.
  absl::StatusOr<bool> Step();
  // Steps to the end.
  absl::Status Run();

  // Once done: where the next dirty stretch begins. Less than the plan's end where the keys did not fit.
  Offset first_dirty_after() const { return map_ == nullptr ? plan_.first_dirty : map_->end_offset(); }
  const CleaningStats& stats() const { return stats_; }
  // Read and written so far, for a throttle.
  int64_t io_bytes() const { return io_bytes_; }
  int64_t freed_bytes() const { return freed_bytes_; }

 private:
  enum class Phase : uint8_t { kStart, kMap, kRewrite, kDone };
  absl::Status Start();
  absl::Status StepMap();
  absl::Status MapBatch(BatchView batch);
  absl::Status StartRewrite();
  absl::Status StepRewrite();
  absl::Status StartGroup();
  absl::Status FinishGroup();
  void MakeGroups();
  bool IsFenced(const ManifestSegment& segment) const;
  absl::Status OpenScanner(const ManifestSegment& segment);

  FileSystem* const files_;
  CleanableLog* const log_;
  const CleaningPlan plan_;
  const CleanerOptions options_;
  const Timestamp now_;
  const std::array<uint64_t, 2> seed_;

  Phase phase_ = Phase::kStart;
  std::string directory_;
  TopicConfig config_;
  std::vector<ManifestSegment> segments_;
  std::vector<DamagedRange> fenced_;
  std::vector<AbortedTransaction> aborted_;
  std::unique_ptr<OffsetMap> map_;
  bool map_full_ = false;
  CleanedTransactions map_transactions_;
  CleanedTransactions transactions_;
  std::unique_ptr<BatchFilter> filter_;
  std::vector<std::byte> plain_;
  // The segment at hand: of segments_ while mapping, of the group while rewriting.
  size_t at_ = 0;
  std::unique_ptr<SegmentScanner> scanner_;

  std::vector<std::vector<ManifestSegment>> groups_;
  size_t group_ = 0;
  std::unique_ptr<CleanedSegment> output_;
  bool changed_ = false;
  int64_t group_bytes_ = 0;

  CleaningStats stats_;
  int64_t io_bytes_ = 0;
  int64_t freed_bytes_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_CLEANER_H_
