// IndexPages: the entries of an index file, read by pages as a search touches them. Used by the look-ups of
// the .index and the .timeindex.

#ifndef MILLRACE_LOG_INDEX_PAGES_H_
#define MILLRACE_LOG_INDEX_PAGES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "millrace/env/file_system.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

inline bool IsZero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

// Trailing entries of zeros are what an allocated tail looks like; the only entry of a file is kept.
inline size_t EntriesWithoutZeroTail(std::span<const std::byte> bytes, size_t entry_bytes) {
  size_t entries = bytes.size() / entry_bytes;
  if (entries <= 1) return entries;
  while (entries > 0 && IsZero(bytes.subspan((entries - 1) * entry_bytes, entry_bytes))) --entries;
  return entries;
}

// How many of the entries 0 to `entries` - 1 fulfil `holds`, which the first ones do and none behind them.
template <typename Holds>
size_t CountWhile(size_t entries, Holds holds) {
  size_t low = 0;
  size_t high = entries;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (holds(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Single-threaded; lives for one search.
class IndexPages {
 public:
  IndexPages(File* file, size_t entry_bytes, size_t entries)
      : file_(file), entry_bytes_(entry_bytes), per_page_(kPageBytes / entry_bytes), entries_(entries) {}

  // The number of entries of `file`, less the zero tail. kDataLoss: not a whole number.
  static absl::StatusOr<size_t> Count(File* file, size_t entry_bytes) {
    MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (size % entry_bytes != 0 || size > uint64_t{INT32_MAX}) {
      return Error(ErrorCode::kCorruptMessage,
                   StrCat(file->path(), ": ", size, " bytes are no index of entries of ", entry_bytes));
    }
    IndexPages pages(file, entry_bytes, size / entry_bytes);
    if (pages.entries_ <= 1) return pages.entries_;
    // Where the last is not zero there is no tail; else the first zero entry, by halving.
    size_t low = 0;
    size_t high = pages.entries_;
    MILLRACE_ASSIGN_OR_RETURN(const std::byte* last, pages.At(high - 1));
    if (!IsZero({last, entry_bytes})) return high;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      MILLRACE_ASSIGN_OR_RETURN(const std::byte* entry, pages.At(middle));
      // The very first entry may be zero; the second decides for it.
      if (middle > 0 && IsZero({entry, entry_bytes})) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (low == 1) {
      MILLRACE_ASSIGN_OR_RETURN(const std::byte* first, pages.At(0));
      return IsZero({first, entry_bytes}) ? size_t{0} : size_t{1};
    }
    return low;
  }

  // Entry i < entries. Valid until the next call.
  absl::StatusOr<const std::byte*> At(size_t i) {
    const size_t page = i / per_page_;
    if (page != page_) {
      const size_t first = page * per_page_;
      const size_t count = std::min(per_page_, entries_ - first);
      page_ = SIZE_MAX;
      MILLRACE_RETURN_IF_ERROR(
          ReadExactly(file_, first * entry_bytes_, std::span(bytes_).first(count * entry_bytes_)));
      page_ = page;
    }
    return bytes_.data() + (i % per_page_) * entry_bytes_;
  }

 private:
  static constexpr size_t kPageBytes = 4096;

  File* file_;
  size_t entry_bytes_;
  size_t per_page_;
  size_t entries_;
  size_t page_ = SIZE_MAX;
  std::array<std::byte, kPageBytes> bytes_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_INDEX_PAGES_H_
