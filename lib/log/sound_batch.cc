#include "log/sound_batch.h"

#include <algorithm>
#include <array>

#include "millrace/record.h"

namespace millrace::inline v0 {

bool IsWholeHeader(const BatchView& header, uint64_t room) {
  return header.magic() == 2 &&
         header.length() >= static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes) &&
         header.size_bytes() <= room;
}

bool IsSoundBatch(Segment& segment, std::span<const std::byte> bytes, uint32_t position, Offset expected,
                  SegmentEnd end) {
  const auto batch = BatchView::Parse(bytes);
  if (!batch.ok() || batch->last_offset() < expected || batch->base_offset() < segment.base()) return false;
  if (batch->next_offset() > segment.base() + end.offsets) return false;
  const auto verdict = segment.CheckHeader(position, *batch);
  if (verdict.ok() && *verdict == GuardReader::Verdict::kDiffers) return false;
  const bool covered = verdict.ok() && *verdict == GuardReader::Verdict::kMatches;
  // Nobody vouches for the base offset: where it does not follow on, the next batch must agree with it.
  const auto after = position + static_cast<uint32_t>(batch->size_bytes());
  if (!covered && batch->base_offset() > expected && after < end.position) {
    std::array<std::byte, kBatchHeaderBytes> buffer;
    const auto next = segment.ReadHeader(after, buffer);
    if (next.ok() && next->base_offset() <= batch->last_offset()) return false;
  }
  return batch->CrcIsValid();
}

namespace {

constexpr size_t kMagicAt = 16;
constexpr uint32_t kWindowBytes = 1 << 20;

bool MayBeHeader(const BatchView& header, Offset least, Offset beyond, uint32_t room) {
  return IsWholeHeader(header, room) && header.base_offset() >= least &&
         header.next_offset() > header.base_offset() && header.next_offset() <= beyond;
}

// Whether batches follow on from `position` to the end, by their headers.
bool FollowOn(const Segment& segment, uint32_t position, Offset least, SegmentEnd end) {
  std::array<std::byte, kBatchHeaderBytes> buffer;
  while (position < end.position) {
    const auto header = segment.ReadHeader(position, buffer);
    if (!header.ok() || !MayBeHeader(*header, least, segment.base() + end.offsets, end.position - position))
      return false;
    least = header->next_offset();
    position += static_cast<uint32_t>(header->size_bytes());
  }
  return true;
}

}  // namespace

std::optional<std::pair<uint32_t, Offset>> SearchBatch(const Segment& segment, uint32_t position,
                                                       Offset least, SegmentEnd end) {
  const Offset beyond = segment.base() + end.offsets;
  for (uint32_t from = position + 1; from < end.position && end.position - from >= kBatchHeaderBytes;) {
    const auto window = segment.Read(from, std::min(kWindowBytes, end.position - from));
    if (!window.ok()) return std::nullopt;
    const std::span<const std::byte> bytes = window->bytes;
    const auto starts = static_cast<uint32_t>(bytes.size() - kBatchHeaderBytes + 1);
    for (uint32_t i = 0; i < starts; ++i) {
      if (bytes[i + kMagicAt] != std::byte{2}) continue;
      const BatchView header(bytes.data() + i);
      const uint32_t at = from + i;
      if (!MayBeHeader(header, least, beyond, end.position - at)) continue;
      const auto whole = segment.Read(at, header.size_bytes());
      if (!whole.ok()) return std::nullopt;
      const auto batch = BatchView::Parse(whole->bytes);
      if (batch.ok() && batch->CrcIsValid() && FollowOn(segment, at, least, end))
        return std::pair(at, batch->base_offset());
    }
    from += starts;
  }
  return std::nullopt;
}

}  // namespace millrace::inline v0
