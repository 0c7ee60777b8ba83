#include "log/segment_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::StatusOr<std::unique_ptr<SegmentScanner>> SegmentScanner::Open(FileSystem* files,
                                                                     std::string_view directory, Offset base,
                                                                     Offset next_offset, uint32_t length) {
  std::unique_ptr<SegmentScanner> scanner(new SegmentScanner());
  scanner->base_ = base;
  scanner->expected_ = base;
  scanner->next_offset_ = next_offset;
  scanner->length_ = length;
  if (length == 0) return scanner;
  MILLRACE_ASSIGN_OR_RETURN(
      scanner->file_, files->Open(JoinPath(directory, SegmentFileName(base, kLogSuffix)), OpenMode::kRead));
  auto guard = files->Open(JoinPath(directory, SegmentFileName(base, kGuardSuffix)), OpenMode::kRead);
  if (guard.ok()) {
    scanner->guard_file_ = *std::move(guard);
    auto reader = GuardReader::Open(scanner->guard_file_.get(), base);
    if (reader.ok()) scanner->guard_.emplace(*std::move(reader));
  }
  return scanner;
}

absl::Status SegmentScanner::Damaged(std::string_view what) const {
  return DataLoss({.first = expected_, .next = next_offset_},
                  StrCat("segment ", base_, ", position ", position_, ": ", what,
                         "; Verify finds the extent, ClearFenced gives it up"));
}

// Has `bytes` bytes from position_ on in the buffer.
absl::Status SegmentScanner::Fill(size_t bytes) {
  const size_t skip = position_ - buffer_position_;
  if (skip + bytes <= buffered_) return absl::OkStatus();
  if (bytes > length_ - position_) return Damaged("a batch goes beyond the end of the segment");
  if (!buffer_.empty()) std::memmove(buffer_.data(), buffer_.data() + skip, buffered_ - skip);
  buffered_ -= skip;
  buffer_position_ = position_;
  const size_t wanted = std::min<size_t>(std::max(bytes, kChunkBytes), length_ - position_);
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  const std::span<std::byte> into(buffer_.data() + buffered_, wanted - buffered_);
  MILLRACE_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(buffer_position_ + buffered_, into));
  if (got != into.size()) return Damaged("the file is shorter than it was when it was closed");
  buffered_ = wanted;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<BatchView>> SegmentScanner::Next() {
  if (position_ == length_) return std::nullopt;
  MILLRACE_RETURN_IF_ERROR(Fill(kBatchHeaderBytes));
  const std::byte* at = buffer_.data() + (position_ - buffer_position_);
  // The length is believed only as far as the segment goes.
  const int32_t length = BatchView(at).length();
  if (length < 0 || kBatchPrefixBytes + static_cast<uint32_t>(length) > length_ - position_) {
    return Damaged("a batch has a senseless length");
  }
  MILLRACE_RETURN_IF_ERROR(Fill(kBatchPrefixBytes + static_cast<uint32_t>(length)));
  at = buffer_.data() + (position_ - buffer_position_);
  const auto batch = BatchView::Parse({at, kBatchPrefixBytes + static_cast<uint32_t>(length)});
  if (!batch.ok()) return Damaged(ToStd(batch.status().message()));
  if (!batch->CrcIsValid()) return Damaged("the CRC of a batch does not fit");
  if (batch->base_offset() < expected_ || batch->next_offset() > next_offset_) {
    return Damaged("the offsets of a batch do not follow on");
  }
  if (guard_.has_value()) {
    MILLRACE_ASSIGN_OR_RETURN(const GuardReader::Verdict verdict, guard_->Check(position_, at));
    if (verdict == GuardReader::Verdict::kDiffers) return Damaged("the header of a batch is damaged");
  }
  position_ += static_cast<uint32_t>(batch->size_bytes());
  expected_ = batch->next_offset();
  return *batch;
}

}  // namespace millrace::inline v0
