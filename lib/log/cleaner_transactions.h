// CleanedTransactions: follows the transactions of a log while a cleaner reads it in order, and says which
// batches may go: the data of aborted transactions at once, a marker once nothing of its transaction is left.
// Source: Kafka's CleanedTransactionMetadata.

#ifndef MILLRACE_LOG_CLEANER_TRANSACTIONS_H_
#define MILLRACE_LOG_CLEANER_TRANSACTIONS_H_

#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "log/transaction_index.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Single-threaded. Batches come in the order of the log.
class CleanedTransactions {
 public:
  // The aborted transactions that overlap the segment that comes next; one may be given more than once.
  void Add(std::vector<AbortedTransaction> aborted);

  // A data batch: true if it belongs to an aborted transaction, so that its records may go.
  bool OnBatch(BatchView batch);
  // A control batch (`marker`: its record, nullopt if it is empty): true if nothing of its transaction is
  // left, so that it may go. For an abort marker that stays, `kept` gets the entry for the new transaction
  // index.
  bool OnControlBatch(BatchView batch, std::optional<ControlMarker> marker, bool empty,
                      std::optional<AbortedTransaction>* kept);

 private:
  struct Ongoing {
    AbortedTransaction transaction = {};
    bool seen_data = false;
  };
  void StartUpTo(Offset offset);

  // By first offset, rising.
  std::deque<AbortedTransaction> pending_;
  absl::flat_hash_map<ProducerId, Ongoing> aborted_;
  // Producers with a batch seen in a transaction that was not aborted and has not ended.
  absl::flat_hash_set<ProducerId> committed_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_CLEANER_TRANSACTIONS_H_
