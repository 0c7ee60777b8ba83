// ScanRecovery: what a log is, found out by reading what lies past its flush point. After a power loss any of
// that may be there, in any order of pages; what lies below is durable, and where it is not there it is
// damage.

#ifndef MILLRACE_LOG_SCAN_RECOVERY_H_
#define MILLRACE_LOG_SCAN_RECOVERY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/leader_epoch_cache.h"
#include "log/log_impl.h"
#include "log/manifest_file.h"

namespace millrace::inline v0 {

// What the manifest says of a log; of an active segment its base alone.
RecoveredLog RecoveredFromManifest(const LogEntry& entry);

// Whether an owner took segments from the directory, because the manifest did not know them, and did not get
// to look at them.
bool HasUnknownSegments(const LogEntry& entry);

// Single-threaded, for one Run. `log`, `entry` and `report` are borrowed. A read-only log is looked at and
// left as it is; of any other the tail is cut, what lay behind it put aside, and the manifest told.
class ScanRecovery {
 public:
  ScanRecovery(LogImpl* log, const LogEntry& entry, RecoveryReport* report)
      : log_(log), entry_(entry), report_(report) {}

  absl::StatusOr<RecoveredLog> Run();

 private:
  enum class Verdict : uint8_t { kGoOn, kSkip, kEndsBefore, kEndsHere };

  absl::Status FindSegments();
  void PassDeleted(const std::set<Offset>& deleted);
  void FindFlushPoint();
  // Where the manifest cannot say: as far as the files go.
  FlushPoint AssumedFlushPoint() const;
  // Looks at the segment at `index`, and sets where the log goes on.
  absl::StatusOr<Verdict> Take(size_t index);
  Verdict TakeMissing(size_t index);
  Verdict TakeDamaged(size_t index, Offset must_reach);
  // Finds the end of what is sound in the segment's file, from the flush point on. `torn`: something that is
  // not sound lay behind it.
  absl::Status Scan(SegmentInfo* info, bool sealed, bool* torn);
  absl::Status PutAside();
  void TellManifest();
  absl::Status CutTails();

  // Where the segment ends, if all of it lies below the flush point.
  std::optional<Offset> DurableEnd(size_t index) const;
  void Note(std::string text) { report_->notes.push_back(std::move(text)); }

  LogImpl* const log_;
  const LogEntry& entry_;
  RecoveryReport* const report_;
  RecoveredLog found_;
  std::set<Offset> present_;
  // By base offset: where each closed segment ends.
  std::map<Offset, Offset> sealed_;
  std::set<Offset> scanned_;
  FlushPoint flushed_;
  LeaderEpochCache epochs_;
  // Where the next segment must begin.
  Offset end_{0};
  bool put_aside_ = false;
  // The manifest or the flush point was lost: what is on the disk is believed as far as it can be read, and
  // nothing of it is removed.
  bool search_ = false;
  // Files in which nothing is sound, where that is not a reason to remove them.
  std::set<Offset> foreign_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_SCAN_RECOVERY_H_
