// What is written when a segment is closed, and the segment that is made ahead.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/sound_batch.h"
#include "millrace/record.h"

namespace millrace::inline v0 {
namespace {

// Writes an index file, or removes what is there if there is nothing to write; its checksum for the guard's
// seal. `fresh`: nothing is there; a file that is cut off half way has no seal that speaks of it.
absl::StatusOr<uint32_t> WriteIndex(FileSystem* files, const std::string& path, bool fresh,
                                    std::span<const std::byte> bytes) {
  if (fresh && bytes.empty()) return 0;
  if (fresh) {
    const auto file = files->Open(path, OpenMode::kCreateNew);
    if (file.ok()) {
      MILLRACE_RETURN_IF_ERROR((*file)->WriteAt(0, bytes));
      return Crc32c(bytes);
    }
    if (!absl::IsAlreadyExists(file.status())) return file.status();
  }
  if (bytes.empty()) {
    const absl::Status removed = files->Remove(path);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    return 0;
  }
  MILLRACE_RETURN_IF_ERROR(WriteFileAtomically(files, path, bytes, /*sync=*/false));
  return Crc32c(bytes);
}

constexpr uint32_t kChunkBytes = 4 << 20;

// Has `guard` cover what this process found in the segment and did not store itself: of that, what is sound.
// To vouch for the rest would hide that it is damaged.
absl::Status CoverFound(Segment& segment, SegmentEnd end, BatchGuard* guard) {
  const uint32_t until = std::min(segment.trusted_from(), end.position);
  Offset expected = segment.base();
  Segment::Bytes chunk;
  uint32_t chunk_at = 0;
  const auto fetch = [&](uint32_t at, uint32_t bytes) -> absl::StatusOr<std::span<const std::byte>> {
    const bool held = at >= chunk_at && at - chunk_at + uint64_t{bytes} <= chunk.bytes.size();
    if (!held) {
      MILLRACE_ASSIGN_OR_RETURN(chunk, segment.Read(at, std::min(std::max(bytes, kChunkBytes), until - at)));
      chunk_at = at;
    }
    return chunk.bytes.subspan(at - chunk_at, bytes);
  };
  // The batch at `at`, if it is sound.
  const auto sound_at = [&](uint32_t at, Offset least) -> absl::StatusOr<std::optional<BatchView>> {
    if (at >= until || until - at < kBatchHeaderBytes) return std::nullopt;
    MILLRACE_ASSIGN_OR_RETURN(const auto header, fetch(at, kBatchHeaderBytes));
    const BatchView batch(header.data());
    if (!IsWholeHeader(batch, until - at)) return std::nullopt;
    MILLRACE_ASSIGN_OR_RETURN(const auto bytes, fetch(at, static_cast<uint32_t>(batch.size_bytes())));
    if (!IsSoundBatch(segment, bytes, at, least, end)) return std::nullopt;
    return BatchView(bytes.data());
  };
  for (uint32_t at = guard->covered_position(); at < until;) {
    MILLRACE_ASSIGN_OR_RETURN(const std::optional<BatchView> batch, sound_at(at, expected));
    if (batch.has_value()) {
      guard->SkipTo(at);
      guard->Add(batch->data(), static_cast<uint32_t>(batch->size_bytes()));
      expected = batch->next_offset();
      at += static_cast<uint32_t>(batch->size_bytes());
      continue;
    }
    // Where it says that it ends, if the next one is there; else wherever that is.
    uint32_t next = until;
    if (until - at >= kBatchHeaderBytes) {
      MILLRACE_ASSIGN_OR_RETURN(const auto header, fetch(at, kBatchHeaderBytes));
      const uint64_t size = BatchView(header.data()).size_bytes();
      if (size >= kBatchHeaderBytes && size < until - at) next = at + static_cast<uint32_t>(size);
    }
    MILLRACE_ASSIGN_OR_RETURN(const std::optional<BatchView> behind, sound_at(next, expected + 1));
    if (behind.has_value()) {
      expected = behind->base_offset();
    } else {
      const auto found = SearchBatch(segment, at, expected + 1, end);
      if (!found.has_value()) break;
      next = found->first;
      expected = found->second;
    }
    at = next;
  }
  if (guard->covered_position() < until) guard->SkipTo(until);
  return absl::OkStatus();
}

}  // namespace

// Completes the files of a segment: indexes, guard. Nobody appends to it meanwhile. Nothing is synced: all
// can be made again. May be called again.
absl::Status LogImpl::SealFiles(const std::shared_ptr<Segment>& segment, int64_t index_interval_bytes) {
  const SegmentEnd end = segment->end();
  if (end.position == 0) return absl::OkStatus();
  if (!segment->indexes_complete()) {
    SegmentIndexes rebuilt(segment->base());
    rebuilt.transactions = segment->indexes().transactions;
    MILLRACE_RETURN_IF_ERROR(segment->RebuildIndexes(end, index_interval_bytes, &rebuilt));
    segment->indexes() = std::move(rebuilt);
    segment->set_indexes_complete(true);
  }
  const SegmentIndexes& indexes = segment->indexes();
  GuardSeal seal = {.log_bytes = end.position,
                    .next_offset = segment->base() + end.offsets,
                    .max_timestamp = indexes.times.Last().timestamp};
  const Offset base = segment->base();
  const bool fresh = !segment->side_files();
  segment->set_side_files(true);
  const auto write = [&](std::string_view suffix, std::span<const std::byte> bytes) {
    return WriteIndex(env_.files, PathOf(base, suffix), fresh, bytes);
  };
  MILLRACE_ASSIGN_OR_RETURN(seal.offset_index_crc, write(kOffsetIndexSuffix, indexes.offsets.bytes()));
  MILLRACE_ASSIGN_OR_RETURN(seal.time_index_crc, write(kTimeIndexSuffix, indexes.times.bytes()));
  MILLRACE_ASSIGN_OR_RETURN(seal.transaction_index_crc,
                            write(kTransactionIndexSuffix, indexes.transactions.bytes()));
  MILLRACE_ASSIGN_OR_RETURN(const auto file, env_.files->Open(PathOf(base, kGuardSuffix), OpenMode::kCreate));
  if (segment->trusted_from() > 0 && segment->guard_is_foreign()) {
    MILLRACE_RETURN_IF_ERROR(file->Truncate(0));
  }
  MILLRACE_ASSIGN_OR_RETURN(BatchGuard guard, BatchGuard::Resume(file.get(), base, end.position));
  MILLRACE_RETURN_IF_ERROR(CoverFound(*segment, end, &guard));
  while (guard.covered_position() < end.position) {
    const uint32_t from = guard.covered_position();
    MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes chunk,
                              segment->Read(from, std::min(kChunkBytes, end.position - from)));
    if (guard.Extend(chunk.bytes) != from) continue;
    // A batch larger than a chunk.
    MILLRACE_ASSIGN_OR_RETURN(const Segment::Bytes rest, segment->Read(from, end.position - from));
    if (guard.Extend(rest.bytes) == from) break;
  }
  return guard.WriteSealed(file.get(), seal);
}

absl::Status LogImpl::SealPending() {
  MutexLock seal_lock(&seal_mutex_);
  int64_t interval;
  {
    GateLock lock(&gate_);
    interval = config_.index_interval_bytes;
  }
  while (true) {
    std::shared_ptr<Segment> segment;
    {
      MutexLock lock(&segments_mutex_);
      if (unsealed_.empty()) return absl::OkStatus();
      segment = unsealed_.front();
    }
    if (segment->state() != Segment::State::kGone) {
      MILLRACE_RETURN_IF_ERROR(segment->Trim());
      MILLRACE_RETURN_IF_ERROR(SealFiles(segment, interval));
    }
    MutexLock lock(&segments_mutex_);
    std::erase(unsealed_, segment);
  }
}

void LogImpl::RemoveSideFiles(Offset base) {
  for (const std::string_view suffix :
       {kGuardSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
    env_.files->Remove(PathOf(base, suffix)).IgnoreError();
  }
}

// A guard may be older than its segment's bytes are: a truncation or a recovery was cut off between the two.
void LogImpl::RemoveSideFilesBeyond(Offset base, uint32_t bytes) {
  const auto file = env_.files->Open(PathOf(base, kGuardSuffix), OpenMode::kRead);
  if (!file.ok()) return;
  const auto guard = GuardReader::Open(file->get(), base);
  if (!guard.ok() || !guard->seal().has_value() || guard->seal()->log_bytes > bytes) RemoveSideFiles(base);
}

// Makes the next segment ahead, with its pages in memory, so that a roll is a rename.
void LogImpl::PrepareSpare(bool populate) {
  uint64_t bytes;
  {
    GateLock lock(&gate_);
    if (closed_ || !poison_.ok() || active_ == nullptr) return;
    bytes = static_cast<uint64_t>(config_.segment_bytes);
    constexpr uint64_t kFirst = 64 << 20;
    if (!config_.preallocate) bytes = std::min(bytes, kFirst);
  }
  {
    MutexLock lock(&segments_mutex_);
    if (spare_ != nullptr) return;
  }
  std::string path =
      JoinPath(directory_, absl::StrFormat("spare-%d%s", spares_made_.fetch_add(1), kTemporarySuffix));
  env_.files->Remove(path).IgnoreError();  // of an earlier life
  Segment::Options options = SegmentOptions(/*may_evict=*/true);
  options.populate = populate;
  auto spare = Segment::Create(options, Offset(0), path, bytes);
  if (!spare.ok()) return;  // the roll makes one itself, and tells
  MutexLock lock(&segments_mutex_);
  spare_ = *std::move(spare);
  spare_path_ = std::move(path);
}

}  // namespace millrace::inline v0
