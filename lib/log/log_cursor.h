// LogCursorImpl: reads a LogImpl forward.

#ifndef MILLRACE_LOG_LOG_CURSOR_H_
#define MILLRACE_LOG_LOG_CURSOR_H_

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "log/log_impl.h"

namespace millrace::inline v0 {

// Single-threaded.
class LogCursorImpl final : public LogCursor {
 public:
  LogCursorImpl(LogImpl* log, Offset position) : log_(log), position_(position) {}

  absl::StatusOr<LogSlice> Next(size_t bytes_max) override;
  absl::Status Seek(Offset offset) override;
  Offset position() const override { return position_; }
  // Finds the segment and the byte of the position. No segment: the position is the end of a log that is not
  // open.
  absl::Status Locate();

 private:
  absl::StatusOr<LogSlice> NextSlow(size_t bytes_max);
  absl::StatusOr<LogSlice> ReadChunk(SegmentEnd end, size_t bytes_max);
  std::optional<std::pair<uint32_t, Offset>> SoundBehind(uint32_t position, Offset expected, SegmentEnd end);
  absl::Status Damaged(uint32_t position, Offset expected, SegmentEnd end);
  absl::Status OutOfRange() const;
  absl::Status FencedError(DamagedRange range) const;

  LogImpl* const log_;
  std::shared_ptr<Segment> segment_;
  // Of the next batch in the segment.
  uint32_t byte_ = 0;
  Offset position_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LOG_CURSOR_H_
