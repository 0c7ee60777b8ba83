// ProducerStateTable: what a log remembers of each idempotent or transactional producer, so that a batch that
// is sent twice is stored once, and a gap or a zombie is refused. Source: Kafka's ProducerStateManager,
// ProducerAppendInfo, ProducerStateEntry (KIP-98, KIP-360, KIP-890).
//
//   auto checked = table.Check(batch, origin);          // before the append; may say: duplicate, or an error
//   ... stamp offsets, append ...
//   table.Update(batch);                                // after it, and for each batch of a replay

#ifndef MILLRACE_LOG_PRODUCER_STATE_TABLE_H_
#define MILLRACE_LOG_PRODUCER_STATE_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/producer_budget.h"
#include "millrace/log/log.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// What the table wants to know of a batch.
struct ProducerBatch {
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  int32_t first_sequence = -1;
  int32_t last_sequence = -1;
  // For Check() the offsets that the batch would get.
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  Timestamp max_timestamp = kNoTimestamp;
  bool transactional = false;
  // The first record of a control batch; nullopt for a data batch.
  std::optional<ControlMarker> marker = std::nullopt;
  // A control batch. Without a marker it is of a later kind or was emptied by the cleaner, and is passed
  // over.
  bool control = false;

  // Reads the header and, of a control batch, the first record. The batch's bytes must be sound.
  static ProducerBatch Of(BatchView batch);
};

class ProducerStateTable {
 public:
  static constexpr int32_t kBatchesKept = 5;

  struct Options {
    // producer.id.expiration.ms: a producer without an open transaction is forgotten when it was silent so
    // long.
    int64_t expiration_ms = int64_t{24} * 3600 * 1000;
    // No more producers are remembered: the longest silent ones without an open transaction go first, an
    // eighth at a time. At about 200 bytes each.
    size_t producers_max = 1 << 20;
    // Shared with other tables: where it is used up, this table makes room likewise. Null: none.
    std::shared_ptr<ProducerBudget> budget = nullptr;
  };

  // A batch that is here already.
  struct Duplicate {
    Offset first_offset = kNoOffset;
    Offset last_offset = kNoOffset;
    Timestamp timestamp = kNoTimestamp;
  };
  // A transaction that a marker has just ended.
  struct CompletedTransaction {
    ProducerId producer_id = kNoProducerId;
    Offset first_offset = kNoOffset;
    // The marker's.
    Offset last_offset = kNoOffset;
    bool aborted = false;
    // The last stable offset once this one is over, high watermark aside: for the transaction index.
    Offset last_stable_offset = kNoOffset;
  };

  // Two constructors for a default argument, which gcc does not take from an unfinished class.
  ProducerStateTable() : ProducerStateTable(Options{}) {}
  explicit ProducerStateTable(Options options) : options_(std::move(options)), share_(options_.budget) {}

  // Whether `batch` may be appended; changes nothing. nullopt: yes (also for batches without a producer id).
  // A Duplicate: it is one of the last five of its producer; answer with those offsets. Errors, by origin:
  //  - kInvalidProducerEpoch: an older epoch than the last seen (kClient, kCoordinator);
  //  - kOutOfOrderSequenceNumber: does not follow the last sequence, or a new epoch that does not begin at 0
  //    (kClient). A producer not known here may begin at any sequence: what it had written may be deleted;
  //  - kInvalidTxnState: a plain batch inside the producer's open transaction (not kReplication);
  //  - kTransactionCoordinatorFenced: a marker of an older coordinator (not kReplication).
  //  - kInvalidRecord: a producer id with a negative sequence or epoch (kClient).
  // kUnknownProducerId is never given: current Kafka has done away with it.
  absl::StatusOr<std::optional<Duplicate>> Check(const ProducerBatch& batch, AppendOrigin origin) const;
  // Takes an appended batch in, whatever Check would say, as a follower or a replay does. Batches without a
  // producer id only move map_end_offset(). Offsets must not fall from call to call.
  std::optional<CompletedTransaction> Update(const ProducerBatch& batch);

  // The offset after the last batch taken in: where a replay goes on, and the name of a snapshot taken now.
  Offset map_end_offset() const { return map_end_offset_; }
  void set_map_end_offset(Offset offset) { map_end_offset_ = offset; }

  // The first offset of the oldest open transaction; nullopt if none is open.
  std::optional<Offset> FirstUndecidedOffset() const;
  // The first offset that read_committed readers must not pass: of the oldest transaction that is open or
  // whose marker is not yet below the high watermark. The last stable offset is this, or the high watermark.
  std::optional<Offset> FirstUnstableOffset() const;
  // Forgets ended transactions whose markers lie below `high_watermark`.
  void OnHighWatermark(Offset high_watermark);

  // Forgets producers that expired at `now`.
  void RemoveExpired(Timestamp now);
  void Clear();
  size_t size() const { return producers_.size(); }
  bool empty() const { return producers_.empty() && ended_.empty(); }
  // Sorted by producer id.
  std::vector<ProducerStateInfo> List() const;

  // The bytes of a Kafka .snapshot file: int16 version 1, uint32 CRC-32C of what follows, int32 count,
  // entries {int64 producer id, int16 epoch, int32 last sequence, int64 last offset, int32 offset delta,
  // int64 timestamp, int32 coordinator epoch, int64 first offset of the open transaction or -1}. Sorted by
  // producer id.
  std::vector<std::byte> EncodeSnapshot() const;
  // Replaces the contents with a snapshot's, less the producers that are expired at `now` (kNoTimestamp:
  // none), and sets map_end_offset() to `offset`, the snapshot's name. kDataLoss: damaged; kUnimplemented:
  // another version. On error nothing changes. Of each producer one batch is known then, as in Kafka.
  absl::Status LoadSnapshot(std::span<const std::byte> bytes, Offset offset, Timestamp now);

 private:
  struct Batch {
    Offset last_offset = kNoOffset;
    Timestamp timestamp = kNoTimestamp;
    int32_t last_sequence = -1;
    int32_t offset_delta = 0;
  };
  struct Entry {
    // A ring: the newest is at newest_.
    std::array<Batch, kBatchesKept> batches = {};
    Timestamp last_timestamp = kNoTimestamp;
    Offset transaction_start = kNoOffset;
    int32_t coordinator_epoch = -1;
    ProducerEpoch epoch = kNoProducerEpoch;
    uint8_t count = 0;
    uint8_t newest = 0;

    const Batch* Newest() const { return count == 0 ? nullptr : &batches[newest]; }
    void Push(const Batch& batch);
    void SetEpoch(ProducerEpoch to);
  };
  struct Ended {
    Offset last_offset = kNoOffset;
  };

  absl::Status CheckSequence(const ProducerBatch& batch, const Entry& entry) const;
  absl::Status CheckMarker(const ProducerBatch& batch, const Entry& entry) const;
  std::optional<CompletedTransaction> UpdateMarker(const ProducerBatch& batch, Entry* entry);
  bool Expired(const Entry& entry, Timestamp now) const;
  void MakeRoom();

  const Options options_;
  ProducerShare share_;
  Offset map_end_offset_{0};
  absl::flat_hash_map<int64_t, Entry> producers_;
  // By first offset: the producers of open transactions; the ended ones above the high watermark.
  absl::btree_map<Offset, ProducerId> open_;
  absl::btree_map<Offset, Ended> ended_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_PRODUCER_STATE_TABLE_H_
