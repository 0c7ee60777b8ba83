// One sync of the file system for many logs (see LogManager's sweeps).

#include <algorithm>
#include <utility>

#include "log/log_impl.h"

namespace millrace::inline v0 {

bool LogImpl::IsCold() const {
  MutexLock lock(&segments_mutex_);
  return spare_ == nullptr && unsynced_.empty() &&
         std::none_of(segments_.begin(), segments_.end(),
                      [](const SegmentInfo& info) { return info.open != nullptr; });
}

std::optional<LogImpl::SyncMark> LogImpl::UnflushedMark() {
  if (read_only_ || flushed_offset() >= Offset(end_.load(std::memory_order_acquire))) return std::nullopt;
  if (!SealPending().ok()) return std::nullopt;
  SyncMark mark;
  {
    GateLock lock(&gate_);
    if (closed_ || !poison_.ok()) return std::nullopt;
    if (active_ != nullptr) {
      mark.point = {.offset = base_ + offsets_, .segment_base = base_, .position = position_};
    } else {
      // Written by a process that died.
      MutexLock segments_lock(&segments_mutex_);
      const SegmentInfo& last = segments_.back();
      mark.point = {.offset = last.next_offset, .segment_base = last.base, .position = last.length};
    }
  }
  MutexLock lock(&segments_mutex_);
  mark.closed.assign(unsynced_.begin(), unsynced_.end());
  mark.names = names_unsynced_;
  return mark;
}

void LogImpl::NoteSynced(const SyncMark& mark) {
  {
    MutexLock lock(&segments_mutex_);
    for (const std::shared_ptr<Segment>& segment : mark.closed) std::erase(unsynced_, segment);
    // Names that came later wait for a sync of their own.
    if (mark.names && mark.point.segment_base == segments_.back().base) names_unsynced_ = false;
  }
  MutexLock lock(&sync_mutex_);
  if (!sync_error_.ok() || mark.point.offset <= flushed_offset()) return;
  context_->flush_points()->Set(log_no_, mark.point);
  flushed_.store(mark.point.offset.value(), std::memory_order_release);
}

}  // namespace millrace::inline v0
