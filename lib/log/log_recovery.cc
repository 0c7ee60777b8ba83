// What is found when a log is opened. RELIABILITY: after a clean close and after the death of the process
// everything is known; after a power loss what lies past the flush point is read and checked.

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/scan_recovery.h"
#include "log/segment_swap.h"
#include "millrace/record.h"
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

// What a dead process left in the log's slot, if it can be believed.
std::optional<ControlState> LogImpl::StateInSlot(const ControlSlot& slot) const {
  SegmentEnd certain;
  const std::optional<ControlState> state = slot.ReadChecked(context_->control()->term(), &certain);
  if (!state.has_value() || certain == state->end) return state;
  // It died between the two copies of the end: the batch between them was stored before both.
  const auto file = env_.files->Open(PathOf(state->segment_base, kLogSuffix), OpenMode::kRead);
  const uint32_t size = state->end.position - certain.position;
  if (!file.ok() || !HasBytes(state->segment_base, state->end.position)) return std::nullopt;
  std::vector<std::byte> bytes(size);
  if (!ReadExactly(file->get(), certain.position, bytes).ok()) return std::nullopt;
  const auto batch = BatchView::Parse(bytes);
  const bool sound = batch.ok() && batch->size_bytes() == size && batch->CrcIsValid() &&
                     batch->base_offset() == state->segment_base + certain.offsets &&
                     batch->next_offset() == state->segment_base + state->end.offsets;
  return sound ? state : std::nullopt;
}

absl::StatusOr<RecoveredLog> LogImpl::Recover(const LogEntry& entry, RecoveryReport* report) {
  if (fresh_) return RecoveredFromManifest(entry);
  ControlSlot* slot = nullptr;
  std::optional<ControlState> state;
  if (context_->control() != nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(slot, context_->control()->Slot(log_no_));
    if (slot != nullptr && context_->control()->survived()) state = StateInSlot(*slot);
    const bool damaged =
        slot != nullptr && !state.has_value() && slot->Read(context_->control()->term()).has_value();
    if (damaged) {
      report->notes.push_back(absl::StrFormat(
          "%s: what %s says of the log's end is damaged; it is found out anew", name_, kControlFile));
    }
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
