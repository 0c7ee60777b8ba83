#include "log/segment.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/sound_batch.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr uint64_t kFirstExtent = 16 << 10;
constexpr uint64_t kLargestExtent = 64 << 20;
constexpr uint64_t kIndexBytesMax = 64 << 20;

absl::Status NoSpace(const std::string& path, const absl::Status& why) {
  if (absl::IsDataLoss(why)) return why;
  return Error(ErrorCode::kKafkaStorageError,
               absl::StrFormat("no space to append to %s (%s); appends work again once there is some", path,
                               std::string(why.message())));
}

}  // namespace

Segment::~Segment() {
  if (options_.budget == nullptr) return;
  if (file_ != nullptr) options_.budget->ReleaseDescriptor();
  MutexLock lock(&guard_mutex_);
  if (guard_file_ != nullptr) options_.budget->ReleaseDescriptor();
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::OpenFile(const Options& options, Offset base,
                                                           const std::string& path, OpenMode mode) {
  const bool mapped = options.backend == FileBackend::kMapped;
  MILLRACE_RETURN_IF_ERROR(options.budget->AcquireSegment(mapped, options.may_evict));
  auto segment = std::shared_ptr<Segment>(new Segment(options, base));
  segment->indexes_ = std::make_unique<SegmentIndexes>(base);
  auto file = options.files->Open(path, mode);
  if (mapped && !file.ok()) options.budget->ReleaseMapping();
  if (!file.ok()) {
    options.budget->ReleaseDescriptor();
    return file.status();
  }
  segment->file_ = *std::move(file);
  if (mapped) {
    // Released with the mapping from here on, made or not.
    segment->mapping_ = std::make_shared<SegmentMapping>();
    segment->mapping_->budget = options.budget;
  }
  return segment;
}

absl::Status Segment::MapFile(uint64_t bytes, MapAccess access) {
  if (mapping_ == nullptr || bytes == 0) return absl::OkStatus();
  MILLRACE_ASSIGN_OR_RETURN(mapping_->map, file_->Map(bytes, access));
  data_ = mapping_->map->bytes().data();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(const Options& options, Offset base,
                                                         const std::string& path, uint64_t allocate) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment,
                            OpenFile(options, base, path, OpenMode::kCreateNew));
  const uint64_t bytes = std::max(options.map_bytes, allocate);
  absl::Status status = segment->MapFile(bytes, MapAccess::kReadWrite);
  if (status.ok()) status = segment->Grow(allocate, bytes, options.populate && allocate > kFirstExtent);
  if (!status.ok()) {
    options.files->Remove(path).IgnoreError();  // a failed attempt must not fill the disk
    return status;
  }
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::OpenActive(const Options& options, Offset base,
                                                             const std::string& path, SegmentEnd end) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment,
                            OpenFile(options, base, path, OpenMode::kReadWrite));
  MILLRACE_ASSIGN_OR_RETURN(uint64_t size, segment->file_->Size());
  if (size < end.position) {
    return DataLoss({.first = base, .next = base + end.offsets},
                    absl::StrFormat("%s has %d bytes, but %d were written", path, size, end.position));
  }
  // What lies behind the end (room, or what a dead process had begun) goes: it must never be taken for
  // something.
  if (size > end.position) {
    // Not given back to the budget: it was not this process that took it.
    MILLRACE_RETURN_IF_ERROR(segment->file_->Truncate(end.position));
  }
  segment->allocated_ = end.position;
  segment->trusted_from_ = end.position;
  segment->end_ = end.word();
  MILLRACE_RETURN_IF_ERROR(
      segment->MapFile(std::max<uint64_t>(options.map_bytes, end.position), MapAccess::kReadWrite));
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::OpenForReading(const Options& options, Offset base,
                                                                 const std::string& path, SegmentEnd end,
                                                                 State state) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Segment> segment, OpenFile(options, base, path, OpenMode::kRead));
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, segment->file_->Size());
  if (size < end.position) {
    return DataLoss({.first = base, .next = base + end.offsets},
                    absl::StrFormat("%s has %d bytes, but %d were written", path, size, end.position));
  }
  segment->trusted_from_ = UINT32_MAX;
  segment->end_ = end.word();
  segment->state_ = state;
  const uint64_t bytes =
      state == State::kActive ? std::max<uint64_t>(options.map_bytes, end.position) : end.position;
  MILLRACE_RETURN_IF_ERROR(segment->MapFile(bytes, MapAccess::kRead));
  if (segment->data_ != nullptr) segment->mapping_->map->Advise(0, bytes, MapAdvice::kRandom);
  return segment;
}

absl::Status Segment::Grow(uint64_t bytes, uint64_t bytes_max, bool populate) {
  MutexLock lock(&grow_mutex_);
  trimmed_ = false;
  return GrowLocked(bytes, bytes_max, populate);
}

absl::Status Segment::GrowAhead(uint64_t bytes, uint64_t bytes_max, bool populate) {
  MutexLock lock(&grow_mutex_);
  return trimmed_ ? absl::OkStatus() : GrowLocked(bytes, bytes_max, populate);
}

absl::Status Segment::GrowLocked(uint64_t bytes, uint64_t bytes_max, bool populate) {
  const uint64_t have = allocated();
  if (bytes <= have) return absl::OkStatus();
  uint64_t wanted = std::min({std::max(have * 2, kFirstExtent), have + kLargestExtent, bytes_max});
  wanted = std::max(wanted, bytes);
  if (mapping_ != nullptr && data_ != nullptr) {
    MILLRACE_CHECK(wanted <= mapping_->map->bytes().size());
  }
  const uint64_t more = wanted - have;
  MILLRACE_RETURN_IF_ERROR(options_.budget->AcquireDisk(static_cast<int64_t>(more)));
  absl::Status status = file_->Allocate(have, more);
  if (status.ok() && populate && data_ != nullptr) status = mapping_->map->Populate(have, more);
  if (!status.ok()) {
    options_.budget->ReleaseDisk(static_cast<int64_t>(more));
    return NoSpace(file_->path(), status);
  }
  if (populate) populated_.store(wanted, std::memory_order_relaxed);
  allocated_.store(wanted, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status Segment::Store(uint32_t position, std::span<const std::byte> batch) {
  const bool write =
      batch.size() >= kWrittenBatch && position + batch.size() > populated_.load(std::memory_order_relaxed);
  if (data_ != nullptr && !write) {
    std::memcpy(data_ + position, batch.data(), batch.size());
    return absl::OkStatus();
  }
  const absl::Status status = file_->WriteAt(position, batch);
  return status.ok() ? status : NoSpace(file_->path(), status);
}

absl::Status Segment::Trim() {
  MutexLock lock(&grow_mutex_);
  trimmed_ = true;
  const uint64_t length = end().position;
  if (allocated() <= length) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(file_->Truncate(length));
  options_.budget->ReleaseDisk(static_cast<int64_t>(allocated() - length));
  allocated_.store(length, std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<Segment::Bytes> Segment::Read(uint32_t position, size_t length) const {
  if (data_ != nullptr) return Bytes{.pin = mapping_, .bytes = {data_ + position, length}};
  std::shared_ptr<std::byte[]> buffer(new std::byte[length]);
  MILLRACE_RETURN_IF_ERROR(ReadExactly(file_.get(), position, {buffer.get(), length}));
  return Bytes{.pin = buffer, .bytes = {buffer.get(), length}};
}

absl::StatusOr<BatchView> Segment::ReadHeader(uint32_t position,
                                              std::span<std::byte, kBatchHeaderBytes> buffer) const {
  const uint32_t until = end().position;
  if (position > until || until - position < kBatchHeaderBytes) {
    return absl::DataLossError(
        absl::StrFormat("%s: no batch header at position %d", file_->path(), position));
  }
  if (data_ != nullptr) return BatchView(data_ + position);
  MILLRACE_RETURN_IF_ERROR(ReadExactly(file_.get(), position, buffer));
  return BatchView(buffer.data());
}

// False: its seal is not that of this segment, and of some batches that it speaks of none is there. To
// believe it would mean to believe none of the batches. Where the seal fits, it is the batches that are of
// another.
bool Segment::IsOwnGuard(GuardReader* guard) const {
  const SegmentEnd known = this->end();
  const std::optional<GuardSeal>& seal = guard->seal();
  if (!seal.has_value()) return true;
  const bool may_grow = !options_.closed && seal->log_bytes <= known.position;
  if (may_grow || (seal->log_bytes == known.position && seal->next_offset == base_ + known.offsets))
    return true;
  constexpr uint32_t kSamples = 8;
  std::array<std::byte, kBatchHeaderBytes> buffer;
  int looked_at = 0;
  std::optional<uint32_t> last;
  for (uint32_t i = 0; i <= kSamples; ++i) {
    const auto entry = guard->Floor(static_cast<uint32_t>(uint64_t{known.position} * i / kSamples));
    if (!entry.ok() || !entry->has_value() || (*entry)->position == last) continue;
    last = (*entry)->position;
    const auto header = ReadHeader(*last, buffer);
    if (!header.ok()) continue;
    const auto verdict = guard->Check(*last, header->data());
    if (verdict.ok() && *verdict == GuardReader::Verdict::kMatches) return true;
    ++looked_at;
  }
  return looked_at < 2;
}

GuardReader* Segment::Guard() {
  if (!guard_tried_) {
    guard_tried_ = true;
    auto file = options_.files->Open(JoinPath(options_.directory, SegmentFileName(base_, kGuardSuffix)),
                                     OpenMode::kRead);
    if (file.ok()) {
      auto reader = GuardReader::Open(file->get(), base_);
      if (reader.ok() && !IsOwnGuard(&*reader)) {
        guard_foreign_ = true;
      } else if (reader.ok()) {
        guard_ = *std::move(reader);
        // Small logs, of which there may be many, get by without the descriptor.
        if (!guard_->Detach()) {
          guard_file_ = *std::move(file);
          options_.budget->TakeDescriptor();
        }
      }
    }
  }
  return guard_.has_value() ? &*guard_ : nullptr;
}

absl::StatusOr<GuardReader::Verdict> Segment::CheckHeader(uint32_t position, const BatchView& header) {
  MutexLock lock(&guard_mutex_);
  GuardReader* const guard = Guard();
  if (guard == nullptr) return GuardReader::Verdict::kNotCovered;
  return guard->Check(position, header.data());
}

absl::StatusOr<std::optional<uint32_t>> Segment::NextGuardedBatch(uint32_t position) {
  MutexLock lock(&guard_mutex_);
  GuardReader* const guard = Guard();
  if (guard == nullptr) return std::nullopt;
  return guard->NextBatch(position);
}

bool Segment::guard_is_foreign() {
  MutexLock lock(&guard_mutex_);
  Guard();
  return guard_foreign_;
}

namespace {

// Reads one index file, if its bytes are those that the seal vouches for. Without a seal only their own sense
// is checked.
template <typename Index, typename Parse>
bool LoadIndexFile(FileSystem* files, const std::string& path, const std::optional<uint32_t>& crc,
                   Parse parse, Index* into) {
  auto bytes = ReadWholeFile(files, path, kIndexBytesMax);
  if (!bytes.ok()) return crc.has_value() && *crc == 0 && absl::IsNotFound(bytes.status());
  if (crc.has_value() && (bytes->empty() ? 0 : Crc32c(*bytes)) != *crc) return false;
  auto index = parse(*bytes);
  if (!index.ok()) return false;
  *into = *std::move(index);
  return true;
}

}  // namespace

absl::StatusOr<const SegmentIndexes*> Segment::LoadIndexes(int64_t index_interval_bytes) {
  MutexLock lock(&index_mutex_);
  if (loaded_ != nullptr) return loaded_.get();
  const SegmentEnd end = this->end();
  std::optional<GuardSeal> seal;
  {
    MutexLock guard_lock(&guard_mutex_);
    if (GuardReader* guard = Guard(); guard != nullptr) seal = guard->seal();
  }
  auto made = std::make_unique<SegmentIndexes>(base_);
  const auto path = [&](std::string_view suffix) {
    return JoinPath(options_.directory, SegmentFileName(base_, suffix));
  };
  const auto crc = [&](uint32_t GuardSeal::* field) {
    return seal.has_value() ? std::optional<uint32_t>((*seal).*field) : std::nullopt;
  };
  const bool sealed = seal.has_value() && seal->log_bytes == end.position;
  const bool usable =
      sealed &&
      LoadIndexFile(
          options_.files, path(kOffsetIndexSuffix), crc(&GuardSeal::offset_index_crc),
          [&](const auto& bytes) { return OffsetIndex::FromBytes(base_, bytes, end.position); },
          &made->offsets) &&
      LoadIndexFile(
          options_.files, path(kTimeIndexSuffix), crc(&GuardSeal::time_index_crc),
          [&](const auto& bytes) { return TimeIndex::FromBytes(base_, bytes); }, &made->times) &&
      LoadIndexFile(
          options_.files, path(kTransactionIndexSuffix), crc(&GuardSeal::transaction_index_crc),
          [&](const auto& bytes) { return TransactionIndex::FromBytes(base_, bytes); }, &made->transactions);
  if (!usable) {
    *made = SegmentIndexes(base_);
    MILLRACE_RETURN_IF_ERROR(RebuildIndexes(end, index_interval_bytes, made.get()));
  }
  loaded_ = std::move(made);
  return loaded_.get();
}

absl::Status Segment::RebuildIndexes(SegmentEnd end, int64_t index_interval_bytes,
                                     SegmentIndexes* into) const {
  std::array<std::byte, kBatchHeaderBytes> buffer;
  uint32_t position = 0;
  // The batch whose length led there: that may be what is damaged.
  uint32_t before = 0;
  int64_t indexed_to = 0;
  Timestamp max_timestamp = kNoTimestamp;
  Offset max_timestamp_offset = base_;
  Offset expected = base_;
  while (position < end.position) {
    const auto header = ReadHeader(position, buffer);
    const bool whole = header.ok() && IsWholeHeader(*header, end.position - position) &&
                       header->base_offset() >= expected && into->offsets.Fits(header->last_offset());
    if (!whole) {
      // Damaged: readers meet it themselves.
      if (!header.ok() && !absl::IsDataLoss(header.status())) return header.status();
      const auto found = SearchBatch(*this, before, expected, end);
      if (!found.has_value()) break;
      before = position = found->first;
      continue;
    }
    const BatchView& batch = *header;
    if (batch.max_timestamp() > max_timestamp) {
      max_timestamp = batch.max_timestamp();
      max_timestamp_offset = batch.last_offset();
    }
    if (position - indexed_to > index_interval_bytes) {
      into->offsets.Append(batch.last_offset(), position);
      into->times.MaybeAppend(max_timestamp, max_timestamp_offset);
      indexed_to = position;
    }
    expected = batch.next_offset();
    before = std::exchange(position, position + static_cast<uint32_t>(batch.size_bytes()));
  }
  if (max_timestamp != kNoTimestamp) into->times.MaybeAppend(max_timestamp, max_timestamp_offset);
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
