#include "log/time_index.h"

#include "base/check.h"
#include "base/endian.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/index_pages.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

TimestampPosition Decode(const std::byte* entry, Offset base) {
  return {.timestamp = Timestamp(LoadBig<int64_t>(entry)), .offset = base + LoadBig<int32_t>(entry + 8)};
}

absl::Status Damaged(Offset base, std::string_view what) {
  return Error(ErrorCode::kCorruptMessage,
               StrCat("time index of segment ", base, ": ", what, "; it is rebuilt from the log"));
}

}  // namespace

absl::StatusOr<TimeIndex> TimeIndex::FromBytes(Offset base, std::span<const std::byte> bytes) {
  if (bytes.size() % kEntryBytes != 0) return Damaged(base, "not a whole number of entries");
  const size_t entries = EntriesWithoutZeroTail(bytes, kEntryBytes);
  TimestampPosition before = {.timestamp = kNoTimestamp, .offset = base};
  for (size_t i = 0; i < entries; ++i) {
    const TimestampPosition entry = Decode(bytes.data() + i * kEntryBytes, base);
    if (entry.timestamp <= before.timestamp || entry.offset < before.offset) {
      return Damaged(base, StrCat("entry ", i, " does not follow on"));
    }
    before = entry;
  }
  TimeIndex index(base);
  index.bytes_.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(entries * kEntryBytes));
  return index;
}

bool TimeIndex::MaybeAppend(Timestamp timestamp, Offset offset) {
  const TimestampPosition last = Last();
  MILLRACE_CHECK(offset >= last.offset && offset - base_ <= int64_t{INT32_MAX});
  if (timestamp <= last.timestamp) return false;
  const size_t at = bytes_.size();
  bytes_.resize(at + kEntryBytes);
  StoreBig<int64_t>(bytes_.data() + at, timestamp.value());
  StoreBig<int32_t>(bytes_.data() + at + 8, static_cast<int32_t>(offset - base_));
  return true;
}

TimestampPosition TimeIndex::At(size_t i) const {
  MILLRACE_CHECK(i < size());
  return Decode(bytes_.data() + i * kEntryBytes, base_);
}

TimestampPosition TimeIndex::Floor(Timestamp target) const {
  const size_t below = CountWhile(size(), [&](size_t i) { return At(i).timestamp <= target; });
  return below == 0 ? TimestampPosition{kNoTimestamp, base_} : At(below - 1);
}

void TimeIndex::TruncateTo(Offset offset) {
  size_t keep = size();
  while (keep > 0 && At(keep - 1).offset >= offset) --keep;
  if (keep == 0) return Clear();
  bytes_.resize(keep * kEntryBytes);
}

absl::StatusOr<TimeIndexFile> TimeIndexFile::Open(File* file, Offset base) {
  MILLRACE_ASSIGN_OR_RETURN(const size_t entries, IndexPages::Count(file, TimeIndex::kEntryBytes));
  if (entries > 0) {
    IndexPages pages(file, TimeIndex::kEntryBytes, entries);
    MILLRACE_ASSIGN_OR_RETURN(const std::byte* entry, pages.At(0));
    const TimestampPosition first = Decode(entry, base);
    MILLRACE_ASSIGN_OR_RETURN(entry, pages.At(entries - 1));
    const TimestampPosition last = Decode(entry, base);
    if (last.timestamp < first.timestamp || last.offset < base) {
      return Damaged(base, "its last entry lies before its first or before the segment");
    }
  }
  return TimeIndexFile(file, base, entries);
}

absl::StatusOr<TimestampPosition> TimeIndexFile::Floor(Timestamp target) const {
  IndexPages pages(file_, TimeIndex::kEntryBytes, entries_);
  size_t low = 0;
  size_t high = entries_;
  TimestampPosition found{kNoTimestamp, base_};
  TimestampPosition above{Timestamp(INT64_MAX), base_ + int64_t{INT32_MAX}};
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    MILLRACE_ASSIGN_OR_RETURN(const std::byte* bytes, pages.At(middle));
    const TimestampPosition entry = Decode(bytes, base_);
    const bool below_is_fine = entry.timestamp > found.timestamp && entry.offset >= found.offset;
    const bool above_is_fine = high == entries_
                                   ? entry.offset <= above.offset
                                   : entry.timestamp < above.timestamp && entry.offset <= above.offset;
    if (!below_is_fine || !above_is_fine) {
      return Damaged(base_, StrCat("entry ", middle, " does not follow on"));
    }
    if (entry.timestamp <= target) {
      found = entry;
      low = middle + 1;
    } else {
      above = entry;
      high = middle;
    }
  }
  return found;
}

absl::StatusOr<TimestampPosition> TimeIndexFile::Last() const {
  if (entries_ == 0) return TimestampPosition{kNoTimestamp, base_};
  IndexPages pages(file_, TimeIndex::kEntryBytes, entries_);
  MILLRACE_ASSIGN_OR_RETURN(const std::byte* entry, pages.At(entries_ - 1));
  return Decode(entry, base_);
}

}  // namespace millrace::inline v0
