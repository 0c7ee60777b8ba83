// BatchFilter: what compaction makes of one batch: keeps it as it is, thins it, empties it, or drops it.
// Source: Kafka's Cleaner.shouldRetainRecord and MemoryRecords.filterTo; KIP-534 for the delete horizon.

#ifndef MILLRACE_LOG_BATCH_FILTER_H_
#define MILLRACE_LOG_BATCH_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/cleaner_transactions.h"
#include "log/offset_map.h"
#include "millrace/log/log.h"
#include "millrace/record.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Counts of one cleaning.
struct CleaningStats {
  int64_t batches_read = 0;
  int64_t records_read = 0;
  int64_t bytes_read = 0;
  int64_t records_written = 0;
  int64_t bytes_written = 0;
  // Records without a key, which compaction drops.
  int64_t invalid_records = 0;
};

// Single-threaded. Batches come in the order of the log, and are sound.
class BatchFilter {
 public:
  struct Options {
    // Borrowed.
    const OffsetMap* map = nullptr;
    CleanedTransactions* transactions = nullptr;
    // Tombstones and markers go once their horizon is not after this; a new horizon is `now` plus
    // `delete_retention_ms`.
    Timestamp now{0};
    int64_t delete_retention_ms = 0;
    // As TopicConfig says: for batches that are written anew.
    std::optional<Compression> compression = std::nullopt;
    std::optional<int> gzip_level = std::nullopt;
    std::optional<int> lz4_level = std::nullopt;
    std::optional<int> zstd_level = std::nullopt;
    // A compressed batch may become so large.
    size_t decompressed_bytes_max = kDecompressedBytesByBatch;
  };

  // `producers`: those the log remembers; the batch with the last sequence of each is kept, if need be empty.
  BatchFilter(Options options, const std::vector<ProducerStateInfo>& producers);

  struct Result {
    // What takes the batch's place, with the same range of offsets: `batch` itself or bytes of the filter's,
    // valid until its next call. Empty: the batch goes.
    std::span<const std::byte> bytes = {};
    // Where a marker of an aborted transaction stays: the entry for the transaction index.
    std::optional<AbortedTransaction> aborted = std::nullopt;
  };
  // kDataLoss: a record is malformed; kInternal: a codec failed.
  absl::StatusOr<Result> Filter(BatchView batch, CleaningStats* stats);

 private:
  struct Verdict {
    // The batch as a whole need not stay; its records need not.
    bool discardable = false;
    bool discard_records = false;
    // Keep it, empty if it must be: it has the producer's last sequence.
    bool keep_empty = false;
    std::optional<AbortedTransaction> aborted = std::nullopt;
  };
  absl::StatusOr<Verdict> Judge(BatchView batch);
  bool IsLastOfProducer(BatchView batch) const;
  bool Keeps(BatchView batch, const RecordView& record, CleaningStats* stats) const;
  absl::StatusOr<std::span<const std::byte>> Rewrite(BatchView batch, bool stamp_horizon);
  absl::StatusOr<std::span<const std::byte>> Empty(BatchView batch);
  BatchOptions OptionsFor(BatchView batch) const;

  const Options options_;
  struct Last {
    ProducerEpoch epoch = kNoProducerEpoch;
    int32_t sequence = -1;
  };
  absl::flat_hash_map<ProducerId, Last> producers_;
  BatchBuilder builder_;
  std::vector<std::byte> plain_;
  // Which records of the batch at hand stay.
  std::vector<bool> keep_;
  std::vector<Header> headers_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_BATCH_FILTER_H_
