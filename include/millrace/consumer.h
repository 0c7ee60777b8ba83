// Consumer: reads topics, alone or as a member of a consumer group.
//
//   auto consumer = engine->NewConsumer({.group = "billing", .start = Start::kEarliest});
//   absl::Status subscribed = (*consumer)->Subscribe({"orders"});
//   while (running) {
//     absl::StatusOr<Batches> batches = (*consumer)->Poll(absl::Seconds(1));
//     if (!batches.ok()) ...                       // the next Poll goes on
//     for (const Batch& batch : *batches)
//       for (const RecordView& record : batch) ...
//   }

#ifndef MILLRACE_CONSUMER_H_
#define MILLRACE_CONSUMER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/export.h"
#include "millrace/log/log.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Where to begin without a committed offset, or when the position was deleted ("auto.offset.reset").
enum class Start : uint8_t {
  kLatest,    // the end: only what comes from now on (Kafka's default)
  kEarliest,  // the start of the log
  kNone,      // nowhere: Poll fails with kOffsetOutOfRange, and the caller must Seek
};

// How a blocking call waits for records.
enum class WaitStrategy : uint8_t {
  kSpin,          // burn a core: wakes in some hundred nanoseconds
  kSpinThenPark,  // spin for ConsumerOptions::spin, then sleep. The default.
  kPark,          // sleep at once: wakes in tens of microseconds, costs nothing meanwhile
};

// Which batches are verified against their CRC when they are read ("check.crcs").
enum class CheckCrcs : uint8_t {
  kFromDisk,  // those this process did not append itself since it opened the log. The default.
  kAlways,
};

// What is committed for one partition.
struct OffsetAndMetadata {
  // Of the next record to be read: of the last one that is done, plus 1.
  Offset offset{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  // Any text of the application's, at most offset.metadata.max.bytes (4096).
  std::string metadata = {};
  bool operator==(const OffsetAndMetadata&) const = default;
};

// Batch: one record batch of a poll's result: records of one partition, where they lie in the log. Borrows
// from the Batches it came from, which pins the memory; Retain() pins it beyond.
class MILLRACE_EXPORT Batch {
 public:
  class Iterator;

  Batch(const TopicPartition* source, BatchView view, Offset from, const std::shared_ptr<const void>* pin,
        size_t decompressed_bytes_max = kDecompressedBytesByBatch)
      : source_(source),
        view_(view),
        from_(from),
        pin_(pin),
        decompressed_bytes_max_(decompressed_bytes_max) {}

  const std::string& topic() const { return source_->topic; }
  PartitionId partition() const { return source_->partition; }
  const TopicPartition& topic_partition() const { return *source_; }
  const BatchView& view() const { return view_; }

  // Records from the consumer's position on. Decompresses, if need be, when begin() is called, into memory of
  // the iterator: a view of a compressed record lives as long as that. A malformed record ends the iteration,
  // and so does a batch that would become more than ConsumerOptions::decompressed_bytes_max. A range-for
  // cannot tell; where the producer is not trusted, hold the iterator and look at its status():
  //   auto record = batch.begin();
  //   for (; record != batch.end(); ++record) ...
  //   if (!record.status().ok()) ...
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

  // Keeps the bytes of view(), and so the records of an uncompressed batch, alive for as long as the result
  // lives, whatever becomes of the Batches and of the log.
  std::shared_ptr<const void> Retain() const { return *pin_; }

 private:
  const TopicPartition* source_;
  BatchView view_;
  Offset from_;
  const std::shared_ptr<const void>* pin_;
  size_t decompressed_bytes_max_;
};

// Walks the records of one Batch. Single-threaded; neither copied nor moved (it may own decompressed
// bytes): made for range-for.
class Batch::Iterator {
 public:
  using value_type = RecordView;
  using difference_type = std::ptrdiff_t;
  Iterator(BatchView view, Offset from, size_t decompressed_bytes_max = kDecompressedBytesByBatch)
      : reader_(view, decompressed_bytes_max), from_(from) {
    ++*this;
  }
  const RecordView& operator*() const { return record_; }
  const RecordView* operator->() const { return &record_; }
  Iterator& operator++() {
    do {
      more_ = reader_.Next(&record_);
    } while (more_ && record_.offset < from_) /* below the consumer's position */;
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return !more_; }
  const absl::Status& status() const { return reader_.status(); }

 private:
  RecordReader reader_;
  RecordView record_;
  Offset from_;
  bool more_ = false;
};

inline Batch::Iterator Batch::begin() const {
  return Iterator(view_, from_, decompressed_bytes_max_);
}

// Batches: what one Poll returned. Pins the segments its batches lie in: keep it no longer than needed.
// Movable.
//
//   for (const Batch& batch : *batches)
//     for (const RecordView& record : batch) ...
class MILLRACE_EXPORT Batches {
 public:
  // One partition's share.
  struct Slice {
    std::shared_ptr<const TopicPartition> source = nullptr;
    LogSlice data = {};
    Offset from{0};
    size_t decompressed_bytes_max = kDecompressedBytesByBatch;
  };

  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    Iterator(const Batches* all, size_t slice) : all_(all), slice_(slice) { Settle(); }
    Batch operator*() const {
      const Slice& s = all_->slice(slice_);
      return Batch(s.source.get(), BatchView(at_), s.from, &s.data.pin, s.decompressed_bytes_max);
    }
    Iterator& operator++() {
      at_ += BatchView(at_).size_bytes();
      SkipHidden();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return slice_ == other.slice_ && at_ == other.at_; }

   private:
    void Settle() {  // to the first batch of slice_, or of the next slice that has one
      at_ = nullptr;
      if (slice_ >= all_->slice_count()) return;
      const auto bytes = all_->slice(slice_).data.bytes;
      at_ = bytes.data();
      end_ = bytes.data() + bytes.size();
      SkipHidden();
    }
    void SkipHidden() {
      while (at_ != end_ && BatchView(at_).is_control()) at_ += BatchView(at_).size_bytes();
      if (at_ == end_) {
        ++slice_;
        Settle();
      }
    }
    const Batches* all_;
    size_t slice_;
    const std::byte* at_ = nullptr;
    const std::byte* end_ = nullptr;
  };

  Batches() = default;
  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, slice_count()); }
  bool empty() const { return count_ == 0; }
  // By partition: raw access, for those who forward whole batches.
  size_t slice_count() const { return count_; }
  const Slice& slice(size_t i) const { return i == 0 ? first_ : more_[i - 1]; }
  // Bytes of log held.
  size_t size_bytes() const;
  void Add(Slice slice) {
    if (count_++ == 0) {
      first_ = std::move(slice);
    } else {
      more_.push_back(std::move(slice));
    }
  }

 private:
  // The first slice lies inline: a poll that finds one partition allocates nothing.
  Slice first_;
  std::vector<Slice> more_;
  size_t count_ = 0;
};

// Told of changes to what a group member may read. Called in the consumer's own thread, inside TryPoll, Poll,
// Unsubscribe or Close. It may call the consumer's CommitSync, Seek, Pause and position(). Where all
// ConsumerOptions::assignors are cooperative, only partitions that change hands are revoked; else all are,
// and what stays is assigned again.
class MILLRACE_EXPORT RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;
  // After each rebalance; `added` may be empty.
  virtual void OnAssigned(const std::vector<TopicPartition>& added) { (void)added; }
  // Before they are given up: commit here. With auto_commit that is done already.
  virtual void OnRevoked(const std::vector<TopicPartition>& removed) { (void)removed; }
  // They were taken away already (session time-out): commits would fail. Unless it is overridden it calls
  // OnRevoked, as Kafka's does.
  virtual void OnLost(const std::vector<TopicPartition>& removed) { OnRevoked(removed); }
};

enum class AssignorKind : uint8_t { kRange, kRoundRobin, kSticky, kCooperativeSticky };

struct ConsumerOptions {
  // Empty: no group; Assign() only, commits are refused (kInvalidGroupId).
  std::string group = {};
  // Static membership ("group.instance.id", KIP-345): a restart within the session time-out keeps the
  // assignment.
  std::string group_instance_id = {};
  Start start = Start::kLatest;
  // Preferred first; the group uses the first one that all members share ("partition.assignment.strategy").
  std::vector<AssignorKind> assignors = {AssignorKind::kRange, AssignorKind::kCooperativeSticky};
  // A member that gives no sign of life for so long is out of its group ("session.timeout.ms"); between the
  // engine's group_min_session_timeout and group_max_session_timeout. The signs are heartbeats, which the
  // engine's executor sends every heartbeat_interval ("heartbeat.interval.ms"), whether or not anybody polls.
  absl::Duration session_timeout = absl::Seconds(45);
  absl::Duration heartbeat_interval = absl::Seconds(3);
  // A member that does not poll for so long leaves its group ("max.poll.interval.ms"); also the rebalance
  // time-out.
  absl::Duration max_poll_interval = absl::Minutes(5);
  // Commit positions every so often, inside a poll, and with a rebalance and Close ("enable.auto.commit",
  // "auto.commit.interval.ms"). What a poll has returned counts as done with the next one. Means nothing
  // without a group.
  bool auto_commit = true;
  absl::Duration auto_commit_interval = absl::Seconds(5);
  // Bounds of one Poll ("fetch.max.bytes", "max.partition.fetch.bytes"); at least one batch always comes.
  size_t fetch_max_bytes = size_t{50} << 20;
  size_t max_partition_fetch_bytes = size_t{1} << 20;
  // What one compressed batch may become when its records are read: one that becomes more ends there, with an
  // error from Batch::Iterator::status(). 0: 32 MiB, or four times the batch where that is more. Raise it for
  // producers that are trusted with more.
  size_t decompressed_bytes_max = kDecompressedBytesByBatch;
  WaitStrategy wait = WaitStrategy::kSpinThenPark;
  // How long kSpinThenPark spins.
  absl::Duration spin = absl::Microseconds(20);
  CheckCrcs check_crcs = CheckCrcs::kFromDisk;
  // For logs and descriptions of the group.
  std::string client_id = {};

  // OK, or kInvalidConfig saying which field and why.
  MILLRACE_EXPORT absl::Status Validate() const;
};

// What a group knows of this member; to be passed to transactional producers.
struct GroupMetadata {
  std::string group = {};
  GenerationId generation{-1};
  std::string member_id = {};
  std::string group_instance_id = {};
};

// Single-threaded, but for Wakeup(). The engine must outlive it.
class MILLRACE_EXPORT Consumer {
 public:
  using Offsets = std::map<TopicPartition, OffsetAndMetadata>;
  using CommitCallback = absl::AnyInvocable<void(const absl::Status&)>;

  // Close().
  virtual ~Consumer() = default;

  // --- What to read

  // Joins the group for `topics`, replacing an earlier subscription; none: Unsubscribe. Topics need not exist
  // yet. The assignment comes with later polls, each partition from its committed offset on, or from
  // ConsumerOptions::start. `listener` is borrowed until the next Subscribe, or the end of Unsubscribe, Close
  // or the destructor, which call it. kInvalidGroupId without a group; kFailedPrecondition after Assign;
  // kInvalidTopicException.
  virtual absl::Status Subscribe(std::vector<std::string> topics, RebalanceListener* listener = nullptr) = 0;
  // As Subscribe, to all topics whose whole name matches the ECMAScript regular expression, those created
  // later included. Internal topics do not. kInvalidRequest for what is no such expression.
  virtual absl::Status SubscribePattern(std::string_view pattern, RebalanceListener* listener = nullptr) = 0;
  // Reads exactly these, without group management: new ones from the group's committed offset on, if there
  // are a group and one, else from ConsumerOptions::start; those that were assigned before from where they
  // are. kUnknownTopicOrPartition changes nothing; kFailedPrecondition after Subscribe.
  virtual absl::Status Assign(std::vector<TopicPartition> partitions) = 0;
  // Leaves the group and gives up all partitions, of Subscribe or of Assign.
  virtual absl::Status Unsubscribe() = 0;
  virtual std::vector<TopicPartition> assignment() const = 0;
  virtual std::vector<std::string> subscription() const = 0;

  // --- Read

  // Records that are there, at once; empty if none are. Runs rebalance listeners, callbacks of CommitAsync
  // and auto-commits. In host-driven engines the caller also drives RunOnce(). Errors: kOffsetOutOfRange
  // (Start::kNone), kDataLoss with a DamagedRange (Seek past it), kAborted after Wakeup, group errors that
  // need a decision (kFencedInstanceId); after an error the positions are as before.
  virtual absl::StatusOr<Batches> TryPoll() = 0;
  // Waits up to `timeout` for records, as ConsumerOptions::wait says; empty if none came. Drives a
  // host-driven engine while it waits.
  virtual absl::StatusOr<Batches> Poll(absl::Duration timeout) = 0;
  // Makes the current or the next Poll or TryPoll return kAborted. From any thread; over an engine with the
  // system's Parker from a signal handler, too (it stores, and makes system calls).
  virtual void Wakeup() = 0;
  // A descriptor that is readable when TryPoll may return something: for the host's epoll loop. After TryPoll
  // came back empty it is armed again. News of the group make it readable; what is due at a time (an
  // auto-commit, a retry) does not, so poll once in a while besides, well within max_poll_interval. Borrowed
  // until the consumer is destroyed: never read or close it. kUnimplemented in a read-only engine, and in a
  // simulated one.
  virtual absl::StatusOr<int> Descriptor() = 0;

  // --- Positions

  // These fail with kFailedPrecondition for a partition that is not assigned, and none of those given is
  // touched by Pause and Resume then. "The end" is the high watermark: where what consumers may read ends.

  // The next poll begins at `offset`. kOffsetOutOfRange beyond the end or before the log's start: the
  // position stays.
  virtual absl::Status Seek(const TopicPartition& partition, Offset offset) = 0;
  // Of all assigned partitions where none is given.
  virtual absl::Status SeekToBeginning(const std::vector<TopicPartition>& partitions = {}) = 0;
  virtual absl::Status SeekToEnd(const std::vector<TopicPartition>& partitions = {}) = 0;
  // The offset of the next record to be read. Finds out what was committed, if no poll has yet.
  virtual absl::StatusOr<Offset> position(const TopicPartition& partition) = 0;
  // Offsets between the position and the end: as many records, but for those that were compacted away.
  virtual absl::StatusOr<int64_t> lag(const TopicPartition& partition) = 0;
  // Polls leave these out until Resume; they stay assigned.
  virtual absl::Status Pause(const std::vector<TopicPartition>& partitions) = 0;
  virtual absl::Status Resume(const std::vector<TopicPartition>& partitions) = 0;
  virtual std::vector<TopicPartition> paused() const = 0;
  // Of any partitions, assigned or not: the first offset, and the end. kUnknownTopicOrPartition.
  virtual absl::StatusOr<std::map<TopicPartition, Offset>> BeginningOffsets(
      const std::vector<TopicPartition>& of) = 0;
  virtual absl::StatusOr<std::map<TopicPartition, Offset>> EndOffsets(
      const std::vector<TopicPartition>& of) = 0;
  // For each partition the first record at or after its timestamp; absent where there is none.
  virtual absl::StatusOr<std::map<TopicPartition, Log::TimestampOffset>> OffsetsForTimes(
      const std::map<TopicPartition, Timestamp>& times) = 0;

  // --- Commits

  // Commits the positions of all assigned partitions (all that polls have returned is done), or `offsets`,
  // and waits for it, for a minute at the most (kRequestTimedOut). kInvalidGroupId without a group;
  // kFailedPrecondition before Subscribe or Assign. Kafka's errors: kRebalanceInProgress, kUnknownMemberId,
  // kIllegalGeneration, kFencedInstanceId, kOffsetMetadataTooLarge.
  virtual absl::Status CommitSync() = 0;
  virtual absl::Status CommitSync(const Offsets& offsets) = 0;
  // As CommitSync, without waiting. `done` runs inside a later poll or Close.
  virtual void CommitAsync(CommitCallback done = nullptr) = 0;
  virtual void CommitAsync(const Offsets& offsets, CommitCallback done) = 0;
  // What the group has committed; absent where nothing was. kInvalidGroupId without a group.
  virtual absl::StatusOr<Offsets> Committed(const std::vector<TopicPartition>& of) = 0;

  virtual GroupMetadata group_metadata() const = 0;
  // Asks for a rebalance with the next poll.
  virtual void EnforceRebalance() = 0;

  // Commits (auto_commit), leaves the group (static members stay), releases everything. Idempotent.
  virtual absl::Status Close() = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_CONSUMER_H_
