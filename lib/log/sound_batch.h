// Whether bytes that came from the disk are the batch that was written there.

#ifndef MILLRACE_LOG_SOUND_BATCH_H_
#define MILLRACE_LOG_SOUND_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "log/segment.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Whether `bytes`, read from `position` of a segment that reaches to `end`, is one whole batch, fits its
// checksum and what the segment's guard knows of its header, and follows on from the offset `expected`.
// Thread-safe.
bool IsSoundBatch(Segment& segment, std::span<const std::byte> bytes, uint32_t position, Offset expected,
                  SegmentEnd end);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_SOUND_BATCH_H_
