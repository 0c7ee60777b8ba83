// Producer: publishes records to topics.
//
//   auto producer = engine->NewProducer({.linger = absl::ZeroDuration()});
//   auto orders = (*producer)->Topic("orders");
//   absl::Status sent = (*producer)->Send(*orders, {.key = "42", .value = "paid"},
//                                         [](absl::StatusOr<Appended> appended) { ... });

#ifndef MILLRACE_PRODUCER_H_
#define MILLRACE_PRODUCER_H_

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/export.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// What an acknowledgement waits for, beside the topic's durability. In an engine without a Replicator kLeader
// and kAll are the same.
enum class Acks : int8_t {
  kNone = 0,    // nothing: callbacks run at once, with kNoOffset
  kLeader = 1,  // the append
  kAll = -1,    // the append on every in-sync replica
};

// Where a record landed, and what it survives.
struct Appended {
  PartitionId partition{0};
  Offset offset = kNoOffset;
  Timestamp timestamp = kNoTimestamp;
  Durability durability = Durability::kProcess;
};

// Where a batch landed: the offsets of its first and last record.
struct AppendedBatch {
  PartitionId partition{0};
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  Timestamp timestamp = kNoTimestamp;
  Durability durability = Durability::kProcess;
};

// Called once for each record (or batch) with where it landed or why it did not. Runs in the thread that
// completed the batch: the one in Send or Flush, or one of the engine's executor; never while the producer
// holds a lock. It may call the producer's Send (not Flush or Close), must not block for long, and must not
// throw. Callbacks of one partition run in order.
using SendCallback = absl::AnyInvocable<void(absl::StatusOr<Appended>)>;
using BatchCallback = absl::AnyInvocable<void(const absl::StatusOr<AppendedBatch>&)>;

// Chooses the partition of a record. Implementations are thread-safe and quick.
class MILLRACE_EXPORT Partitioner {
 public:
  virtual ~Partitioner() = default;
  // A partition in [0, partitions). Requires partitions > 0.
  virtual PartitionId Choose(std::string_view topic, const Record& record, int32_t partitions) = 0;
};

// Java's murmur2 and its modulus: equal keys go where Kafka's own clients send them.
MILLRACE_EXPORT uint32_t Murmur2(std::string_view bytes);
MILLRACE_EXPORT PartitionId PartitionForKey(std::string_view key, int32_t partitions);

struct ProducerOptions {
  Acks acks = Acks::kAll;
  // How long a record waits for company before its batch is appended ("linger.ms", default 5). Zero: every
  // Send appends a batch of its own, at once, in the calling thread: lowest latency.
  absl::Duration linger = absl::Milliseconds(5);
  // A batch is appended when it reaches this size ("batch.size", default 16384).
  size_t batch_bytes = 16384;
  // The largest record ("max.request.size", default 1 MiB); the topic's max.message.bytes applies as well.
  size_t max_request_bytes = 1 << 20;
  // Bytes of records accepted but not yet acknowledged ("buffer.memory", default 32 MiB). Beyond it Send
  // blocks ...
  size_t buffer_bytes = size_t{32} << 20;
  // ... for so long ("max.block.ms"), then fails with kRequestTimedOut. Zero: never block.
  absl::Duration max_block = absl::Seconds(60);
  // Codec of the batches ("compression.type"), and its level: see BatchOptions::compression_level.
  Compression compression = Compression::kNone;
  std::optional<int> compression_level = std::nullopt;
  // No duplicates and no reordering when a send is retried ("enable.idempotence"). In-process there is
  // nothing to retry, so it is off by default; on, batches carry producer id and sequence, as a Kafka
  // client's do.
  bool idempotent = false;
  // Borrowed. Null: murmur2 of the key; without a key, one partition until its batch is full, then another
  // ("sticky", KIP-480).
  Partitioner* partitioner = nullptr;
  // For logs and metrics.
  std::string client_id = {};

  // OK, or kInvalidConfig saying which field and why.
  MILLRACE_EXPORT absl::Status Validate() const;
};

// TopicHandle: a topic looked up once, so that a Send spares it. Cheap to copy; may outlive the topic (sends
// then fail with kUnknownTopicOrPartition) and must not outlive the producer that gave it.
class TopicHandle {
 public:
  TopicHandle() = default;
  explicit TopicHandle(std::shared_ptr<void> state) : state_(std::move(state)) {}
  explicit operator bool() const { return state_ != nullptr; }
  void* state() const { return state_.get(); }

 private:
  std::shared_ptr<void> state_;
};

// Thread-safe. Records sent by one thread to one partition keep their order.
class MILLRACE_EXPORT Producer {
 public:
  // Close(): waits for what was sent, without a time limit. Where replicas must acknowledge it the wait is
  // max_block at the most, and what they owe fails.
  virtual ~Producer() = default;

  // Looks a topic up. kUnknownTopicOrPartition, unless the engine creates topics on demand.
  virtual absl::StatusOr<TopicHandle> Topic(std::string_view name) = 0;

  // Sends `record` with no word of what becomes of it but errors(). The record's memory may be reused on
  // return. The status is an error only where the record was not accepted: kUnknownTopicOrPartition,
  // kMessageTooLarge, kInvalidRecord (no key in a compacted topic), kInvalidTimestamp, kRequestTimedOut (the
  // buffer is full), kFailedPrecondition (closed), kInvalidRequest (an empty handle, or another producer's);
  // without linger those of the append (Log::Append) besides. `partition`: where to, instead of asking the
  // partitioner (kUnknownTopicOrPartition if out of range).
  virtual absl::Status Send(const TopicHandle& topic, const Record& record,
                            std::optional<PartitionId> partition = std::nullopt) = 0;
  // As above; where the record was accepted, `done` is called exactly once, else it is never called.
  virtual absl::Status Send(const TopicHandle& topic, const Record& record, SendCallback done,
                            std::optional<PartitionId> partition = std::nullopt) = 0;
  // By name: a hash look-up more. For a partition of one's choice take a handle.
  virtual absl::Status Send(std::string_view topic, const Record& record) = 0;
  virtual absl::Status Send(std::string_view topic, const Record& record, SendCallback done) = 0;
  // Sends all of `records` to one partition as one batch (more where they exceed batch_bytes), appended
  // before this returns without lingering; `done` is called for each batch. Earlier records of that partition
  // that linger go first. After an error nothing was sent, and `done` is never called; where only some of the
  // batches could be appended the status is OK, and `done` hears of the others why not.
  virtual absl::Status SendBatch(const TopicHandle& topic, PartitionId partition,
                                 std::span<const Record> records, BatchCallback done = nullptr) = 0;
  // With a future, which is ready once the record is acknowledged. Waiting for it inside a callback
  // deadlocks.
  std::future<absl::StatusOr<Appended>> SendWithFuture(const TopicHandle& topic, const Record& record);
  std::future<absl::StatusOr<Appended>> SendWithFuture(std::string_view topic, const Record& record);

  // Appends what lingers and waits until everything sent before is acknowledged or has failed: OK does not
  // say which (callbacks do, and errors()). kDeadlineExceeded (kRequestTimedOut) after `timeout`; nothing is
  // given up by that.
  virtual absl::Status Flush(absl::Duration timeout = absl::InfiniteDuration()) = 0;
  // Appends what lingers without waiting for acknowledgements. Never blocks on the disk.
  virtual void FlushLingering() = 0;

  // Records that were accepted without a callback and then failed; OK where there are none. The first error
  // is kept.
  virtual int64_t errors() const = 0;
  virtual absl::Status first_error() const = 0;

  // Refuses further sends, then flushes. Idempotent: after a time-out it may be called again.
  virtual absl::Status Close(absl::Duration timeout = absl::InfiniteDuration()) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_PRODUCER_H_
