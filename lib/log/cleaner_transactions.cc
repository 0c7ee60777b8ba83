#include "log/cleaner_transactions.h"

#include <algorithm>

namespace millrace::inline v0 {

void CleanedTransactions::Add(std::vector<AbortedTransaction> aborted) {
  pending_.insert(pending_.end(), aborted.begin(), aborted.end());
  std::sort(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) {
    return a.first_offset != b.first_offset ? a.first_offset < b.first_offset : a.last_offset < b.last_offset;
  });
  pending_.erase(std::unique(pending_.begin(), pending_.end()), pending_.end());
}

void CleanedTransactions::StartUpTo(Offset offset) {
  while (!pending_.empty() && pending_.front().first_offset <= offset) {
    const AbortedTransaction& transaction = pending_.front();
    aborted_.try_emplace(transaction.producer_id, Ongoing{.transaction = transaction});
    pending_.pop_front();
  }
}

bool CleanedTransactions::OnBatch(BatchView batch) {
  StartUpTo(batch.last_offset());
  if (!batch.is_transactional()) return false;
  const auto found = aborted_.find(batch.producer_id());
  // What lies beyond the marker belongs to a later transaction.
  if (found != aborted_.end() && batch.last_offset() <= found->second.transaction.last_offset) {
    found->second.seen_data = true;
    return true;
  }
  committed_.insert(batch.producer_id());
  return false;
}

bool CleanedTransactions::OnControlBatch(BatchView batch, std::optional<ControlMarker> marker, bool empty,
                                         std::optional<AbortedTransaction>* kept) {
  StartUpTo(batch.last_offset());
  // Emptied by an earlier cleaning: it was safe to go then.
  if (empty) return true;
  if (!marker.has_value()) return false;
  if (marker->type == ControlType::kCommit) return committed_.erase(batch.producer_id()) == 0;
  const auto found = aborted_.find(batch.producer_id());
  if (found == aborted_.end()) return true;
  const Ongoing ongoing = found->second;
  aborted_.erase(found);
  if (!ongoing.seen_data) return true;
  *kept = ongoing.transaction;
  return false;
}

}  // namespace millrace::inline v0
