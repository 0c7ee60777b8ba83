// Kafka's .timeindex: sparse pairs {int64 timestamp, int32 offset - base}, big-endian. An entry says that
// `timestamp` is the largest of the segment up to `offset`, which is the offset of a record that has it (or
// the last of its batch). Timestamps rise strictly, offsets do not fall. Source: Kafka's TimeIndex.
//
// Like the .index a cache without a checksum of its own; BatchGuard's seal carries one.

#ifndef MILLRACE_LOG_TIME_INDEX_H_
#define MILLRACE_LOG_TIME_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct TimestampPosition {
  Timestamp timestamp = kNoTimestamp;
  Offset offset = kNoOffset;
  bool operator==(const TimestampPosition&) const = default;
};

// TimeIndex: the entries in memory, as the bytes of the file. No heap while empty. Thread-compatible.
class TimeIndex {
 public:
  static constexpr size_t kEntryBytes = 12;

  explicit TimeIndex(Offset base) : base_(base) {}
  // From a file's bytes; trailing zero entries are dropped. kDataLoss: not a whole number of entries, or
  // entries that do not rise.
  static absl::StatusOr<TimeIndex> FromBytes(Offset base, std::span<const std::byte> bytes);

  // Adds the entry if its timestamp is beyond the last one's, as Kafka's maybeAppend; says whether it did.
  // Call at each index interval and, before the file is completed, with the largest timestamp of the segment.
  // Requires: an offset not below the last entry's, within 2^31 of the base.
  bool MaybeAppend(Timestamp timestamp, Offset offset);

  // The last entry with timestamp <= `target`; {kNoTimestamp, base} if there is none. O(log n).
  TimestampPosition Floor(Timestamp target) const;
  // The entry with the largest timestamp; {kNoTimestamp, base} if there is none.
  TimestampPosition Last() const { return empty() ? TimestampPosition{kNoTimestamp, base_} : At(size() - 1); }
  // Entry i < size().
  TimestampPosition At(size_t i) const;
  size_t size() const { return bytes_.size() / kEntryBytes; }
  bool empty() const { return bytes_.empty(); }
  std::span<const std::byte> bytes() const { return bytes_; }

  // Removes the entries with offset >= `offset`.
  void TruncateTo(Offset offset);
  void Clear() { std::vector<std::byte>().swap(bytes_); }

 private:
  Offset base_;
  std::vector<std::byte> bytes_;
};

// TimeIndexFile: looks entries up in the file by pages of 4 KiB. Borrows the File. Thread-safe.
class TimeIndexFile {
 public:
  // Kafka's sanity check: a whole number of entries; the last timestamp not below the first; the last offset
  // not below the base. kDataLoss: rebuild. Trailing zero entries are passed over.
  static absl::StatusOr<TimeIndexFile> Open(File* file, Offset base);

  // As TimeIndex::Floor and Last.
  absl::StatusOr<TimestampPosition> Floor(Timestamp target) const;
  absl::StatusOr<TimestampPosition> Last() const;
  size_t size() const { return entries_; }

 private:
  TimeIndexFile(File* file, Offset base, size_t entries) : file_(file), base_(base), entries_(entries) {}

  File* file_;
  Offset base_;
  size_t entries_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_TIME_INDEX_H_
