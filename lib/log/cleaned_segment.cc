#include "log/cleaned_segment.h"

#include <utility>

#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "log/segment_swap.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kWriteBytes = size_t{256} << 10;

}  // namespace

CleanedSegment::CleanedSegment(FileSystem* files, std::string_view directory, Offset base,
                               int64_t index_interval_bytes)
    : files_(files),
      directory_(directory),
      base_(base),
      index_interval_bytes_(index_interval_bytes),
      offsets_(base),
      times_(base),
      transactions_(base),
      guard_(base) {}

absl::StatusOr<std::unique_ptr<CleanedSegment>> CleanedSegment::Create(FileSystem* files,
                                                                       std::string_view directory,
                                                                       Offset base,
                                                                       int64_t index_interval_bytes) {
  std::unique_ptr<CleanedSegment> segment(new CleanedSegment(files, directory, base, index_interval_bytes));
  // Left by an earlier cleaning that failed.
  MILLRACE_RETURN_IF_ERROR(RemoveSegmentFiles(files, directory, base, kCleanedSuffix));
  MILLRACE_ASSIGN_OR_RETURN(segment->file_, files->Open(segment->Path(kLogSuffix), OpenMode::kCreateNew));
  return segment;
}

std::string CleanedSegment::Path(std::string_view suffix) const {
  return JoinPath(directory_, StrCat(SegmentFileName(base_, suffix), kCleanedSuffix));
}

absl::Status CleanedSegment::FlushBuffer() {
  if (buffer_.empty()) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(file_->WriteAt(size_ - buffer_.size(), buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status CleanedSegment::Append(std::span<const std::byte> bytes) {
  const BatchView batch(bytes.data());
  const uint32_t position = size_;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  size_ += static_cast<uint32_t>(bytes.size());
  guard_.Add(bytes.data(), static_cast<uint32_t>(bytes.size()));
  if (batch.max_timestamp() > max_timestamp_) {
    max_timestamp_ = batch.max_timestamp();
    offset_of_max_ = batch.last_offset();
  }
  if (since_index_entry_ > index_interval_bytes_) {
    offsets_.Append(batch.last_offset(), position);
    if (offset_of_max_ != kNoOffset) times_.MaybeAppend(max_timestamp_, offset_of_max_);
    since_index_entry_ = 0;
  }
  since_index_entry_ += static_cast<int64_t>(bytes.size());
  return buffer_.size() < kWriteBytes ? absl::OkStatus() : FlushBuffer();
}

absl::StatusOr<uint32_t> CleanedSegment::WriteIndex(std::string_view suffix,
                                                    std::span<const std::byte> bytes) {
  if (bytes.empty()) return 0;
  MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                            files_->Open(Path(suffix), OpenMode::kCreateNew));
  MILLRACE_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  return Crc32c(bytes);
}

absl::StatusOr<ManifestSegment> CleanedSegment::Finish(Offset next_offset) {
  MILLRACE_RETURN_IF_ERROR(FlushBuffer());
  MILLRACE_RETURN_IF_ERROR(file_->Sync());
  file_ = nullptr;
  if (offset_of_max_ != kNoOffset) times_.MaybeAppend(max_timestamp_, offset_of_max_);
  GuardSeal seal{.log_bytes = size_, .next_offset = next_offset, .max_timestamp = max_timestamp_};
  MILLRACE_ASSIGN_OR_RETURN(seal.offset_index_crc, WriteIndex(kOffsetIndexSuffix, offsets_.bytes()));
  MILLRACE_ASSIGN_OR_RETURN(seal.time_index_crc, WriteIndex(kTimeIndexSuffix, times_.bytes()));
  MILLRACE_ASSIGN_OR_RETURN(seal.transaction_index_crc,
                            WriteIndex(kTransactionIndexSuffix, transactions_.bytes()));
  MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<File> guard,
                            files_->Open(Path(kGuardSuffix), OpenMode::kCreateNew));
  MILLRACE_RETURN_IF_ERROR(guard_.WriteSealed(guard.get(), seal));
  MILLRACE_RETURN_IF_ERROR(guard->Sync());
  return ManifestSegment{.base = base_,
                         .next_offset = next_offset,
                         .max_timestamp = max_timestamp_,
                         .length = size_,
                         .sealed = true};
}

void CleanedSegment::Discard() {
  file_ = nullptr;
  RemoveSegmentFiles(files_, directory_, base_, kCleanedSuffix).IgnoreError();
}

}  // namespace millrace::inline v0
