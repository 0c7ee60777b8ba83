// CleanedSegment: writes the segment that a cleaning makes, with its indexes and guard, under names with the
// suffix ".cleaned".

#ifndef MILLRACE_LOG_CLEANED_SEGMENT_H_
#define MILLRACE_LOG_CLEANED_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/batch_guard.h"
#include "log/manifest_file.h"
#include "log/offset_index.h"
#include "log/time_index.h"
#include "log/transaction_index.h"
#include "millrace/env/file_system.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Single-threaded. `files` is borrowed. The files stay when it is destroyed: Finish() makes them good,
// Discard() removes them.
class CleanedSegment {
 public:
  static absl::StatusOr<std::unique_ptr<CleanedSegment>> Create(FileSystem* files, std::string_view directory,
                                                                Offset base, int64_t index_interval_bytes);

  // Adds one sound batch. Requires: room in the segment's 2^31 bytes and offsets.
  absl::Status Append(std::span<const std::byte> batch);
  void AppendAborted(const AbortedTransaction& aborted) { transactions_.Append(aborted); }
  // Writes everything and makes the log and the guard durable; the other files are caches.
  absl::StatusOr<ManifestSegment> Finish(Offset next_offset);
  // Removes the files, as far as that goes.
  void Discard();

  Offset base() const { return base_; }
  uint32_t size_bytes() const { return size_; }

 private:
  CleanedSegment(FileSystem* files, std::string_view directory, Offset base, int64_t index_interval_bytes);
  std::string Path(std::string_view suffix) const;
  absl::Status FlushBuffer();
  absl::StatusOr<uint32_t> WriteIndex(std::string_view suffix, std::span<const std::byte> bytes);

  FileSystem* const files_;
  const std::string directory_;
  const Offset base_;
  const int64_t index_interval_bytes_;
  std::unique_ptr<File> file_;
  std::vector<std::byte> buffer_;
  uint32_t size_ = 0;
  int64_t since_index_entry_ = 0;
  Timestamp max_timestamp_ = kNoTimestamp;
  Offset offset_of_max_ = kNoOffset;
  OffsetIndex offsets_;
  TimeIndex times_;
  TransactionIndex transactions_;
  BatchGuard guard_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_CLEANED_SEGMENT_H_
