// LeaderEpochCache: the first offset of each leader epoch of a log, and its text file leader-epoch-checkpoint
// ("0\n<count>\n<epoch> <start offset>\n"...). Source: Kafka's LeaderEpochFileCache; KIP-101, KIP-320.

#ifndef MILLRACE_LOG_LEADER_EPOCH_CACHE_H_
#define MILLRACE_LOG_LEADER_EPOCH_CACHE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct EpochEntry {
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset start_offset = kNoOffset;
  bool operator==(const EpochEntry&) const = default;
};

// Entries rise in both fields. Without any, epoch 0 began with the log: that of a log that no replicator
// leads, for which nothing is written. No heap while empty. Thread-compatible.
class LeaderEpochCache {
 public:
  LeaderEpochCache() = default;
  // kDataLoss where the entries do not rise or are negative.
  static absl::StatusOr<LeaderEpochCache> FromEntries(std::vector<EpochEntry> entries);
  // From the text file's contents. kDataLoss with what is wrong: the caller rebuilds from the batches.
  static absl::StatusOr<LeaderEpochCache> FromText(std::string_view text);
  std::string ToText() const;

  // Notes that `epoch` starts at `start_offset`. Does nothing where the latest entry has that epoch already
  // and starts no later (epoch 0 without entries does); entries that contradict the new one (an epoch or
  // start at or beyond it) are removed. True if anything changed. Requires: neither is negative.
  bool Assign(LeaderEpoch epoch, Offset start_offset);

  std::span<const EpochEntry> entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  LeaderEpoch latest() const { return empty() ? LeaderEpoch(0) : entries_.back().epoch; }
  std::optional<LeaderEpoch> EpochAt(Offset offset) const;
  // The last epoch at or below `epoch` and where it ended; for the latest one that is `log_end_offset`. Below
  // the first known epoch: {`epoch`, start of the first}. Beyond the latest, or for kNoLeaderEpoch:
  // {kNoLeaderEpoch, kNoOffset}.
  std::pair<LeaderEpoch, Offset> EndOffsetFor(LeaderEpoch epoch, Offset log_end_offset) const;

  // Removes the entries that start at or beyond `end_offset`; true if any.
  bool TruncateFromEnd(Offset end_offset);
  // Forgets what lies below `start_offset`: the epoch in force there now starts there. True if changed.
  bool TruncateFromStart(Offset start_offset);
  void Clear() { entries_.clear(); }

 private:
  std::vector<EpochEntry> entries_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_LEADER_EPOCH_CACHE_H_
