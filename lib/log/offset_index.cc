#include "log/offset_index.h"

#include "base/check.h"
#include "base/endian.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/index_pages.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

OffsetPosition Decode(const std::byte* entry, Offset base) {
  return {.offset = base + LoadBig<int32_t>(entry), .position = LoadBig<uint32_t>(entry + 4)};
}

absl::Status Damaged(Offset base, std::string_view what) {
  return Error(ErrorCode::kCorruptMessage,
               StrCat("offset index of segment ", base, ": ", what, "; it is rebuilt from the log"));
}

}  // namespace

absl::StatusOr<OffsetIndex> OffsetIndex::FromBytes(Offset base, std::span<const std::byte> bytes,
                                                   uint64_t log_bytes) {
  if (bytes.size() % kEntryBytes != 0) return Damaged(base, "not a whole number of entries");
  const size_t entries = EntriesWithoutZeroTail(bytes, kEntryBytes);
  OffsetPosition before = {.offset = base - 1, .position = 0};
  for (size_t i = 0; i < entries; ++i) {
    const OffsetPosition entry = Decode(bytes.data() + i * kEntryBytes, base);
    if (entry.offset <= before.offset || (i > 0 && entry.position <= before.position) ||
        entry.position >= log_bytes) {
      return Damaged(base, StrCat("entry ", i, " does not follow on"));
    }
    before = entry;
  }
  OffsetIndex index(base);
  index.bytes_.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(entries * kEntryBytes));
  return index;
}

void OffsetIndex::Append(Offset last_offset, uint32_t position) {
  MILLRACE_CHECK(Fits(last_offset) && position <= uint32_t{INT32_MAX});
  if (!empty()) {
    const OffsetPosition last = Last();
    MILLRACE_CHECK(last_offset > last.offset && position > last.position);
  }
  const size_t at = bytes_.size();
  bytes_.resize(at + kEntryBytes);
  StoreBig<int32_t>(bytes_.data() + at, static_cast<int32_t>(last_offset - base_));
  StoreBig<uint32_t>(bytes_.data() + at + 4, position);
}

OffsetPosition OffsetIndex::At(size_t i) const {
  MILLRACE_CHECK(i < size());
  return Decode(bytes_.data() + i * kEntryBytes, base_);
}

OffsetPosition OffsetIndex::Floor(Offset target) const {
  const size_t below = CountWhile(size(), [&](size_t i) { return At(i).offset <= target; });
  return below == 0 ? OffsetPosition{base_, 0} : At(below - 1);
}

OffsetPosition OffsetIndex::CeilingPosition(uint32_t position) const {
  const size_t below = CountWhile(size(), [&](size_t i) { return At(i).position < position; });
  return below == size() ? OffsetPosition{kNoOffset, UINT32_MAX} : At(below);
}

void OffsetIndex::TruncateTo(Offset offset) {
  size_t keep = size();
  while (keep > 0 && At(keep - 1).offset >= offset) --keep;
  if (keep == 0) return Clear();
  bytes_.resize(keep * kEntryBytes);
}

absl::StatusOr<OffsetIndexFile> OffsetIndexFile::Open(File* file, Offset base, uint64_t log_bytes) {
  MILLRACE_ASSIGN_OR_RETURN(const size_t entries, IndexPages::Count(file, OffsetIndex::kEntryBytes));
  if (entries > 0) {
    IndexPages pages(file, OffsetIndex::kEntryBytes, entries);
    MILLRACE_ASSIGN_OR_RETURN(const std::byte* entry, pages.At(entries - 1));
    const OffsetPosition last = Decode(entry, base);
    if (last.offset < base || last.position >= log_bytes) {
      return Damaged(base, "its last entry lies outside of the segment");
    }
  }
  return OffsetIndexFile(file, base, log_bytes, entries);
}

absl::StatusOr<OffsetPosition> OffsetIndexFile::Floor(Offset target) const {
  IndexPages pages(file_, OffsetIndex::kEntryBytes, entries_);
  size_t low = 0;
  size_t high = entries_;
  OffsetPosition found{base_, 0};
  OffsetPosition above{kNoOffset, static_cast<uint32_t>(std::min<uint64_t>(log_bytes_, UINT32_MAX))};
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    MILLRACE_ASSIGN_OR_RETURN(const std::byte* bytes, pages.At(middle));
    const OffsetPosition entry = Decode(bytes, base_);
    // Whatever was seen on either side must enclose it.
    const bool rises =
        low == 0 ? entry.offset >= base_ : entry.offset > found.offset && entry.position > found.position;
    if (!rises || entry.position >= above.position ||
        (above.offset >= base_ && entry.offset >= above.offset)) {
      return Damaged(base_, StrCat("entry ", middle, " does not follow on"));
    }
    if (entry.offset <= target) {
      found = entry;
      low = middle + 1;
    } else {
      above = entry;
      high = middle;
    }
  }
  return found;
}

}  // namespace millrace::inline v0
