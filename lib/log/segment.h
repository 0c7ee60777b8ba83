// Segment: one open .log file: where its bytes are, how far they go, and how to find something in them.

#ifndef MILLRACE_LOG_SEGMENT_H_
#define MILLRACE_LOG_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "log/batch_guard.h"
#include "log/budget.h"
#include "log/control_file.h"
#include "log/offset_index.h"
#include "log/time_index.h"
#include "log/transaction_index.h"
#include "millrace/env/file_system.h"
#include "millrace/log/log.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Memory of a segment that readers may hold beyond the segment itself.
struct SegmentMapping {
  std::unique_ptr<MappedFile> map;
  // Shared: slices may outlive the engine.
  std::shared_ptr<Budget> budget;
  ~SegmentMapping() {
    map.reset();
    if (budget != nullptr) budget->ReleaseMapping();
  }
};

// The indexes of a segment, in memory.
struct SegmentIndexes {
  explicit SegmentIndexes(Offset base) : offsets(base), times(base), transactions(base) {}
  OffsetIndex offsets;
  TimeIndex times;
  TransactionIndex transactions;
};

// Owned by shared_ptr: by the log, while it is part of it and open, and by cursors. One thread at a time
// writes (the log's gate); reading is lock-free up to end().
class Segment {
 public:
  enum class State : uint8_t {
    kActive,  // the end moves
    kSealed,  // the end stands; go on with the next segment
    kGone,    // no longer part of the log: deleted, replaced or truncated away
  };

  struct Options {
    FileSystem* files = nullptr;
    std::shared_ptr<Budget> budget = nullptr;
    FileBackend backend = FileBackend::kMapped;
    std::string directory = {};
    // Mapped segments reserve so much address space, whatever the file's length is.
    uint64_t map_bytes = 0;
    bool may_evict = true;
    // Create makes the pages of what it allocates, but for a first extent.
    bool populate = true;
    // Nothing was ever appended behind its end, and nothing will be.
    bool closed = false;
  };

  // Makes `path` (which must not exist) a new empty segment, with `allocate` bytes of the disk.
  static absl::StatusOr<std::shared_ptr<Segment>> Create(const Options& options, Offset base,
                                                         const std::string& path, uint64_t allocate);
  // Opens a file for appending at `end`.
  static absl::StatusOr<std::shared_ptr<Segment>> OpenActive(const Options& options, Offset base,
                                                             const std::string& path, SegmentEnd end);
  // Opens a file for reading its first `end.position` bytes (or, of another process's active segment, what
  // comes).
  static absl::StatusOr<std::shared_ptr<Segment>> OpenForReading(const Options& options, Offset base,
                                                                 const std::string& path, SegmentEnd end,
                                                                 State state);
  ~Segment();
  // A spare made ahead gets its place. Before anybody else knows it.
  void Rebase(Offset base) {
    base_ = base;
    DropIndexes();
  }

  Offset base() const { return base_; }
  SegmentEnd end() const { return SegmentEnd::Of(end_.load(std::memory_order_acquire)); }
  Offset next_offset() const { return base_ + end().offsets; }
  State state() const { return state_.load(std::memory_order_acquire); }
  void set_state(State state) { state_.store(state, std::memory_order_release); }
  bool mapped() const { return data_ != nullptr; }
  // The first byte; null with FileBackend::kReadWrite.
  std::byte* data() const { return data_; }
  File* file() const { return file_.get(); }
  const std::shared_ptr<SegmentMapping>& mapping() const { return mapping_; }

  // --- For the one writer
  void Publish(SegmentEnd end) { end_.store(end.word(), std::memory_order_release); }
  // Bytes of the file that may be stored to.
  uint64_t allocated() const { return allocated_.load(std::memory_order_acquire); }
  // Makes at least `bytes` usable, in steps that double up to 64 MiB, at most `bytes_max`. Also from another
  // thread than the writer's, ahead of need; `populate`: takes the page faults here. kKafkaStorageError: no
  // space; nothing is changed.
  absl::Status Grow(uint64_t bytes, uint64_t bytes_max, bool populate);
  // The same ahead of need, from another thread than the writer's; nothing once the file was trimmed.
  absl::Status GrowAhead(uint64_t bytes, uint64_t bytes_max, bool populate);
  // A batch so long is written through the file where no page is there for it yet: the system then neither
  // clears pages nor takes a fault for each. Shorter ones are copied into the mapping, whatever it costs.
  static constexpr size_t kWrittenBatch = 64 << 10;
  // Stores a finished batch at `position` (which must be usable).
  absl::Status Store(uint32_t position, std::span<const std::byte> batch);
  // Cuts the file to its length. Only where nobody appends any more.
  absl::Status Trim();
  // Batches from here on were stored by this process and need no check when they are read.
  uint32_t trusted_from() const { return trusted_from_; }
  // Its file has lost its end: what end() says of offsets is still so. Set before others see it.
  bool is_short() const { return short_; }
  void set_short() { short_ = true; }

  // --- Reading. `pin` keeps the bytes alive.
  struct Bytes {
    std::shared_ptr<const void> pin = nullptr;
    std::span<const std::byte> bytes = {};
  };
  // [position, position + length), which must lie below end().
  absl::StatusOr<Bytes> Read(uint32_t position, size_t length) const;
  // The header at `position` (below end()), in `buffer` where the segment is not mapped. kDataLoss beyond the
  // file's end.
  absl::StatusOr<BatchView> ReadHeader(uint32_t position,
                                       std::span<std::byte, kBatchHeaderBytes> buffer) const;

  // --- Indexes. Of the active segment: under the log's gate. Sealed ones load theirs on demand.
  SegmentIndexes& indexes() { return *indexes_; }
  bool indexes_complete() const { return indexes_complete_; }
  void set_indexes_complete(bool complete) { indexes_complete_ = complete; }
  void DropIndexes() { indexes_ = std::make_unique<SegmentIndexes>(base_); }
  // Of a sealed segment: reads the files, or walks the batches where they are missing or disagree with the
  // guard's seal. Thread-safe.
  absl::StatusOr<const SegmentIndexes*> LoadIndexes(int64_t index_interval_bytes);
  // Walks the batches up to `end` and makes indexes of them.
  absl::Status RebuildIndexes(SegmentEnd end, int64_t index_interval_bytes, SegmentIndexes* into) const;

  // False: no index or guard of it lies about, so that nothing must be replaced or removed. Under the log's
  // gate, or by who seals it.
  bool side_files() const { return side_files_; }
  void set_side_files(bool there) { side_files_ = there; }

  // What the guard of the batches that were loaded from the disk says of the header read from `position`:
  // kNotCovered, too, if there is no guard that can be used. Thread-safe.
  absl::StatusOr<GuardReader::Verdict> CheckHeader(uint32_t position, const BatchView& header);
  // GuardReader::NextBatch; nullopt, too, if there is no guard that can be used. Thread-safe.
  absl::StatusOr<std::optional<uint32_t>> NextGuardedBatch(uint32_t position);
  // Whether the file of its guard was found to be of another segment. Thread-safe.
  bool guard_is_foreign();

 private:
  // Null if there is none that can be used.
  GuardReader* Guard() ABSL_EXCLUSIVE_LOCKS_REQUIRED(guard_mutex_);
  bool IsOwnGuard(GuardReader* guard) const;
  Segment(const Options& options, Offset base) : options_(options), base_(base) {}
  absl::Status MapFile(uint64_t bytes, MapAccess access);
  static absl::StatusOr<std::shared_ptr<Segment>> OpenFile(const Options& options, Offset base,
                                                           const std::string& path, OpenMode mode);

  const Options options_;
  Offset base_;
  std::unique_ptr<File> file_;
  std::shared_ptr<SegmentMapping> mapping_;
  std::byte* data_ = nullptr;
  uint32_t trusted_from_ = 0;
  bool short_ = false;
  std::unique_ptr<SegmentIndexes> indexes_;
  bool indexes_complete_ = true;
  bool side_files_ = true;

  absl::Status GrowLocked(uint64_t bytes, uint64_t bytes_max, bool populate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(grow_mutex_);

  Mutex grow_mutex_;
  bool trimmed_ ABSL_GUARDED_BY(grow_mutex_) = false;
  std::atomic<uint64_t> allocated_{0};
  // Pages below it are there, as far as that was seen to.
  std::atomic<uint64_t> populated_{0};

  Mutex index_mutex_;
  std::unique_ptr<SegmentIndexes> loaded_ ABSL_GUARDED_BY(index_mutex_);

  Mutex guard_mutex_;
  bool guard_tried_ ABSL_GUARDED_BY(guard_mutex_) = false;
  bool guard_foreign_ ABSL_GUARDED_BY(guard_mutex_) = false;
  std::unique_ptr<File> guard_file_ ABSL_GUARDED_BY(guard_mutex_);
  std::optional<GuardReader> guard_ ABSL_GUARDED_BY(guard_mutex_);

  // Apart from what only the writer touches: readers poll it.
  alignas(128) std::atomic<uint64_t> end_{0};
  std::atomic<State> state_{State::kActive};
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_SEGMENT_H_
