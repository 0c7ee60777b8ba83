// Whether bytes that came from the disk are the batch that was written there.

#ifndef MILLRACE_LOG_SOUND_BATCH_H_
#define MILLRACE_LOG_SOUND_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "log/segment.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Whether `header` can be that of a whole batch of which at most `room` bytes are there: by magic and length
// alone, which nothing vouches for.
bool IsWholeHeader(const BatchView& header, uint64_t room);

// Whether `bytes`, read from `position` of a segment that reaches to `end`, is one whole batch, fits its
// checksum and what the segment's guard knows of its header, and follows on from the offset `expected`.
// Thread-safe.
bool IsSoundBatch(Segment& segment, std::span<const std::byte> bytes, uint32_t position, Offset expected,
                  SegmentEnd end);

// The first place behind `position` where sound batches begin, with offsets from `least` on, and the offset
// of the first. For where nothing else tells: each byte is tried. What is in a record may look like a batch
// as well, so from the place found batches must follow on to the segment's end. O(bytes), each time.
// Thread-safe.
std::optional<std::pair<uint32_t, Offset>> SearchBatch(const Segment& segment, uint32_t position,
                                                       Offset least, SegmentEnd end);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_SOUND_BATCH_H_
