// What is found when a log is opened. RELIABILITY: after a clean close and after the death of the process
// everything is known; after a power loss what lies past the flush point is read and checked.

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/scan_recovery.h"
#include "log/segment_swap.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

void SetEnd(RecoveredLog* log, SegmentEnd end) {
  SegmentInfo& last = log->segments.back();
  last.length = end.position;
  last.next_offset = last.base + end.offsets;
}

}  // namespace

// Whether the active segment's file is as long as its owner left it. If not, it is to be found out what there
// is: appends go there.
bool LogImpl::HasBytes(Offset base, uint32_t bytes) const {
  if (bytes == 0) return true;
  const auto file = env_.files->Stat(PathOf(base, kLogSuffix));
  return file.ok() && file->size_bytes >= bytes;
}

absl::StatusOr<RecoveredLog> LogImpl::Recover(const LogEntry& entry, RecoveryReport* report) {
  if (fresh_) return RecoveredFromManifest(entry);
  ControlSlot* slot = nullptr;
  std::optional<ControlState> state;
  if (context_->control() != nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(slot, context_->control()->Slot(log_no_));
    if (slot != nullptr && context_->control()->survived()) state = slot->Read(context_->control()->term());
  }
  RecoveredLog log = RecoveredFromManifest(entry);
  const bool closed = entry.closed && context_->trust_closed() && !HasUnknownSegments(entry) &&
                      HasBytes(log.segments.back().base, entry.active_length);
  // The process died. The manifest is written before the slot moves on: where they differ, the new segment is
  // still empty.
  const auto fits = [&] {
    const Offset last = log.segments.back().base;
    if (!state.has_value()) return false;
    if (state->segment_base == last) return HasBytes(last, state->end.position);
    return state->segment_base + state->end.offsets == last;
  };
  const bool known = closed || (fits() && !context_->incomplete() && !HasUnknownSegments(entry));
  if (!known) return ScanRecovery(this, entry, report).Run();

  const std::optional<FlushPoint> flushed =
      context_->flush_points() == nullptr ? std::nullopt : context_->flush_points()->Get(log_no_);
  if (closed) {
    SetEnd(&log, {.offsets = static_cast<uint32_t>(entry.end_offset - log.segments.back().base),
                  .position = entry.active_length});
    // CloseLog is said after a flush.
    log.flushed_offset = entry.end_offset;
  } else {
    if (state->segment_base == log.segments.back().base) SetEnd(&log, state->end);
    log.log_start_offset = std::max(log.log_start_offset, state->log_start_offset);
    log.flushed_offset = flushed.has_value() ? std::min(flushed->offset, log.segments.back().next_offset)
                                             : log.segments.front().base;
    if (!read_only_) MILLRACE_RETURN_IF_ERROR(RecoverSwaps(env_.files, directory_, entry).status());
  }
  return log;
}

}  // namespace millrace::inline v0
