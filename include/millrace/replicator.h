// Replicator: the seam through which a host replicates partitions. The engine owns the logs; a Replicator
// decides who may append to a partition and when an append is committed, and moves batches between engines.
//
// Without one, every append is committed at once, and the engine leads every partition.

#ifndef MILLRACE_REPLICATOR_H_
#define MILLRACE_REPLICATOR_H_

#include <memory>

#include "absl/status/status.h"
#include "millrace/export.h"
#include "millrace/log/log.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// PartitionHandle: what the engine lets a Replicator do with one partition. Thread-safe. Valid from Attach to
// the return of Detach.
class MILLRACE_EXPORT PartitionHandle {
 public:
  virtual ~PartitionHandle() = default;
  virtual const TopicPartition& topic_partition() const = 0;
  virtual TopicId topic_id() const = 0;
  // The partition's log: a follower appends with AppendOrigin::kReplication, truncates, reads epochs.
  virtual Log& log() = 0;
  // Moves the high watermark up to `offset` (never down; never past the log's end): readers see what is
  // below, and appends that waited for it are acknowledged.
  virtual void AdvanceHighWatermark(Offset offset) = 0;
  virtual Offset high_watermark() const = 0;
};

// Thread-safe.
class MILLRACE_EXPORT Replicator {
 public:
  virtual ~Replicator() = default;

  // A partition was opened or created; called before anything else about it. The handle is the replicator's
  // to keep until Detach.
  virtual absl::Status Attach(std::shared_ptr<PartitionHandle> partition) = 0;
  // The partition is being deleted or the engine closes; no call about it follows.
  virtual void Detach(const TopicPartition& partition) = 0;
  // Asked before a client's append, on its thread: OK, or kNotLeaderOrFollower, kNotEnoughReplicas, ... Must
  // be quick.
  virtual absl::Status CheckAppend(const TopicPartition& partition, bool acks_all) = 0;
  // Told after an append of this engine's; `end` is the new log end. Must be quick. The replicator answers,
  // now or later, with PartitionHandle::AdvanceHighWatermark.
  virtual void OnAppended(const TopicPartition& partition, Offset end) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REPLICATOR_H_
