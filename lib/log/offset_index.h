// Kafka's .index: sparse pairs {int32 offset - base, int32 position}, big-endian, both rising. An entry says
// that the batch at `position` has `offset` as its LAST offset. Source: Kafka's OffsetIndex, AbstractIndex.
//
// The file has no checksum: it is a cache and a hint. Whoever starts reading at a position it gives must
// check that a sound batch starts there whose base offset is not beyond what was asked for, and else rebuild.

#ifndef MILLRACE_LOG_OFFSET_INDEX_H_
#define MILLRACE_LOG_OFFSET_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct OffsetPosition {
  Offset offset = kNoOffset;
  uint32_t position = 0;
  bool operator==(const OffsetPosition&) const = default;
};

// OffsetIndex: the entries in memory, as the bytes of the file. For the active segment, and for a file that
// was loaded. No heap while empty. Thread-compatible.
class OffsetIndex {
 public:
  static constexpr size_t kEntryBytes = 8;

  explicit OffsetIndex(Offset base) : base_(base) {}
  // From a file's bytes. Trailing zero entries (a file that Kafka had allocated ahead) are dropped.
  // kDataLoss: not a whole number of entries, or entries that do not rise, or a position at or beyond
  // `log_bytes`.
  static absl::StatusOr<OffsetIndex> FromBytes(Offset base, std::span<const std::byte> bytes,
                                               uint64_t log_bytes);

  // Adds an entry for the batch at `position` whose last offset is `last_offset`. Requires: both beyond those
  // of the last entry, `last_offset` not below the base nor 2^31 or more above it, `position` below 2^31.
  void Append(Offset last_offset, uint32_t position);
  // Whether `last_offset` can be told relative to the base. A segment must roll before it cannot.
  bool Fits(Offset last_offset) const {
    return last_offset >= base_ && last_offset - base_ <= int64_t{INT32_MAX};
  }

  // The last entry with offset <= `target`; {base, 0} if there is none. O(log n).
  OffsetPosition Floor(Offset target) const;
  // The first entry with a position >= `position`; {kNoOffset, UINT32_MAX} if there is none. O(log n).
  OffsetPosition CeilingPosition(uint32_t position) const;
  // Entry i < size().
  OffsetPosition At(size_t i) const;
  OffsetPosition Last() const { return empty() ? OffsetPosition{base_, 0} : At(size() - 1); }
  size_t size() const { return bytes_.size() / kEntryBytes; }
  bool empty() const { return bytes_.empty(); }
  Offset base() const { return base_; }
  // The bytes of the file: write those from the length of the file on. Valid until the next change.
  std::span<const std::byte> bytes() const { return bytes_; }

  // Removes the entries with offset >= `offset`.
  void TruncateTo(Offset offset);
  // Removes all, and gives the memory back.
  void Clear() { std::vector<std::byte>().swap(bytes_); }

 private:
  Offset base_;
  std::vector<std::byte> bytes_;
};

// OffsetIndexFile: looks entries up in the file, reading pages of 4 KiB as the search needs them (two or
// three for the largest index). Keeps nothing in memory. Borrows the File. Thread-safe.
class OffsetIndexFile {
 public:
  // Kafka's sanity check: a whole number of entries, and the last one not below the base; and its position in
  // the log, whose length is `log_bytes`. kDataLoss: rebuild. Trailing zero entries are passed over.
  static absl::StatusOr<OffsetIndexFile> Open(File* file, Offset base, uint64_t log_bytes);

  // As OffsetIndex::Floor. kDataLoss where the entries read contradict each other: rebuild.
  absl::StatusOr<OffsetPosition> Floor(Offset target) const;
  size_t size() const { return entries_; }

 private:
  OffsetIndexFile(File* file, Offset base, uint64_t log_bytes, size_t entries)
      : file_(file), base_(base), log_bytes_(log_bytes), entries_(entries) {}

  File* file_;
  Offset base_;
  uint64_t log_bytes_;
  size_t entries_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_OFFSET_INDEX_H_
