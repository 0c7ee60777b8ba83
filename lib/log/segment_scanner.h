// SegmentScanner: reads the batches of a closed segment's file one after the other, in chunks, checking each:
// CRC, what the guard file says of its header, and that offsets follow on. For the cleaner, which must not
// build on damage, and whose reading must not go through mappings of the log.

#ifndef MILLRACE_LOG_SEGMENT_SCANNER_H_
#define MILLRACE_LOG_SEGMENT_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/batch_guard.h"
#include "millrace/env/file_system.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Single-threaded. `files` is borrowed.
class SegmentScanner {
 public:
  // The first `length` bytes of the segment at `base`, whose offsets lie in [base, next_offset). A missing or
  // damaged guard file is done without.
  static absl::StatusOr<std::unique_ptr<SegmentScanner>> Open(FileSystem* files, std::string_view directory,
                                                              Offset base, Offset next_offset,
                                                              uint32_t length);

  // The next batch, valid until the next call; nullopt at the end. kDataLoss (with the range of offsets that
  // may be hit): damaged, or shorter than it should be.
  absl::StatusOr<std::optional<BatchView>> Next();
  // Bytes of the segment behind the batches given so far.
  uint32_t position() const { return position_; }

 private:
  SegmentScanner() = default;
  absl::Status Fill(size_t bytes);
  absl::Status Damaged(std::string_view what) const;

  static constexpr size_t kChunkBytes = size_t{256} << 10;

  Offset base_{0};
  // Offsets so far end here; those of the segment there.
  Offset expected_{0};
  Offset next_offset_{0};
  uint32_t length_ = 0;
  // Of the next batch in the file; of the first byte of buffer_; bytes of it in use.
  uint32_t position_ = 0;
  uint32_t buffer_position_ = 0;
  size_t buffered_ = 0;
  std::vector<std::byte> buffer_;
  std::unique_ptr<File> file_;
  std::unique_ptr<File> guard_file_;
  std::optional<GuardReader> guard_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_SEGMENT_SCANNER_H_
