#include "log/sound_batch.h"

#include <array>

#include "millrace/record.h"

namespace millrace::inline v0 {

bool IsSoundBatch(Segment& segment, std::span<const std::byte> bytes, uint32_t position, Offset expected,
                  SegmentEnd end) {
  const auto batch = BatchView::Parse(bytes);
  if (!batch.ok() || batch->last_offset() < expected || batch->base_offset() < segment.base()) return false;
  if (batch->next_offset() > segment.base() + end.offsets) return false;
  bool covered = false;
  {
    MutexLock lock(&segment.guard_mutex());
    if (GuardReader* guard = segment.guard_reader(); guard != nullptr) {
      const auto verdict = guard->Check(position, batch->data());
      if (verdict.ok() && *verdict == GuardReader::Verdict::kDiffers) return false;
      covered = verdict.ok() && *verdict == GuardReader::Verdict::kMatches;
    }
  }
  // Nobody vouches for the base offset: where it does not follow on, the next batch must agree with it.
  const auto after = position + static_cast<uint32_t>(batch->size_bytes());
  if (!covered && batch->base_offset() > expected && after < end.position) {
    std::array<std::byte, kBatchHeaderBytes> buffer;
    const auto next = segment.ReadHeader(after, buffer);
    if (next.ok() && next->base_offset() <= batch->last_offset()) return false;
  }
  return batch->CrcIsValid();
}

}  // namespace millrace::inline v0
